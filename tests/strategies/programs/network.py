"""systemd-resolved, as `resolvectl` tells of it, restarted by `systemctl`; the answer has the form of systemd 252."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

RESOLVED = "/model/resolved"
"""What it has read; it does not run when this is not there."""
_DROP_IN = "/etc/systemd/resolved.conf.d/60-vigo.conf"


def reads(run: Sequence[str]) -> bool:
    """Asking."""
    return run[0] == "resolvectl"


def restart_resolved(host: MemoryHost) -> Ran:
    """It reads its configuration."""
    lines = [*files.lines(host, "/etc/systemd/resolved.conf"), *files.lines(host, _DROP_IN)]
    said = [line for line in lines if line.startswith(("DNS=", "Domains=")) and line.partition("=")[2]]
    files.put(host, RESOLVED, "".join(f"{line}\n" for line in said))
    return OK


def _resolvectl(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    if host.lstat(RESOLVED) is None:
        return refuse("Failed to get global data: Unit dbus-org.freedesktop.resolve1.service not found.")
    key = {"dns": "DNS=", "domain": "Domains="}[args[-1]]
    words = [line.removeprefix(key) for line in files.lines(host, RESOLVED) if line.startswith(key)]
    return Ran(0, f"Global: {' '.join(words)}\nLink 2 (eth0): 192.0.2.1\n".encode(), b"")


PROGRAMS: dict[str, Program] = {"resolvectl": _resolvectl}
