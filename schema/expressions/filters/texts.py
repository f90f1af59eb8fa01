"""Filters over text. A value that is not text is first written as `{{ }}` would write it."""

from __future__ import annotations

import re
from typing import Any, Final

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.running import CELL, Run, wrong_type

MAX_WIDTH: Final = 10_000
"""Columns, for what pads or indents."""

_WORD_START: Final = re.compile(r"([-\s({\[<]+)")
_FORMAT: Final = re.compile(r"%(?:%|[-+ 0#]{0,5}(\d{0,4})(?:\.(\d{1,2}))?([sdifFeEgGxXo]))")


def upper(run: Run, value: Any) -> str:
    """In upper case."""
    return _made(run, value).upper()


def lower(run: Run, value: Any) -> str:
    """In lower case."""
    return _made(run, value).lower()


def capitalize(run: Run, value: Any) -> str:
    """First character upper case, all others lower case."""
    return _made(run, value).capitalize()


def title(run: Run, value: Any) -> str:
    """Each word with its first character in upper case, the others in lower case."""
    run.step(len(value) // 8 if isinstance(value, str) else 1)
    return "".join(part[:1].upper() + part[1:].lower() for part in _WORD_START.split(_made(run, value)) if part)


def trim(run: Run, value: Any, chars: str | None = None) -> str:
    """Without white space (or the characters given) at both ends."""
    return _made(run, value).strip(chars)


def replace(run: Run, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Each `old` replaced by `new`, or the first `count` of them."""
    text, old, new = run.text(value), run.text(old), run.text(new)
    run.step(1 + len(text) // 64)
    found = text.count(old)
    if count is not None and count >= 0:
        found = min(found, count)
    run.take(len(text) + found * max(0, len(new) - len(old)))
    return text.replace(old, new, -1 if count is None else count)


def indent(run: Run, value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:  # noqa: FBT001, FBT002 - Jinja2's signature
    """Each line but the first (and blank ones) moved to the right."""
    if not isinstance(value, str):
        raise wrong_type("indent: a string", value)
    text = value
    prefix = width if isinstance(width, str) else " " * bounded_width(width)
    lines = text.splitlines() or [""]
    if text.endswith(("\n", "\r")):
        lines.append("")
    run.take(len(text) + len(lines) * (len(prefix) + CELL))
    rest = [prefix + line if line or blank else line for line in lines[1:]]
    return "\n".join([(prefix if first else "") + lines[0], *rest])


def center(run: Run, value: Any, width: int = 80) -> str:
    """In the middle of `width` columns."""
    text = run.text(value)
    run.take(max(len(text), bounded_width(width)))
    return text.center(width)


def truncate(
    run: Run,
    value: Any,
    length: int = 255,
    killwords: bool = False,  # noqa: FBT001, FBT002 - Jinja2's signature
    end: str = "...",
    leeway: int = 5,
) -> str:
    """At most `length` characters (and a leeway), cut at a word, with `end` where something was left out."""
    if not isinstance(value, str):
        raise wrong_type("truncate: a string", value)
    run.take(len(value))
    text = value
    if length < len(end):
        raise ExpressionError(f"truncate: a length of at least {len(end)}", Kind.TYPE)
    if len(text) <= length + leeway:
        return text
    kept = text[: length - len(end)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def split(run: Run, value: Any, separator: str | None = None, maxsplit: int = -1) -> list[str]:
    """Its parts between separators, or between white space."""
    text = run.text(value)
    if separator is not None and not run.text(separator):
        raise ExpressionError("split: a separator of at least one character", Kind.TYPE)
    pieces = len(text.split()) if separator is None else text.count(separator)
    run.take(len(text) + CELL * (pieces + 1))
    return text.split(separator, maxsplit)


def lines(run: Run, value: Any) -> list[str]:
    """Its lines, without their ends."""
    text = _made(run, value)
    run.take(CELL * (text.count("\n") + text.count("\r") + 1))
    return text.splitlines()


def string(run: Run, value: Any) -> str:
    """As text."""
    return run.text(value)


def printf(run: Run, value: Any, *arguments: Any) -> str:
    """Arguments put into `%s`, `%d`, `%05.1f` and their like; widths have at most four digits."""
    pattern = run.text(value)
    widths, wanted = 0, 0
    end = 0
    for found in _FORMAT.finditer(pattern):
        if "%" in pattern[end : found.start()]:
            break
        end = found.end()
        if found[3]:
            wanted += 1
            widths += int(found[1] or 0) + 400  # a float in full, with %f, has 309 digits
    if "%" in pattern[end:]:
        raise ExpressionError("format: a % that is none of %s %d %f %x …", Kind.TYPE)
    if wanted != len(arguments):
        raise ExpressionError(f"format: {wanted} arguments, not {len(arguments)}", Kind.TYPE)
    texts = [run.text(item) if isinstance(item, list | dict) else item for item in arguments]
    run.take(len(pattern) + widths + sum(len(item) for item in texts if isinstance(item, str)))
    return pattern % tuple(texts)


def bounded_width(width: Any) -> int:
    """The width, when it is one.

    Raises:
        ExpressionError: not a number, or more than `MAX_WIDTH`.
    """
    if type(width) is not int or not 0 <= width <= MAX_WIDTH:
        raise ExpressionError(f"a width is a number from 0 to {MAX_WIDTH}", Kind.TYPE)
    return width


def _made(run: Run, value: Any) -> str:
    text = run.text(value)
    run.step(len(text) // 64)
    run.take(len(text))
    return text
