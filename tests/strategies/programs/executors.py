"""An executor: keeps the spec's `value` in the file that its `path` names.

It misbehaves as `value` asks: `garbage`, `silent`, `fails`, `slow`, `lies`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import refuse

KEEPER = "/usr/local/lib/vigo/keeper"
OTHER = "/usr/local/lib/vigo/other"


def reads(run: Sequence[str]) -> bool:
    """Its `check`."""
    return list(run[1:]) == ["check"]


def _keeper(host: MemoryHost, args: Sequence[str], question: bytes) -> Ran:
    asked = json.loads(question)
    assert (asked["version"], asked["op"]) == (1, args[0])
    path, value = asked["spec"]["path"], asked["spec"]["value"]
    match value:
        case "garbage":
            return Ran(0, b"not json", b"")
        case "silent":
            return Ran(0, b'{"changes": []}', b"")
        case "fails":
            return refuse("it is broken", 3)
        case "slow":
            return Ran(-9, b"", b"", timed_out=True)
    found = "".join(files.lines(host, path)) if host.lstat(path) is not None else None
    if args[0] == "apply":
        assert asked["state"] == {"found": found}
        if value != "lies":
            files.put(host, path, value)
        return _said(in_desired_state=True)
    return _said(
        in_desired_state=found == value,
        changes=[] if found == value else [{"field": "value", "before": found, "after": value}],
        state={"found": found},
        note=asked["name"] if value == "noted" else "",
    )


def _said(**answer: object) -> Ran:
    return Ran(0, json.dumps(answer).encode(), b"")


PROGRAMS: dict[str, Program] = {KEEPER: _keeper, OTHER: _keeper}
