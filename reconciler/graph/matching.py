"""Which block applies to a host name: an exact name before a glob before an expression, then the first.

Globs are found through what is literal in them: a head, a tail, or four letters anywhere. Of a thousand globs a name
meets a handful. A matcher never changes; `replaced` makes another that shares all but the patterns of one leaf.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import re2

from reconciler.graph.patterns import Pattern, PatternKind, covers

GRAM: Final = 4
NAMES_KEPT: Final = 200_000
_GAP: Final = 1 << 20
"""Between the ranks of two patterns: so many can come between them before all are ranked anew."""
_EXACT: Final = PatternKind.EXACT  # an attribute of an enum is slow to reach, and this is reached for each pattern
_GLOB: Final = PatternKind.GLOB
_REGEX: Final = PatternKind.REGEX

_Ranked = tuple[int, Pattern]
_Buckets = dict[str, tuple[_Ranked, ...]]


class Matcher:
    """Patterns in order of precedence within their kind; answers with their indexes."""

    def __init__(self, patterns: Sequence[Pattern], shadows: Sequence[tuple[int, int]] | None = None) -> None:
        """The matcher of these patterns.

        Args:
            shadows: what its `shadows` gives, where that is known already: to find it is most of the work.
        """
        self.patterns: Sequence[Pattern] = patterns
        self._ranks: list[int] = list(range(_GAP, _GAP * (len(patterns) + 1), _GAP))
        """Ascending; one for each pattern. What refers to a pattern does so by rank, which outlives its index."""
        self._known: dict[str, int | None] = {}
        self._globs = _GlobIndex()
        self._same: dict[tuple[int, str], int | tuple[int, ...]] = {}
        """Kind and text → ranks of the patterns that say it; plain where it is one."""
        self._regexes: list[_Ranked] = []
        self._shadows: dict[int, int] = {}
        """Rank of a pattern that can never apply → rank of the first that always applies in its stead."""
        added = list(zip(self._ranks, patterns, strict=True))
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

    def shadows(self) -> Iterator[tuple[int, int]]:
        """Pairs (pattern that can never apply, pattern that always applies in its stead), in order."""
        for rank in sorted(self._shadows):
            yield bisect_left(self._ranks, rank), bisect_left(self._ranks, self._shadows[rank])

    def replaced(self, start: int, stop: int, patterns: Sequence[Pattern]) -> Matcher:
        """The matcher with other patterns in the stead of those from `start` to `stop`; itself where they are alike."""
        gone = self.patterns[start:stop]
        if list(gone) == list(patterns):
            return self
        all_patterns = [*self.patterns[:start], *patterns, *self.patterns[stop:]]
        low = self._ranks[start - 1] if start else 0
        high = self._ranks[stop] if stop < len(self._ranks) else low + _GAP * (len(patterns) + 1)
        step = (high - low) // (len(patterns) + 1)
        if step == 0:
            return Matcher(all_patterns)
        ranks = [low + step * (at + 1) for at in range(len(patterns))]
        made: Matcher = Matcher.__new__(Matcher)
        made._become(self, start, stop, all_patterns, list(zip(ranks, patterns, strict=True)))
        return made

    def _become(
        self, before: Matcher, start: int, stop: int, patterns: Sequence[Pattern], added: Sequence[_Ranked]
    ) -> None:
        gone = list(zip(before._ranks[start:stop], before.patterns[start:stop], strict=True))
        self.patterns = patterns
        self._ranks = [*before._ranks[:start], *(rank for rank, _ in added), *before._ranks[stop:]]
        self._known = {}
        self._globs, self._same = before._globs.copy(), dict(before._same)
        self._regexes, self._shadows = list(before._regexes), dict(before._shadows)
        for ranked in gone:
            self._take_away(ranked)
        for ranked in added:
            self._add(ranked)
        self._regexes.sort(key=_rank)
        alike = self._regexes == before._regexes
        self._regex_set = before._regex_set if alike else _regex_set(self._regexes)
        self._everything = self._first_of_all()
        for ranked in self._touched(before, gone, added):
            self._judge(ranked)

    def _touched(self, before: Matcher, gone: Sequence[_Ranked], added: Sequence[_Ranked]) -> list[_Ranked]:
        """Patterns of which it is to be seen again whether they can ever apply."""
        left = {rank for rank, _ in gone}
        ranks = {rank for rank, _ in added}
        ranks.update(rank for rank, by in self._shadows.items() if by in left)
        for _, pattern in (*gone, *added):
            ranks.update(_listed(self._same.get((pattern.kind, pattern.folded), ())))
        for rank, pattern in added:
            if pattern.kind is _GLOB:
                ranks.update(self._globs.below(rank, pattern))
        if self._everything != before._everything:
            ranks.update(rank for rank, _ in self._regexes)
        return [(rank, self.patterns[bisect_left(self._ranks, rank)]) for rank in ranks]

    def _match(self, name: str) -> int | None:
        found = self._same.get((_EXACT, name))
        if found is not None:
            return _listed(found)[0]
        best = self._globs.first(name)
        if best is not None or self._regex_set is None:
            return best
        # A name that is no text RE2 can take (a lone surrogate) is no host's.
        matched = self._regex_set.Match(name.encode("utf-8", "replace").decode("utf-8"))
        return self._regexes[min(matched)][0] if matched else None

    def _add(self, ranked: _Ranked) -> None:
        rank, pattern = ranked
        key = (pattern.kind, pattern.folded)
        others = self._same.get(key)
        self._same[key] = rank if others is None else tuple(sorted((*_listed(others), rank)))
        if pattern.kind is _GLOB:
            self._globs.add(ranked)
        elif pattern.kind is _REGEX:
            self._regexes.append(ranked)

    def _take_away(self, ranked: _Ranked) -> None:
        rank, pattern = ranked
        key = (pattern.kind, pattern.folded)
        left = tuple(each for each in _listed(self._same[key]) if each != rank)
        if left:
            self._same[key] = left if len(left) > 1 else left[0]
        else:
            del self._same[key]
        if pattern.kind is _GLOB:
            self._globs.take_away(ranked)
        elif pattern.kind is _REGEX:
            self._regexes.remove(ranked)
        self._shadows.pop(rank, None)

    def _judge(self, ranked: _Ranked) -> None:
        """Note whether a pattern can ever apply."""
        rank, pattern = ranked
        kind = pattern.kind
        by: int | None = None
        same = self._same[kind, pattern.folded]
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


class _GlobIndex:
    """Globs by head, by tail, by four letters within, and the rest; ranks in each bucket ascend."""

    def __init__(self) -> None:
        self._heads: _Buckets = {}
        self._tails: _Buckets = {}
        self._grams: _Buckets = {}
        self.rest: tuple[_Ranked, ...] = ()
        self._head_lengths: list[int] = []
        self._tail_lengths: list[int] = []

    def copy(self) -> _GlobIndex:
        """A copy that can be changed by itself."""
        made = _GlobIndex()
        made._heads, made._tails, made._grams = dict(self._heads), dict(self._tails), dict(self._grams)
        made.rest = self.rest
        made._head_lengths, made._tail_lengths = self._head_lengths, self._tail_lengths
        return made

    def add(self, ranked: _Ranked) -> None:
        """Take up a glob, where fewest others are."""
        side, key = self._place(ranked[1])
        if side is None:
            self.rest = tuple(sorted((*self.rest, ranked), key=_rank))
            return
        bucket = side.get(key, ())
        ordered = not bucket or bucket[-1][0] < ranked[0]
        side[key] = (*bucket, ranked) if ordered else tuple(sorted((*bucket, ranked), key=_rank))
        if side is self._heads and len(key) not in self._head_lengths:
            self._head_lengths = [*self._head_lengths, len(key)]
        elif side is self._tails and len(key) not in self._tail_lengths:
            self._tail_lengths = [*self._tail_lengths, len(key)]

    def take_away(self, ranked: _Ranked) -> None:
        """Let go of a glob."""
        rank, pattern = ranked
        for side, key in self._ways(pattern):
            bucket = side.get(key, ())
            left = tuple([each for each in bucket if each[0] != rank])
            if len(left) < len(bucket):
                if left:
                    side[key] = left
                else:
                    del side[key]
                return
        self.rest = tuple([each for each in self.rest if each[0] != rank])

    def _place(self, pattern: Pattern) -> tuple[_Buckets | None, str]:
        """Where a glob is kept: of the ways in which it can be found, the one that fewest others are found by."""
        best: tuple[_Buckets | None, str] = (None, "")
        fewest = -1
        for side, key in self._ways(pattern):
            count = len(side.get(key, ()))
            if count < fewest or fewest < 0:
                best, fewest = (side, key), count
                if not count:
                    break
        return best

    def _ways(self, pattern: Pattern) -> Iterator[tuple[_Buckets, str]]:
        runs = pattern.runs
        head, tail = runs[0], runs[-1]
        enough = min(GRAM, max(map(len, runs)))
        sides = ((self._heads, head), (self._tails, tail))
        found = False
        for side, text in sides if len(head) >= len(tail) else sides[::-1]:
            if text and len(text) >= enough:
                found = True
                yield side, text
        if not found and enough == GRAM:
            longest = pattern.longest
            for start in range(len(longest) - GRAM + 1):
                yield self._grams, longest[start : start + GRAM]

    def first(self, name: str) -> int | None:
        """The lowest rank of a glob that matches."""
        best: int | None = None
        for bucket in self._candidates(name, name, (name,)):
            for rank, pattern in bucket:
                if best is not None and rank >= best:
                    break
                if pattern.matches(name):
                    best = rank
                    break
        return best

    def wider(self, rank: int, narrow: Pattern) -> int | None:
        """The lowest rank of a glob before this one that covers it."""
        best, runs = rank, narrow.runs
        for bucket in self._candidates(runs[0], runs[-1], runs):
            for candidate, pattern in bucket:
                if candidate >= best:
                    break
                if covers(pattern, narrow):
                    best = candidate
                    break
        return best if best < rank else None

    def below(self, rank: int, wide: Pattern) -> list[int]:
        """Ranks of the globs behind this one that it covers."""
        head, tail = wide.runs[0], wide.runs[-1]
        return [
            other
            for side in (self._heads, self._tails, self._grams, {"": self.rest})
            for bucket in side.values()
            for other, narrow in bucket
            if other > rank
            and narrow.runs[0].startswith(head)
            and narrow.runs[-1].endswith(tail)
            and covers(wide, narrow)
        ]

    def _candidates(self, head: str, tail: str, texts: Iterable[str]) -> Iterator[tuple[_Ranked, ...]]:
        heads, tails, grams = self._heads, self._tails, self._grams
        for length in self._head_lengths:
            if (found := heads.get(head[:length])) is not None:
                yield found
        for length in self._tail_lengths:
            if (found := tails.get(tail[-length:])) is not None:
                yield found
        if grams:
            for text in texts:
                for start in range(len(text) - GRAM + 1):
                    if (found := grams.get(text[start : start + GRAM])) is not None:
                        yield found
        if self.rest:
            yield self.rest


def _rank(ranked: _Ranked) -> int:
    return ranked[0]


def _listed(ranks: int | tuple[int, ...]) -> tuple[int, ...]:
    return ranks if isinstance(ranks, tuple) else (ranks,)


def _regex_set(regexes: Sequence[_Ranked]) -> re2.Set | None:
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
