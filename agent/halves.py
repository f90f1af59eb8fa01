"""What the two processes of an agent do once they are apart: the executor, which holds all and opens no network; and
the link, which speaks to the network and holds nothing.

Both begin as copies of the supervisor, which holds nothing that is worth having, and each loads only what it needs.
Each gives up what it does not need before it reads its first byte.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from agent import VERSION, confinement
from agent.boundary import Notice
from agent.errands import Errands
from agent.separation import LOST, RESTART, Ids
from agent.watchdog import Watchdog

if TYPE_CHECKING:
    from agent.link import Link
    from agent.state import State

STACK_BYTES: Final = 1024 * 1024
END_S: Final = 0.4
LINK_DATA_BYTES: Final = 256 * 1024 * 1024
LINK_FILES: Final = 256
LINK_PROCESSES: Final = 64
EXECUTOR_SOFT_BYTES: Final = 192 * 1024 * 1024
LINK_SOFT_BYTES: Final = 96 * 1024 * 1024
LOADED_LATE: Final = ("concurrent.futures.thread", "encodings.idna", "stringprep")
"""What the standard library loads when it is first needed, by a link."""

_log: Final = logging.getLogger("vigo.agent")


class _Ended(BaseException):
    """SIGTERM or SIGINT has come."""


def executor(end: socket.socket, state: State, root: Path, *, parent: int, link: str) -> int:
    """Be the executor until the supervisor is gone or says so; the exit code.

    Args:
        end: of the channel to the supervisor, which starts programs for us and hands us our links.
        link: the name of the user that the link runs as.
    """
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        confinement.end_with(parent)
        confinement.be_patient()
        _be_frugal()
        unfiltered = confinement.refuse_sockets()
        return _execute(end, state, root, parent=parent, link=link, unfiltered=unfiltered)
    except _Ended:
        return 0


def _execute(end: socket.socket, state: State, root: Path, *, parent: int, link: str, unfiltered: str) -> int:
    from agent.clock import SystemClock
    from agent.crossing import Near
    from agent.executor import LocalExecutor
    from agent.hosts import RealHost
    from agent.installation import Installation
    from agent.standing import Processes
    from agent.watch import Watch, WatchedHost

    code = confinement.Code()
    notes = [f"programs and the executor itself can reach the network: {unfiltered}"] if unfiltered else []
    for note in notes:
        _log.warning("%s", note)
    host, traits_host = WatchedHost(root), RealHost(root)

    def drifted(paths: frozenset[str]) -> None:
        local.touch(paths)
        near.tell(Notice.DRIFTED)

    try:
        watch = Watch(host, drifted)
    except OSError as error:
        _log.warning("drift is seen by the full check only: %s", error.strerror or error)
        watch = None
    local = LocalExecutor(
        state,
        host,
        traits_host,
        clock=SystemClock(),
        watching=watch,
        installation=Installation.here(),
        begin_anew=_restart,
    )
    near = Near(local)
    errands = Errands(end, near.attach)
    host.errands = traits_host.errands = errands
    processes = Processes(executor=os.getpid(), supervisor=parent, link_user=link, notes=notes)
    state.write_model("processes.json", processes, synced=False)
    _log.info("vigo-agent %s, %s: executor %d, link as %s", VERSION, local.identity.hostname, os.getpid(), link)
    Watchdog("the executor", soft_bytes=EXECUTOR_SOFT_BYTES, idle=lambda: near.idle, ended=_restart, code=code).start()
    gc.collect()
    gc.freeze()  # what is loaded now stays: no need to look at it in every collection
    try:
        errands.tell({"ready": True})
        errands.serve()
        return LOST
    finally:
        near.finish(END_S)


def link(end: socket.socket, ids: Ids, *, parent: int) -> int:
    """Be the link until somebody ends it; the exit code."""
    _be_frugal()
    # All of it now: where only root may read the agent's own files, nothing can be loaded later.
    import asyncio
    from importlib import import_module

    for name in LOADED_LATE:
        import_module(name)
    from agent.crossing import Cut, Far
    from agent.link import link_to, until_stopped

    code = confinement.Code()
    _give_up(ids, parent)
    found: list[Link] = []

    def noticed(notice: Notice | None) -> None:
        if notice is None:
            os._exit(LOST)
        for each in found:
            each.drifted()

    try:
        found.append(link_to(Far(end, noticed)))
    except (Cut, OSError, ValueError) as error:
        _log.error("there is nothing to show to a server: %s", error)
        return LOST
    Watchdog("the link", soft_bytes=LINK_SOFT_BYTES, idle=lambda: True, ended=found[0].stop, code=code).start()
    asyncio.run(until_stopped(found[0]))
    return 0


def _give_up(ids: Ids, parent: int) -> None:
    os.chdir("/")
    confinement.become(ids.uid, ids.gid)
    confinement.end_with(parent)
    for what, most in (
        (resource.RLIMIT_DATA, LINK_DATA_BYTES),
        (resource.RLIMIT_NOFILE, LINK_FILES),
        (resource.RLIMIT_NPROC, LINK_PROCESSES),
        (resource.RLIMIT_CORE, 0),
    ):
        confinement.limit(what, most)
    if refused := confinement.refuse_sockets(confinement.LINKED, acts=True):
        _log.warning("the link could start programs, as %s: %s", ids.name, refused)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


def _restart() -> None:
    """The watchdog has had enough of this process: the supervisor begins anew."""
    os._exit(RESTART)


def _be_frugal() -> None:
    confinement.be_small()
    threading.stack_size(STACK_BYTES)
