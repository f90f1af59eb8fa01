"""Machines of memory with these files on them, as captured from real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Node, Program


def host(files: Mapping[str, str | bytes], *, links: Mapping[str, str] | None = None, **options: Any) -> MemoryHost:
    """A machine with these files and symbolic links, and the directories that they need."""
    made = MemoryHost(**options)
    for path in (*files, *(links or {})):
        parent = ""
        for part in path.split("/")[1:-1]:
            parent += f"/{part}"
            made.nodes.setdefault(parent, Node(Kind.DIRECTORY))
    for path, data in files.items():
        made.nodes[path] = Node(Kind.FILE, 0o644, data=data if isinstance(data, bytes) else data.encode())
    for path, target in (links or {}).items():
        made.nodes[path] = Node(Kind.SYMLINK, 0o777, target=target)
    return made


def says(text: str, code: int = 0) -> Program:
    """A program that says this, whatever it is asked."""
    return lambda *_: Ran(code, text.encode() if not code else b"", text.encode() if code else b"")
