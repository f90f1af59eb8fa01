"""Bisecting: which change of which commit separates hosts that are bad from hosts that are well.

Each step from one revision to the next gives each host a set of changes, found without rendering and without a host. A
change that all bad hosts have and no other does is the likeliest cause; where none separates them so cleanly, those
that come closest are told, by the harmonic mean (F1) of how many bad hosts have it and how many that have it are bad.

A host has the changes of a step only when it has come to that revision: what it ran last says how far it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from reconciler import explanations, previews
from reconciler.explanations.places import Places
from reconciler.explanations.resources import declared
from reconciler.graph import Graph
from reconciler.graph.linking import Linked
from reconciler.previews.moves import USERCRATE, Move, Moves
from reconciler.previews.pairs import CratePair, ResourcePair, Written
from schema.bisects import MAX_CHANGES, MAX_NAMED, BisectChange, ChangeKind, Suspect
from schema.explanations import Cause, DifferenceKind, Line
from schema.revisions import Revision

MAX_PER_MOVE: Final = 2_000
"""Changes that one way of hosts from profile to profile may have; of larger ones the rest is not judged."""
MAX_EXPLAINED: Final = 20
"""Ways of which the lines are looked up, of one step."""
MAX_VALUE: Final = 200
"""Characters of a value."""
_KINDS: Final[Mapping[DifferenceKind, ChangeKind]] = {
    DifferenceKind.VAR: "var",
    DifferenceKind.CRATE: "crate",
    DifferenceKind.USERCRATE: "crate",
    DifferenceKind.ROLE: "role",
    DifferenceKind.ENVIRONMENT: "environment",
}


class Key(NamedTuple):
    """What tells one change of a step from another."""

    kind: ChangeKind
    name: str
    attribute: str
    action: str
    values: str
    """Of vars, as text: two hosts whose var changes to different values do not have the same change."""


@dataclass(slots=True, eq=False)
class Way:
    """Hosts that go from one profile to another in a step, and what changes for them."""

    names: list[str]
    changes: dict[Key, BisectChange]


@dataclass(slots=True, eq=False)
class Step:
    """One revision after another."""

    revision: Revision
    ways: list[Way]
    crates: list[str]
    """Names of crates that it changes for anybody."""
    cut: bool = False
    """Whether some changes were too many to be judged."""


def step(revision: Revision, base: Graph, other: Graph, names: Sequence[str], bad: Collection[str]) -> Step:
    """What a revision changed for whom.

    Args:
        base: the revision before it.
        names: of all hosts that are looked at.
        bad: those of which the lines behind a change are looked up.
    """
    moves = Moves(base, other, previews.of_hosts(base, other, names))
    places = (Places(base), Places(other))
    ways: list[Way] = []
    crates: set[str] = set()
    cut = False
    explained = 0
    for move in moves.made:
        if move.static.membership == "lost":
            continue  # nothing is sent, so nothing changes on the host
        found: dict[Key, BisectChange] = {}
        for key, change in _changes(move, places):
            if len(found) >= MAX_PER_MOVE:
                cut = True
                break
            found[key] = change
        crates.update(change.crate for change in found.values() if change.crate is not None)
        crates.update(each.partition("/")[0] for change in found.values() for each in change.resources or ())
        example = next((name for name in move.names if name in bad), None)
        if example is not None and explained < MAX_EXPLAINED and any(_lacks(each) for each in found.values()):
            explained += 1
            _explain(found, base, other, example)
        if found:
            ways.append(Way(list(move.names), found))
    return Step(revision, ways, sorted(crates), cut)


def has_come_to(graph: Graph, ran: Mapping[str, str]) -> set[str]:
    """Of hosts with the digest of the catalog that each ran last, those whose catalog is that of this graph."""
    profiles = graph.assign(ran)
    by_id = graph.profiles
    return {
        name
        for name, digest in ran.items()
        if (id_ := profiles[name]) is not None and by_id[id_].catalog_sha256 == digest
    }


def suspects(
    steps: Sequence[Step], bad: Collection[str], good: Collection[str], reached: Mapping[str, int]
) -> list[Suspect]:
    """All changes that some bad host has, the likeliest first; those of one commit with the same hosts are one.

    Args:
        steps: oldest first.
        bad, good: host names; what is in neither is not judged.
        reached: name → how many of the steps it has taken; all of them where it is not said.
    """
    found = [each for number, one in enumerate(steps) for each in _of_step(number, steps, one, bad, good, reached)]
    return sorted(found, key=lambda each: (not each.exact, -each.score, -each.sequence, _first(each)))


def _of_step(
    number: int,
    steps: Sequence[Step],
    one: Step,
    bad: Collection[str],
    good: Collection[str],
    reached: Mapping[str, int],
) -> Iterator[Suspect]:
    last = len(steps)
    having: defaultdict[Key, list[int]] = defaultdict(list)
    there = [[name for name in way.names if reached.get(name, last) > number] for way in one.ways]
    for place, way in enumerate(one.ways):
        if there[place]:
            for key in way.changes:
                having[key].append(place)
    together: defaultdict[tuple[int, ...], list[Key]] = defaultdict(list)
    for key, having_it in having.items():
        together[tuple(having_it)].append(key)
    for ways, keys in together.items():
        with_it = {name for place in ways for name in there[place]}
        bad_with = [name for name in bad if name in with_it]
        if not bad_with:
            continue
        good_with = sorted(name for name in with_it if name in good)
        bad_without = sorted(name for name in bad if name not in with_it)
        score = 2 * len(bad_with) / (2 * len(bad_with) + len(good_with) + len(bad_without))
        keys.sort(key=_specific)
        changes = [_located(key, [one.ways[place] for place in ways]) for key in keys[:MAX_CHANGES]]
        yield Suspect(
            commit=one.revision.commit,
            sequence=one.revision.sequence,
            author=one.revision.author,
            summary=one.revision.summary,
            in_force_at=one.revision.in_force_at or one.revision.seen_at,
            exact=not good_with and not bad_without,
            score=round(score, 4),
            bad=len(bad_with),
            good=len(good_with),
            changes=changes,
            changes_left_out=len(keys) - len(changes) or None,
            bad_without=bad_without[:MAX_NAMED],
            bad_without_left_out=max(0, len(bad_without) - MAX_NAMED) or None,
            good_with=good_with[:MAX_NAMED],
            good_with_left_out=max(0, len(good_with) - MAX_NAMED) or None,
            changed_again=_again(keys, steps[number + 1 :], set(bad_with)),
            revert_hosts=sum(len(way.names) for way in one.ways),
            revert_crates=one.crates[:MAX_NAMED],
        )


def _again(keys: Iterable[Key], later: Sequence[Step], bad: Collection[str]) -> list[str]:
    """Later commits that changed the same things once more for some of these hosts."""
    about = {(key.kind, key.name, key.attribute) for key in keys}
    return [
        each.revision.commit
        for each in later
        if any(
            not about.isdisjoint((key.kind, key.name, key.attribute) for key in way.changes)
            and not set(way.names).isdisjoint(bad)
            for way in each.ways
        )
    ][:MAX_NAMED]


def _located(key: Key, ways: Iterable[Way]) -> BisectChange:
    """A change, as it is told of a way of which the lines were looked up, if there is one."""
    told = [way.changes[key] for way in ways]
    return next((each for each in told if each.at is not None), told[0])


def _specific(key: Key) -> tuple[Any, ...]:
    order = ("attribute", "var", "resource", "crate", "environment", "role", "order", "match block")
    return (order.index(key.kind), key)


def _first(suspect: Suspect) -> str:
    return str(suspect.changes[0])


# what changes


def _changes(move: Move, places: tuple[Places, Places]) -> Iterator[tuple[Key, BisectChange]]:
    static = move.static
    whole = {each.name for each in static.crates if each.action != "changed"}
    changed = {each.name for each in static.crates if each.action == "changed"}
    if static.membership == "gained":
        assert move.other is not None
        yield _keyed(BisectChange(kind="match block", name=move.other.match_pattern, action="added"))
    for crate in static.crates:
        if crate.action != "changed":
            yield _keyed(BisectChange(kind="crate", name=crate.name, action=crate.action, crate=crate.name))
    told: set[str] = set()
    for pair in dict.fromkeys(ask.crate for ask in move.asks if ask.crate.name not in whole):
        for key, change in _of_defaults(pair, places):
            told.add(pair.name)
            yield key, change
    for ask in move.asks:
        if ask.crate.name in whole:
            continue
        for key, change in _of_resource(ask.crate.name, ask.pair, ask.crate.base, ask.crate.other, places):
            told.add(ask.crate.name)
            yield key, change
    for name in sorted(changed - told):
        yield _keyed(BisectChange(kind="crate", name=name, action="changed", crate=name))
    yield from _of_profile(move)


def _of_profile(move: Move) -> Iterator[tuple[Key, BisectChange]]:
    """What changes beside crates."""
    static = move.static
    for var in static.vars:
        top = var.key.partition(".")[0]
        readers = sorted({ask.pair.id for ask in move.asks if top in ask.pair.vars})
        made = BisectChange(kind="var", name=var.key, action=var.action, base=_short(var.base), other=_short(var.other))
        made.resources = readers[:MAX_NAMED] or None
        yield _keyed(made)
    if static.environment is not None:
        base, other = static.environment.base or None, static.environment.other or None
        name = str(other or base)
        yield _keyed(BisectChange(kind="environment", name=name, action="changed", base=base, other=other))
    for roles, word in ((static.roles_added, "added"), (static.roles_removed, "removed")):
        for role in roles:
            yield _keyed(BisectChange(kind="role", name=role, action="added" if word == "added" else "removed"))
    if static.reordered:
        yield _keyed(BisectChange(kind="order", name="of crates and resources", action="changed"))


def _of_defaults(pair: CratePair, places: tuple[Places, Places]) -> Iterator[tuple[Key, BisectChange]]:
    """Vars of a crate's own that have another default."""
    if pair.base is None or pair.other is None:
        return
    for name in sorted(pair.own_vars):
        before, after = pair.base.crate.vars.get(name), pair.other.crate.vars.get(name)
        made = BisectChange(
            kind="var",
            name=name,
            action="added" if before is None else "removed" if after is None else "changed",
            crate=pair.name,
            base=_short(before),
            other=_short(after),
            resources=sorted(each.id for each in pair.resources if name in each.vars)[:MAX_NAMED] or None,
        )
        linked, where = (pair.other, places[1]) if after is not None else (pair.base, places[0])
        made.at = where.line(linked.crate.document, ("vars", name))
        yield _keyed(made)


def _of_resource(
    crate: str, pair: ResourcePair, base: Linked | None, other: Linked | None, places: tuple[Places, Places]
) -> Iterator[tuple[Key, BisectChange]]:
    one, two = pair.base, pair.other
    if one is None or two is None:
        made = BisectChange(kind="resource", name=pair.id, action="added" if one is None else "removed", crate=crate)
        made.at = _line(other, pair.id, "", places[1]) if one is None else _line(base, pair.id, "", places[0])
        yield _keyed(made)
        return
    for name, before, after in _attributes(one, two, pair):
        action = "added" if before is None else "removed" if after is None else "changed"
        made = BisectChange(kind="attribute", name=pair.id, action=action, crate=crate, attribute=name)
        made.base, made.other = _short(before), _short(after)
        made.at = _of_file(one, two, name, places[1]) or (
            _line(other, pair.id, name, places[1]) if after is not None else _line(base, pair.id, name, places[0])
        )
        yield _keyed(made)


def _attributes(one: Written, two: Written, pair: ResourcePair) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted({*one.spec, *two.spec}):
        before, after = one.spec.get(name), two.spec.get(name)
        if before != after:
            yield name, before, after
        elif isinstance(after, str) and after in one.files and after in two.files:
            was, now = one.files[after]["sha256"], two.files[after]["sha256"]
            if was != now:
                yield name, was[:12], now[:12]
    if one.when != two.when:
        yield "when", " and ".join(one.when) or None, " and ".join(two.when) or None
    if one.foreach != two.foreach:
        yield "foreach", one.foreach, two.foreach
    yield from pair.settings


def _of_file(one: Written, two: Written, attribute: str, places: Places) -> Line | None:
    """The first line in which the file that an attribute names differs."""
    source = two.spec.get(attribute)
    if not isinstance(source, str) or source not in one.files or source not in two.files:
        return None
    before, after = one.files[source]["text"], two.files[source]["text"]
    if before is None or after is None or before == after:
        return None
    entry = places.graph.documents.entries.get(source)
    if entry is None:
        return None
    rows = (before.split("\n"), after.split("\n"))
    number = next((at for at, pair in enumerate(zip(*rows, strict=False)) if pair[0] != pair[1]), min(map(len, rows)))
    return places.at(source, entry.oid, min(number, max(0, len(rows[1]) - 1)) + 1, 1)


def _line(linked: Linked | None, id_: str, attribute: str, places: Places) -> Line | None:
    """Where an attribute of a resource is written; the resource, where it is the crate's default."""
    found = next((each for each in declared(linked) if each.id == id_), None) if linked is not None else None
    if linked is None or found is None:
        return None
    path: tuple[str | int, ...] = ("resources", found.at)
    own = found.resource.model_extra or {}
    if attribute and (attribute in own or getattr(found.resource, attribute, None)):
        return places.line(linked.crate.document, (*path, attribute))
    return places.line(linked.crate.document, path)


def _keyed(change: BisectChange) -> tuple[Key, BisectChange]:
    values = f"{change.base!r} {change.other!r}" if change.kind in ("var", "environment") else ""
    return Key(change.kind, change.name, change.attribute or "", change.action, values), change


def _short(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]} [... {len(text) - MAX_VALUE} more]"


# where it is written


def _lacks(change: BisectChange) -> bool:
    return change.at is None and change.kind in ("var", "crate", "role", "environment")


def _explain(found: Mapping[Key, BisectChange], base: Graph, other: Graph, example: str) -> None:
    """Give changes that are not written in a crate the lines that make them, looked up for one host."""
    told = explanations.causes(explanations.Host(base, example), explanations.Host(other, example))
    lines: dict[tuple[str, str], Cause] = {}
    for cause in told.causes:
        for difference in cause.explains:
            kind = _KINDS.get(difference.kind)
            if kind is not None and (cause.at or cause.other_at):
                lines.setdefault((kind, difference.name), cause)
    for change in found.values():
        if not _lacks(change):
            continue
        name = change.name.removeprefix(USERCRATE)
        known = lines.get((change.kind, name))
        if change.kind == "environment":  # there is one
            known = next((each for (kind, _), each in lines.items() if kind == "environment"), None)
        if known is None and change.kind == "var":  # told whole where it came or went, and key by key there
            known = next(
                (each for (kind, key), each in lines.items() if kind == "var" and key.startswith(f"{name}.")), None
            )
        if known is not None:
            change.at = known.other_at or known.at
