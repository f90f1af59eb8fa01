"""Vars as an author sees them: what writes each, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.authoring.snapshots import Snapshot
from reconciler.documents import Document, Kind
from reconciler.documents.marks import Path
from reconciler.expressions import EACH
from reconciler.graph import Profile
from reconciler.graph.linking import Linked
from reconciler.graph.proofs import items_of
from schema.merging import APPEND, effective

MAX_PROFILES: Final = 20_000
"""Match blocks that are looked at for one answer."""
MAX_COMPARED: Final = 20_000_000
"""Characters of values that are written out to find equal ones; the rest are told apart by who wrote them."""

_RANKS: Final = {
    Kind.CONFIGCRATE: 0,
    Kind.USERCRATE: 0,
    Kind.INHERITED: 1,
    Kind.ROLES: 2,
    Kind.LEAF: 3,
    Kind.ENVIRONMENTS: 4,
}
"""From weak to strong."""
_CRATES: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})


class Written(NamedTuple):
    """Vars as one place writes them."""

    label: str
    document: Document
    path: Path
    """Of the vars in the document."""
    vars: Mapping[str, Any]


def layers(documents: Iterable[Document]) -> list[Written]:
    """All vars that documents write, from weak to strong."""
    found = [each for document in documents if document.kind in _RANKS for each in _of(document)]
    return sorted(found, key=lambda each: (_RANKS[each.document.kind], each.document.path.count("/"), each.label))


def concerned(snapshot: Snapshot, path: str) -> tuple[list[Linked], Sequence[Profile]]:
    """The crates that a file is, or is a source of, and the match blocks that it reaches; all of them by default."""
    known = (*snapshot.crates.values(), *snapshot.usercrates.values())
    crates = [each for each in known if path in (each.crate.document.path, *each.content)]
    if crates:
        return crates, [each for each in _first(snapshot) if any(_carries(each, linked) for linked in crates)]
    kind = snapshot.kind(path)
    if kind is Kind.LEAF:
        return [], [each for each in _first(snapshot) if each.document.path == path]
    if kind in (Kind.INHERITED, Kind.ENVIRONMENTS):
        directory = path.rpartition("/")[0]
        below = f"{directory}/" if directory else ""
        return [], [each for each in _first(snapshot) if each.document.path.startswith(below)]
    return [], list(_first(snapshot))


def writers(snapshot: Snapshot, path: str, keys: Path) -> list[tuple[Written, Path, Any]]:
    """What writes the var at some keys, of what reaches a file: the layer, where in its document, and what.

    From weak to strong. Where no host has the file, all that any document writes.
    """
    crates, profiles = concerned(snapshot, path)
    if profiles or crates:
        used = {(each.document.path, _place(each.path)) for profile in profiles for each in profile.resolution.layers}
        used |= {(each.crate.document.path, ("vars",)) for each in crates or _defaulting(snapshot, profiles, keys)}
        documents = [one for each in sorted({name for name, _ in used}) if (one := snapshot.document(each))]
        written_here = [each for each in layers(documents) if (each.document.path, _place(each.path)) in used]
    else:
        written_here = layers(each for each in snapshot.documents.by_path.values() if each.kind not in _CRATES)
    found = []
    for written in written_here:
        for below, value in reached(written.vars, keys):
            found.append((written, (*written.path, *below), value))
    return found


def _defaulting(snapshot: Snapshot, profiles: Sequence[Profile], keys: Path) -> list[Linked]:
    """The crates of some match blocks that have a default for the var at some keys."""
    if not keys:
        return []
    having = [
        linked
        for linked in (*snapshot.crates.values(), *snapshot.usercrates.values())
        if str(keys[0]) in linked.crate.vars or f"{keys[0]}{APPEND}" in linked.crate.vars
    ]
    return [linked for linked in having if any(_carries(profile, linked) for profile in profiles)]


def candidates(snapshot: Snapshot, path: str, keys: Path) -> dict[str, tuple[Any, str]]:
    """Keys below some keys of vars, of what reaches a file → a value, and the label of what writes it."""
    found: dict[str, tuple[Any, str]] = {}
    for written, _, value in writers(snapshot, path, keys):
        for item in value if isinstance(value, list) and keys[-1:] == (EACH,) else [value]:
            if isinstance(item, dict):
                for key, inner in item.items():
                    found[str(key).removesuffix(APPEND)] = (inner, written.label)
    return found


def outcomes(snapshot: Snapshot, path: str, keys: Path) -> dict[str, list[tuple[Any, list[Profile]]]]:
    """Environment → what the var at some keys comes to there, with the match blocks it does so for.

    Args:
        path: of a file; only match blocks that it reaches are looked at, with the defaults of the crate that it is.
    """
    crates, profiles = concerned(snapshot, path)
    own = crates[0].crate.vars if len(crates) == 1 else {}
    found: dict[str, dict[str, tuple[Any, list[Profile]]]] = {}
    written: dict[int, tuple[Any, str]] = {}
    room = MAX_COMPARED
    for profile in profiles:
        vars_: Mapping[str, Any] = profile.resolution.vars
        if own or not profile.resolution.simple:
            vars_ = effective(own, vars_)
        value = _plain_at(vars_, keys)
        if value is not _ABSENT and not (isinstance(value, list) and _ABSENT in value):
            if id(value) not in written:  # most come from one place, and are one object
                text = repr(value) if room > 0 else f"#{id(value)}"
                room -= len(text)
                written[id(value)] = (value, text)
            grouped = found.setdefault(profile.environment, {})
            grouped.setdefault(written[id(value)][1], (value, []))[1].append(profile)
    return {name: sorted(each.values(), key=lambda pair: -len(pair[1])) for name, each in sorted(found.items())}


def carriers(snapshot: Snapshot, linked: Linked) -> list[Profile]:
    """The match blocks whose hosts, or whose hosts' users, have a crate."""
    return [each for each in _first(snapshot) if _carries(each, linked)]


def sources(profile: Profile, linked: Linked) -> Mapping[str, str]:
    """The crates of a match block that are of the same sort as one, each with the label of its source."""
    per_user = linked.crate.document.kind is Kind.USERCRATE
    return profile.resolution.usercrates if per_user else profile.resolution.crates


def item_path(foreach: str) -> Path | None:
    """The path that `item` stands for under a `foreach`, root first; None when it stands for none."""
    return items_of(foreach).path


def _carries(profile: Profile, linked: Linked) -> bool:
    return linked.name in sources(profile, linked)


def _place(path: Path) -> Path:
    """Where vars stand, without the index of a match block: a profile may be older than the lines above it."""
    return tuple(part for part in path if isinstance(part, str))


def _first(snapshot: Snapshot) -> Sequence[Profile]:
    return snapshot.profiles[:MAX_PROFILES]


def _of(document: Document) -> Iterator[Written]:
    data, kind = document.parsed.data, document.kind
    if not isinstance(data, dict):
        return
    holders: list[tuple[str, Path, Any]] = []
    if kind in _CRATES:
        name = data.get("name", document.stem)
        holders.append((f"{kind}:{name}", (), data))
    elif kind is Kind.INHERITED:
        holders.append((document.path, (), data))
    elif kind is Kind.LEAF:
        blocks = data.get("envoys")
        for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
            match = block.get("match", "") if isinstance(block, dict) else ""
            holders.append((f"{document.path}#{match}", ("envoys", index), block))
    else:
        named = data.get(kind.value)
        for name, entry in (named if isinstance(named, dict) else {}).items():
            label = f"role:{name}" if kind is Kind.ROLES else f"{document.path}:{name}"
            holders.append((label, (kind.value, name), entry))
    for label, path, holder in holders:
        if isinstance(holder, dict) and isinstance(holder.get("vars"), dict):
            yield Written(label, document, (*path, "vars"), holder["vars"])


def reached(value: Any, keys: Path, below: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What stands at some keys, appends included; below `[]`, the list itself counts."""
    if not keys:
        yield below, value
        return
    key, rest = keys[0], keys[1:]
    if key == EACH:
        if not rest:
            yield below, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from reached(item, rest, (*below, index))
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from reached(item, rest, (*below, name))
    elif isinstance(value, dict):
        for name in (key, f"{key}{APPEND}"):
            if name in value:
                yield from reached(value[name], rest, (*below, name))
    elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        yield from reached(value[key], rest, (*below, key))


def _plain_at(value: Any, keys: Path) -> Any:
    for at, key in enumerate(keys):
        if key == EACH:
            rest = keys[at + 1 :]
            return [_plain_at(each, rest) for each in value] if rest and isinstance(value, list) else value
        listed = isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
        if not listed and not (isinstance(value, dict) and key in value):
            return _ABSENT
        value = value[key]
    return value


_ABSENT: Final = object()
