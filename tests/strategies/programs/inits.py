"""rc-status, rc-service and rc-update of OpenRC; service and update-rc.d of sysvinit.

Which services run stands in /model/running as JSON: name → OpenRC's word, or for sysvinit `+`, `-` or `?`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

RUNNING = "/model/running"


def reads(run: Sequence[str]) -> bool:
    """Those that ask."""
    return run[0] == "rc-status" or (run[0] == "service" and run[-1] in ("--status-all", "status"))


def _running(host: MemoryHost) -> dict[str, str]:
    found: dict[str, str] = json.loads("".join(files.lines(host, RUNNING)) or "{}")
    return found


def _put(host: MemoryHost, name: str, word: str) -> None:
    files.put(host, RUNNING, json.dumps({**_running(host), name: word}))


def _rc_status(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args) == ["--nocolor", "--servicelist"]
    lines = [f" {name}{' ' * 20}[  {word}  ]" for name, word in _running(host).items()]
    return Ran(0, "".join(f"{line}\n" for line in lines).encode(), b"")


def _rc_service(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    _, name, verb = args
    if verb == "reload" and name == "no-reload":
        return refuse("unknown function `reload'")
    _put(host, name, "stopped" if verb == "stop" else "started")
    return OK


def _rc_update(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    if args[0] == "add":
        files.put(host, f"/etc/runlevels/{args[2]}/{args[1]}", "")
        return OK
    assert args[0] == "del"
    for level in args[2:]:
        if host.lstat(f"/etc/runlevels/{level}/{args[1]}") is None:
            return refuse(f"rc-update: service `{args[1]}' is not in the runlevel `{level}'")
        host.remove(f"/etc/runlevels/{level}/{args[1]}")
    return OK


def _service(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    running = _running(host)
    if args[0] == "--status-all":
        told = [f" [ {word} ]  {name}\n" for name, word in running.items()]
        return Ran(
            0,
            "".join(line for line in told if "?" not in line).encode(),
            "".join(line for line in told if "?" in line).encode(),
        )
    name, verb = args
    if verb == "status":
        return Ran({"+": 0, "-": 3}.get(running.get(name, ""), 4), b"", b"")
    _put(host, name, "-" if verb == "stop" else "+")
    return OK


def _update_rc(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    name, verb = args
    on, off = f"/etc/rc2.d/S01{name}", f"/etc/rc2.d/K01{name}"
    here = [path for path in (on, off) if host.lstat(path) is not None]
    if verb == "defaults":
        return OK if here else _link(host, on, [])
    return _link(host, on if verb == "enable" else off, here)


def _link(host: MemoryHost, path: str, instead_of: list[str]) -> Ran:
    files.put(host, path, "")
    for other in instead_of:
        if other != path:
            host.remove(other)
    return OK


PROGRAMS: dict[str, Program] = {
    "rc-status": _rc_status,
    "rc-service": _rc_service,
    "rc-update": _rc_update,
    "service": _service,
    "update-rc.d": _update_rc,
}
