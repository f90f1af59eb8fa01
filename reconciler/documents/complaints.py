"""Complaints: what is wrong within one file, before anybody says which file it is.

The same bytes may stand at two paths; what is wrong with them is found once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final, NamedTuple

from reconciler.documents import codes
from schema.diagnostics import Diagnostic

MAX_MESSAGE: Final = 400
"""Characters of a message or hint."""


class Complaint(NamedTuple):
    """One thing wrong at one place. Lines and columns count from 1."""

    code: str
    line: int
    column: int
    message: str
    hint: str = ""

    def at(self, file: str) -> Diagnostic:
        """The diagnostic for the file these bytes stand in."""
        return diagnostic(self.code, file, self.line, self.column, self.message, self.hint)


def diagnostic(code: str, file: str, line: int, column: int, message: str, hint: str = "") -> Diagnostic:
    """A diagnostic with the severity that its code has."""
    return Diagnostic(
        code=code,
        severity=codes.severity(code),
        file=file,
        line=max(line, 1),
        column=max(column, 1),
        message=shown(message),
        hint=shown(hint),
    )


def shown(text: str) -> str:
    """A text of one line as it can be shown and logged: cut, and what is not printable escaped. It may quote a file."""
    if len(text) > MAX_MESSAGE:
        text = text[: MAX_MESSAGE - 3] + "..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the known word most like this one; empty when none is near."""
    candidates = sorted(set(known))
    folded = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    if word.casefold() in folded:
        return f"did you mean {folded[word.casefold()]}?"
    close = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def listed(words: Iterable[str], *, limit: int = 12) -> str:
    """Words for a message: sorted, with a comma, cut at `limit`."""
    ordered = sorted(set(words))
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more
