"""Programs of memory machines: models of what the real ones do, as far as resource types rely on it.

Each keeps its state in files of the machine, so that a full disk can hit any of its writes. Where a real program can be
had in a test, another test runs the real one (tests/unit/agent/tools).
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import HostFault, MemoryHost, Ran
from agent.hosts.memory import Program

OK = Ran(0, b"", b"")


def refuse(text: str, code: int = 1) -> Ran:
    """A program that complains."""
    return Ran(code, b"", text.encode())


def checker(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    """A validator: refuses a file that holds the word `invalid`."""
    try:
        bad = b"invalid" in host.read(args[-1])
    except (OSError, HostFault) as error:
        return refuse(str(error))
    return refuse(f"{args[-1]}: syntax error") if bad else OK


ALL: dict[str, Program] = {"checker": checker}
READERS: frozenset[str] = frozenset()
