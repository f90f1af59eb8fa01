"""systemctl, over units of a file of JSON and those of /etc/systemd/system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files, network
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
        return Ran(0, "\n".join(_shown(host, name, units.get(name)) for name in names).encode(), b"")
    if verb == "daemon-reload":
        for name, unit in units.items():
            unit["outdated"] = False
            unit["read"] = _files(host, name)
    if (verb, names) == ("restart", ["systemd-resolved.service"]):
        return network.restart_resolved(host)
    for name in names:
        if name not in units:
            if verb == "mask":
                units[name] = {"active": "inactive", "file": ""}
            elif not _files(host, name):
                return refuse(f"Unit {name} not found.", 5)
            else:
                units[name] = {"active": "inactive", "file": "disabled", "read": _files(host, name)}
        unit = units[name]
        if verb not in ("mask", "unmask") and (unit.get("outdated") or unit.get("read", "") != _files(host, name)):
            return refuse(f"{name} changed on disk, run 'systemctl daemon-reload'")
        if unit["file"] == "masked" and verb in ("start", "restart", "reload-or-restart", "enable"):
            return refuse(f"Unit {name} is masked.")
        if verb in ("start", "restart", "reload-or-restart"):
            unit["active"] = unit.get("starts_as", "active")
        elif verb == "stop":
            unit["active"] = "inactive"
        elif verb == "enable":
            unit["file"] = "enabled"
        elif verb == "disable":
            unit["file"] = "disabled"
        elif verb == "mask":
            unit |= {"file": "masked", "was": unit["file"]}
        elif verb == "unmask" and unit["file"] == "masked":
            unit["file"] = unit.get("was", "disabled")
        unit["last"] = verb
    files.put(host, UNITS, json.dumps(units))
    return OK


def _files(host: MemoryHost, name: str) -> str:
    """What stands in a unit's files: of those that the model's JSON alone has, drop-ins."""
    places = [f"/etc/systemd/system/{name}"]
    drop_ins = f"/etc/systemd/system/{name}.d"
    if (stat := host.lstat(drop_ins)) is not None and stat.kind is Kind.DIRECTORY:
        places += [f"{drop_ins}/{each}" for each in host.listdir(drop_ins)]
    return "".join(
        host.read(place).decode("utf-8", "replace")
        for place in places
        if (stat := host.lstat(place)) is not None and stat.kind is Kind.FILE
    )


def _shown(host: MemoryHost, name: str, unit: Any) -> str:
    if unit is None:
        if not _files(host, name):
            return "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\n"
        return "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nNeedDaemonReload=no\n"
    outdated = "yes" if unit.get("outdated") or unit.get("read", "") != _files(host, name) else "no"
    load = "masked" if unit["file"] == "masked" else "loaded"
    return (
        f"LoadState={load}\nActiveState={unit['active']}\nUnitFileState={unit['file']}\nNeedDaemonReload={outdated}\n"
    )


PROGRAMS: dict[str, Program] = {"systemctl": _systemctl}
