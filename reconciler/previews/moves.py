"""Moves: from which profile to which a host goes, and what of that needs a look.

All here is known without rendering and without asking what hosts are. One move stands for all hosts that make it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from reconciler.graph import Graph, Profile
from reconciler.graph.linking import Linked
from reconciler.previews.pairs import CratePair, Pairs, ResourcePair
from reconciler.previews.reading import ALL, Path
from schema.merging import APPEND, settle
from schema.previews import MAX_RESOURCES, CrateChange, VarChange

MAX_VALUE: Final = 500
"""Characters of the value of a var."""
MAX_DEPTH: Final = 16
USERCRATE: Final = "usercrate:"
"""Before the name of a usercrate: a configcrate may be called the same."""
Membership = Literal["kept", "gained", "lost"]


class Subject(NamedTuple):
    """Hosts, or match blocks that stand for hosts nobody has named, and their profile in both revisions."""

    names: Sequence[str]
    base: Profile | None
    other: Profile | None


class Ask(NamedTuple):
    """A resource that has to be looked at."""

    crate: CratePair
    pair: ResourcePair


@dataclass(frozen=True, slots=True, eq=False)
class Static:
    """What a move changes that nothing has to be rendered for."""

    membership: Membership
    environment: VarChange | None
    roles_added: tuple[str, ...]
    roles_removed: tuple[str, ...]
    crates: tuple[CrateChange, ...]
    """Without their carriers."""
    reordered: bool
    vars: tuple[VarChange, ...]
    vars_left_out: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.membership == "kept" and not (
            self.environment or self.roles_added or self.roles_removed or self.crates or self.reordered or self.vars
        )


@dataclass(slots=True, eq=False)
class Move:
    """Hosts that go from one profile to another."""

    base: Profile | None
    other: Profile | None
    names: list[str]
    static: Static
    asks: Sequence[Ask]
    same_catalog: bool
    also: dict[tuple[Profile | None, Profile | None], None] = field(default_factory=dict)
    """Other moves that are told together with this one."""


class _Crates(NamedTuple):
    """How one crate set differs from another."""

    added: tuple[tuple[str, Linked], ...]
    removed: tuple[tuple[str, Linked], ...]
    changed: tuple[CratePair, ...]
    reordered: bool


class Moves:
    """The moves of some hosts between two graphs.

    Args:
        overrides: paths of traits that the other side has other values of.
        configcrate: look at this crate alone.
    """

    def __init__(
        self,
        base: Graph,
        other: Graph,
        subjects: Iterable[Subject],
        *,
        overrides: Collection[Path] = (),
        configcrate: str | None = None,
    ) -> None:
        self.unchanged = 0
        self.unmanaged = 0
        self.total = 0
        self.made: Final[list[Move]] = []
        self._held: Final = (base, other)  # what is known by its identity stays
        self._pairs: Final = Pairs(base, other)
        self._overrides: Final = overrides
        self._only: Final = configcrate
        self._crates: Final[dict[tuple[int, ...], _Crates]] = {}
        self._named: Final[dict[tuple[str, ...], _Crates]] = {}
        self._changed: Final = _changed_in_place(base, other)
        self._asks: Final[dict[tuple[Any, ...], list[Ask]]] = {}
        self._statics: Final[dict[tuple[Any, ...], Static]] = {}
        self._vars: Final[dict[tuple[int, int], tuple[tuple[VarChange, ...], frozenset[str]]]] = {}
        self._plain: Final[dict[int, tuple[list[Ask], Static]]] = {}
        """Of blocks that resolve as before: what each difference of crates comes to."""
        groups: dict[tuple[int, int], tuple[Profile | None, Profile | None, list[str]]] = {}
        for names, one, two in subjects:
            self.total += len(names)
            key = (id(one), id(two))
            if key not in groups:
                groups[key] = (one, two, [])
            groups[key][2].extend(names)
        for one, two, of_both in groups.values():
            self._group(one, two, of_both)

    def _group(self, base: Profile | None, other: Profile | None, names: list[str]) -> None:
        if base is None and other is None:
            self.unmanaged += len(names)
            return
        same = base is not None and other is not None and base.catalog_sha256 == other.catalog_sha256
        if same and not self._overrides:
            self.unchanged += len(names)
            return
        if base is None or other is None:
            move = self._one_sided(base, other, names)
        else:
            move = self._kept(base, other, names, same=same)
        if move.static.empty and not move.asks:
            self.unchanged += len(names)
        else:
            self.made.append(move)

    def _one_sided(self, base: Profile | None, other: Profile | None, names: list[str]) -> Move:
        """A match block begins or ceases to apply. What ceases leaves the host as it is: nothing is sent any more."""
        profile = base or other
        assert profile is not None
        linked = [(name, each) for name, each in _named(profile) if self._is_asked(name)]
        word: Literal["added", "removed"] = "added" if base is None else "removed"
        asks: list[Ask] = []
        if base is None:
            pairs = [self._pairs.of(name, None, each) for name, each in linked]
            asks = [Ask(pair, resource) for pair in pairs for resource in pair.resources]
        static = Static(
            membership="kept" if self._only and not linked else "gained" if base is None else "lost",
            environment=None,
            roles_added=other.roles if other is not None and not self._only else (),
            roles_removed=base.roles if base is not None and not self._only else (),
            crates=tuple(CrateChange(name=name, action=word, carriers=[]) for name, _ in linked),
            reordered=False,
            vars=(),
            vars_left_out=0,
        )
        return Move(base, other, names, static, asks, same_catalog=False)

    def _kept(self, base: Profile, other: Profile, names: list[str], *, same: bool) -> Move:
        one, two = base.resolution, other.resolution
        between = self._of_names(base, differs=not same) if one is two else None
        if between is not None and not self._overrides:
            plain = self._plain.get(id(between))
            if plain is None:
                asks = list(self._to_ask(between, base, other, _NONE, _NONE))
                plain = self._plain[id(between)] = (asks, self._static(base, other, between, ()))
            return Move(base, other, names, plain[1], plain[0], same_catalog=same)
        vars_: tuple[VarChange, ...] = ()
        keys = host = _NONE
        sides: tuple[Any, ...] = ()
        if one is not two and not same:
            vars_, keys = self._changed_vars(base, other)
            host = frozenset(what for what in ("environment", "roles") if getattr(one, what) != getattr(two, what))
            if host:
                sides = (one.environment, two.environment, one.roles, two.roles)
        between = between or self._between(base, other)
        crates = _sets(base, other) if keys or host or self._overrides else ()
        key = (id(between), *crates, keys, host)
        asked = self._asks.get(key)
        if asked is None:
            asked = self._asks[key] = list(self._to_ask(between, base, other, keys, host))
        static_key = (id(between), id(vars_) if vars_ else 0, sides)
        static = self._statics.get(static_key)
        if static is None:
            static = self._statics[static_key] = self._static(base, other, between, vars_)
        return Move(base, other, names, static, asked, same_catalog=same)

    def _static(self, base: Profile, other: Profile, between: _Crates, vars_: tuple[VarChange, ...]) -> Static:
        crates = [
            *(CrateChange(name=name, action="added", carriers=[]) for name, _ in between.added),
            *(CrateChange(name=name, action="removed", carriers=[]) for name, _ in between.removed),
            *(CrateChange(name=pair.name, action="changed", carriers=[]) for pair in between.changed),
        ]
        crates = [each for each in crates if self._is_asked(each.name)]
        environment: VarChange | None = None
        added: tuple[str, ...] = ()
        removed: tuple[str, ...] = ()
        if self._only is not None:
            read = self._read_by(self._only, base, other)
            vars_ = tuple(each for each in vars_ if ALL in read or each.key.partition(".")[0] in read)
        else:
            if base.environment != other.environment:
                environment = VarChange(
                    key="environment", base=base.environment, other=other.environment, action="changed"
                )
            added = tuple(role for role in other.roles if role not in base.roles)
            removed = tuple(role for role in base.roles if role not in other.roles)
        reordered = between.reordered and self._only is None
        shown = vars_[:MAX_RESOURCES]
        return Static("kept", environment, added, removed, tuple(crates), reordered, shown, len(vars_) - len(shown))

    def _read_by(self, name: str, base: Profile, other: Profile) -> frozenset[str]:
        one, two = (dict(_named(profile)).get(name) for profile in (base, other))
        return self._pairs.of(name, one, two).vars if one is not None or two is not None else frozenset()

    def _to_ask(
        self, between: _Crates, base: Profile, other: Profile, keys: frozenset[str], host: frozenset[str]
    ) -> Iterator[Ask]:
        for name, linked in between.added:
            yield from self._all(self._pairs.of(name, None, linked))
        for pair in between.changed:
            changed = keys | pair.own_vars
            yield from (
                Ask(pair, each)
                for each in pair.resources
                if not each.same or each.settings or self._reads(each, changed, host)
            )
        if keys or host or self._overrides:
            before = dict(_named(base))
            for name, linked in _named(other):
                old = before.get(name)
                if old is None or not _same(old, linked) or not self._is_asked(name):
                    continue
                pair = self._pairs.of(name, old, linked)
                if self._reads(pair, keys, host):
                    yield from (Ask(pair, each) for each in pair.resources if self._reads(each, keys, host))
        for name, linked in between.removed:
            yield from self._all(self._pairs.of(name, linked, None))

    def _all(self, pair: CratePair) -> Iterator[Ask]:
        if self._is_asked(pair.name):
            yield from (Ask(pair, each) for each in pair.resources)

    def _reads(self, of: CratePair | ResourcePair, keys: frozenset[str], host: frozenset[str]) -> bool:
        """Whether something is read that differs; of a crate that is not asked about, no."""
        if not self._is_asked(of.name if isinstance(of, CratePair) else of.id.partition("/")[0]):
            return False
        if keys and (ALL in of.vars or not keys.isdisjoint(of.vars)):
            return True
        if host and (ALL in of.host or not host.isdisjoint(of.host)):
            return True
        return any(one[: len(two)] == two[: len(one)] for one in of.traits for two in self._overrides)

    def _is_asked(self, crate: str) -> bool:
        return self._only is None or crate == self._only

    def _of_names(self, profile: Profile, *, differs: bool) -> _Crates | None:
        """How the crates of a block that resolves as before differ; None where their order may be another.

        Args:
            differs: whether its catalog does, so that one crate or another is known to.
        """
        if self._changed is None:
            return None
        chosen: tuple[str, ...]
        if len(self._changed) == 1 and differs:
            chosen = (self._changed[0][0],)
        else:
            crates, users = profile.resolution.crates, profile.resolution.usercrates
            chosen = tuple([name for name, at, _ in self._changed if name in crates or (at and at in users)])
        found = self._named.get(chosen)
        if found is None:
            known = {name: sides for name, _, sides in self._changed}
            found = self._named[chosen] = self._compared(
                [(name, known[name][0]) for name in chosen], [(name, known[name][1]) for name in chosen]
            )
        return found

    def _between(self, base: Profile, other: Profile) -> _Crates:
        key = _sets(base, other)
        found = self._crates.get(key)
        if found is None:
            found = self._crates[key] = self._compared(_named(base), _named(other))
        return found

    def _compared(self, base: Sequence[tuple[str, Linked]], other: Sequence[tuple[str, Linked]]) -> _Crates:
        one, two = dict(base), dict(other)
        changed = tuple(
            self._pairs.of(name, one[name], linked)
            for name, linked in two.items()
            if name in one and not _same(one[name], linked) and self._is_asked(name)
        )
        return _Crates(
            tuple((name, linked) for name, linked in two.items() if name not in one),
            tuple((name, linked) for name, linked in one.items() if name not in two),
            changed,
            [name for name in one if name in two] != [name for name in two if name in one]
            or _requires(one, two) != _requires(two, one)
            or any(pair.reordered for pair in changed),
        )

    def _changed_vars(self, base: Profile, other: Profile) -> tuple[tuple[VarChange, ...], frozenset[str]]:
        """The vars that differ, and the top keys of those."""
        one, two = base.resolution, other.resolution
        if one is two or one.vars is two.vars:
            return (), frozenset()
        key = (id(one), id(two))
        found = self._vars.get(key)
        if found is None:
            if one.vars == two.vars:
                found = ((), frozenset())
            else:
                changes = tuple(_changes(settle(one.vars), settle(two.vars)))
                keys = frozenset(
                    name.removesuffix(APPEND)
                    for name in {*one.vars, *two.vars}
                    if one.vars.get(name, _ABSENT) != two.vars.get(name, _ABSENT)
                )
                found = (changes, keys)
            self._vars[key] = found
        return found


def of_hosts(base: Graph, other: Graph, names: Iterable[str]) -> Iterator[Subject]:
    """Hosts with their profiles in both graphs, those together that have the same."""
    listed = list(names)
    before = base.matcher.matches(listed)
    after = before if base.matcher is other.matcher else other.matcher.matches(listed)
    groups: defaultdict[tuple[int | None, int | None], list[str]] = defaultdict(list)
    for name, places in zip(listed, zip(before, after, strict=True), strict=True):
        groups[places].append(name)
    for (was, now), found in groups.items():
        yield Subject(
            found, base.order[was] if was is not None else None, other.order[now] if now is not None else None
        )


def of_blocks(base: Graph, other: Graph) -> Iterator[Subject]:
    """Every match block that can apply, by its pattern, where no hosts are known."""
    one, two = _by_pattern(base), _by_pattern(other)
    for pattern in dict.fromkeys((*one, *two)):
        yield Subject((pattern,), one.get(pattern), two.get(pattern))


def _by_pattern(graph: Graph) -> dict[str, Profile]:
    hidden = {index for index, _ in graph.matcher.shadows()}
    found: dict[str, Profile] = {}
    for index, profile in enumerate(graph.order):
        if index not in hidden:
            found.setdefault(profile.match_pattern, profile)
    return found


def _named(profile: Profile) -> list[tuple[str, Linked]]:
    """Its crates by name, in order; then its usercrates."""
    named = [(linked.name, linked) for linked in profile.crates.linked]
    return named + [(USERCRATE + linked.name, linked) for linked in profile.usercrates.linked]


def _sets(base: Profile, other: Profile) -> tuple[int, ...]:
    return (id(base.crates), id(other.crates), id(base.usercrates), id(other.usercrates))


def _changed_in_place(base: Graph, other: Graph) -> list[tuple[str, str, tuple[Linked, Linked]]] | None:
    """(Name, that of a usercrate, both sides) of crates that both graphs have and that differ.

    None where crates come or go, or wait for others than before.
    """
    changed: list[tuple[str, str, tuple[Linked, Linked]]] = []
    for prefix, before, after in (("", base.crates, other.crates), (USERCRATE, base.usercrates, other.usercrates)):
        if before is after:
            continue
        if before.keys() != after.keys():
            return None
        for name, linked in after.items():
            old = before[name]
            if old is linked:
                continue
            if old.crate.depends_on != linked.crate.depends_on:
                return None
            changed.append((prefix + name, name if prefix else "", (old, linked)))
    return changed


def _same(old: Linked, new: Linked) -> bool:
    return old is new or (
        old.crate.sha256 == new.crate.sha256
        and old.encoded_content == new.encoded_content
        and old.crate.depends_on == new.crate.depends_on
    )


def _requires(of: Mapping[str, Linked], among: Mapping[str, Linked]) -> dict[str, set[str]]:
    """What crates that both have wait for, of those that both have."""
    found: dict[str, set[str]] = {}
    for name, linked in of.items():
        if name in among and linked.crate.depends_on:
            prefix = USERCRATE if name.startswith(USERCRATE) else ""
            waits = {prefix + each for each in linked.crate.depends_on}
            found[name] = {each for each in waits if each in of and each in among}
    return {name: waits for name, waits in found.items() if waits}


def _changes(base: Mapping[str, Any], other: Mapping[str, Any], below: str = "", depth: int = 0) -> Iterator[VarChange]:
    for key in sorted({*base, *other}):
        was, now = base.get(key, _ABSENT), other.get(key, _ABSENT)
        if was is now or (type(was) is type(now) and was == now):
            continue
        name = f"{below}{key}"
        if isinstance(was, dict) and isinstance(now, dict) and depth < MAX_DEPTH:
            yield from _changes(was, now, f"{name}.", depth + 1)
        elif was is _ABSENT:
            yield VarChange(key=name, other=_short(now), action="added")
        elif now is _ABSENT:
            yield VarChange(key=name, base=_short(was), action="removed")
        else:
            yield VarChange(key=name, base=_short(was), other=_short(now), action="changed")


def _short(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]} [... {len(text) - MAX_VALUE} more]"


_ABSENT: Final[Any] = object()
_NONE: Final[frozenset[str]] = frozenset()
