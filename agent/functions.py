"""What expressions ask of the host: `schema.expressions.HostFunctions` over a `Host`."""

from __future__ import annotations

from datetime import UTC, datetime
from posixpath import dirname, normpath
from typing import Final, NoReturn

from agent.hosts import Host, HostFault, Kind, Stat, reach
from agent.tools import shell
from schema.expressions import ExpressionError
from schema.expressions import Kind as ErrorKind
from schema.time import Clock

COMMAND_TIMEOUT_S: Final = 30.0
_MAX_LINKS: Final = 40
_ENDED: Final = ("Z", "X")
"""States of proc(5): it runs no more, and waits for its parent to notice."""


class Functions:
    """Answers from one host. Nothing is remembered: an expression is evaluated just before its resource."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self.host = host
        self.clock = clock

    def file_exists(self, path: str) -> bool:
        """See `HostFunctions`."""
        stat = self._follow(path)
        return stat is not None and stat.kind is Kind.FILE

    def dir_exists(self, path: str) -> bool:
        """See `HostFunctions`."""
        stat = self._follow(path)
        return stat is not None and stat.kind is Kind.DIRECTORY

    def process_running(self, name: str) -> bool:
        """See `HostFunctions`: by the name of the program, or by the name it was started under."""
        if self.host.confined:
            _unknown("process_running")
        return any(entry.isdigit() and name in self._process_names(entry) for entry in self.host.listdir("/proc"))

    def command_succeeds(self, command: str) -> bool:
        """See `HostFunctions`."""
        if self.host.confined:
            _unknown("command_succeeds")
        try:
            with reach.declared(True):  # noqa: FBT003 - a person wrote it, and may well ask a server
                return shell.run(self.host, command, timeout_s=COMMAND_TIMEOUT_S).code == 0
        except HostFault as error:
            raise ExpressionError(f"command_succeeds: {error}", ErrorKind.TYPE) from error

    def now(self) -> datetime:
        """See `HostFunctions`."""
        return datetime.fromtimestamp(self.clock.now() / 1_000_000, UTC).astimezone()

    def _follow(self, path: str) -> Stat | None:
        """What a path leads to: the host layer itself never follows a last component."""
        try:
            for _ in range(_MAX_LINKS):
                stat = self.host.lstat(path)
                if stat is None or stat.kind is not Kind.SYMLINK:
                    return stat
                target = self.host.readlink(path)
                leads_to = normpath(target if target[:1] == "/" else f"{dirname(path)}/{target}")
                if self.host.guards(path) and not self.host.guards(leads_to):
                    return None  # a user may not have us look where they cannot
                path = leads_to
        except HostFault as error:
            raise ExpressionError(str(error), ErrorKind.TYPE) from error
        return None

    def _process_names(self, process: str) -> set[str]:
        try:
            stat = self.host.read(f"/proc/{process}/stat").decode("utf-8", "replace")
            command = self.host.read(f"/proc/{process}/cmdline").split(b"\0", 1)[0].decode("utf-8", "replace")
        except (OSError, HostFault):  # it has ended meanwhile
            return set()
        head, _, rest = stat.rpartition(") ")
        if rest[:1] in _ENDED:
            return set()
        return {head.partition(" (")[2], command, command.rpartition("/")[2]}


def _unknown(what: str) -> NoReturn:
    raise ExpressionError(f"{what} cannot be asked in a confined root", ErrorKind.UNKNOWN)
