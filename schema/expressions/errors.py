"""What can go wrong with an expression."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self


class Kind(StrEnum):
    """Why an expression gave no value."""

    SYNTAX = "syntax"  # it is not an expression, or names a filter, test or function that does not exist
    UNDEFINED = "undefined"  # it asks for a name or key that is not there
    TYPE = "type"  # a value is of the wrong type or out of range
    LIMIT = "limit"  # too much work, too much text, nested too deep
    UNKNOWN = "unknown"  # only the host can tell, and this is not the host


class ExpressionError(Exception):
    """An expression gave no value. The message names paths and types, never values: it may be logged and reported.

    `line` and `column` count from 1 within the text that was given.
    """

    def __init__(self, message: str, kind: Kind, *, at: int | None = None) -> None:
        super().__init__(message)
        self.message: Final = message
        self.kind: Final = kind
        self.at = at
        self.line = 1
        self.column = 1

    def locate(self, text: str) -> Self:
        """The same error, with line and column of its place in `text`."""
        self.line, self.column = position(text, self.at or 0)
        return self

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


def position(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in a text."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
