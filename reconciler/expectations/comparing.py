"""Comparing: a value that a host has with what a test expects of it, part by part."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from reconciler.documents.complaints import nearest
from reconciler.documents.marks import Path
from reconciler.documents.operators import are_operators
from schema.patterns import compile_pattern

LONGEST: Final = 160
"""Characters of a value that are shown."""
_MAX_COMPARED: Final = 2_000
"""Lines of a text among which the most similar one is looked for."""


class Missing:
    """Stands for a value that is not there."""


MISSING: Final = Missing()


class Mismatch(NamedTuple):
    """One part that is not as expected."""

    path: Path
    """Below the value: where in what is expected, and in what was found, but for operators."""
    operator: str
    """Empty for a value as it is written."""
    expected: str
    found: str
    hint: str = ""


def compare(found: Any, expected: Any, path: Path = ()) -> Iterator[Mismatch]:
    """What of a value is not as expected; `MISSING` where there is none."""
    if not isinstance(expected, dict):
        yield from _plain(found, expected, path)
    elif are_operators(expected):
        for operator, operand in expected.items():
            yield from _operator(found, operator, operand, path)
    elif isinstance(found, dict):
        for key, below in expected.items():
            value, hint = found.get(key, MISSING), ""
            for mismatch in compare(value, below, (*path, key)):
                if value is MISSING:
                    hint = nearest(key, map(str, found))
                yield mismatch._replace(hint=mismatch.hint or hint)
    elif expected:
        yield Mismatch(path, "", "a map", shown(found))
    elif found != expected:
        yield Mismatch(path, "", "{}", shown(found))


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same to a YAML file: 1 is 1.0, and neither is true or text."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    alike = type(one) is type(other) or (type(one) in _NUMBERS and type(other) in _NUMBERS)
    return alike and bool(one == other)


def shown(value: Any) -> str:
    """A value for a message: JSON, cut where it is long."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= LONGEST:
        return text
    size = f"{len(value)} characters" if isinstance(value, str) else f"{len(text)} characters as JSON"
    return f"{text[:LONGEST]}… ({size})"


def _plain(found: Any, expected: Any, path: Path) -> Iterator[Mismatch]:
    if not equal(found, expected):
        yield Mismatch(path, "", shown(expected), shown(found), _hint(found, expected))


def _hint(found: Any, expected: Any) -> str:
    if found is not MISSING and type(found) is not type(expected) and str(found) == str(expected):
        return "the one is text, the other is not: quotes decide"
    return ""


def _operator(found: Any, operator: str, operand: Any, path: Path) -> Iterator[Mismatch]:
    if operator == "absent":
        if found is not MISSING:
            yield Mismatch(path, operator, "nothing", shown(found))
        return
    if operator == "excludes" and found is MISSING:
        return
    holds, hint = False, ""
    match operator:
        case "equals":
            holds, hint = equal(found, operand), _hint(found, operand)
        case "contains":
            lacking = [each for each in _several(operand) if not _within(found, each)]
            holds, hint = not lacking, _similar(found, lacking)
            operand = lacking[0] if len(lacking) == 1 else lacking
        case "excludes":
            there = [each for each in _several(operand) if _within(found, each)]
            holds = not there and isinstance(found, str | list | dict)
            operand = there[0] if len(there) == 1 else there or operand
            hint = _where(found, there)
        case "matches":
            holds = isinstance(found, str) and compile_pattern(operand).search(found)
            hint = "" if isinstance(found, str) else "only text matches"
        case "at_least" | "at_most":
            number = isinstance(found, int | float) and not isinstance(found, bool)
            holds = number and (found >= operand if operator == "at_least" else found <= operand)
    if not holds:
        word = operator.replace("_", " ")
        yield Mismatch(
            path, operator, shown(operand) if word == "equals" else f"{word} {shown(operand)}", shown(found), hint
        )


def _several(operand: Any) -> list[Any]:
    return operand if isinstance(operand, list) else [operand]


def _within(found: Any, part: Any) -> bool:
    """Whether a text, list or map has a part: a part of the text, an item, a key (or, of a map, keys with values)."""
    if isinstance(found, str):
        return isinstance(part, str) and part in found
    if isinstance(found, list):
        return any(_includes(item, part) for item in found)
    if isinstance(found, dict):
        return _includes(found, part) if isinstance(part, dict) else part in found
    return False


def _includes(item: Any, part: Any) -> bool:
    """Whether an item is the part, or a map that has all of it."""
    if isinstance(item, dict) and isinstance(part, dict):
        return all(key in item and equal(item[key], value) for key, value in part.items())
    return equal(item, part)


def _similar(found: Any, lacking: Sequence[Any]) -> str:
    """The line or item most like the first of what is lacking."""
    if not lacking or not isinstance(lacking[0], str):
        return ""
    if isinstance(found, str):
        lines = [line.strip() for line in found.splitlines()[:_MAX_COMPARED] if line.strip()]
        close = difflib.get_close_matches(lacking[0].strip(), lines, n=1, cutoff=0.6)
        return f"the nearest line is {shown(close[0])}" if close else ""
    if isinstance(found, list | dict):
        return nearest(lacking[0], [item for item in found if isinstance(item, str)])
    return ""


def _where(found: Any, there: Sequence[Any]) -> str:
    if not isinstance(found, str | list | dict):
        return "only text, a list or a map holds anything"
    if isinstance(found, str) and there:
        number = found.count("\n", 0, found.index(there[0])) + 1
        return f"in line {number}: {shown(found.splitlines()[number - 1].strip())}"
    return ""


_NUMBERS: Final = (int, float)
