"""Which block applies to a host name: an exact name before a glob before an expression, then the first.

Globs are found through what is literal in them: a head, a tail, or four letters anywhere. Of a thousand globs a name
meets a handful. A matcher never changes; `replaced` makes another that shares all but the patterns of one leaf, without
a look at the others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import re2

from reconciler.graph.patterns import Pattern, PatternKind, covers
from reconciler.overlays import Layers, Splice, spliced

GRAM: Final = 4
NAMES_KEPT: Final = 200_000
_GAP: Final = 1 << 40
"""Between the ranks of two patterns: forty can come between them, each before the last, until some are ranked anew."""
_TOP: Final = 1 << 63
_NEIGHBOURS: Final = 8
"""On each side of patterns between which there is no room: so many are ranked anew."""
_EXACT: Final = PatternKind.EXACT  # an attribute of an enum is slow to reach, and this is reached for each pattern
_GLOB: Final = PatternKind.GLOB
_REGEX: Final = PatternKind.REGEX

_Ranked = tuple[int, Pattern]
_Bucket = tuple[_Ranked, ...]
_Buckets = Layers[str, _Bucket]
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
        self._globs = _GlobIndex()
        self._same: tuple[_Same, ...] = (Layers(), Layers(), Layers())
        """Of each kind: text → ranks of the patterns that say it; plain where it is one."""
        self._regexes: list[_Ranked] = []
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

    def _become(self, before: Matcher, start: int, stop: int, added: Sequence[_Ranked]) -> None:
        gone = list(zip(before._ranks[start:stop], before.patterns[start:stop], strict=True))
        self.patterns = spliced(before.patterns, [Splice(start, stop, [pattern for _, pattern in added])])
        self._ranks = before._ranks[:start] + array("Q", [rank for rank, _ in added]) + before._ranks[stop:]
        self._known = {}
        self._globs, self._same = before._globs.fork(), tuple([each.fork() for each in before._same])
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

    def _add(self, ranked: _Ranked) -> None:
        rank, pattern = ranked
        same, said = self._same[pattern.kind], pattern.folded
        others = same.get(said)
        same.put(said, tuple(sorted((*_listed(others), rank))) if others else rank)
        if pattern.kind is _GLOB:
            self._globs.add(ranked)
        elif pattern.kind is _REGEX:
            self._regexes.append(ranked)

    def _take_away(self, ranked: _Ranked) -> None:
        rank, pattern = ranked
        same, said = self._same[pattern.kind], pattern.folded
        left = tuple(each for each in _listed(same.get(said) or ()) if each != rank)
        same.put(said, left[0] if len(left) == 1 else left)
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


class _GlobIndex:
    """Globs by head, by tail, by four letters within, and the rest; ranks in each bucket ascend."""

    def __init__(self) -> None:
        self._heads: _Buckets = Layers()
        self._tails: _Buckets = Layers()
        self._grams: _Buckets = Layers()
        self.rest: _Bucket = ()
        self._head_lengths: list[int] = []
        self._tail_lengths: list[int] = []

    def fork(self) -> _GlobIndex:
        """One that is as this is, to be changed. This one must not be any more."""
        made = _GlobIndex()
        made._heads, made._tails, made._grams = self._heads.fork(), self._tails.fork(), self._grams.fork()
        made.rest = self.rest
        made._head_lengths, made._tail_lengths = self._head_lengths, self._tail_lengths
        return made

    def add(self, ranked: _Ranked) -> None:
        """Take up a glob, where fewest others are."""
        side, key = self._place(ranked[1])
        if side is None:
            self.rest = tuple(sorted((*self.rest, ranked), key=_rank))
            return
        bucket = side.get(key) or ()
        ordered = not bucket or bucket[-1][0] < ranked[0]
        side.put(key, (*bucket, ranked) if ordered else tuple(sorted((*bucket, ranked), key=_rank)))
        if side is self._heads and len(key) not in self._head_lengths:
            self._head_lengths = [*self._head_lengths, len(key)]
        elif side is self._tails and len(key) not in self._tail_lengths:
            self._tail_lengths = [*self._tail_lengths, len(key)]

    def take_away(self, ranked: _Ranked) -> None:
        """Let go of a glob."""
        rank, pattern = ranked
        for side, key in self._ways(pattern):
            bucket = side.get(key) or ()
            left = tuple([each for each in bucket if each[0] != rank])
            if len(left) < len(bucket):
                side.put(key, left)
                return
        self.rest = tuple([each for each in self.rest if each[0] != rank])

    def _place(self, pattern: Pattern) -> tuple[_Buckets | None, str]:
        """Where a glob is kept: of the ways in which it can be found, the one that fewest others are found by."""
        best: tuple[_Buckets | None, str] = (None, "")
        fewest = -1
        for side, key in self._ways(pattern):
            count = len(side.get(key) or ())
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
        buckets = [
            *self._heads.chosen(lambda key: key.startswith(head)),
            *self._tails.chosen(lambda key: key.endswith(tail)),
            *self._grams.chosen(bool),
            self.rest,
        ]
        return [
            other
            for bucket in buckets
            for other, narrow in bucket
            if other > rank
            and narrow.runs[0].startswith(head)
            and narrow.runs[-1].endswith(tail)
            and covers(wide, narrow)
        ]

    def _candidates(self, head: str, tail: str, texts: Iterable[str]) -> Iterator[_Bucket]:
        # Layers, written out: each name is looked up here in ten ways or twenty.
        own, base = self._heads.own, self._heads.base
        for length in self._head_lengths:
            key = head[:length]
            if (found := own.get(key)) is not None or (base and (found := base.get(key)) is not None):
                yield found
        own, base = self._tails.own, self._tails.base
        for length in self._tail_lengths:
            key = tail[-length:]
            if (found := own.get(key)) is not None or (base and (found := base.get(key)) is not None):
                yield found
        grams = self._grams
        if grams.own or grams.base:
            for text in texts:
                for start in range(len(text) - GRAM + 1):
                    if found := grams.get(text[start : start + GRAM]):
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
