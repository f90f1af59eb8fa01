"""Solving: which value of a var makes a text what was found.

A text is plain when its tags are `{{ vars.x }}` alone: what it comes to is known without rendering it, and what a var
would have to be for it to come to something else is known too, where that is one value and no other. Any other
template is not solved: a filter or a condition may have lost what it was made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schema.expressions import has_tags

_TAG: Final = re.compile(r"\{\{[ ]*vars\.(?P<path>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)[ ]*\}\}")
MAX_TAGS: Final = 50

Path = tuple[str, ...]
Scalar = str | int | bool


class Plain(NamedTuple):
    """A text with vars in it: `texts[0]`, the var `paths[0]`, `texts[1]` ..."""

    texts: tuple[str, ...]
    paths: tuple[Path, ...]


def plain(text: str) -> Plain | None:
    """A text as its parts; None of a template that is not plain."""
    texts: list[str] = []
    paths: list[Path] = []
    at = 0
    for found in _TAG.finditer(text):
        texts.append(text[at : found.start()])
        paths.append(tuple(found["path"].split(".")))
        at = found.end()
        if len(paths) > MAX_TAGS:
            return None
    texts.append(text[at:])
    return None if any(has_tags(each) for each in texts) else Plain(tuple(texts), tuple(paths))


def value_at(vars_: Mapping[str, Any], path: Path) -> Any:
    """The var at a path; None where there is none."""
    value: Any = vars_
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def rendered(parts: Plain, vars_: Mapping[str, Any]) -> str | None:
    """What a plain text comes to; None where a var is neither text nor a whole number."""
    said = parts.texts[0]
    for path, text in zip(parts.paths, parts.texts[1:], strict=True):
        value = value_at(vars_, path)
        if isinstance(value, bool) or not isinstance(value, str | int) or has_tags(str(value)):
            return None
        said += str(value) + text
    return said


def solve(parts: Plain, vars_: Mapping[str, Any], found: str) -> tuple[Path, Scalar] | None:
    """The one var, and its value, with which a plain text would come to what was found; None where there is none, or
    more than one could be meant."""
    solutions: list[tuple[Path, Scalar]] = []
    for path in dict.fromkeys(parts.paths):
        before = value_at(vars_, path)
        if isinstance(before, bool) or not isinstance(before, str | int):
            continue
        text = _solved(parts, vars_, path, found)
        if text is None:
            continue
        value = _like(before, text)
        if value is not None and value != before:
            solutions.append((path, value))
    return solutions[0] if len(solutions) == 1 else None


def _solved(parts: Plain, vars_: Mapping[str, Any], path: Path, found: str) -> str | None:
    """The text that a var would have to be, all others staying as they are."""
    known = [parts.texts[0]]
    for each, text in zip(parts.paths, parts.texts[1:], strict=True):
        if each == path:
            known.append(text)
            continue
        value = value_at(vars_, each)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        known[-1] += str(value) + text
    room, times = len(found) - sum(map(len, known)), len(known) - 1
    if room < 0 or room % times:
        return None
    start = len(known[0])
    text = found[start : start + room // times]
    return text if text and text.join(known) == found and not has_tags(text) else None


def _like(before: str | int, text: str) -> Scalar | None:
    """A value of the same kind as the one before that is written like this."""
    if isinstance(before, str):
        return text
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text) else None
