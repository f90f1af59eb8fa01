"""Fixes: edits that do what a diagnostic's hint says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from reconciler.authoring.texts import Edit, Position, Span, Text
from schema.diagnostics import Diagnostic

MAX_FIXES: Final = 50
_MEANT: Final = re.compile(r"^did you mean (\S+)\?")
_QUOTED: Final = re.compile(r'^quote it: (".*")$')
_NAMED: Final = re.compile(r"^name: (\S+)$")
_WORD: Final = re.compile(r"[\w.@+/*-]+")
_PART: Final = re.compile(r"[\w@+-]+")


class Fix(NamedTuple):
    """One edit, and the diagnostic that it ends."""

    title: str
    diagnostic: Diagnostic
    edit: Edit


def of(diagnostics: Sequence[Diagnostic], text: Text, span: Span) -> list[Fix]:
    """The fixes for those of a file's diagnostics whose place a span touches."""
    found = (fix for each in diagnostics if place(text, each).overlaps(span) for fix in _of(text, each))
    return [fix for _, fix in zip(range(MAX_FIXES), found, strict=False)]


def place(text: Text, diagnostic: Diagnostic) -> Span:
    """The span of what a diagnostic is about."""
    return text.word(Position(diagnostic.line, diagnostic.column))


def _of(text: Text, diagnostic: Diagnostic) -> Iterator[Fix]:
    hint = diagnostic.hint
    at = Position(diagnostic.line, diagnostic.column)
    if meant := _MEANT.match(hint):
        span = _wrong(text, at, meant[1])
        if span is not None:
            yield Fix(f"Replace it with {meant[1]}", diagnostic, Edit(span, meant[1]))
    elif quoted := _QUOTED.match(hint):
        span = text.word(at)
        if span.start != span.end and text.within(span) == quoted[1][1:-1]:
            yield Fix("Quote it", diagnostic, Edit(span, quoted[1]))
    elif diagnostic.code == "schema.name" and (named := _NAMED.match(hint)):
        yield Fix(f"Call it {named[1]}, as its file", diagnostic, Edit(text.word(at), named[1]))


def _wrong(text: Text, at: Position, meant: str) -> Span | None:
    """The word at a place that is most like the one that is meant: all of it, or one part of a dotted path."""
    line = text.line(at.line)
    start = at.column - 1
    if line[start : start + 1] in ("'", '"'):
        start += 1
    whole = next((word for word in _WORD.finditer(line) if word.start() <= start < word.end()), None)
    if whole is None:
        return None
    choices = [whole.span()]
    if "." not in meant and "/" not in meant:
        choices += [part.span() for part in _PART.finditer(line, start, whole.end())]
    elif "/" not in meant:
        choices += [(begin, whole.end()) for begin in _starts(line, *whole.span())]

    def likeness(choice: tuple[int, int]) -> float:
        return difflib.SequenceMatcher(None, line[slice(*choice)].casefold(), meant.casefold()).ratio()

    begin, end = max(choices, key=likeness)
    if line[begin:end] == meant or likeness((begin, end)) < 0.5:
        return None
    return Span(at.line, begin + 1, at.line, end + 1)


def _starts(line: str, begin: int, end: int) -> list[int]:
    """Where a dotted path, or the rest of one, begins."""
    return [begin, *(found.end() for found in re.finditer(r"\.", line[:end]) if found.end() > begin)]
