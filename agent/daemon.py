"""The agent as it stays: executor, watch and link put together in one process. Composition only."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Final

from agent import VERSION, confinement
from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.installation import Installation
from agent.link import Link, link_to, until_stopped
from agent.schedule import NoRuns
from agent.separation import RESTART
from agent.standing import Processes
from agent.state import State
from agent.watch import Watch, WatchedHost
from agent.watchdog import Watchdog

SOFT_BYTES: Final = 256 * 1024 * 1024

_log: Final = logging.getLogger("vigo.agent")


def run(state: State, root: Path, *, together: str) -> int:
    """Stay connected and converge, until SIGTERM or SIGINT; then return within a second. The exit code.

    Args:
        together: why this is done by one process.

    Raises:
        NotEnrolled: the state has no identity.
        OSError: its files cannot be read.
    """
    confinement.be_patient()
    confinement.be_small()
    host = WatchedHost(root)
    links: list[Link] = []

    def drifted(paths: frozenset[str]) -> None:
        executor.touch(paths)
        for link in links:  # none before there is a connection to keep
            link.drifted()

    try:
        watch = Watch(host, drifted)
    except OSError as error:
        _log.warning("drift is seen by the full check only: %s", error.strerror or error)
        watch = None
    executor = LocalExecutor(
        state,
        host,
        RealHost(root),
        clock=SystemClock(),
        watching=watch,
        installation=Installation.here(),
        begin_anew=lambda: again(),
    )
    links.append(link_to(executor))
    state.write_model("processes.json", Processes(together=together), synced=False)
    _log.info("vigo-agent %s, %s, root %s", VERSION, executor.identity.hostname, root)
    _log.info("one process speaks to the network and changes the host: %s", together)
    codes = [0]

    def again() -> None:
        codes[0] = RESTART
        links[0].stop()

    Watchdog("the agent", soft_bytes=SOFT_BYTES, idle=lambda: links[0].idle, ended=again).start()
    asyncio.run(until_stopped(links[0]))
    if watch is not None:
        watch.close()
    executor.close()
    _log.info("ended")
    return codes[0]


def exchange(executor: LocalExecutor, *, timeout_s: float) -> bool:
    """Take the server's newest target and give it our reports, converging nothing; whether all was done in time."""
    link = link_to(executor, schedule=NoRuns(random.random))
    try:
        asyncio.run(asyncio.wait_for(link.run(until_rest=True), timeout_s))
    except TimeoutError:
        _log.error("the server was not reached, or not all it sent could be taken, within %.0f s", timeout_s)
        return False
    return True
