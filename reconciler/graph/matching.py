"""Which block applies to a host name: an exact name before a glob before an expression, then the first.

Of a thousand globs a name meets a handful (`globs`). A matcher never changes; `replaced` makes another that shares all
but the patterns of one leaf, without a look at the others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import re2

from reconciler.graph.globs import GlobIndex, Ranked, rank_of
from reconciler.graph.patterns import Pattern, PatternKind
from reconciler.overlays import Layers, Splice, spliced

NAMES_KEPT: Final = 200_000
_GAP: Final = 1 << 40
"""Between the ranks of two patterns: forty can come between them, each before the last, until some are ranked anew."""
_TOP: Final = 1 << 63
_NEIGHBOURS: Final = 8
"""On each side of patterns between which there is no room: so many are ranked anew."""
_EXACT: Final = PatternKind.EXACT  # an attribute of an enum is slow to reach, and this is reached for each pattern
_GLOB: Final = PatternKind.GLOB
_REGEX: Final = PatternKind.REGEX

_Same = Layers[str, int | tuple[int, ...]]


class Matcher:
    """Patterns in order of precedence within their kind; answers with their indexes."""

    def __init__(self, patterns: Sequence[Pattern], shadows: Sequence[tuple[int, int]] | None = None) -> None:
        """The matcher of these patterns.

        Args:
            shadows: what its `shadows` gives, where that is known already: to find it is most of the work.
        """
        self.patterns: Sequence[Pattern] = patterns
        ranks = range(_GAP, _GAP * (len(patterns) + 1), _GAP)
        self._ranks: array[int] = array("Q", ranks)
        """Ascending; one for each pattern. What refers to a pattern does so by rank, which outlives its index."""
        self._known: dict[str, int | None] = {}
        self._globs = GlobIndex()
        self._same: tuple[_Same, ...] = (Layers(), Layers(), Layers())
        """Of each kind: text → ranks of the patterns that say it; plain where it is one."""
        self._regexes: list[Ranked] = []
        self._shadows: dict[int, int] = {}
        """Rank of a pattern that can never apply → rank of the first that always applies in its stead."""
        added = list(zip(ranks, patterns, strict=True))
        for ranked in added:
            self._add(ranked)
        self._regex_set = _regex_set(self._regexes)
        self._everything = self._first_of_all()
        if shadows is None:
            for ranked in added:
                self._judge(ranked)
        else:
            self._shadows = {self._ranks[hidden]: self._ranks[by] for hidden, by in shadows}

    def match(self, hostname: str) -> int | None:
        """The index of the pattern that applies; None when none does."""
        try:
            return self._known[hostname]
        except KeyError:
            pass
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        rank = self._match(hostname.lower())
        found = self._known[hostname] = None if rank is None else bisect_left(self._ranks, rank)
        return found

    def matches(self, hostnames: Iterable[str]) -> list[int | None]:
        """What `match` says of each name, in order."""
        known, match = self._known.get, self.match
        return [found if (found := known(name, -1)) != -1 else match(name) for name in hostnames]

    def shadows(self) -> Iterator[tuple[int, int]]:
        """Pairs (pattern that can never apply, pattern that always applies in its stead), in order."""
        for rank in sorted(self._shadows):
            yield bisect_left(self._ranks, rank), bisect_left(self._ranks, self._shadows[rank])

    def replaced(self, start: int, stop: int, patterns: Sequence[Pattern]) -> Matcher:
        """The matcher with other patterns in the stead of those from `start` to `stop`; itself where they are alike."""
        gone = [pattern.text for pattern in self.patterns[start:stop]]
        stop = start + len(gone)
        fresh = [pattern.text for pattern in patterns]
        if gone == fresh:
            return self
        most = min(len(gone), len(fresh))
        first = next((at for at in range(most) if gone[at] != fresh[at]), most)
        last = next((at for at in range(most - first) if gone[-1 - at] != fresh[-1 - at]), most - first)
        return self._replaced(start + first, stop - last, patterns[first : len(patterns) - last])

    def _replaced(self, start: int, stop: int, patterns: Sequence[Pattern]) -> Matcher:
        while True:
            low = self._ranks[start - 1] if start else 0
            high = self._ranks[stop] if stop < len(self._ranks) else low + _GAP * (len(patterns) + 1)
            if high > _TOP:
                return Matcher([*self.patterns[:start], *patterns, *self.patterns[stop:]])
            step = (high - low) // (len(patterns) + 1)
            if step:
                break
            before, after = max(0, start - _NEIGHBOURS), min(len(self._ranks), stop + _NEIGHBOURS)
            patterns = [*self.patterns[before:start], *patterns, *self.patterns[stop:after]]
            start, stop = before, after
        added = [(low + step * number, pattern) for number, pattern in enumerate(patterns, start=1)]
        made: Matcher = Matcher.__new__(Matcher)
        made._become(self, start, stop, added)
        return made

    def _become(self, before: Matcher, start: int, stop: int, added: Sequence[Ranked]) -> None:
        gone = list(zip(before._ranks[start:stop], before.patterns[start:stop], strict=True))
        self.patterns = spliced(before.patterns, [Splice(start, stop, [pattern for _, pattern in added])])
        self._ranks = before._ranks[:start] + array("Q", [rank for rank, _ in added]) + before._ranks[stop:]
        self._known = {}
        if any(pattern.kind is _GLOB for _, pattern in added):
            before._globs.texts()  # which others that are made of the same matcher then have, too
        self._globs, self._same = before._globs.fork(), tuple([each.fork() for each in before._same])
        self._regexes, self._shadows = list(before._regexes), dict(before._shadows)
        for ranked in gone:
            self._take_away(ranked)
        for ranked in added:
            self._add(ranked)
        self._regexes.sort(key=rank_of)
        alike = self._regexes == before._regexes
        self._regex_set = before._regex_set if alike else _regex_set(self._regexes)
        self._everything = self._first_of_all()
        for ranked in self._touched(before, gone, added):
            self._judge(ranked)

    def _touched(self, before: Matcher, gone: Sequence[Ranked], added: Sequence[Ranked]) -> list[Ranked]:
        """Patterns of which it is to be seen again whether they can ever apply."""
        left = {rank for rank, _ in gone}
        ranks = {rank for rank, _ in added}
        ranks.update(rank for rank, by in self._shadows.items() if by in left)
        for _, pattern in (*gone, *added):
            ranks.update(_listed(self._same[pattern.kind].get(pattern.folded) or ()))
        for rank, pattern in added:
            if pattern.kind is _GLOB:
                ranks.update(self._globs.below(rank, pattern))
        if self._everything != before._everything:
            ranks.update(rank for rank, _ in self._regexes)
        return [(rank, self.patterns[bisect_left(self._ranks, rank)]) for rank in ranks]

    def _match(self, name: str) -> int | None:
        found = self._same[_EXACT].get(name)
        if found:
            return _listed(found)[0]
        best = self._globs.first(name)
        if best is not None or self._regex_set is None:
            return best
        # A name that is no text RE2 can take (a lone surrogate) is no host's.
        matched = self._regex_set.Match(name.encode("utf-8", "replace").decode("utf-8"))
        return self._regexes[min(matched)][0] if matched else None

    def _add(self, ranked: Ranked) -> None:
        rank, pattern = ranked
        same, said = self._same[pattern.kind], pattern.folded
        others = same.get(said)
        same.put(said, tuple(sorted((*_listed(others), rank))) if others else rank)
        if pattern.kind is _GLOB:
            self._globs.add(ranked)
        elif pattern.kind is _REGEX:
            self._regexes.append(ranked)

    def _take_away(self, ranked: Ranked) -> None:
        rank, pattern = ranked
        same, said = self._same[pattern.kind], pattern.folded
        left = tuple(each for each in _listed(same.get(said) or ()) if each != rank)
        same.put(said, left[0] if len(left) == 1 else left)
        if pattern.kind is _GLOB:
            self._globs.take_away(ranked)
        elif pattern.kind is _REGEX:
            self._regexes.remove(ranked)
        self._shadows.pop(rank, None)

    def _judge(self, ranked: Ranked) -> None:
        """Note whether a pattern can ever apply."""
        rank, pattern = ranked
        kind = pattern.kind
        by: int | None = None
        same = self._same[kind].get(pattern.folded)
        if type(same) is tuple and same[0] != rank:
            by = same[0]
        elif kind is _GLOB:
            by = self._globs.wider(rank, pattern)
        elif kind is _REGEX:
            by = self._everything
        if by is not None:
            self._shadows[rank] = by
        else:
            self._shadows.pop(rank, None)

    def _first_of_all(self) -> int | None:
        """The rank of the first glob that every name matches."""
        return min((rank for rank, pattern in self._globs.rest if pattern.is_everything), default=None)


def _listed(ranks: int | tuple[int, ...]) -> tuple[int, ...]:
    return ranks if isinstance(ranks, tuple) else (ranks,)


def _regex_set(regexes: Sequence[Ranked]) -> re2.Set | None:
    if not regexes:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = 64 << 20
    found = re2.Set.FullMatchSet(options)
    for _, pattern in regexes:
        found.Add(pattern.folded)
    found.Compile()
    return found
