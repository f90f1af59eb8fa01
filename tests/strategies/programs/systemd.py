"""systemctl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

UNITS = "/model/units"


def reads(run: Sequence[str]) -> bool:
    """`systemctl show`."""
    return run[0] == "systemctl" and "show" in run[:3]


def _systemctl(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    units: dict[str, Any] = json.loads("".join(files.lines(host, UNITS)) or "{}")
    verb, names = words[0], words[1:]
    if verb == "show":
        return Ran(0, "\n".join(_shown(units.get(name)) for name in names).encode(), b"")
    if verb == "daemon-reload":
        for unit in units.values():
            unit["outdated"] = False
    for name in names:
        if name not in units:
            return refuse(f"Unit {name} not found.", 5)
        unit = units[name]
        if unit.get("outdated"):
            return refuse(f"{name} changed on disk, run 'systemctl daemon-reload'")
        if verb in ("start", "restart", "reload-or-restart"):
            unit["active"] = unit.get("starts_as", "active")
        elif verb == "stop":
            unit["active"] = "inactive"
        elif verb == "enable":
            unit["file"] = "enabled"
        elif verb == "disable":
            unit["file"] = "disabled"
        unit["last"] = verb
    files.put(host, UNITS, json.dumps(units))
    return OK


def _shown(unit: Any) -> str:
    if unit is None:
        return "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\n"
    outdated = "yes" if unit.get("outdated") else "no"
    return (
        f"LoadState=loaded\nActiveState={unit['active']}\nUnitFileState={unit['file']}\nNeedDaemonReload={outdated}\n"
    )


PROGRAMS: dict[str, Program] = {"systemctl": _systemctl}
