"""The tests of the language: what may stand behind `is`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from schema.expressions.running import Run, wrong_type


def divisibleby(_run: Run, value: Any, num: Any) -> bool:
    """Whether the number divides it."""
    return bool(_number(value) % _number(num) == 0)


def odd(_run: Run, value: Any) -> bool:
    """Whether it is an odd number."""
    return bool(_number(value) % 2 == 1)


def even(_run: Run, value: Any) -> bool:
    """Whether it is an even number."""
    return bool(_number(value) % 2 == 0)


def lower(run: Run, value: Any) -> bool:
    """Whether all its letters are lower case."""
    return run.text(value).islower()


def upper(run: Run, value: Any) -> bool:
    """Whether all its letters are upper case."""
    return run.text(value).isupper()


def equal(run: Run, value: Any, other: Any) -> bool:
    """Whether both are equal."""
    _compared(run, value, other)
    return bool(value == other)


def unequal(run: Run, value: Any, other: Any) -> bool:
    """Whether they differ."""
    return not equal(run, value, other)


def less(run: Run, value: Any, other: Any) -> bool:
    """Whether it is less."""
    _compared(run, value, other)
    return bool(value < other)


def less_or_equal(run: Run, value: Any, other: Any) -> bool:
    """Whether it is not more."""
    _compared(run, value, other)
    return bool(value <= other)


def greater(run: Run, value: Any, other: Any) -> bool:
    """Whether it is more."""
    return less(run, other, value)


def greater_or_equal(run: Run, value: Any, other: Any) -> bool:
    """Whether it is not less."""
    return less_or_equal(run, other, value)


def within(run: Run, value: Any, container: Any) -> bool:
    """Whether it is one of the items, a key of the map, or part of the string."""
    if isinstance(container, str):
        if not isinstance(value, str):
            raise wrong_type("only a string can be in a string", value)
    elif not isinstance(container, list | dict):
        raise wrong_type("in: a list, map or string", container)
    if not isinstance(container, dict):
        run.scan(container)
    elif isinstance(value, list | dict):
        raise wrong_type("a key is a string or a number", value)
    return value in container


def _compared(run: Run, value: Any, other: Any) -> None:
    if type(value) is type(other) and not isinstance(value, int | float | bool):
        run.scan(value)


def _number(value: Any) -> Any:
    if not isinstance(value, int | float):
        raise wrong_type("a number", value)
    return value


def _one_of(about: str, *types: type) -> Callable[[Run, Any], bool]:
    def check(_run: Run, value: Any) -> bool:
        return type(value) in types

    check.__doc__ = about
    return check


def _same(about: str, *, as_: bool | None) -> Callable[[Run, Any], bool]:
    def check(_run: Run, value: Any) -> bool:
        return value is as_

    check.__doc__ = about
    return check


def _derived(about: str, *types: type) -> Callable[[Run, Any], bool]:
    def check(_run: Run, value: Any) -> bool:
        return isinstance(value, types)

    check.__doc__ = about
    return check


TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    "boolean": _one_of("Whether it is true or false.", bool),
    "divisibleby": divisibleby,
    "eq": equal,
    "equalto": equal,
    "even": even,
    "false": _same("Whether it is false itself.", as_=False),
    "float": _one_of("Whether it is a floating-point number.", float),
    "ge": greater_or_equal,
    "greaterthan": greater,
    "gt": greater,
    "in": within,
    "integer": _one_of("Whether it is a whole number.", int),
    "iterable": _derived("Whether it can be looped over: a string, list or map.", str, list, dict),
    "le": less_or_equal,
    "lessthan": less,
    "lower": lower,
    "lt": less,
    "mapping": _derived("Whether it is a map.", dict),
    "ne": unequal,
    "none": _same("Whether it is none.", as_=None),
    "number": _one_of("Whether it is a number; true and false are.", int, float, bool),
    "odd": odd,
    "sequence": _derived("Whether it has a length: a string, list or map.", str, list, dict),
    "string": _derived("Whether it is a string.", str),
    "true": _same("Whether it is true itself.", as_=True),
    "upper": upper,
}
"""Name → function. `defined` and `undefined` are forms: the compiler knows them."""
