"""aide: it reads the files that its configuration includes, and refuses one that holds the word `invalid`."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.aide import DEBIAN, OTHER, databases
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse


def reads(run: Sequence[str]) -> bool:
    """Only checking the configuration."""
    return list(run[:2]) == ["aide", "--config-check"]


def _aide(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    config = args[1].removeprefix("--config=")
    layout = DEBIAN if config == DEBIAN.config else OTHER
    included = [
        (path, node.data)
        for path, node in sorted(host.nodes.items())
        if path.startswith(f"{layout.directory}/") and node.kind is Kind.FILE
    ]
    bad = next((path for path, data in included if b"invalid" in data), "")
    if bad:
        return refuse(f"  ERROR: {bad}:2: unknown config option: 'invalid' (line: 'invalid')", 17)
    if args[0] == "--init":
        where = databases(host.read(config).decode())
        assert where is not None
        files.put(host, where.made, "@@begin_db\n")
    return OK


PROGRAMS: dict[str, Program] = {"aide": _aide}
