"""Faults: what went wrong, and by their kind what happens next.

A concrete fault is a fact with a fixed code (`AlertClosed`, `alerts.closed`). Anything that is not a `Fault` is a bug:
it is not caught below the outer edge, is logged whole there, and is answered 500 with a request id.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final


class Next(StrEnum):
    """What the loop does after a fault of this kind."""

    NEVER = "never"  # the same input can never succeed
    ON_COMMIT = "on_commit"  # nothing changes until somebody commits
    AFTER = "after"  # wait `retry_after_s`, then again
    BACK_OFF = "back_off"  # again, each time later


class Fault(Exception):
    """Something went wrong that the caller can be told about.

    Args:
        message: one sentence for a person; never holds a secret.
        details: what else helps, as JSON values; rendered beside the message.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    next: ClassVar[Next] = Next.NEVER

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message: Final = message
        self.details: Final[Mapping[str, Any]] = details


class Invalid(Fault):
    """The caller's input is wrong."""

    code, status = "invalid", 400


class Unauthenticated(Fault):
    """Nobody we know: no credentials, or wrong ones."""

    code, status = "unauthenticated", 401


class Forbidden(Fault):
    """Known, but not allowed."""

    code, status = "forbidden", 403


class NotFound(Fault):
    """Not there, or not yours to see."""

    code, status = "not_found", 404


class Conflict(Fault):
    """Its state forbids this."""

    code, status = "conflict", 409


class Stalled(Fault):
    """Nothing changes until a commit."""

    code, status, next = "stalled", 409, Next.ON_COMMIT


class Exhausted(Fault):
    """A limit was reached; `retry_after_s` says when to come back."""

    code, status, next = "exhausted", 429, Next.AFTER

    def __init__(self, message: str, *, retry_after_s: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s: Final = retry_after_s


class Unavailable(Fault):
    """Something we need is silent."""

    code, status, next = "unavailable", 503, Next.BACK_OFF
