"""Programs that read a file and say whether they can: each refuses one that holds the word `invalid`."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import HostFault, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs.files import OK, refuse


def reads(run: Sequence[str]) -> bool:
    """All of them."""
    return True


def _logrotate(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[:-1]) == ["-d"]
    return _refused(host, args[-1], f"error: {args[-1]}: invalid")


def _visudo(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[:-1]) == ["-c", "-f"]
    return _refused(host, args[-1], f"{args[-1]}:1:8: syntax error")


def _refused(host: MemoryHost, path: str, complaint: str) -> Ran:
    try:
        bad = b"invalid" in host.read(path)
    except (OSError, HostFault) as error:
        return refuse(str(error))
    return refuse(complaint) if bad else OK


PROGRAMS: dict[str, Program] = {"logrotate": _logrotate, "visudo": _visudo}
