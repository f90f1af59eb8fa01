"""Hosts: which match block applies to a name, and which lost to it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from reconciler.explanations.places import Places
from reconciler.graph import Graph, Profile
from reconciler.graph.patterns import PatternKind
from schema.explanations import Link, LinkKind

MAX_COMPARED: Final = 20_000
"""Patterns that are held against a name that none matches, to find the one that was meant."""
_COUNTS: Final = re.compile(r"[0-9*?]|\[[^]]*\]")
_KIND: Final = {
    PatternKind.EXACT: "an exact name",
    PatternKind.GLOB: "a glob",
    PatternKind.REGEX: "a regular expression",
}


def folded(hostname: str) -> str:
    """A host name in its only form."""
    return hostname.strip().lower().rstrip(".")


def outmatched(graph: Graph, hostname: str, winner: Profile) -> Iterator[Profile]:
    """The profiles whose pattern matches a host, and whose block does not apply to it."""
    return (profile for profile in graph.order if profile is not winner and profile.pattern.matches(hostname))


def why_it_won(winner: Profile, loser: Profile) -> str:
    """Why one block applies and not the other."""
    if winner.pattern.kind is not loser.pattern.kind:
        return f"{_KIND[winner.pattern.kind]} beats {_KIND[loser.pattern.kind]}"
    if winner.document.path == loser.document.path:
        return "it stands first in the file"
    return f"{winner.document.path} comes before {loser.document.path}"


def nearest(graph: Graph, hostname: str, known: Collection[str]) -> tuple[str, Profile | None]:
    """What was perhaps meant by a name that nothing matches: a hint, and the block it points at."""
    wanted = _bare(hostname)
    by_bare: dict[str, dict[str, Profile | None]] = {}
    for profile in graph.order[:MAX_COMPARED]:
        if profile.pattern.kind is not PatternKind.REGEX:
            by_bare.setdefault(_bare(profile.pattern.folded), {}).setdefault(profile.pattern.folded, profile)
    for name in islice(known, MAX_COMPARED):
        by_bare.setdefault(_bare(name), {}).setdefault(name, None)
    close = difflib.get_close_matches(wanted, by_bare, n=1, cutoff=0.8)
    if not close:
        return "", None
    texts = by_bare[close[0]]
    text = difflib.get_close_matches(hostname, texts, n=1, cutoff=0)[0]
    found = texts[text]
    if found is not None and found.pattern.kind is PatternKind.GLOB:
        return f"the nearest pattern is {found.match_pattern}, in {found.document.path}", found
    return f"did you mean {text}?", found or graph.match(text)


def _bare(name: str) -> str:
    """A name or glob without what counts hosts: `web*` and `web01` are as near as can be."""
    return _COUNTS.sub("", name)


def nearest_link(places: Places, profile: Profile) -> Link:
    """The match line of the block that was perhaps meant."""
    text = f"{profile.match_pattern} does not match"
    return places.link(LinkKind.MATCH, text, profile.document, ("envoys", profile.index, "match"))
