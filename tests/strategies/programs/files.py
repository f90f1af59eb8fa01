"""Where model programs keep their state: files of the machine, so that a full disk can hit any of their writes."""

from __future__ import annotations

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Node

OK = Ran(0, b"", b"")
DIRECTORY: Node = MemoryHost().nodes["/"]


def refuse(text: str, code: int = 1) -> Ran:
    """A program that complains."""
    return Ran(code, b"", text.encode())


def lines(host: MemoryHost, path: str) -> list[str]:
    return host.read(path).decode().splitlines() if host.lstat(path) is not None else []


def put(host: MemoryHost, path: str, text: str) -> None:
    """One write, whatever directories are missing: those are not the machine's state."""
    parent = ""
    for part in path.split("/")[1:-1]:
        parent += f"/{part}"
        host.nodes.setdefault(parent, DIRECTORY)
    host.write(path, text.encode(), mode=0o644)
