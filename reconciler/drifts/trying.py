"""Trying: an edit, applied and compiled: on whom it has which effect, as the compiled result says.

A host has what was found there where the resource that drifted comes to exactly that and nothing else of it is another;
it is changed where anything comes to something else, or cannot be told to come to the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from reconciler.documents.edit import NotEditable, append_copy, remove_item, set_value
from reconciler.drifts.inverses import Value
from reconciler.drifts.places import NEW_BLOCK, REMOVED, Values, Write, of_block
from reconciler.drifts.saying import NOTHING, Facts, Said, Speaker, has, linked_of, written_in
from reconciler.drifts.sites import Site
from reconciler.drifts.solving import matches
from reconciler.graph import Graph, Profile
from reconciler.graph.linking import Linked
from reconciler.previews.moves import USERCRATE, Ask, Move, Moves, of_hosts
from reconciler.previews.pairs import Written
from reconciler.previews.reading import ALL
from schema.drifts import Level
from schema.protocol.reports import ObservedAttribute

EXCEPTION: Final = 10
"""What a host costs that is changed without having drifted, or has drifted and is not covered."""
MAX_DIFF_CHARS: Final = 16 * 1024
MAX_ALSO: Final = 20

Compile = Callable[[Mapping[str, bytes]], Graph | None]
"""Path → whole new content → what the tree then means; None where it would not be valid."""
Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that was found otherwise in the same way on some hosts."""

    resource: str
    type: str
    hosts: tuple[str, ...]
    observed: tuple[ObservedAttribute, ...]
    alike: frozenset[str] = frozenset()
    """Other hosts on which the same was found, that nobody asked about."""
    facts: Facts = NOTHING
    same: frozenset[tuple[str, str]] = frozenset()
    """Of a usercrate: (host, other user) for whom the same was found there."""


class Candidate(NamedTuple):
    """An edit that has not been tried."""

    level: Level
    summary: str
    writes: tuple[Write, ...]
    blocks: tuple[tuple[Profile, str], ...] = ()
    """See `Place`."""
    values: Values = {}
    strict: bool = False
    """Whether it is nothing unless it changes exactly the hosts that drifted."""

    @property
    def cost(self) -> int:
        """Of what is written."""
        return sum(write.cost for write in self.writes) + NEW_BLOCK * len(self.blocks)


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
    also: tuple[str, ...]
    """Other resources that become others on the hosts that drifted: they read the same."""

    exact: bool
    """Whether it covers all on which it was found, and changes no other host."""
    candidate: Candidate
    """What is written."""


class Trial:
    """Edits for one resource that drifted, against one graph.

    Args:
        hostnames: of all hosts there are.
    """

    def __init__(
        self,
        graph: Graph,
        drifted: Drifted,
        site: Site,
        changes: Mapping[str, Value],
        hostnames: Sequence[str],
        compile_: Compile,
        read: Read,
    ) -> None:
        self._graph: Final = graph
        self._drifted: Final = drifted
        self._site: Final = site
        self._changes: Final = changes
        self._hostnames: Final = hostnames
        self._compile: Final = compile_
        self._read: Final = read
        self._known: Final = frozenset((*drifted.hosts, *drifted.alike))
        """Hosts of which more is known than their profile."""
        self._here: dict[int, Written | None] = {}
        self._heard: dict[tuple[int, int, str, str], Said] = {}
        """What was said already while one candidate is tried."""
        self.refused: Final[dict[str, None]] = {}
        """Why candidates came to nothing, each once."""

    def of(self, candidate: Candidate) -> Proposal | None:
        """A candidate, applied and compiled; None where it is no valid config, or covers nobody, or may not be."""
        before: dict[str, str] = {}
        try:
            texts = applied(self._graph, [candidate], before, self._read)
        except (NotEditable, UnicodeDecodeError):
            return None
        files = {path: text.encode() for path, text in texts.items() if text != before[path]}
        other = self._compile(files) if files else None
        if other is None:
            self._refuse(candidate, "would not be a valid config")
            return None
        hosts = self._drifted.hosts
        covers = self.covered(other)
        if not covers:
            self._refuse(candidate, "does not come to what was found: something stronger says otherwise")
            return None
        moved: set[str] = set()
        also: dict[str, None] = {}
        # What was said is known by what it was said of, which therefore stays until the next candidate.
        self._moves = moves = Moves(self._graph, other, of_hosts(self._graph, other, self._hostnames))
        for move in moves.made:
            for names, changed in self._changed(move):
                if changed:
                    moved.update(names)
                    if not {*names}.isdisjoint(hosts):
                        also.update(dict.fromkeys(changed))
        also.pop(self._drifted.resource, None)
        siblings = [each for each in also if self._is_sibling(each)]
        same = {*hosts, *(host for host in self._drifted.alike if self._is_so(other, host))}
        others = tuple(name for name in sorted(moved) if name not in same)
        wrong = len(others) + len(hosts) - len(covers)
        if siblings or (candidate.strict and others):
            self._refuse(candidate, f"would change {few(siblings or others)} as well, where it was not found")
            return None
        if candidate.strict and wrong:
            self._refuse(candidate, f"would not make it so on {few(host for host in hosts if host not in covers)}")
            return None
        return Proposal(
            level=candidate.level,
            summary=candidate.summary,
            edits=len(candidate.writes) + len(candidate.blocks),
            cost=candidate.cost + EXCEPTION * wrong,
            files=files,
            diff=_diff(before, texts),
            covers=covers,
            others=others,
            moved=tuple(sorted(moved)),
            also=tuple(also)[:MAX_ALSO],
            exact=not wrong,
            candidate=candidate,
        )

    def covered(self, other: Graph) -> tuple[str, ...]:
        """Of the hosts that drifted, those for which a graph desires what was found."""
        self._heard, self._here = {}, {}
        return tuple(host for host in self._drifted.hosts if self._is_so(other, host))

    def _refuse(self, candidate: Candidate, why: str) -> None:
        self.refused.setdefault(f"{candidate.summary} {why}")

    def _is_sibling(self, resource: str) -> bool:
        """Whether it is of the same resource, of another item or for another user."""
        return resource.startswith(f"{self._site.name.resource} ")

    def _said(self, graph: Graph, host: str, user: str) -> Said | None:
        name, profile = self._site.name, graph.match(host)
        if id(graph) not in self._here:
            self._here[id(graph)] = written_in(graph, name.crate, name.resource)
        linked, written = linked_of(graph, name.crate), self._here[id(graph)]
        if profile is None or linked is None or written is None or not has(profile, name.crate):
            return None
        return self._say(written, linked, profile, host, user)

    def _say(self, written: Written, linked: Linked, profile: Profile, host: str, user: str) -> Said:
        reads = written.reads
        alone = bool(reads.traits or reads.user) or not reads.host.isdisjoint((ALL, "hostname"))
        key = (id(written), id(profile), host if alone else "", user if reads.user else "")
        said = self._heard.get(key)
        if said is None:
            said = Speaker(written, linked, profile, self._drifted.facts, host, user).said()
            self._heard[key] = said
        return said

    def _is_so(self, other: Graph, host: str) -> bool:
        """Whether a graph desires on a host what was found there, and all else of the resource as before."""
        name = self._site.name
        one, two = (self._said(graph, host, name.user) for graph in (self._graph, other))
        if one is None or two is None or name.mark not in one or name.mark not in two:
            return False
        before, after = one[name.mark], two[name.mark]
        rest = [{key: value for key, value in each.items() if key not in self._changes} for each in (before, after)]
        return rest[0] == rest[1] and all(matches(key, after.get(key), value) for key, value in self._changes.items())

    def _changed(self, move: Move) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        """(Hosts, what of them becomes another), for all hosts of a move."""
        static = move.static
        came = any(crate.action != "changed" for crate in static.crates)
        if move.base is None or move.other is None or static.membership != "kept" or came or static.reordered:
            yield move.names, [f"{self._site.name.crate} and more"]
            return
        alone = [name for name in move.names if name in self._known]
        rest = [name for name in move.names if name not in self._known]
        if any(_reads_host(ask) for ask in move.asks):
            for name in move.names:
                yield [name], self._of(move, name)
            return
        for name in alone:
            yield [name], self._of(move, name)
        if rest:
            yield rest, self._of(move, rest[0])

    def _of(self, move: Move, host: str) -> list[str]:
        return [word for ask in move.asks for word in self._of_ask(move, ask, host)]

    def _of_ask(self, move: Move, ask: Ask, host: str) -> Iterator[str]:
        base, other = ask.pair.base, ask.pair.other
        if base is None or other is None or ask.pair.settings or ask.crate.base is None or ask.crate.other is None:
            yield ask.pair.id
            return
        assert move.base is not None
        assert move.other is not None
        name = self._site.name
        mine = ask.pair.id == name.resource
        users: Iterable[str] = [""]
        if ask.pair.id.startswith(USERCRATE):
            users = sorted(self._drifted.facts.users.get(host, frozenset())) or [""]
        for user in users:
            one = self._say(base, ask.crate.base, move.base, host, user)
            two = self._say(other, ask.crate.other, move.other, host, user)
            for mark in sorted({*one, *two}):
                if one.get(mark) == two.get(mark):
                    continue
                ours = mine and mark == name.mark and host in self._known
                if ours and (user == name.user or (host, user) in self._drifted.same):
                    yield self._drifted.resource
                elif mine and host in self._drifted.hosts:
                    yield f"{name.resource} {f'of {user} ' if user else ''}{f'item {mark}' if mark else ''}".rstrip()
                else:
                    yield ask.pair.id


def applied(graph: Graph, candidates: Sequence[Candidate], before: dict[str, str], read: Read) -> dict[str, str]:
    """Path → whole text, of what some candidates write together; `before` gets the texts as they were.

    Raises:
        NotEditable: they do not fit together.
    """
    texts: dict[str, str] = {}
    entries = graph.documents.tree.entries()

    def text_of(path: str) -> str:
        if path not in texts:
            before[path] = texts[path] = read(path).decode() if path in entries else ""
        return texts[path]

    written: list[Write] = []
    made: dict[tuple[str, int, str], dict[Sequence[str], Any]] = {}
    for candidate in candidates:
        for write in candidate.writes:
            if any(_at_odds(write, other) for other in written):
                raise NotEditable(f"two proposals write otherwise about one place of {write.file}: take one at a time")
            if write not in written:
                written.append(write)
        for profile, host in candidate.blocks:
            more = made.setdefault((profile.document.path, profile.index, host), {("match",): host})
            values = of_block(profile, candidate.values)
            if any(more.get(keys, value) != value for keys, value in values.items()):
                raise NotEditable(f"two proposals give {host} one var in two ways: take one at a time")
            more |= values
    for write in written:
        text = text_of(write.file)
        if write.value is REMOVED:
            texts[write.file] = remove_item(text, write.at)
        else:
            texts[write.file] = set_value(text, write.at, write.value) if write.at else str(write.value)
    for (path, index, _), more in made.items():
        texts[path] = append_copy(text_of(path), ("envoys", index), more)
    return texts


def _at_odds(one: Write, other: Write) -> bool:
    """Whether two writes cannot both be made: one holds the place of the other, or moves it."""
    if one.file != other.file or one == other:
        return False
    size = min(len(one.at), len(other.at))
    moves = any(
        this.value is REMOVED and that.at[: len(this.at) - 1] == this.at[:-1]
        for this, that in ((one, other), (other, one))
    )
    return one.at[:size] == other.at[:size] or moves


def few(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    found = list(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _reads_host(ask: Ask) -> bool:
    return any(
        side is not None and not side.reads.host.isdisjoint((ALL, "hostname"))
        for side in (ask.pair.base, ask.pair.other)
    )


def _diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    lines: list[str] = []
    for path in sorted(after):
        old = f"a/{path}" if before[path] else "/dev/null"
        lines += difflib.unified_diff(
            before[path].splitlines(), after[path].splitlines(), old, f"b/{path}", lineterm="", n=2
        )
    text = "\n".join(lines)
    return text if len(text) <= MAX_DIFF_CHARS else f"{text[:MAX_DIFF_CHARS]}\n[... cut at 16 KiB]"
