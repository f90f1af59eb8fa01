"""A crate in two revisions: its resources side by side, before anything is rendered.

One pair of crate objects is compared once, for however many profiles have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

from reconciler.graph import Graph
from reconciler.graph.linking import Linked
from reconciler.previews import reading
from reconciler.previews.reading import ALL, Reads
from reconciler.rendering.resources import File
from schema.merging import APPEND
from schema.resources import RESOURCES

MAX_SHOWN: Final = 256 * 1024
"""Bytes of a file whose text is compared; a larger one is told by its digest."""
NOTHING: Final = Reads()
_ORDER: Final = ("requires", "notify")
_KEPT: Final = {"on_removal": "keep", "mode": "enforce"}


@dataclass(frozen=True, eq=False)
class Written:
    """One compiled resource of one revision, as it stands in its crate object."""

    id: str
    type: str
    spec: dict[str, Any]
    when: tuple[str, ...]
    """The crate's condition and its own."""
    foreach: Any
    files: Mapping[str, File]
    template: str | None
    """The text of the template that its source names."""
    reads: Reads
    requires: tuple[str, ...]
    notify: tuple[str, ...]
    notify_only: bool
    on_removal: str
    mode: str
    users: Any
    """Of a usercrate: whom it is for. None: for the host."""
    file: str
    line: int

    @property
    def identity(self) -> str:
        """Name of the attribute that says what it is about."""
        model = RESOURCES.get(self.type)
        return model.IDENTITY if model is not None else ""

    @cached_property
    def var_keys(self) -> tuple[str, ...] | None:
        """The keys of vars that can hold what it reads, appends included; None for all."""
        if ALL in self.reads.vars:
            return None
        return tuple(each for name in sorted(self.reads.vars) for each in (name, name + APPEND))

    @cached_property
    def reads_profile(self) -> bool:
        """Whether it reads the environment or roles of a host."""
        return not self.reads.host.isdisjoint((ALL, "environment", "roles"))

    @cached_property
    def may_hold_secrets(self) -> bool:
        """Whether a secret may be named in it."""
        return "secret:" in str((self.spec, self.foreach, self.template, self.when))

    def means(self) -> tuple[Any, ...]:
        """All that decides what it is rendered to, beside what it reads."""
        files = {path: file["sha256"] for path, file in self.files.items()}
        return (self.type, self.when, self.foreach, self.spec, files)


@dataclass(frozen=True, slots=True, eq=False)
class ResourcePair:
    """One resource id in both revisions; None where one does not have it."""

    id: str
    base: Written | None
    other: Written | None
    same: bool
    """Whether it is rendered alike as long as all that it reads is the same."""
    settings: tuple[tuple[str, Any, Any], ...]
    """Of what is never rendered (order, on_removal, mode): name, base, other, where they differ."""
    plain: tuple[reading.Path, ...]
    """Paths for which a mark stands in both."""

    @property
    def shown(self) -> Written:
        """The side that says where it is written."""
        found = self.other or self.base
        assert found is not None
        return found

    @property
    def vars(self) -> frozenset[str]:
        """Top keys of vars that either side reads."""
        return self._of("vars")

    @property
    def host(self) -> frozenset[str]:
        """What of `host` either side reads."""
        return self._of("host")

    @property
    def traits(self) -> frozenset[reading.Path]:
        """Traits that either side reads."""
        return self._of("traits")

    def _of(self, what: str) -> frozenset[Any]:
        sides = [side.reads for side in (self.base, self.other) if side is not None]
        return frozenset().union(*(getattr(reads, what) for reads in sides))


@dataclass(eq=False)
class CratePair:
    """One crate in both revisions, or in one of them."""

    name: str
    """Of a usercrate `usercrate:NAME`."""
    base: Linked | None
    other: Linked | None
    resources: list[ResourcePair] = field(default_factory=list)

    @cached_property
    def reordered(self) -> bool:
        """Whether resources that stay stand in another order, which is that in which they are applied."""
        both = [pair.id for pair in self.resources if pair.base is not None and pair.other is not None]
        if self.base is None or self.other is None:
            return False
        kept = set(both)
        return [each for each in self.base.crate.resources if each in kept] != [
            each for each in self.other.crate.resources if each in kept
        ]

    @cached_property
    def vars(self) -> frozenset[str]:
        """Top keys of vars that a resource of it reads."""
        return frozenset().union(*(pair.vars for pair in self.resources))

    @cached_property
    def host(self) -> frozenset[str]:
        """What of `host` a resource of it reads."""
        return frozenset().union(*(pair.host for pair in self.resources))

    @cached_property
    def traits(self) -> frozenset[reading.Path]:
        """Traits that a resource of it reads."""
        return frozenset().union(*(pair.traits for pair in self.resources))

    @property
    def own_vars(self) -> frozenset[str]:
        """Its own vars whose defaults differ."""
        if self.base is None or self.other is None or self.base is self.other:
            return frozenset()
        one, two = self.base.crate.vars, self.other.crate.vars
        return frozenset(key for key in {*one, *two} if one.get(key, _ABSENT) != two.get(key, _ABSENT))


class Pairs:
    """Crates side by side, each pair made once."""

    def __init__(self, base: Graph, other: Graph) -> None:
        self._base: Final = base
        self._other: Final = other
        self._made: Final[dict[tuple[int, int], CratePair]] = {}
        self._written: Final[dict[int, dict[str, Written]]] = {}

    def of(self, name: str, base: Linked | None, other: Linked | None) -> CratePair:
        """The two sides of one crate; at least one is there."""
        key = (id(base), id(other))
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._pair(name, base, other)
        return found

    def _pair(self, name: str, base: Linked | None, other: Linked | None) -> CratePair:
        one = self._of(self._base, base) if base is not None else {}
        two = self._of(self._other, other) if other is not None else {}
        pair = CratePair(name, base, other)
        for id_ in dict.fromkeys((*two, *one)):
            pair.resources.append(_paired(id_, one.get(id_), two.get(id_)))
        return pair

    def _of(self, graph: Graph, linked: Linked) -> dict[str, Written]:
        found = self._written.get(id(linked))
        if found is None:
            crate = orjson.loads(linked.crate.body)
            when = (crate["when"],) if crate.get("when") is not None else ()
            users: Any = None
            if crate.get("kind") == "usercrate":
                users = {"users": crate.get("users", []), "include_root": crate.get("include_root", False)}
            found = {each["id"]: _written(each, when, users, graph, linked) for each in crate["resources"]}
            self._written[id(linked)] = found
        return found


def _written(resource: dict[str, Any], when: tuple[str, ...], users: Any, graph: Graph, linked: Linked) -> Written:
    spec = resource["spec"]
    source = spec.get("source")
    content = linked.content.get(source) if isinstance(source, str) else None
    files: dict[str, File] = {}
    template: str | None = None
    if content is not None:
        text = content.text
        if text is not None:
            template = text
        elif content.ref.size <= MAX_SHOWN:
            text = _text(graph.documents.tree.read(content.oid))
        files[source] = File(text=text, sha256=content.ref.sha256, size=content.ref.size)
    conditions = (*when, resource["when"]) if resource.get("when") is not None else when
    foreach = resource.get("foreach")
    return Written(
        id=resource["id"],
        type=resource["type"],
        spec=spec,
        when=conditions,
        foreach=foreach,
        files=files,
        template=template,
        reads=reading.of(conditions, foreach, spec, [template] if template is not None else ()),
        requires=tuple(resource.get("requires", ())),
        notify=tuple(resource.get("notify", ())),
        notify_only=resource.get("on_notify_only", False),
        on_removal=resource.get("on_removal", _KEPT["on_removal"]),
        mode=resource.get("mode", _KEPT["mode"]),
        users=users,
        file=resource.get("file", ""),
        line=resource.get("line", 0),
    )


def _paired(id_: str, base: Written | None, other: Written | None) -> ResourcePair:
    if base is None or other is None:
        known = other or base
        assert known is not None
        return ResourcePair(id_, base, other, False, (), tuple(sorted(known.reads.plain)))  # noqa: FBT003
    settings = tuple(
        (name, getattr(base, name), getattr(other, name))
        for name in ("type", *_ORDER, *_KEPT, "users")
        if getattr(base, name) != getattr(other, name)
    )
    same = base is other or base.means() == other.means()
    # Where the two put out different values, only rendering tells whether those are the same on a host.
    plain = tuple(sorted(base.reads.plain)) if base.reads.plain == other.reads.plain else ()
    return ResourcePair(id_, base, other, same, settings, plain)


def _text(data: bytes) -> str | None:
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


_ABSENT: Final = object()
