"""Proposing: which edit of the config describes most briefly what was found on some hosts.

Every candidate is applied to the tree and compiled; what it covers and whom else it reaches is read off the result. The
one with the fewest edits that covers exactly the hosts that drifted comes first (minimum description: what is written,
and ten for each host that it gets wrong).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from reconciler.documents.edit import NotEditable, append_copy, set_value
from reconciler.drifts import places as places_
from reconciler.drifts.inverses import Inverse, Value, invert
from reconciler.drifts.places import ADDED, NEW_BLOCK, REPLACED, Place, Values, Write
from reconciler.drifts.solving import Path, Plain, Scalar, plain, rendered, solve, value_at
from reconciler.graph import Graph, Profile
from reconciler.previews.moves import Move, Moves, of_hosts
from schema.documents.configcrates import Configcrate
from schema.drifts import Level
from schema.expressions import has_tags
from schema.merging import effective
from schema.protocol.reports import ObservedAttribute
from schema.secrets import find

EXCEPTION: Final = 10
"""What a host costs that is changed without having drifted, or has drifted and is not covered."""
MAX_CANDIDATES: Final = 16
MAX_DIFF_CHARS: Final = 16 * 1024
TEMPLATE: Final = ".j2"
_ORDER: Final = tuple(Level)

Compile = Callable[[Mapping[str, bytes]], Graph | None]
"""Path → whole new content → what the tree then means; None where it would not be valid."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that was found otherwise in the same way on some hosts."""

    resource: str
    type: str
    hosts: tuple[str, ...]
    observed: tuple[ObservedAttribute, ...]
    alike: frozenset[str] = frozenset()
    """Other hosts on which the same was found, that nobody asked about."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One edit, and what it comes to."""

    level: Level
    summary: str
    edits: int
    cost: int
    files: Mapping[str, bytes]
    diff: str
    covers: tuple[str, ...]
    others: tuple[str, ...]
    """Hosts that it changes although the same was not found on them."""
    moved: tuple[str, ...]
    """All hosts that it changes."""

    exact: bool
    """Whether it covers all on which it was found, and changes no other host."""
    candidate: Candidate
    """What is written."""


class Proposed(NamedTuple):
    """What can be made desired of what was found, the briefest first."""

    changes: Mapping[str, Value]
    proposals: Sequence[Proposal]
    why: str = ""
    """Where there is no proposal: why."""


class _Site(NamedTuple):
    """Where a resource is written."""

    crate: str
    name: str
    """Of the resource in it."""
    file: str
    number: int
    """Of the resource in its document."""
    spec: Mapping[str, Any]
    own: Mapping[str, Any]
    """The crate's own vars."""
    source: str = ""
    """The file of the tree that its content is, where it is one."""
    text: str | None = None
    """Of that; None where it is no text."""

    @property
    def templated(self) -> bool:
        """Whether that file is a template."""
        return self.source.endswith(TEMPLATE)


class Candidate(NamedTuple):
    """An edit that has not been tried."""

    level: Level
    summary: str
    writes: tuple[Write, ...]
    blocks: tuple[tuple[Profile, str], ...] = ()
    """See `Place`."""
    values: Values = {}

    @property
    def cost(self) -> int:
        """Of what is written."""
        return sum(write.cost for write in self.writes) + NEW_BLOCK * len(self.blocks)


class _NoInverse(Exception):
    """What was found cannot be made desired by itself; the message says why."""


def propose(
    graph: Graph, drifted: Drifted, hostnames: Sequence[str], compile_: Compile, read: Callable[[str], bytes]
) -> Proposed:
    """The edits after which what was found is what is desired, the one that says it most briefly first.

    Args:
        hostnames: of all hosts there are: whom an edit reaches is told of them.
        read: the bytes of a file of the graph's tree.
    """
    changes: Mapping[str, Value] = {}
    try:
        site = _site(graph, drifted, read)
        profiles = _profiles(graph, drifted, site.crate)
        inverse = _inverted(drifted)
        changes = inverse.changes
        vars_, literals = _split(site, inverse, profiles)
        candidates = list(_candidates(graph, site, profiles, vars_, literals))[:MAX_CANDIDATES]
    except _NoInverse as none:
        return Proposed(changes, (), str(none))
    tried: dict[tuple[tuple[str, bytes], ...], Proposal] = {}
    for candidate in sorted(candidates, key=lambda each: each.cost):
        made = _tried(graph, drifted, site, changes, candidate, hostnames, compile_, read)
        if made is not None:
            tried.setdefault(tuple(sorted(made.files.items())), made)
    found = sorted(tried.values(), key=lambda each: (each.cost, _ORDER.index(each.level), each.summary))
    why = (
        "" if found else "no edit of one place makes it desired: something stronger says otherwise, or it is not valid"
    )
    return Proposed(changes, found, why)


def _inverted(drifted: Drifted) -> Inverse:
    inverse = invert(drifted.type, drifted.observed)
    if inverse.why:
        raise _NoInverse(inverse.why)
    return inverse


def _site(graph: Graph, drifted: Drifted, read: Callable[[str], bytes]) -> _Site:
    crate, _, name = drifted.resource.partition("/")
    if crate.startswith("usercrate:"):
        raise _NoInverse("it is of a usercrate, applied for each user: decide there what it shall be")
    linked = graph.crates.get(crate)
    if linked is None:
        raise _NoInverse(f"there is no configcrate {crate} in what is in force")
    compiled = {each["id"]: each for each in orjson.loads(linked.crate.body).get("resources", [])}
    found = compiled.get(drifted.resource)
    if found is None:
        if drifted.resource.endswith("]") and drifted.resource.rpartition("[")[0] in compiled:
            raise _NoInverse("it is one of a `foreach`: change the item that it is made of")
        raise _NoInverse(f"{crate} has no such resource in what is in force")
    document = linked.crate.document
    document = graph.documents.by_path.get(document.path, document)
    model = document.parsed.model
    lines = document.parsed.item_lines.get("resources", ())
    if not isinstance(model, Configcrate) or lines.count(found.get("line")) != 1 or document.parsed.kept:
        raise _NoInverse(f"{name} cannot be found again in {document.path}")
    source = found["spec"].get("source", "") if drifted.type == "file" else ""
    text = _text(read(source)) if source else None
    number = lines.index(found["line"])
    return _Site(crate, name, document.path, number, found["spec"], linked.crate.vars, source, text)


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _profiles(graph: Graph, drifted: Drifted, crate: str) -> dict[str, Profile]:
    found = {host: profile for host in drifted.hosts if (profile := graph.match(host)) is not None}
    found = {host: profile for host, profile in found.items() if crate in profile.resolution.crates}
    if not found:
        raise _NoInverse(f"none of the hosts has the configcrate {crate} in what is in force")
    return found


def _split(
    site: _Site, inverse: Inverse, profiles: Mapping[str, Profile]
) -> tuple[dict[Path, Scalar], dict[str, Value]]:
    """The vars that would have to be others, and the attributes that are written in the crate as they are."""
    vars_: dict[Path, Scalar] = {}
    literals: dict[str, Value] = {}
    for name, value in inverse.changes.items():
        raw = site.spec.get(name)
        verbatim = name == "content" and bool(site.source) and not site.templated
        if not verbatim and isinstance(value, str) and (has_tags(value) or find(value)):
            # A host may say what it likes: written here, it would be given a secret, or have the words run.
            raise _NoInverse(f"what was found as {name} holds what the config takes for a template or for a secret")
        if name == "content" and site.source:
            raw = site.text
            if raw is None or (site.templated and plain(raw) is None):
                raise _NoInverse(
                    f"its content is {site.source}, with more than vars in it: what they would have to be is not known;"
                    " change the template by hand"
                )
        if not isinstance(raw, str) or not has_tags(raw) or verbatim:
            if raw is not None and not _same(name, raw, inverse.spelt.get(name)):
                raise _NoInverse(f"what the agent tells of {name} is not as the config writes it")
            literals[name] = value
            continue
        parts = plain(raw)
        if parts is None:
            raise _NoInverse(f"{name} is a template with more than vars in it: what they would have to be is not known")
        solutions = {
            _solution(parts, site, profile, name, value=value, desired=inverse.spelt.get(name))
            for profile in profiles.values()
        }
        if len(solutions) != 1 or None in solutions:
            raise _NoInverse(f"{name} is made of vars, and no single one of them makes it what was found")
        (solution,) = solutions
        assert solution is not None
        path, scalar = solution
        if vars_.get(path, scalar) != scalar:
            raise _NoInverse(f"the var {'.'.join(path)} would have to be two things at once")
        vars_[path] = scalar
    return vars_, literals


def _solution(
    parts: Plain, site: _Site, profile: Profile, name: str, *, value: Value, desired: str | None
) -> tuple[Path, Scalar] | None:
    vars_ = effective(site.own, profile.resolution.vars)
    if isinstance(value, bool):
        alone = parts.texts == ("", "") and isinstance(value_at(vars_, parts.paths[0]), bool)
        return (parts.paths[0], value) if alone else None
    if not _same(name, rendered(parts, vars_), desired):
        return None  # something else is done to it on the host than is known here
    return solve(parts, vars_, value)


def _same(name: str, written: object, desired: str | None) -> bool:
    """Whether what the config says is what the agent says is desired; of what it does not say, nothing is known."""
    if desired is None:
        return True
    text = str(written)
    return text == desired or (name == "mode" and text.lstrip("0") == desired.lstrip("0"))


def _candidates(
    graph: Graph,
    site: _Site,
    profiles: Mapping[str, Profile],
    vars_: Mapping[Path, Scalar],
    literals: Mapping[str, Value],
) -> Iterator[Candidate]:
    in_crate = tuple(_in_crate(site, name, value) for name, value in literals.items())
    told = ", ".join(f"{name}: {_shown(value)}" for name, value in literals.items())
    if not vars_:
        where = ", ".join(sorted({write.file for write in in_crate}))
        yield Candidate(Level.CRATE, f"{told} in {where}", in_crate)
        if len(literals) == 1 and in_crate[0].at:
            yield from _parametrized(graph, site, profiles, *next(iter(literals.items())))
        return
    for place in places_.places(graph, profiles, site.crate, vars_):
        summary = _summary(place, vars_) + (f"; {told} in {site.file}" if told else "")
        yield Candidate(place.level, summary, (*place.writes, *in_crate), place.blocks, vars_)


def _in_crate(site: _Site, name: str, value: Value) -> Write:
    if name == "content" and site.source:
        return Write(site.source, (), value, REPLACED)
    return Write(site.file, ("resources", site.number, name), value, REPLACED if name in site.spec else ADDED)


def _parametrized(
    graph: Graph, site: _Site, profiles: Mapping[str, Profile], name: str, value: Value
) -> Iterator[Candidate]:
    """The attribute becomes a var of its crate, which stays what it is but for the hosts that drifted."""
    old = site.spec.get(name)
    if old is None or not isinstance(old, str | bool | int):
        return
    words = re.sub(r"[^a-z0-9]+", "_", f"{site.crate}_{site.name}_{name}".lower()).strip("_")
    var = words if words[:1].isalpha() else f"v_{words}"
    if var in site.own or any(var in profile.resolution.vars for profile in profiles.values()):
        return
    shared = (
        Write(site.file, ("vars", var), old, ADDED),
        Write(site.file, ("resources", site.number, name), f"{{{{ vars.{var} }}}}", REPLACED),
    )
    for place in places_.places(graph, profiles, site.crate, {(var,): value}):
        if place.level is not Level.CRATE:
            summary = f"{_summary(place, {(var,): value})}; {site.file} reads it"
            yield Candidate(place.level, summary, (*shared, *place.writes), place.blocks, {(var,): value})


def _tried(
    graph: Graph,
    drifted: Drifted,
    site: _Site,
    changes: Mapping[str, Value],
    candidate: Candidate,
    hostnames: Sequence[str],
    compile_: Compile,
    read: Callable[[str], bytes],
) -> Proposal | None:
    """A candidate, applied and compiled; None where it is no valid config, or covers nobody."""
    before: dict[str, str] = {}
    try:
        texts = _applied(graph, [candidate], before, read)
    except (NotEditable, UnicodeDecodeError):
        return None
    files = {path: text.encode() for path, text in texts.items() if text != before[path]}
    other = compile_(files) if files else None
    if other is None:
        return None
    covers = tuple(host for host in drifted.hosts if _is_so(other, site, drifted.resource, changes, host))
    if not covers:
        return None
    moves = Moves(graph, other, of_hosts(graph, other, hostnames))
    moved = sorted(
        {name for move in moves.made if _moves(move, graph, other, site, drifted, changes) for name in move.names}
    )
    same = {*drifted.hosts, *(host for host in drifted.alike if _is_so(other, site, drifted.resource, changes, host))}
    others = tuple(name for name in moved if name not in same)
    wrong = len(others) + len(drifted.hosts) - len(covers)
    return Proposal(
        level=candidate.level,
        summary=candidate.summary,
        edits=len(candidate.writes) + len(candidate.blocks),
        cost=candidate.cost + EXCEPTION * wrong,
        files=files,
        diff=_diff(before, texts),
        covers=covers,
        others=others,
        moved=tuple(moved),
        exact=not wrong,
        candidate=candidate,
    )


def merged(graph: Graph, proposals: Iterable[Proposal], read: Callable[[str], bytes]) -> Mapping[str, bytes]:
    """The files that several proposals change, with what all of them write.

    Raises:
        NotEditable: they do not fit together.
    """
    before: dict[str, str] = {}
    texts = _applied(graph, [each.candidate for each in proposals], before, read)
    return {path: text.encode() for path, text in texts.items() if text != before[path]}


def _applied(
    graph: Graph, candidates: Sequence[Candidate], before: dict[str, str], read: Callable[[str], bytes]
) -> dict[str, str]:
    texts: dict[str, str] = {}
    entries = graph.documents.tree.entries()

    def text_of(path: str) -> str:
        if path not in texts:
            before[path] = texts[path] = read(path).decode() if path in entries else ""
        return texts[path]

    for candidate in candidates:
        for write in candidate.writes:
            text = text_of(write.file)
            texts[write.file] = set_value(text, write.at, write.value) if write.at else str(write.value)
        for profile, host in candidate.blocks:
            more: dict[Sequence[str], Any] = {("match",): host}
            more |= {("vars", *keys): value for keys, value in candidate.values.items()}
            path = profile.document.path
            texts[path] = append_copy(text_of(path), ("envoys", profile.index), more)
    return texts


def _is_so(graph: Graph, site: _Site, resource: str, changes: Mapping[str, Value], host: str) -> bool:
    """Whether what was found on a host is what a graph desires there, as far as can be told without rendering."""
    profile = graph.match(host)
    said = _said(graph, profile, site.crate, resource, changes) if profile is not None else None
    return said is not None and all(
        said[name] is value if isinstance(value, bool) else str(said[name]) == value for name, value in changes.items()
    )


def _said(graph: Graph, profile: Profile, crate: str, resource: str, names: Iterable[str]) -> Mapping[str, Any] | None:
    """What a graph desires of these attributes of a resource; None where it has not the resource, or it cannot be told
    without rendering."""
    linked = graph.crates.get(crate)
    if linked is None or crate not in profile.resolution.crates:
        return None
    written = orjson.loads(linked.crate.body).get("resources", [])
    spec: Mapping[str, Any] | None = next((each["spec"] for each in written if each["id"] == resource), None)
    if spec is None:
        return None
    vars_ = effective(linked.crate.vars, profile.resolution.vars)
    found: dict[str, Any] = {}
    for name in names:
        raw = spec.get(name)
        rendering = True
        if name == "content" and raw is None and "source" in spec:
            tree, source = graph.documents.tree, spec["source"]
            raw, rendering = _text(tree.read(tree.entries()[source].oid)), source.endswith(TEMPLATE)
        if rendering and isinstance(raw, str) and has_tags(raw):
            parts = plain(raw)
            if parts is None:
                return None
            raw = value_at(vars_, parts.paths[0]) if parts.texts == ("", "") else rendered(parts, vars_)
            if raw is None:
                return None
        found[name] = raw
    return found


def _moves(move: Move, graph: Graph, other: Graph, site: _Site, drifted: Drifted, changes: Mapping[str, Value]) -> bool:
    """Whether something on the hosts of a move becomes another, and not only what they are sent."""
    static = move.static
    came = any(crate.action != "changed" for crate in static.crates)
    if move.base is None or move.other is None or static.membership != "kept" or came or static.reordered:
        return True
    if any(ask.pair.id != drifted.resource for ask in move.asks):
        return True
    if not move.asks:
        return False
    before = _said(graph, move.base, site.crate, drifted.resource, changes)
    after = _said(other, move.other, site.crate, drifted.resource, changes)
    return before is None or before != after


def _diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    lines: list[str] = []
    for path in sorted(after):
        old = f"a/{path}" if before[path] else "/dev/null"
        lines += difflib.unified_diff(
            before[path].splitlines(), after[path].splitlines(), old, f"b/{path}", lineterm="", n=2
        )
    text = "\n".join(lines)
    return text if len(text) <= MAX_DIFF_CHARS else f"{text[:MAX_DIFF_CHARS]}\n[... cut at 16 KiB]"


def _summary(place: Place, values: Values) -> str:
    told = ", ".join(f"vars.{'.'.join(path)} = {_shown(value)}" for path, value in values.items())
    if place.blocks:
        return f"{told} in a match block of its own for {_few([host for _, host in place.blocks])}"
    return f"{told} in {place.where}"


def _shown(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    line = text.splitlines()[0] if text else '""'
    return line if line == text and len(line) <= 60 else f"{line[:60]}…"


def _few(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
