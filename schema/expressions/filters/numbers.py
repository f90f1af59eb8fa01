"""Filters over numbers."""

from __future__ import annotations

import math
from typing import Any, Literal

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.running import Run, number, wrong_type


def to_int(run: Run, value: Any, default: Any = 0, base: int = 10) -> Any:
    """As a whole number; `default` where it is none."""
    run.scan(value)
    try:
        result = int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        try:
            result = int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default
    return number(result)


def to_float(run: Run, value: Any, default: Any = 0.0) -> Any:
    """As a floating-point number; `default` where it is none."""
    run.scan(value)
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number(result)


def absolute(_run: Run, value: Any) -> int | float:
    """Without its sign."""
    return abs(_numeric("abs", value))


def rounded(
    _run: Run, value: Any, precision: int = 0, method: Literal["common", "ceil", "floor"] = "common"
) -> int | float:
    """Rounded to `precision` places: `common`, `ceil` or `floor`."""
    _numeric("round", value)
    if type(precision) is not int or not -18 <= precision <= 18:
        raise ExpressionError("round: a precision from -18 to 18", Kind.TYPE)
    if method == "common":
        return number(round(value, precision))
    if method not in ("ceil", "floor"):
        raise ExpressionError("round: the method is common, ceil or floor", Kind.TYPE)
    scale = 10**precision
    return (math.ceil if method == "ceil" else math.floor)(value * scale) / scale  # type: ignore[no-any-return]


def _numeric(what: str, value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise wrong_type(f"{what}: a number", value)
    return value
