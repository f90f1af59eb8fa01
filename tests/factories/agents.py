"""Agents for tests: an enrolled state directory, and an agent in threads of this process."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent import VERSION, cli
from agent.clock import SystemClock
from agent.core import Core
from agent.enrol import Keys
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.link import Link
from agent.state import Identity, State
from agent.watch import Watch, WatchedHost
from schema.ids import sha256
from tests.factories.gateway import Authority
from tests.factories.targets import Signer

HOSTNAME = "web01.example.com"


def command(arguments: Sequence[str]) -> int:
    """A command of the agent in this process, which logs and looks for garbage afterwards as it did before."""
    logger, threshold = logging.getLogger("vigo"), gc.get_threshold()
    before = (list(logger.handlers), logger.level, logger.propagate)
    try:
        return cli.command(arguments)
    finally:
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)
        gc.set_threshold(*threshold)


def enrolled(path: Path, authority: Authority, signer: Signer, *, gateway_url: str, root: Path, **life: Any) -> State:
    """A state as enrolment leaves it; the signer learns the key to seal to."""
    state = State.open(path)
    keys = Keys()
    signer.sealing = keys.sealing
    files = {
        **keys.files(),
        "cert.pem": authority.agent(keys.tls.public_key(), signer.project, signer.envoy_id, **life).encode(),
        "ca.pem": authority.pem.encode(),
        "signing.pub": signer.public_hex.encode(),
    }
    identity = Identity(
        envoy_id=signer.envoy_id,
        project=signer.project,
        hostname=HOSTNAME,
        gateway_url=gateway_url,
        server_url="https://localhost:8443",
        enrolled_at=SystemClock().now(),
        expires=1_900_000_000_000_000,
        root=str(root),
        files={name: sha256(data) for name, data in files.items()},
    )
    state.save_enrolment(files, identity)
    return state


class Agent:
    """A whole agent, but for its process. Back-off is a hundredth of the usual."""

    def __init__(self, state: State, root: Path, *, clock: Any = None) -> None:
        self.state = state
        self.host = WatchedHost(root)
        self.watch = Watch(self.host, self._drifted)
        self.executor = LocalExecutor(
            state, self.host, RealHost(root), clock=clock or SystemClock(), watching=self.watch
        )
        self.core = Core(random=lambda: random.random() / 100, version=VERSION)
        self.link = Link(self.core, self.executor, clock=SystemClock())
        self._thread = threading.Thread(target=lambda: asyncio.run(self.link.run()), name="agent")

    def _drifted(self, paths: frozenset[str] | None) -> None:
        self.executor.touch(paths)
        self.link.drifted()

    def start(self) -> Agent:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.link.stop()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self.watch.close()
        self.executor.close()
        self.host.close()
