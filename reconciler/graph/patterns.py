"""Patterns of match blocks: a host name, a glob or a regular expression, over whole names and without regard to case.

A star crosses dots. Globs become tokens, so that one can be asked whether it covers another; regular expressions run in
RE2, whose time is linear in the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

import re2

MAX_NAME: Final = 253
_META: Final = frozenset("*?[")
_HOSTNAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LITERAL: Final = re.compile(r"[a-z0-9.-]*")

STAR: Final = "*"
ANY: Final = "?"
Token = str | frozenset[str]
"""A letter, `STAR`, `ANY`, or the set of letters that a bracket stands for."""

_REGEX_HINT: Final = "a regular expression stands between slashes: /.../"
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


class PatternKind(IntEnum):
    """In the order in which they win."""

    EXACT = 0
    GLOB = 1
    REGEX = 2


class BadPattern(ValueError):
    """A pattern that cannot be read, or that no host name can match."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint: Final = hint


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, ready to match."""

    text: str
    """As written."""
    kind: PatternKind
    folded: str
    """In lower case; of a regular expression, what stands between its slashes, as written."""
    matches: Callable[[str], bool]
    """Whether it matches a name that is in lower case."""
    runs: Sequence[str] = ("",)
    """The literal texts between a glob's wildcards; the first may be empty, so may the last."""

    @property
    def tokens(self) -> Sequence[Token]:
        """What it is made of, unless it is a regular expression. Read anew each time: few patterns are ever asked."""
        return () if self.kind is PatternKind.REGEX else _tokens(self.folded)

    @property
    def longest(self) -> str:
        """The longest literal text of a glob."""
        return max(self.runs, key=len)

    @property
    def is_everything(self) -> bool:
        """Whether it is a glob that every name matches."""
        return self.kind is PatternKind.GLOB and not self.folded.strip(STAR)


@lru_cache(maxsize=65_536)
def parse(text: str) -> Pattern:
    """The pattern that a `match:` means.

    Raises:
        BadPattern: not a pattern, or one that no host name can match.
    """
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        return _regex(text)
    folded = text.lower()
    if not _META.isdisjoint(folded):
        return _glob(text, folded)
    if not _HOSTNAME.fullmatch(folded):
        hint = _REGEX_HINT if re.search(r"[\^$+()|\\]", text) else "names have letters, digits, - and dots"
        raise BadPattern(f"{text!r} is no host name, glob or /regular expression/", hint)
    return Pattern(text, PatternKind.EXACT, folded, folded.__eq__, (folded,))


def covers(wide: Pattern, narrow: Pattern) -> bool:
    """Whether every name that `narrow` matches is one that `wide` matches, as far as can be seen from their texts."""
    if wide.kind is PatternKind.REGEX:
        return narrow.kind is PatternKind.REGEX and wide.folded == narrow.folded
    if narrow.kind is PatternKind.REGEX:
        return wide.is_everything
    head, tail = wide.runs[0], wide.runs[-1]  # what is literal decides nearly always, and is cheap to compare
    if not narrow.runs[0].startswith(head) or not narrow.runs[-1].endswith(tail) or wide.longest not in narrow.folded:
        return False
    if len(wide.runs) == 2 and len(wide.folded) == len(head) + len(tail) + 1 and STAR in wide.folded:
        if "[" in narrow.folded:
            return sum(token != STAR for token in narrow.tokens) >= len(head) + len(tail)
        return len(narrow.folded) - narrow.folded.count(STAR) >= len(head) + len(tail)
    return _covers(wide.tokens, narrow.tokens)


def _regex(text: str) -> Pattern:
    body = text[1:-1]
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 8 << 20
    try:
        compiled = re2.compile(body, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(f"not a regular expression: {shown}", "the syntax is that of RE2") from error
    full = compiled.fullmatch

    def matches(name: str) -> bool:
        return full(name) is not None

    return Pattern(text, PatternKind.REGEX, body, matches)


def _glob(text: str, folded: str) -> Pattern:
    head, star, tail = folded.partition(STAR)
    if star and _LITERAL.fullmatch(head) and _LITERAL.fullmatch(tail):
        return Pattern(text, PatternKind.GLOB, folded, _between(head, tail), (head, tail))
    tokens = _tokens(folded)
    # Python's own engine is safe here: each star becomes an atomic group, so nothing is tried twice.
    parts: list[str] = []
    for run in _split(tokens):
        expression = "".join(map(_expression, run))
        parts.append(expression)
    head, *middle = parts
    if middle:
        *inner, tail = middle
        body = head + "".join(f"(?>.*?{each})" for each in inner) + f".*{tail}"
    else:
        body = head
    compiled = re.compile(body, re.DOTALL).fullmatch

    def matches(name: str) -> bool:
        return compiled(name) is not None

    return Pattern(text, PatternKind.GLOB, folded, matches, _runs(tokens))


def _runs(tokens: Sequence[Token]) -> tuple[str, ...]:
    found = [""]
    for token in tokens:
        if isinstance(token, str) and token not in (STAR, ANY):
            found[-1] += token
        else:
            found.append("")
    return tuple(found)


def _between(head: str, tail: str) -> Callable[[str], bool]:
    shortest = len(head) + len(tail)

    def matches(name: str) -> bool:
        return len(name) >= shortest and name.startswith(head) and name.endswith(tail)

    return matches


def _split(tokens: Sequence[Token]) -> list[list[Token]]:
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token == STAR:
            runs.append([])
        else:
            runs[-1].append(token)
    return runs


def _expression(token: Token) -> str:
    if isinstance(token, frozenset):
        return "[" + "".join(re.escape(letter) for letter in sorted(token)) + "]"
    return "." if token == ANY else re.escape(token)


def _tokens(folded: str) -> tuple[Token, ...]:
    tokens: list[Token] = []
    index = 0
    while index < len(folded):
        letter = folded[index]
        if letter == "[":
            end = folded.find("]", index + 2)
            if end < 0:
                raise BadPattern("the bracket [ is not closed")
            tokens.append(_letters(folded[index + 1 : end]))
            index = end
        elif letter == STAR:
            if not tokens or tokens[-1] != STAR:
                tokens.append(STAR)
        elif letter == ANY or letter in _LETTERS:
            tokens.append(letter)
        else:
            raise BadPattern(f"no host name holds {letter!r}", _REGEX_HINT)
        index += 1
    return tuple(tokens)


def _letters(body: str) -> frozenset[str]:
    negated = body[:1] in ("!", "^")
    chosen: set[str] = set()
    rest = body[1:] if negated else body
    index = 0
    while index < len(rest):
        if rest[index + 1 : index + 2] == "-" and index + 2 < len(rest):
            first, last = ord(rest[index]), ord(rest[index + 2])
            chosen.update(chr(code) for code in range(first, min(last, 127) + 1))
            index += 3
        else:
            chosen.add(rest[index])
            index += 1
    found = _LETTERS - chosen if negated else _LETTERS & chosen
    if not found:
        raise BadPattern(f"[{body}] stands for no letter of a host name")
    return frozenset(found)


def _covers(wide: Sequence[Token], narrow: Sequence[Token]) -> bool:
    """By dynamic programming over both: `reach[i]` is whether wide[:i] covers what of narrow has been read."""
    reach = [True] + [False] * len(wide)
    for index, token in enumerate(wide):
        reach[index + 1] = reach[index] and token == STAR
    for token in narrow:
        after = [False] * (len(wide) + 1)
        for index, other in enumerate(wide):
            if other == STAR:
                after[index + 1] = reach[index + 1] or after[index]
            else:
                after[index + 1] = reach[index] and _takes(other, token)
        reach = after
    return reach[-1]


def _takes(wide: Token, narrow: Token) -> bool:
    if narrow == STAR:
        return False
    if wide == ANY:
        return True
    if narrow == ANY:
        return isinstance(wide, frozenset) and wide >= _LETTERS
    if isinstance(wide, frozenset):
        return narrow <= wide if isinstance(narrow, frozenset) else narrow in wide
    return narrow == wide
