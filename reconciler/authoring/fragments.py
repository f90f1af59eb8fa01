"""Expressions as they are written: what stands at the cursor, in a tag that may have no end yet.

A whole expression is read by `schema.expressions`; this is for the one that somebody is in the middle of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.expressions import EACH, Path

MAX_LOOKED_AT: Final = 50_000
"""Characters before the cursor."""

_CHAIN: Final = re.compile(
    r"""(?P<root>(?<![\w.'"\]])[A-Za-z_]\w*)(?P<steps>(?:\.\w+|\[\s*(?:'[^']*'|"[^"]*"|-?\d+)\s*\])*)(?P<dot>\.)?"""
)
_STEP: Final = re.compile(r"""\.(?P<name>\w+)|\[\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<index>-?\d+))\s*\]""")
_LOOP: Final = re.compile(r"\{%[-+]?\s*for\s+(?P<names>\w+(?:\s*,\s*\w+)?)\s+in\s+(?P<what>[\w.]+)")
_SET: Final = re.compile(r"\{%[-+]?\s*set\s+(?P<names>\w+)\s*=\s*(?P<what>[\w.]+)\s*[-+]?%\}")
_WORD: Final = re.compile(r"\w*$")
_TEST: Final = re.compile(r"\bis\s+(?:not\s+)?\w*$")
_BARE_FILTER: Final = re.compile(r"\|\s*\w*$")


class Sort(StrEnum):
    """What kind of word stands at the cursor."""

    PATH = "path"
    FILTER = "filter"
    TEST = "test"
    FUNCTION = "function"


class Fragment(NamedTuple):
    """The word at the cursor."""

    sort: Sort
    path: Path
    """Of a path, its parts up to and with the one at the cursor; of another word, that word alone."""
    begin: int
    end: int
    """Offsets of the part at the cursor."""


def inside(left: str, *, bare: bool) -> str | None:
    """The expression so far, of a text up to the cursor; None when the cursor is in plain text.

    Args:
        bare: the text is an expression as it stands, without braces.
    """
    if bare:
        return left.lstrip("\"'")
    left = left[-MAX_LOOKED_AT:]
    opened = max(left.rfind("{{"), left.rfind("{%"))
    if opened < 0 or max(left.rfind("}}"), left.rfind("%}")) > opened:
        return None
    return left[opened + 2 :]


def completing(expression: str, before: str = "") -> tuple[Sort, Path]:
    """What is to be completed at the end of an expression: of a path, the parts before the last dot.

    Args:
        before: the text before the expression, for names that `for` and `set` bound there.
    """
    if _BARE_FILTER.search(expression):
        return Sort.FILTER, ()
    if _TEST.search(expression):
        return Sort.TEST, ()
    word = _WORD.search(expression)
    assert word is not None  # it matches anything
    rest = expression[: word.start()]
    if not rest.endswith("."):
        return Sort.PATH, ()
    chain = next((found for found in _CHAIN.finditer(rest) if found.end() == len(rest)), None)
    if chain is None:
        return Sort.PATH, ("",)
    return Sort.PATH, followed((chain["root"], *_steps(chain["steps"])), before)


def at(text: str, begin: int, offset: int, *, bare: bool) -> Fragment | None:
    """The word of an expression at an offset in a text; None in plain text, or between words.

    Args:
        begin: where the value that holds the expression begins.
    """
    if inside(text[begin:offset] + " ", bare=bare) is None:
        return None
    line = text.rfind("\n", 0, offset) + 1
    stop = text.find("\n", offset)
    row = text[line : stop if stop >= 0 else len(text)]
    for chain in _CHAIN.finditer(row):
        if not chain.start() <= offset - line <= chain.end():
            continue
        root_end = line + chain.end("root")
        head = row[: chain.start()].rstrip()
        if head.endswith("|"):
            return Fragment(Sort.FILTER, (chain["root"],), line + chain.start(), root_end)
        if re.search(r"\bis(\s+not)?$", head):
            return Fragment(Sort.TEST, (chain["root"],), line + chain.start(), root_end)
        if offset <= root_end:
            called = row[chain.end("root") :].lstrip().startswith("(")
            sort = Sort.FUNCTION if called else Sort.PATH
            return Fragment(sort, followed((chain["root"],), text[:offset]), line + chain.start(), root_end)
        parts: list[str | int] = [chain["root"]]
        for step in _STEP.finditer(row, chain.start("steps"), chain.end("steps")):
            parts.append(_part(step))
            if offset <= line + step.end():
                named = step.lastgroup or "name"
                return Fragment(
                    Sort.PATH, followed(tuple(parts), text[:offset]), line + step.start(named), line + step.end(named)
                )
    return None


def chains(text: str) -> list[tuple[Path, int, tuple[tuple[int, int], ...]]]:
    """Every dotted path in a text: its parts, where it begins, and where each part does and ends."""
    found = []
    for chain in _CHAIN.finditer(text):
        parts: list[str | int] = [chain["root"]]
        places = [chain.span("root")]
        for step in _STEP.finditer(text, chain.start("steps"), chain.end("steps")):
            parts.append(_part(step))
            places.append(step.span(step.lastgroup or "name"))
        found.append((tuple(parts), chain.start(), tuple(places)))
    return found


def _steps(text: str) -> tuple[str | int, ...]:
    return tuple(_part(step) for step in _STEP.finditer(text))


def _part(step: re.Match[str]) -> str | int:
    if step["index"] is not None:
        return int(step["index"])
    return next(each for each in (step["name"], step["single"], step["double"]) if each is not None)


def followed(path: Path, before: str) -> Path:
    """A path that begins with a name that the text before has bound, as the path that the name stands for."""
    bound: Mapping[str, Path] = {}
    if path[0] not in ("vars", "traits", "host", "user", "item", "params", "inputs", "steps"):
        bound = _bound(before[-MAX_LOOKED_AT:])
    for _ in range(len(bound)):
        if path[0] not in bound:
            break
        path = (*bound[str(path[0])], *path[1:])
    return path


def _bound(before: str) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for pattern, more in ((_LOOP, (EACH,)), (_SET, ())):
        for match in pattern.finditer(before):
            names = [name.strip() for name in match["names"].split(",")]
            if len(names) == 1:
                found[names[0]] = (*match["what"].split("."), *more)
    return found
