"""What an expression may ask of the host beyond its traits."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn, Protocol

from schema.expressions.errors import ExpressionError, Kind


class HostFunctions(Protocol):
    """Filled in by the agent. An `OSError` fails the expression, not the run."""

    def file_exists(self, path: str) -> bool:
        """Whether a regular file, or a link to one, is at this path."""
        ...

    def dir_exists(self, path: str) -> bool:
        """Whether a directory, or a link to one, is at this path."""
        ...

    def process_running(self, name: str) -> bool:
        """Whether a process of this name runs."""
        ...

    def command_succeeds(self, command: str) -> bool:
        """Whether the shell command ends with 0."""
        ...

    def now(self) -> datetime:
        """The host's local time."""
        ...


class NoHost:
    """Anywhere but on the host: each answer is unknown."""

    def file_exists(self, path: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Unknown."""
        _unknown("file_exists")

    def dir_exists(self, path: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Unknown."""
        _unknown("dir_exists")

    def process_running(self, name: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Unknown."""
        _unknown("process_running")

    def command_succeeds(self, command: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Unknown."""
        _unknown("command_succeeds")

    def now(self) -> datetime:
        """Unknown."""
        _unknown("the time of day")


def _unknown(what: str) -> NoReturn:
    raise ExpressionError(f"{what} is known only on the host", Kind.UNKNOWN)
