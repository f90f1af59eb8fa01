"""Invariants: what must be true of the fleet as a whole, held against a plan, or against the names of a repository.

About what hosts are *to be*, as their catalogs say; traits and tags are those last known, and the same before and
after. A host that no match block applies to, or that has nothing yet, is in no group and does not count. Nor does one
of which an expression cannot be told, as when it does not have a var.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from reconciler import expressions
from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic
from reconciler.graph import Graph, Profile, patterns, selecting
from reconciler.graph.patterns import PatternKind
from reconciler.rollout import mixes
from reconciler.rollout.facts import HostFacts
from reconciler.rollout.mixes import Bound, Part, Standing, Worst
from schema.diagnostics import Diagnostic
from schema.documents.invariants import ROOTS, Invariant, Invariants
from schema.expressions import Allowance, ExpressionError, Renderer
from schema.merging import settle
from schema.rollouts import MAX_NAMED, MAX_VIOLATIONS, Violation

if TYPE_CHECKING:
    from schema.rollouts import PlannedWave

MAX_WORK: Final = 60_000_000
"""Steps of expressions that the invariants of one plan may take together, about a minute's: ten invariants with simple
ones, each of 100,000 hosts before and after. One that is not judged within it counts as broken."""
OVERWORKED: Final = "the expressions of the invariants up to this one take too much work for so many hosts"
FLEET: Final = ""
"""The group of all hosts, where there is no `for_each`."""


class Fact(NamedTuple):
    """What a host is to an invariant, in one of its two states."""

    groups: tuple[str, ...]
    counts: bool


NOWHERE: Final = Fact((), counts=False)


class Side(NamedTuple):
    """A host in one state: what it is made of."""

    graph: Graph
    profile: Profile


class Alike(NamedTuple):
    """Hosts that go the same way: one profile before, one after, one wave, the same tags."""

    old: Side | None
    new: Side | None
    wave: int | None
    stays: bool
    tags: frozenset[str]
    hosts: list[HostFacts]


class _Overworked(Exception):
    """The invariants take more work than they may."""


class _Broken(NamedTuple):
    """A bound that does not hold for a group."""

    bound: Bound
    group: str
    worst: Worst


def written(documents: Documents) -> Iterator[tuple[Document, int, Invariant]]:
    """The invariants of a tree, each with its document and its place in it."""
    for document in documents.of(Kind.INVARIANTS):
        model = document.parsed.model
        for index, invariant in enumerate(model.invariants if isinstance(model, Invariants) else ()):
            yield document, index, invariant


def bounds(invariant: Invariant) -> list[Bound]:
    """What an invariant asks, as bounds; both of `exactly`."""
    found: list[Bound] = []
    for least, amount in ((True, invariant.at_least), (False, invariant.at_most)):
        if amount is not None:
            share = isinstance(amount, str)
            found.append(
                Bound(
                    least=least,
                    number=0 if share else int(amount),
                    percent=int(str(amount).removesuffix("%")) if share else None,
                )
            )
    if invariant.exactly is not None:
        found += [Bound(least=least, number=invariant.exactly) for least in (True, False)]
    return found


def traits_asked(graph: Graph) -> list[tuple[str, ...]]:
    """The paths below `traits` that the invariants of a graph read: facts about hosts need these and no others."""
    found: set[tuple[str, ...]] = set()
    for _, _, invariant in written(graph.documents):
        found |= _Judge(invariant).traits
    return sorted(found)


def violations(
    target: Graph, hosts: Sequence[HostFacts], bases: Mapping[str, Graph], waves: Sequence[PlannedWave]
) -> tuple[list[Violation], int]:
    """What a plan would break: of each invariant and group the first mix that does, in the order they are written in;
    and how many more than can be told.

    Args:
        target: its `invariants.vgo` is what counts.
        hosts, bases: as `planning.plan` takes them.
        waves: the plan; a host in none stays as it is.
    """
    each_written = list(written(target.documents))
    if not each_written:
        return [], 0
    alike = _alike(target, hosts, bases, waves)
    found: list[Violation] = []
    left_out = 0
    work = Allowance(MAX_WORK)
    for document, index, invariant in each_written:
        line, _ = target.documents.place(document, ("invariants", index, "name"))
        try:
            for broken in _broken(invariant, alike, len(waves), bounds(invariant), work):
                if len(found) < MAX_VIOLATIONS:
                    found.append(_told(invariant, broken, waves, document.path, line))
                else:
                    left_out += 1
        except _Overworked:
            return [*found[: MAX_VIOLATIONS - 1], _unjudged(invariant, len(hosts), document.path, line)], left_out
    return found, left_out


def of_names(graph: Graph, hostnames: Sequence[str] | None = None) -> list[Diagnostic]:
    """What the end state breaks, without a server: over all hosts by name, or over those that blocks name exactly.

    Where other blocks have hosts that nobody has named, only what more hosts cannot mend is told: that too many count.
    What depends on traits or tags is not judged; a server does, before it rolls anything out.
    """
    each_written = [each for each in written(graph.documents) if _is_static(each[2])]
    if not each_written:
        return []
    whole = hostnames is not None
    if hostnames is None:
        exact = [pattern for pattern in graph.matcher.patterns if pattern.kind is PatternKind.EXACT]
        whole = len(exact) == len(graph.matcher.patterns)
        hostnames = sorted({pattern.folded for pattern in exact})
    alike = _alike(graph, [HostFacts(name, base=graph.commit or "files") for name in hostnames], {"files": graph}, [])
    found: list[Diagnostic] = []
    work = Allowance(MAX_WORK)
    for document, index, invariant in each_written:
        judged = [bound for bound in bounds(invariant) if whole or (not bound.least and bound.percent is None)]
        line, column = graph.documents.place(document, ("invariants", index, "name"))
        try:
            told = list(islice(_broken(invariant, alike, 0, judged, work), MAX_VIOLATIONS))
        except _Overworked:
            found.append(diagnostic("invariant.violated", document.path, line, column, OVERWORKED))
            break
        for each in [_told(invariant, broken, (), document.path, line) for broken in told]:
            who = f"{each.count} {'host' if each.count == 1 else 'hosts'}{f' of {each.group}' if each.group else ''}"
            message = f"{who} {'counts' if each.count == 1 else 'count'}, not {each.bound}"
            found.append(diagnostic("invariant.violated", document.path, line, column, message, invariant.message))
    return found


def _is_static(invariant: Invariant) -> bool:
    judge = _Judge(invariant)
    return not judge.traits and not judge.reads_tags


def _broken(
    invariant: Invariant, alike: Sequence[Alike], waves: int, judged: Sequence[Bound], work: Allowance
) -> Iterator[_Broken]:
    """The groups that break a bound, each with the first mix that does.

    Raises:
        _Overworked
    """
    parts = _parts(_Judge(invariant, work), alike)
    groups = parts if invariant.for_each is not None else {FLEET: parts.get(FLEET, [])}
    for bound in judged:
        for group in sorted(groups):
            found = mixes.worst(groups[group], waves, bound)
            if found is None and group == FLEET and not groups[group] and bound.least and bound.number > 0:
                found = Worst(None, 0, 0, [], [])  # the fleet is there, though nobody is in it
            if found is not None:
                yield _Broken(bound, group, found)


def _told(invariant: Invariant, broken: _Broken, waves: Sequence[PlannedWave], file: str, line: int) -> Violation:
    bound, group, found = broken
    return Violation(
        invariant=invariant.name,
        message=invariant.message or _in_words(invariant, bound),
        wave=waves[found.wave].name if found.wave is not None else None,
        wave_index=found.wave,
        group=f"{invariant.for_each} = {group}" if invariant.for_each is not None else "",
        bound=str(bound) if invariant.exactly is None else f"exactly {invariant.exactly}",
        count=found.counting,
        of=found.members,
        new=tuple(found.new[:MAX_NAMED]),
        new_left_out=max(0, len(found.new) - MAX_NAMED),
        old=tuple(found.old[:MAX_NAMED]),
        old_left_out=max(0, len(found.old) - MAX_NAMED),
        file=file,
        line=line,
    )


def _unjudged(invariant: Invariant, hosts: int, file: str, line: int) -> Violation:
    """Of an invariant that nobody knows to hold."""
    return Violation(
        invariant=invariant.name,
        message=OVERWORKED,
        wave=None,
        group="",
        bound="judged",
        count=hosts,
        of=hosts,
        file=file,
        line=line,
    )


def _parts(judge: _Judge, alike: Sequence[Alike]) -> dict[str, list[Part]]:
    """Group → its hosts, in both states."""
    found: defaultdict[str, list[Part]] = defaultdict(list)
    for each in alike:
        facts: Sequence[tuple[Sequence[str], HostFacts]]
        if judge.reads_hosts:
            facts = [([host.hostname], host) for host in each.hosts]
        else:
            facts = [([host.hostname for host in each.hosts], each.hosts[0])]
        for names, host in facts:
            old = judge.of(each.old, host)
            new = old if each.new is each.old else judge.of(each.new, host)
            for group in dict.fromkeys((*old.groups, *new.groups)):
                standings = [
                    Standing(group in fact.groups, group in fact.groups and fact.counts) for fact in (old, new)
                ]
                found[group].append(Part(names, each.wave, each.stays, *standings))
    return found


def _alike(
    target: Graph, hosts: Sequence[HostFacts], bases: Mapping[str, Graph], waves: Sequence[PlannedWave]
) -> list[Alike]:
    wave_of = {name: place for place, wave in enumerate(waves) for name in wave.hosts}
    found: dict[tuple[Hashable, ...], Alike] = {}
    for host in hosts:
        wave = wave_of.get(host.hostname)
        base = target if host.base is not None and host.base == target.commit else bases.get(host.base or "")
        was = base.match(host.hostname) if base is not None else None
        now = target.match(host.hostname)
        tags = frozenset(host.tags)
        key = (id(base), id(was), id(now), wave, host.stays, tags)
        kept = found.get(key)
        if kept is None:
            old = Side(base, was) if base is not None and was is not None else None
            new = Side(target, now) if now is not None else None
            if wave is None:  # it is what it is: the same in both, or left with what it has
                old = new = new if new is not None else old
            kept = found[key] = Alike(old, new, wave, host.stays, tags, [])
        kept.hosts.append(host)
    return list(found.values())


class _Judge:
    """Decides for one invariant in which groups a host is and whether it counts."""

    def __init__(self, invariant: Invariant, work: Allowance | None = None) -> None:
        self._invariant: Final = invariant
        where = invariant.where
        self._matches: Final[Callable[[str], bool] | None] = _matches(where.match)
        self._work: Final = work or Allowance(MAX_WORK)
        self._renderer: Final = Renderer(allowance=self._work)
        self._known: Final[dict[tuple[Hashable, ...], Fact]] = {}
        self._held: Final[dict[int, Profile]] = {}
        analysis = expressions.analyse(where.when, template=False, roots=ROOTS) if where.when is not None else None
        paths = [use.path for use in analysis.paths] if analysis is not None else []
        grouping = tuple((invariant.for_each or "").split("."))
        traits = {tuple(str(part) for part in path[1:]) for path in paths if path[0] == "traits"}
        traits |= {grouping[1:]} if grouping[0] == "traits" else set()
        self.traits: Final[frozenset[tuple[str, ...]]] = frozenset(traits)
        """Paths below `traits` that it reads."""
        of_host = {str(path[1]) if len(path) > 1 else "" for path in paths if path[0] == "host"}
        self._reads_name: Final = self._matches is not None or not of_host.isdisjoint({"", "hostname"})
        self.reads_tags: Final = (
            where.tag is not None or invariant.for_each == "tag" or not of_host.isdisjoint({"", "tags"})
        )
        self.reads_hosts: Final = bool(self.traits) or self._reads_name
        """Whether hosts with one profile and the same tags may still differ."""

    def of(self, side: Side | None, host: HostFacts) -> Fact:
        """What a host is to it, in one state."""
        if side is None:
            return NOWHERE
        if self._reads_name and (self.traits or self._matches is None):
            return self._judged(side, host)
        traits = orjson.dumps([_at(host.traits, path) for path in sorted(self.traits)]) if self.traits else b""
        matches = self._matches is None or self._matches(host.hostname)
        tags = frozenset(host.tags) if self.reads_tags else None
        key = (id(side.profile), traits, matches, tags)
        found = self._known.get(key)
        if found is None:
            self._held[id(side.profile)] = side.profile
            found = self._known[key] = self._judged(side, host)
        return found

    def _judged(self, side: Side, host: HostFacts) -> Fact:
        profile, where = side.profile, self._invariant.where
        counts = (
            (where.environment is None or profile.environment in where.environment)
            and (where.role is None or where.role in selecting.roles_of(profile, side.graph.roles))
            and (where.configcrate is None or where.configcrate in profile.resolution.crates)
            and (where.tag is None or not set(where.tag).isdisjoint(host.tags))
            and (self._matches is None or self._matches(host.hostname))
            and (where.when is None or self._holds(where.when, side, host))
        )
        return Fact(self._groups(side, host), counts)

    def _holds(self, when: str, side: Side, host: HostFacts) -> bool:
        profile = side.profile
        scope = {
            "vars": settle(profile.resolution.vars),
            "traits": dict(host.traits),
            "host": {
                "hostname": host.hostname,
                "environment": profile.environment,
                "roles": selecting.roles_of(profile, side.graph.roles),
                "configcrates": profile.configcrates,
                "tags": sorted(host.tags),
            },
        }
        try:
            holds = self._renderer.holds(when, scope)
        except ExpressionError:
            holds = False
        if self._work.left < 0:
            raise _Overworked
        return holds

    def _groups(self, side: Side, host: HostFacts) -> tuple[str, ...]:
        by = self._invariant.for_each
        if by is None:
            return (FLEET,)
        if by == "environment":
            return (side.profile.environment,) if side.profile.environment else ()
        if by == "tag":
            return tuple(sorted(host.tags))
        root, *path = by.split(".")
        value = _at(settle(side.profile.resolution.vars) if root == "vars" else host.traits, path)
        if value is None or isinstance(value, dict | list):
            return ()
        return (("true" if value else "false") if isinstance(value, bool) else str(value),)


def _matches(text: str | None) -> Callable[[str], bool] | None:
    return patterns.parse(text).matches if text is not None else None


def _at(data: Any, path: Collection[str]) -> Any:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return None
        data = data[part]
    return data


def _in_words(invariant: Invariant, bound: Bound) -> str:
    where = invariant.where
    said = [
        f"{key} {value if isinstance(value, str) else ', '.join(value)}"
        for key in ("match", "environment", "role", "configcrate", "tag", "when")
        if (value := getattr(where, key)) is not None
    ]
    each = f"for each {invariant.for_each}, " if invariant.for_each is not None else ""
    return f"{each}{bound} hosts with {' and '.join(said) or 'any config'}"
