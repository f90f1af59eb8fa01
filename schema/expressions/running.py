"""One rendering: its names, its budget, and the plain values it works on.

Plain data is None, bool, int, float, str, list and dict; nothing else gets in or out. Two meters bound a rendering:
*steps* (what it does) and *room* (characters and list cells that it makes, whether kept or not). What is made is paid
for before it is made.
"""

from __future__ import annotations

import math
from typing import Any, Final

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.host import HostFunctions

MAX_STEPS: Final = 500_000
"""About half a second on a slow core."""
MAX_ROOM: Final = 24 * 1024 * 1024
"""Characters; one takes up to four bytes."""
A_RUN: Final = 20
"""Steps that a rendering counts for beside its own: it takes as long as so many."""
MAX_OUTPUT: Final = 4 * 1024 * 1024
"""Bytes of a rendered value, in UTF-8."""
MAX_INT: Final = 2**63 - 1
CELL: Final = 16
"""Room of one entry of a list or map."""
MAX_NESTING: Final = 64


class Missing:
    """What stands for a value that is not there; never leaves this package."""

    __slots__ = ()


MISSING: Final = Missing()


class Allowance:
    """Work that many renderings may do together, in steps; negative once it is spent."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def charge(self, run: Run) -> None:
        """Pay for what a rendering did."""
        self.left -= A_RUN + (MAX_STEPS - max(run.steps, 0)) + (MAX_ROOM - max(run.room, 0)) // 64


class Run:
    """The state of one rendering."""

    __slots__ = ("host", "left", "names", "out", "room", "steps", "traits")

    def __init__(self, names: dict[str, Any], host: HostFunctions) -> None:
        self.names = names
        self.traits = names.get("traits")
        self.host = host
        self.steps = MAX_STEPS
        self.room = MAX_ROOM
        self.left = MAX_OUTPUT
        self.out: list[str] = []

    def step(self, count: int) -> None:
        """Pay for work."""
        self.steps -= count
        if self.steps < 0:
            raise ExpressionError(f"more than {MAX_STEPS} steps of work", Kind.LIMIT)

    def take(self, size: int) -> None:
        """Pay for text (or, times `CELL`, list entries) that is about to be made."""
        self.room -= size
        if self.room < 0:
            raise ExpressionError(f"more than {MAX_ROOM} characters of text and lists", Kind.LIMIT)

    def scan(self, value: Any) -> None:
        """Pay for reading a value through: comparing, sorting, searching."""
        if type(value) in (int, bool, float):
            return
        self.step(1 + extent(value, self.steps * 64) // 64)

    def text(self, value: Any) -> str:
        """The value as `{{ }}` writes it."""
        if type(value) is str:
            return value
        if value is None or type(value) in (bool, int, float):
            return str(value)
        if not isinstance(value, str | list | dict):
            raise not_plain(value)
        self.take(extent(value, self.room))
        return str(plain(value))


def extent(value: Any, most: int) -> int:
    """At least how many characters the value's text has; stops counting beyond `most`.

    Strings count as written out in full wherever they stand, since that is what their text takes.
    """
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, dict):
        total = CELL * len(value)
        for key, item in value.items():
            if total > most:
                break
            total += extent(key, most - total) + extent(item, most - total)
        return total
    if isinstance(value, list | tuple):
        total = CELL * len(value)
        for item in value:
            if total > most:
                break
            total += extent(item, most - total)
        return total
    return 8


def result_of(run: Run, value: Any) -> Any:
    """What leaves a run: plain data, paid for, since one list may stand in it a thousand times."""
    if isinstance(value, list | dict):
        run.take(extent(value, run.room))
    return plain(value)


def plain(value: Any, depth: int = 0) -> Any:
    """The value, made of exactly the plain types: subclasses become what they derive from, tuples lists.

    Raises:
        ExpressionError: something that is not plain data, or is nested too deep.
    """
    kind = type(value)
    if value is None or kind in (str, int, bool, float):
        return value
    if depth > MAX_NESTING:
        raise ExpressionError(f"a value nested deeper than {MAX_NESTING}", Kind.LIMIT)
    if isinstance(value, dict):
        return {plain(key, depth + 1): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    raise not_plain(value)


def number(value: int | float) -> int | float:
    """The number, when it is one and in range: JSON has no other."""
    if not -MAX_INT <= value <= MAX_INT if type(value) is int else not math.isfinite(value):
        raise ExpressionError("the number is out of range", Kind.LIMIT)
    return value


def not_plain(value: Any) -> ExpressionError:
    """What to raise for a value that has no place here."""
    return ExpressionError(f"{type(value).__name__} is not plain data", Kind.TYPE)


def type_name(value: Any) -> str:
    """A value's type, in the words of the language."""
    names = {str: "string", int: "int", float: "float", bool: "bool", list: "list", dict: "map", type(None): "none"}
    return names.get(type(value), type(value).__name__)


def wrong_type(what: str, value: Any) -> ExpressionError:
    """What to raise for a value of a type that cannot be used so."""
    return ExpressionError(f"{what}, not {type_name(value)}", Kind.TYPE)
