"""Globs in order, found through what is literal in them: a head, a tail, or four letters anywhere.

An index is filled, then asked, then perhaps forked; what a fork takes up or lets go of, the other never shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from reconciler.graph.patterns import Pattern, covers
from reconciler.overlays import Layers

GRAM: Final = 4
_EDITS: Final = 256
"""Globs that came or went, before the texts of all are put together anew."""

Ranked = tuple[int, Pattern]
"""A pattern behind its rank: what is before it ranks lower."""
_Bucket = tuple[Ranked, ...]
_Buckets = Layers[str, _Bucket]


class GlobIndex:
    """Globs by head, by tail, by four letters within, and the rest; ranks in each bucket ascend."""

    def __init__(self) -> None:
        self._heads: _Buckets = Layers()
        self._tails: _Buckets = Layers()
        self._grams: _Buckets = Layers()
        self.rest: _Bucket = ()
        self._texts: _Texts | None = None
        """Of the globs that there were when it was first asked for; of those since, `_came` and `_left`."""
        self._came: _Bucket = ()
        self._left: frozenset[int] = frozenset()
        self._head_lengths: list[int] = []
        self._tail_lengths: list[int] = []

    def fork(self) -> GlobIndex:
        """One that is as this is, to be changed. This one must not be any more."""
        made = GlobIndex()
        made._heads, made._tails, made._grams = self._heads.fork(), self._tails.fork(), self._grams.fork()
        made.rest = self.rest
        made._head_lengths, made._tail_lengths = self._head_lengths, self._tail_lengths
        if len(self._came) + len(self._left) <= _EDITS:
            made._texts, made._came, made._left = self._texts, self._came, self._left
        return made

    def add(self, ranked: Ranked) -> None:
        """Take up a glob, where fewest others are."""
        if self._texts is not None:
            self._came = (*self._came, ranked)
        side, key = self._place(ranked[1])
        if side is None:
            self.rest = tuple(sorted((*self.rest, ranked), key=rank_of))
            return
        bucket = side.get(key) or ()
        ordered = not bucket or bucket[-1][0] < ranked[0]
        side.put(key, (*bucket, ranked) if ordered else tuple(sorted((*bucket, ranked), key=rank_of)))
        if side is self._heads and len(key) not in self._head_lengths:
            self._head_lengths = [*self._head_lengths, len(key)]
        elif side is self._tails and len(key) not in self._tail_lengths:
            self._tail_lengths = [*self._tail_lengths, len(key)]

    def take_away(self, ranked: Ranked) -> None:
        """Let go of a glob."""
        rank, pattern = ranked
        if self._texts is not None:
            came = tuple([each for each in self._came if each[0] != rank])
            if len(came) == len(self._came):
                self._left |= {rank}
            self._came = came
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
        left = self._left
        found = [each for each in self.texts().perhaps_below(wide) if each[0] not in left]
        return [other for other, narrow in (*found, *self._came) if other > rank and covers(wide, narrow)]

    def texts(self) -> _Texts:
        """What globs say, to be searched all at once."""
        if self._texts is None:
            buckets = (*self._heads.values(), *self._tails.values(), *self._grams.values(), self.rest)
            self._texts = _Texts([ranked for bucket in buckets for ranked in bucket])
        return self._texts

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
        own, base = self._grams.own, self._grams.base
        if own or base:
            for text in texts:
                for start in range(len(text) - GRAM + 1):
                    key = text[start : start + GRAM]
                    if (found := own.get(key)) is not None or (base and (found := base.get(key)) is not None):
                        yield found
        if self.rest:
            yield self.rest


class _Texts:
    """The texts of many globs, to be searched all at once."""

    def __init__(self, globs: Sequence[Ranked]) -> None:
        self._globs: Final = globs
        self._heads: Final = _Lines([pattern.runs[0] for _, pattern in globs])
        self._tails: Final = _Lines([pattern.runs[-1] for _, pattern in globs])
        self._whole: Final = _Lines([pattern.folded for _, pattern in globs])

    def perhaps_below(self, wide: Pattern) -> Iterator[Ranked]:
        """The globs that may be covered: those that hold what is rarest of what they have to."""
        head, tail, longest = wide.runs[0], wide.runs[-1], wide.longest
        if not longest:
            return iter(self._globs)
        searched = [(self._whole, longest)]
        searched += [(self._heads, f"\n{head}")] if head else []
        searched += [(self._tails, f"{tail}\n")] if tail else []
        lines, text = min(searched, key=lambda each: each[0].text.count(each[1]))
        return (self._globs[number] for number in lines.holding(text))


class _Lines:
    """Texts, one a line, each with a line break before and behind."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.text: Final = "\n".join(["", *texts, ""])
        self._starts: Final = list(accumulate([len(text) + 1 for text in texts], initial=0))

    def holding(self, text: str) -> Iterator[int]:
        """Numbers of the lines that some letters stand in, with a break before or behind them where that is an end."""
        find, starts = self.text.find, self._starts
        at = find(text)
        while at >= 0:
            number = bisect_right(starts, at) - 1
            yield number
            at = find(text, starts[number + 1])


def rank_of(ranked: Ranked) -> int:
    """The key that sorts patterns by rank."""
    return ranked[0]
