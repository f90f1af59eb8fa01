"""systemd-tmpfiles, timedatectl, shutdown."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import HostFault, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse


def reads(run: Sequence[str]) -> bool:
    """None of them."""
    return False


def _tmpfiles(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    """Knows lines of the type `d` without options."""
    for number, line in enumerate(host.read(args[-1]).decode().splitlines(), 1):
        kind, _, rest = line.partition(" ")
        place = rest.split('"')[1] if rest.startswith('"') else rest.split(" ")[0]
        if "invalid" in line:
            return refuse(f"{args[-1]}:{number}: invalid", 65)
        if kind == "d" and host.lstat(place) is None:
            try:
                host.mkdir(place, mode=0o755)
            except HostFault as error:
                return refuse(str(error), 73)
    return OK


def _timedatectl(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    host.symlink("/etc/localtime", f"../usr/share/zoneinfo/{args[-1]}")
    return OK


def _shutdown(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    files.put(host, "/run/systemd/shutdown/scheduled", " ".join(args))
    return OK


def _analyze(_host: MemoryHost, _args: Sequence[str], _input: bytes) -> Ran:
    """Only ever run by a script, which the model of the shell is one of."""
    raise AssertionError


PROGRAMS: dict[str, Program] = {
    "systemd-analyze": _analyze,
    "shutdown": _shutdown,
    "systemd-tmpfiles": _tmpfiles,
    "timedatectl": _timedatectl,
}
