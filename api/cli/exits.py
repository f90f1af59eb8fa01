"""Exit codes, and the one way in which a command fails.

The codes are stable: scripts and the pre-commit hook lean on them.
"""

from __future__ import annotations

from enum import IntEnum

from schema.errors import Conflict, Fault, Stalled


class Exit(IntEnum):
    """What `vigo` ends with."""

    OK = 0
    ERROR = 1
    """It could not be done: wrong usage, no server, not allowed, not there, a check that failed."""
    INVALID = 2
    """The configuration is not valid."""
    CONFLICT = 3
    """Something's state forbids it: it exists already, or was used already."""


MEANING = {
    Exit.OK: "done",
    Exit.ERROR: "an error: wrong usage, no server, not allowed, not found, or a check that failed",
    Exit.INVALID: "the configuration is not valid",
    Exit.CONFLICT: "a conflict: it exists already, or its state forbids the act",
}


class Problem(Exception):
    """An expected failure: `main` prints message and hint to standard error and ends with `exit`."""

    def __init__(self, message: str, *, hint: str = "", exit: Exit = Exit.ERROR) -> None:  # noqa: A002 - the word of the domain
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit = exit

    @classmethod
    def of(cls, fault: Fault) -> Problem:
        """A fault of a layer below, as the command line tells it."""
        conflict = isinstance(fault, Conflict | Stalled)
        hint = fault.details.get("hint", "")
        return cls(fault.message, hint=str(hint), exit=Exit.CONFLICT if conflict else Exit.ERROR)
