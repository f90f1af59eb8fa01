"""Leaves: match blocks → profiles, and what is wrong with what they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.documents import Document, Documents
from reconciler.documents.complaints import diagnostic
from reconciler.graph import references
from reconciler.graph.patterns import BadPattern, Pattern
from reconciler.graph.patterns import parse as parse_pattern
from reconciler.graph.profiles import Profile, Profiles
from reconciler.graph.resolution import resolve
from reconciler.graph.roles import RoleSet
from reconciler.graph.scopes import Scope
from reconciler.late import Late, is_filled
from schema.diagnostics import Diagnostic
from schema.documents.leaves import Leaf, MatchBlock


@dataclass(frozen=True, slots=True, eq=False)
class LeafResult(Late):
    """What one leaf gave, and the names that it depends on."""

    document: Document
    scope: Scope
    uses: frozenset[str]
    """Crates and roles: when none of them changed, nothing here does."""
    profiles: Sequence[Profile]
    diagnostics: Sequence[Diagnostic]
    lacking: bool
    """Whether any of its profiles lacks something."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been computed in this process. What it was made of may be unreadable otherwise."""
        return is_filled(self) and all(map(is_filled, self.profiles))


class Leaves:
    """Makes what leaves give, in one compile."""

    def __init__(self, documents: Documents, roles: RoleSet, names: references.Known, profiles: Profiles) -> None:
        self._documents: Final = documents
        self._roles: Final = roles
        self._names: Final = names
        self._profiles: Final = profiles

    def make(self, document: Document, scope: Scope, before: LeafResult | None, changed: frozenset[str]) -> LeafResult:
        """What a leaf gives; blocks that are as they were in `before`, and that nothing in `changed` touches, stay."""
        documents = self._documents
        found: list[Diagnostic] = []
        made: list[Profile] = []
        uses: list[Iterable[str]] = [scope.excluded]
        reusable = _reusable(before, document, scope, changed)
        counted: dict[str, int] = {}
        model = document.parsed.model
        for index, block in enumerate(model.envoys if isinstance(model, Leaf) else ()):
            uses += (block.roles, block.configcrates, block.exclude_configcrates, block.usercrates)
            try:
                pattern = parse_pattern(block.match)
            except BadPattern as error:
                line, column = documents.place(document, ("envoys", index, "match"))
                found.append(diagnostic("match.pattern", document.path, line, column, str(error), error.hint))
                continue
            id_ = profile_id(document.path, pattern, counted)
            profile = _taken_over(reusable, id_, document, index, block)
            if profile is None:
                resolution = resolve(document, index, block, scope, self._roles)
                profile = self._profiles.make(id_, pattern, document, index, resolution)
            brought = profile.resolution
            uses += (brought.crates, brought.roles, profile.crates.depends_on)
            if brought.usercrates:
                uses += (brought.usercrates, profile.usercrates.depends_on)
            made.append(profile)
        found += references.check(documents, document, self._names)
        found += references.check_environments(documents, document, scope)
        lacking = any([each.findings for each in made])  # noqa: C419 - a generator takes twice the time
        return LeafResult(document, scope, frozenset().union(*uses), made, found, lacking)

    def remake(self, before: LeafResult, changed: frozenset[str]) -> LeafResult:
        """What a leaf gives when nothing it means has changed but the content of some crates."""
        made = [
            profile if profile.untouched(changed) else self._profiles.remake(profile) for profile in before.profiles
        ]
        depends_on = [each.depends_on for profile in made for each in (profile.crates, profile.usercrates)]
        uses = before.uses.union(*depends_on)
        return replace(before, uses=uses, profiles=made, lacking=any(each.findings for each in made))


def _reusable(
    before: LeafResult | None, document: Document, scope: Scope, changed: frozenset[str]
) -> dict[str, Profile]:
    if before is None or not before.is_whole or before.scope is not scope:
        return {}
    if before.document.parsed.whole != document.parsed.whole:
        return {}
    return {profile.id: profile for profile in before.profiles if profile.untouched(changed)}


def _taken_over(
    reusable: Mapping[str, Profile], id_: str, document: Document, index: int, block: MatchBlock
) -> Profile | None:
    before = reusable.get(id_)
    if before is None:
        return None
    model = before.document.parsed.model
    if not isinstance(model, Leaf) or model.envoys[before.index] != block:
        return None
    return replace(before, document=document, index=index)


def profile_id(path: str, pattern: Pattern, counted: dict[str, int]) -> str:
    """The id of the next block of a leaf; `counted` is kept between its blocks."""
    id_ = f"{path}#{pattern.text}"
    counted[id_] = number = counted.get(id_, 0) + 1
    return id_ if number == 1 else f"{id_}#{number}"
