"""Texts and places in them. Lines and columns count from 1, columns in characters, as diagnostics count them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import Final, NamedTuple

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s,\[\]{}"'#:=!()|]+(?::[^\s,\[\]{}"'#]+)*|\S""")


class Position(NamedTuple):
    """Between two characters of a text."""

    line: int
    column: int


class Span(NamedTuple):
    """From a first position to one behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def start(self) -> Position:
        """Where it begins."""
        return Position(self.line, self.column)

    @property
    def end(self) -> Position:
        """Where it ends."""
        return Position(self.end_line, self.end_column)

    def touches(self, position: Position) -> bool:
        """Whether a position is within it or at one of its ends."""
        return self.start <= position <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two share a position."""
        return self.start <= other.end and other.start <= self.end


class Location(NamedTuple):
    """A span of a file of the tree."""

    path: str
    span: Span


class Edit(NamedTuple):
    """What takes the place of a span."""

    span: Span
    text: str


class Text:
    """A text and its lines. A line ends where editors and YAML end it: CR LF, LF or CR."""

    def __init__(self, source: str) -> None:
        self.source: Final = source

    @cached_property
    def lines(self) -> list[str]:
        """Without what ends them; at least one."""
        return _BREAK.split(self.source)

    @cached_property
    def newline(self) -> str:
        """What ends its first line; LF when nothing does."""
        found = _BREAK.search(self.source)
        return found[0] if found is not None else "\n"

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _BREAK.finditer(self.source))]

    def line(self, number: int) -> str:
        """One line; empty beyond the last."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def offset(self, position: Position) -> int:
        """Characters before a position; that of the nearest one where there is none."""
        if position.line > len(self.lines):
            return len(self.source)
        line = max(position.line, 1)
        return self._starts[line - 1] + min(max(position.column, 1) - 1, len(self.lines[line - 1]))

    def position(self, offset: int) -> Position:
        """The position behind so many characters."""
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)

    def within(self, span: Span) -> str:
        """The characters of a span."""
        return self.source[self.offset(span.start) : self.offset(span.end)]

    def word(self, position: Position) -> Span:
        """The span of what begins at a position: a quoted text, a word or one character; empty at a line's end."""
        line = self.line(position.line)
        found = _TOKEN.match(line, position.column - 1)
        end = found.end() + 1 if found is not None else position.column
        return Span(position.line, position.column, position.line, end)

    def edited(self, edits: Iterable[Edit]) -> str:
        """The source after edits that do not overlap."""
        made, at = [], 0
        for edit in sorted(edits):
            made += [self.source[at : self.offset(edit.span.start)], edit.text]
            at = self.offset(edit.span.end)
        return "".join((*made, self.source[at:]))

    @cached_property
    def whole(self) -> Span:
        """All of it."""
        return Span(1, 1, len(self.lines), len(self.lines[-1]) + 1)
