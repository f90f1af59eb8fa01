"""Which block applies to a host name: an exact name before a glob before an expression, then the first.

Globs are found through what is literal in them: a head, a tail, or four letters anywhere. Of a thousand globs a name
meets a handful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import re2

from reconciler.graph.patterns import STAR, Pattern, PatternKind, covers

GRAM: Final = 4
NAMES_KEPT: Final = 200_000


class Matcher:
    """Patterns in order of precedence within their kind; answers with their indexes."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns: Final = patterns
        self._exact: Final[dict[str, int]] = {}
        self._known: Final[dict[str, int | None]] = {}
        self._globs: Final = _GlobIndex(patterns)
        self._regexes: Final = [index for index, each in enumerate(patterns) if each.kind is PatternKind.REGEX]
        self._regex_set: Final = _regex_set([patterns[index].folded for index in self._regexes])
        for index, pattern in enumerate(patterns):
            if pattern.kind is PatternKind.EXACT:
                self._exact.setdefault(pattern.folded, index)

    def match(self, hostname: str) -> int | None:
        """The index of the pattern that applies; None when none does."""
        try:
            return self._known[hostname]
        except KeyError:
            pass
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        found = self._known[hostname] = self._match(hostname.lower())
        return found

    def _match(self, name: str) -> int | None:
        found = self._exact.get(name)
        if found is not None:
            return found
        found = self._globs.first(name)
        if found is not None or self._regex_set is None:
            return found
        # A name that is no text RE2 can take (a lone surrogate) is no host's.
        matched = self._regex_set.Match(name.encode("utf-8", "replace").decode("utf-8"))
        return self._regexes[min(matched)] if matched else None

    def shadows(self) -> Iterator[tuple[int, int]]:
        """Pairs (pattern that can never apply, pattern that always applies in its stead)."""
        seen: dict[tuple[PatternKind, str], int] = {}
        everything = next((i for i, each in enumerate(self.patterns) if set(each.tokens) == {STAR}), None)
        for index, pattern in enumerate(self.patterns):
            first = seen.setdefault((pattern.kind, pattern.folded), index)
            if first != index:
                yield index, first
            elif pattern.kind is PatternKind.GLOB:
                wider = self._globs.wider(index)
                if wider is not None:
                    yield index, wider
            elif pattern.kind is PatternKind.REGEX and everything is not None:
                yield index, everything


class _GlobIndex:
    """Globs by head, by tail, by four letters within, and the rest; indexes in each list ascend."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns: Final = patterns
        self._heads: Final[dict[str, list[int]]] = {}
        self._tails: Final[dict[str, list[int]]] = {}
        self._grams: Final[dict[str, list[int]]] = {}
        self._rest: Final[list[int]] = []
        for index, pattern in enumerate(patterns):
            if pattern.kind is PatternKind.GLOB:
                self._add(index, pattern)
        self._head_lengths: Final = sorted({len(head) for head in self._heads})
        self._tail_lengths: Final = sorted({len(tail) for tail in self._tails})

    def _add(self, index: int, pattern: Pattern) -> None:
        head, tail, longest = pattern.runs[0], pattern.runs[-1], pattern.longest
        if head and len(head) >= len(tail) and len(head) >= min(len(longest), GRAM):
            self._heads.setdefault(head, []).append(index)
        elif tail and len(tail) >= min(len(longest), GRAM):
            self._tails.setdefault(tail, []).append(index)
        elif len(longest) >= GRAM:
            grams = self._grams
            rarest = min(
                (longest[start : start + GRAM] for start in range(len(longest) - GRAM + 1)),
                key=lambda gram: len(grams.get(gram, ())),
            )
            grams.setdefault(rarest, []).append(index)
        else:
            self._rest.append(index)

    def first(self, name: str) -> int | None:
        """The lowest index of a glob that matches."""
        best: int | None = None
        patterns = self._patterns
        for candidates in self._candidates(name, name, (name,)):
            for index in candidates:
                if best is not None and index >= best:
                    break
                if patterns[index].matches(name):
                    best = index
                    break
        return best

    def wider(self, index: int) -> int | None:
        """The lowest index of a glob before this one that covers it."""
        narrow, best = self._patterns[index], index
        runs = narrow.runs
        for candidates in self._candidates(runs[0], runs[-1], runs):
            for candidate in candidates:
                if candidate >= best:
                    break
                if covers(self._patterns[candidate], narrow):
                    best = candidate
                    break
        return best if best < index else None

    def _candidates(self, head: str, tail: str, texts: Iterable[str]) -> Iterator[list[int]]:
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
        if self._rest:
            yield self._rest


def _regex_set(bodies: Sequence[str]) -> re2.Set | None:
    if not bodies:
        return None
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = 64 << 20
    found = re2.Set.FullMatchSet(options)
    for body in bodies:
        found.Add(body)
    found.Compile()
    return found
