"""Proposals: the files that an import suggests, and what it has to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from schema.errors import Invalid

MAX_NOTES: Final = 500
"""The rest is counted."""
MAX_NAMES: Final = 20
"""Names that one note lists; the rest is counted."""


class ImportRefused(Invalid):
    """What was given cannot be imported: it is not what it should be, or goes beyond a limit."""

    code = "imports.refused"


class Note(NamedTuple):
    """One thing that the reader should know of: left out, replaced, or different from what it was."""

    about: str
    """A variable, file, host, group ..."""
    message: str


class Notes:
    """Notes in order, each once, and no more than `MAX_NOTES`."""

    def __init__(self) -> None:
        self._found: Final[dict[Note, None]] = {}
        self.left_out = 0
        """How many did not fit."""

    def add(self, about: str, message: str) -> None:
        """Note something, unless that has been said."""
        note = Note(about, message)
        if note in self._found:
            return
        if len(self._found) >= MAX_NOTES:
            self.left_out += 1
        else:
            self._found[note] = None

    def listed(self) -> list[Note]:
        """All that was kept."""
        return list(self._found)


@dataclass
class Crate:
    """One proposed crate, resource by resource, so that one can be taken away again."""

    name: str
    description: str
    resources: list[tuple[dict[str, Any], str]]
    """Attributes, and the comment above them."""


@dataclass
class Proposal:
    """What an import suggests."""

    files: dict[str, bytes]
    """Path in the repository → bytes; crates aside."""
    notes: Notes
    crates: dict[str, Crate] = field(default_factory=dict)
    """Path → crate."""
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Role → its entry; they all go into the one `roles.vgo`."""
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Host name → the vars that it must come to, where that is known."""


def listed(names: list[str]) -> str:
    """Names for a note, the first few of many."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
