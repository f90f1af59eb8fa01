"""Operators over plain values: `f(run, first, second)`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from schema.expressions import predicates
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.running import CELL, Run, number, type_name

Operator = Callable[[Run, Any, Any], Any]


def add(run: Run, first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        run.take(len(first) + len(second))
    elif isinstance(first, list) and isinstance(second, list):
        run.take(CELL * (len(first) + len(second)))
    else:
        _need_numbers("+", first, second)
        return number(first + second)
    return first + second


def multiply(run: Run, first: Any, second: Any) -> Any:
    if isinstance(second, str | list):
        first, second = second, first
    if isinstance(first, str | list) and type(second) is int:
        run.take(max(0, second) * len(first) * (1 if isinstance(first, str) else CELL))
        return first * second
    _need_numbers("*", first, second)
    return number(first * second)


def power(_run: Run, base: Any, exponent: Any) -> Any:
    _need_numbers("**", base, exponent)
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 63:
        raise ExpressionError("the number is out of range", Kind.LIMIT)
    result = base**exponent
    if isinstance(result, complex):
        raise ExpressionError("a root of a negative number", Kind.TYPE)
    return number(result)


def _need_numbers(symbol: str, first: Any, second: Any) -> None:
    if not (isinstance(first, int | float) and isinstance(second, int | float)):
        raise ExpressionError(f"{type_name(first)} {symbol} {type_name(second)}", Kind.TYPE)


def _numeric(symbol: str, function: Callable[[Any, Any], Any]) -> Operator:
    def act(_run: Run, first: Any, second: Any) -> Any:
        _need_numbers(symbol, first, second)
        return number(function(first, second))

    return act


BINARY: Final[dict[str, Operator]] = {
    "+": add,
    "-": _numeric("-", operator.sub),
    "*": multiply,
    "/": _numeric("/", operator.truediv),
    "//": _numeric("//", operator.floordiv),
    "%": _numeric("%", operator.mod),
    "**": power,
}
COMPARISONS: Final[dict[str, Operator]] = {
    "==": predicates.equal,
    "!=": predicates.unequal,
    "<": predicates.less,
    "<=": predicates.less_or_equal,
    ">": predicates.greater,
    ">=": predicates.greater_or_equal,
    "in": predicates.within,
    "not in": lambda run, value, container: not predicates.within(run, value, container),
}
