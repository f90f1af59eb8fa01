"""Whether a process runs. See `ProcessSpec`.

All processes are read in one walk. A signal goes only to a process that is still the one that was looked at.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import processes
from agent.tools.processes import Process
from schema.resources.process import ProcessSpec

_STEP_S: Final = 0.1
_KILLED_S: Final = 5.0
_MAX_SHOWN: Final = 10
_COMM_BYTES: Final = 15


class ProcessState(NamedTuple):
    """Those that match."""

    found: tuple[Process, ...]
    note: str = ""


def check(host: Host, spec: ProcessSpec) -> ProcessState:
    """See `ResourceType`."""
    uid = None
    if spec.user is not None and (uid := host.uid(spec.user)) is None:
        if spec.state == "running":
            raise ResourceFailed(f"there is no user {spec.user} on this host")
        return ProcessState(())
    return ProcessState(tuple(each for each in processes.running(host) if _matches(spec, each, uid)))


def diff(spec: ProcessSpec, state: ProcessState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "running":
        return () if state.found else (Change("state", "stopped", "running"),)
    if not state.found:
        return ()
    shown = ", ".join(str(each.pid) for each in state.found[:_MAX_SHOWN])
    more = f" and {len(state.found) - _MAX_SHOWN} more" if len(state.found) > _MAX_SHOWN else ""
    return (Change("state", f"running ({shown}{more})", "stopped"),)


def apply(host: Host, spec: ProcessSpec, state: ProcessState) -> None:
    """See `ResourceType`."""
    if spec.state == "running":
        raise ResourceFailed(f"{spec.process} does not run; to start it is the work of a service")
    processes.signal(host, spec.signal, state.found)
    left = _wait(host, spec, spec.wait_s)
    if left and spec.kill:
        processes.signal(host, "KILL", left)
        left = _wait(host, spec, _KILLED_S)
    if left:
        shown = ", ".join(str(each.pid) for each in left[:_MAX_SHOWN])
        raise ResourceFailed(f"still runs {spec.wait_s} s after SIG{spec.signal}: {shown}")


def action(spec: ProcessSpec, _state: ProcessState) -> str:
    """See `ResourceType`."""
    return "stop" if spec.state == "stopped" else "start"


PROCESS: Final = ResourceType(
    spec=ProcessSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    of_machine=True,
    unseen="the kernel tells of no processes but one's own children",
)


def _wait(host: Host, spec: ProcessSpec, seconds: float) -> tuple[Process, ...]:
    until = time.monotonic() + seconds
    while True:
        forget(host)
        left = check(host, spec).found
        if not left or time.monotonic() >= until:
            return left
        time.sleep(_STEP_S)


def _matches(spec: ProcessSpec, process: Process, uid: int | None) -> bool:
    if uid is not None and process.uid != uid:
        return False
    if spec.cmdline is not None and " ".join(process.arguments) != spec.cmdline:
        return False
    program = spec.called
    if program is None or program == process.program:
        return True
    comm = program.encode("utf-8", "surrogateescape")[:_COMM_BYTES].decode("utf-8", "replace")
    return comm == process.comm and (len(program) <= _COMM_BYTES)
