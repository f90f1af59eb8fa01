"""Host patterns of inventories: `web[01:20].example.com:2222` → names and a port."""

from __future__ import annotations

import re
import string
from typing import Final

from reconciler.importing.proposals import ImportRefused

MAX_HOSTS: Final = 100_000
"""Of one inventory, so of one pattern too."""
MAX_PATTERN_CHARS: Final = 1_000
MAX_RANGES: Final = 8

_PORT: Final = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]{1,5})")
_BRACKETED_PORT: Final = re.compile(r"\[([^\[\]]+)\]:([0-9]{1,5})")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


def expand(pattern: str) -> tuple[list[str], int | None]:
    """The names that a pattern stands for, in order, and the port behind it.

    Raises:
        ImportRefused: it cannot be read, or stands for more than `MAX_HOSTS` names.
    """
    if not pattern or len(pattern) > MAX_PATTERN_CHARS or any(char.isspace() for char in pattern):
        raise ImportRefused(f"{pattern[:80]!r} is no host pattern")
    found = _BRACKETED_PORT.fullmatch(pattern) or _PORT.fullmatch(pattern)
    bare, port = (found[1], int(found[2])) if found else (pattern, None)
    names = [""]
    rest = bare
    for _ in range(MAX_RANGES + 1):
        head, bracket, behind = rest.partition("[")
        if not bracket:
            return [name + rest for name in names], port
        inside, closed, rest = behind.partition("]")
        if not closed:
            break
        parts = _range(inside, pattern, MAX_HOSTS // len(names))
        names = [f"{name}{head}{part}" for name in names for part in parts]
    raise ImportRefused(f"{pattern!r} is no host pattern: a bracket is open, or it has more than {MAX_RANGES} ranges")


def _range(inside: str, pattern: str, most: int) -> list[str]:
    """The parts that `01:20`, `a:f` or `1:9:2` stand for."""
    bounds = inside.split(":")
    if len(bounds) not in (2, 3) or not bounds[1]:
        raise ImportRefused(f"{pattern!r}: a range is [begin:end] or [begin:end:step]")
    begin, end = bounds[0] or "0", bounds[1]
    step = int(bounds[2]) if len(bounds) == 3 and _NUMBER.fullmatch(bounds[2]) else 0 if len(bounds) == 3 else 1
    if step < 1:
        raise ImportRefused(f"{pattern!r}: the step of a range is a number above 0")
    letters = string.ascii_letters
    if len(begin) == len(end) == 1 and begin in letters and end in letters:
        first, last = letters.index(begin), letters.index(end)
        if first > last:
            raise ImportRefused(f"{pattern!r}: the range begins behind its end")
        return list(letters[first : last + 1 : step])
    if not _NUMBER.fullmatch(begin) or not _NUMBER.fullmatch(end):
        raise ImportRefused(f"{pattern!r}: a range goes from number to number, or from letter to letter")
    width = len(begin) if begin.startswith("0") and len(begin) > 1 else 0
    if width and width != len(end):
        raise ImportRefused(f"{pattern!r}: the bounds of a range with leading zeros have one length")
    numbers = range(int(begin), int(end) + 1, step)
    if len(numbers) > most:
        raise ImportRefused(f"{pattern!r} stands for more than {MAX_HOSTS} hosts")
    return [str(number).zfill(width) for number in numbers]
