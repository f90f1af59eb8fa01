"""Selections: which refs are looked at beside the one that is tracked, by patterns that an operator wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.repository import revisions
from reconciler.repository.faults import RevisionRefused

MAX_PATTERNS: Final = 32
MAX_SELECTED: Final = 1_000
"""Refs. A forge keeps one for each request that was ever made: of more, those with the highest numbers are taken."""

_BRANCHES: Final = "refs/heads/"
_NUMBER: Final = re.compile(r"(\d+)")


class Selection:
    """Refs that fit any of some patterns: of branches (`pr/*`), or of full refs (`refs/pull/*/head`).

    A `*` stands for any characters, as in git's own refspecs, `/` among them.

    Raises:
        RevisionRefused: a pattern that fits no ref git accepts, or too many.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        if len(patterns) > MAX_PATTERNS:
            raise RevisionRefused(f"more than {MAX_PATTERNS} patterns of refs")
        self.patterns: Final = tuple(dict.fromkeys(map(_full, patterns)))
        alternatives = [".*".join(map(re.escape, each.split("*"))) for each in self.patterns]
        self._regex: Final = re.compile("|".join(alternatives) or r"(?!)")

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __contains__(self, ref: str) -> bool:
        return self._regex.fullmatch(ref) is not None

    def select(self, refs: Iterable[str], *, without: str | None = None) -> tuple[list[str], int]:
        """Those that fit, the highest numbers first, and how many more there are.

        Args:
            without: a full ref that is not meant: the tracked one.
        """
        found = sorted((ref for ref in refs if ref in self and ref != without), key=_by_number, reverse=True)
        return found[:MAX_SELECTED], max(0, len(found) - MAX_SELECTED)


def short(ref: str) -> str:
    """What a person calls it: a branch by its name, anything else in full. Both can be asked for."""
    return ref.removeprefix(_BRANCHES)


def _full(pattern: str) -> str:
    full = pattern if pattern.startswith("refs/") else f"{_BRANCHES}{pattern}"
    try:
        revisions.check_ref(full.replace("*", "x"))
    except RevisionRefused:
        raise RevisionRefused(
            f"{revisions.shown(pattern)} is no pattern of refs: write branches (pr/*) or full refs (refs/pull/*/head)"
        ) from None
    return full


def _by_number(ref: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in _NUMBER.split(ref)]
