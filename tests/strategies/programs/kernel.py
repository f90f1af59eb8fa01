"""modprobe, over /proc/modules; the modules there are to load stand in /lib/modules/model."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

MODULES = "/lib/modules/model"
LOADED = "/proc/modules"


def reads(run: Sequence[str]) -> bool:
    """None of them."""
    return False


def _modprobe(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    name = args[-1]
    known = name.replace("-", "_")
    lines = files.lines(host, LOADED)
    here = next((line for line in lines if line.split()[0] == known), None)
    if "-r" in args:
        if here is None:
            return refuse(f"modprobe: FATAL: Module {name} is not loaded.")
        if here.split()[2] != "0":
            return refuse(f"modprobe: FATAL: Module {name} is in use.")
        lines.remove(here)
    elif here is None:
        if name not in " ".join(files.lines(host, MODULES)).split():
            return refuse(f"modprobe: FATAL: Module {name} not found in directory /lib/modules")
        lines.append(f"{known} 1 0 - Live 0x0")
    files.put(host, LOADED, "".join(f"{line}\n" for line in lines))
    return OK


PROGRAMS: dict[str, Program] = {"modprobe": _modprobe}
