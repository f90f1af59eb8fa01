"""Causes: the smallest set of config lines and traits that explains why two hosts differ.

Every difference has requirements: for each host, the line that gives it what the other has not; for a resource, the
vars and traits that make it come out differently. A requirement can be met in several ways, general or exact; of all
sets that meet them all a smallest is chosen, so none of what it names is superfluous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.explanations import hosts
from reconciler.explanations.comparison import Comparison, Found
from reconciler.explanations.contributions import Candidate, Contributions
from reconciler.explanations.covering import cover
from reconciler.explanations.places import Places, below
from reconciler.graph import Graph
from schema.explanations import Cause, CauseKind, Causes, Line, Side
from schema.merging import APPEND

MAX_EXPLAINED: Final = 500
"""Differences that are listed under one cause."""
MAX_CAUSES: Final = 500
_RANK: Final = {
    CauseKind.LINE: 0,
    CauseKind.FILE: 0,
    CauseKind.TRAIT: 0,
    CauseKind.HOST: 0,
    CauseKind.ROLE: 1,
    CauseKind.ENVIRONMENT: 1,
    CauseKind.BLOCK: 2,
    CauseKind.LEVEL: 2,
}


class Host:
    """One host as it is asked about: a name, the graph it is looked up in, its traits where they are known."""

    def __init__(self, graph: Graph, hostname: str, traits: Mapping[str, Any] | None = None) -> None:
        self.graph: Final = graph
        self.hostname: Final = hosts.folded(hostname)
        self.traits: Final = traits
        self.places: Final = Places(graph)
        profile = graph.match(self.hostname)
        self.has: Final = None if profile is None else Contributions(graph, profile, self.hostname, traits)

    def side(self) -> Side:
        """The host, as the answer names it."""
        found = Side(hostname=self.hostname, commit=self.graph.commit, traits=self.traits is not None)
        if self.has is not None:
            found.match_pattern = self.has.profile.match_pattern
            found.at = self.line(self.has.of_block())
        return found

    def line(self, candidate: Candidate) -> Line | None:
        """Where a candidate stands in this host's revision."""
        document = self.graph.documents.by_path.get(candidate.file)
        if document is not None and candidate.way:
            return self.places.line(document, candidate.way, on_key=candidate.on_key)
        return self.places.top(candidate.file) if candidate.file in self.graph.documents.entries else None


def causes(one: Host, other: Host) -> Causes:
    """Why two hosts differ, each looked up in its own graph; the two graphs may be one."""
    compared = Comparison(one.has, other.has)
    found = compared.found
    requirements = [requirement for each in found for requirement in each.requirements]
    candidates = list(dict.fromkeys(candidate for each in requirements for candidate in each))
    chosen, smallest = cover(requirements, {each: _RANK[each.kind] for each in candidates})
    explained: dict[Candidate, list[Found]] = {candidate: [] for candidate in chosen}
    for each in found:
        for candidate in dict.fromkeys(candidate for requirement in each.requirements for candidate in requirement):
            if candidate in explained:
                explained[candidate].append(each)
    ordered = sorted(explained, key=lambda candidate: -len(explained[candidate]))
    made = [_cause(one, other, candidate, explained[candidate]) for candidate in ordered[:MAX_CAUSES]]
    return Causes(
        one=one.side(),
        other=other.side(),
        alike=not found,
        differences=len(found),
        causes=made,
        smallest=smallest,
        undecided=compared.undecided or None,
        left_out=compared.left_out + sum(len(explained[each]) for each in ordered[MAX_CAUSES:]) or None,
    )


def _cause(one: Host, other: Host, candidate: Candidate, explained: Sequence[Found]) -> Cause:
    of = {side for each in explained for side in each.sides.get(candidate, ())}
    whose = "both" if len(of) != 1 else of.pop()
    made = Cause(
        kind=candidate.kind,
        text=_text(one, other, candidate, whose),
        of=whose,
        explains=[each.difference for each in explained[:MAX_EXPLAINED]],
        left_out=max(0, len(explained) - MAX_EXPLAINED) or None,
    )
    if candidate.kind is CauseKind.TRAIT:
        made.one, made.other = _trait(one, candidate), _trait(other, candidate)
    elif candidate.kind is CauseKind.HOST:
        made.one, made.other = one.hostname, other.hostname
    else:
        made.at = (other if whose == "other" else one).line(candidate)
        if whose == "both":
            made.other_at = other.line(candidate)
    return made


def _text(one: Host, other: Host, candidate: Candidate, whose: str) -> str:
    host = other if whose == "other" else one
    has = host.has
    if candidate.kind is CauseKind.TRAIT:
        return f"their traits.{candidate.file} differ"
    if candidate.kind is CauseKind.HOST:
        return "their names differ"
    if has is None:
        return f"{host.hostname} is under no match block"
    who = "both" if whose == "both" else host.hostname
    if candidate.kind is CauseKind.ROLE:
        return f"{who} is given role {has.role_at(candidate)}"
    if candidate.kind is CauseKind.ENVIRONMENT:
        return f"{who} is in environment {has.profile.environment}"
    if candidate.kind is CauseKind.LEVEL:
        document = host.graph.documents.by_path[candidate.file]
        return f"{who} inherits from {candidate.file}, which is for {below(document)}"
    if candidate.kind is CauseKind.BLOCK:
        return f"{who} is under the block for {has.profile.match_pattern}"
    if candidate.kind is CauseKind.FILE:
        return f"{candidate.file} is not the same in both revisions"
    if whose == "both":
        return f"{candidate.file} does not say the same in both revisions"
    return f"{_what(host, candidate)} for {who}"


def _what(host: Host, candidate: Candidate) -> str:
    """What a line does."""
    parts = candidate.way
    if "vars" in parts:
        dotted = ".".join(map(str, parts[parts.index("vars") + 1 :]))
        return f"{candidate.file} {'appends to' if dotted.endswith(APPEND) else 'sets'} {dotted.removesuffix(APPEND)}"
    document = host.graph.documents.by_path.get(candidate.file)
    name: Any = document.parsed.data if document is not None else None
    for part in parts:
        if isinstance(name, str):
            break  # a list of one, written bare
        name = name[part]
    return f"{candidate.file} {'excludes' if 'exclude_configcrates' in parts else 'lists'} {name}"


def _trait(host: Host, candidate: Candidate) -> Any:
    value: Any = host.traits
    for key in candidate.way:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
