"""What an act costs, measured in a child that does nothing else: time of the processor, and memory above the start.

`ru_maxrss` would not do: a process inherits its parent's high-water mark, and never sinks below its own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests import warm

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024


class Cost(NamedTuple):
    """What came of an act, and what it took."""

    outcome: Any
    cpu_s: float
    grown_bytes: int


def costs(act: str, given: Sequence[str], *, timeout_s: float = 120.0, memory_bytes: int = 4096 * MIB) -> list[Cost]:
    """Run `act` ("module:function", of one text) once for each of `given`, each in a process of its own.

    Args:
        timeout_s: for all; nothing that is measured here may wait for ever.
        memory_bytes: address space of each, so that what is measured cannot take the machine with it.
    """
    ran = warm.run("tests.cases.measure", act, str(memory_bytes), *given, cwd=ROOT, env=os.environ, timeout=timeout_s)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = [Cost(*json.loads(line)) for line in ran.stdout.splitlines()]
    assert len(found) == len(given), ran.stderr[-2000:]
    return found


def cost(act: str, given: str, *, timeout_s: float = 60.0, memory_bytes: int = 4096 * MIB) -> Cost:
    """As `costs`, of one."""
    return costs(act, [given], timeout_s=timeout_s, memory_bytes=memory_bytes)[0]


def _resident(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))


def _measured(act: Callable[[str], Any], given: str) -> Cost:
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark is where we are
    before, began = _resident("VmRSS"), time.process_time()
    try:
        outcome = act(given)
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    spent = time.process_time() - began
    return Cost(outcome, spent, _resident("VmHWM") - before)


def main() -> None:
    """Fork for each, so that none leaves memory behind for the next."""
    where, memory, *given = sys.argv[1:]
    module, _, name = where.partition(":")
    act = getattr(importlib.import_module(module), name)
    resource.setrlimit(resource.RLIMIT_AS, (int(memory),) * 2)
    for each in given:
        child = os.fork()
        if child == 0:
            print(json.dumps(_measured(act, each)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(json.dumps([f"ended with status {status}", 0.0, 0]), flush=True)


if __name__ == "__main__":
    main()
