"""Answers: what each kind of explanation is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.documents.complaints import nearest
from reconciler.explanations import subjects
from reconciler.explanations.bringing import Ways
from reconciler.explanations.places import Places
from reconciler.explanations.subjects import Subject
from schema.explanations import Explanation, Link, LinkKind, Presence, Reason, SubjectKind, VarLayer

MAX_INSTEAD: Final = 10
MAX_CHAIN: Final = 200
"""Of a longer chain, the middle is left out."""
MAX_LAYERS: Final = 200
"""Of more layers, the weakest are left out."""
MAX_NAMES: Final = 50_000
"""Names that a misspelt one is compared with."""


class Mention(NamedTuple):
    """A line that would bring something, not yet looked up."""

    kind: LinkKind
    text: str
    document: Document
    way: tuple[str | int, ...]


class Asked(NamedTuple):
    """A question, with all that answers it."""

    text: str
    subject: Subject
    also: Sequence[str]
    ways: Ways
    hostname: str
    traits: Mapping[str, Any] | None

    @property
    def places(self) -> Places:
        """The lines of the graph."""
        return self.ways.places

    def answer(
        self,
        presence: Presence,
        summary: str,
        chain: Sequence[Link],
        *,
        name: str | None = None,
        reason: Reason | None = None,
        kept_out: Link | None = None,
        instead: Iterable[Mention] = (),
        depends_on: Sequence[str] = (),
        layers: Sequence[VarLayer] | None = None,
        value: Any = None,
        hint: str = "",
        also: Sequence[str] | None = None,
    ) -> Explanation:
        """The answer."""
        found = iter(instead)
        shown = [self.places.link(*each) for each in islice(found, MAX_INSTEAD)]
        more = sum(1 for _ in found)
        if len(chain) > MAX_CHAIN:  # roles that include roles that include roles
            more += len(chain) - MAX_CHAIN
            chain = [*chain[: MAX_CHAIN // 2], *chain[-MAX_CHAIN // 2 :]]
        if layers is not None and len(layers) > MAX_LAYERS:
            more += len(layers) - MAX_LAYERS
            layers = layers[-MAX_LAYERS:]
        return Explanation(
            hostname=self.hostname,
            subject=self.text,
            kind=self.subject.kind,
            name=self.subject.name if name is None else name,
            presence=presence,
            summary=summary,
            chain=list(chain),
            reason=reason,
            kept_out=kept_out,
            instead=shown or None,
            layers=list(layers) if layers is not None else None,
            value=value,
            depends_on=list(depends_on) or None,
            also=[*(self.also if also is None else also)] or None,
            hint=hint or None,
            commit=self.places.graph.commit,
            left_out=more or None,
        )

    def unknown(self, what: str, kinds: Sequence[SubjectKind]) -> Explanation:
        """The answer about something that the config does not have at all."""
        known = islice((name for kind in kinds for name in subjects.names(self.places.graph, kind)), MAX_NAMES)
        hint = nearest(self.subject.name, known)
        summary = f"the config has no {what} {self.subject.name}"
        return self.answer(Presence.ABSENT, summary, [self.ways.matched], reason=Reason.UNKNOWN_NAME, hint=hint)
