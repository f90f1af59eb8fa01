"""What Python raises over wrong values, told in the language's words: with a place, and without the values."""

from __future__ import annotations

from typing import Final

from schema.expressions.errors import ExpressionError, Kind

FAILURES: Final = (ExpressionError, TypeError, ValueError, ArithmeticError, LookupError, OSError)
"""What may come of plain values and of the host; anything else is a bug."""


def failure(error: Exception, at: int) -> ExpressionError:
    """The error with its place; what Python raises over wrong values is told without the values."""
    if not isinstance(error, ExpressionError):
        return ExpressionError(_told(error), Kind.TYPE, at=at)
    if error.at is None:
        error.at = at
    return error


def _told(error: Exception) -> str:
    """What went wrong, without the values: Python's own messages may quote them."""
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, OverflowError):
        return "a number is out of range"
    if isinstance(error, OSError):
        return f"the host refused: {error.strerror or type(error).__name__}"
    return "a value here is of the wrong type"
