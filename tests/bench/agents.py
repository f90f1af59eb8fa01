"""Agents of the benches: a state with an accepted target and no server, and what is measured of one from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import Signer, raw

ROOT: Final = Path(__file__).parents[2]
FOREVER: Final = 4_000_000_000_000_000
TIMEOUT_S: Final = 120


def accepted(state: Path, resources: Sequence[Mapping[str, Any]]) -> Path:
    """A state directory, enrolled for `/`, with a target of these resources in force; nothing is applied yet."""
    signer = Signer()
    target = raw(signer.target([signer.crate("files", resources)], expires=FOREVER))
    enrolled(state, Authority(), signer, gateway_url="wss://localhost:1", root=Path("/"))
    from agent.state import State

    executor = LocalExecutor(State.open(state), RealHost("/"), RealHost("/"), clock=SystemClock())
    try:
        executor.offer(target)
        for data in signer.objects.values():
            executor.store(data)
        verdict = json.loads(executor.offer(target))
        assert verdict["outcome"] == "accepted", verdict
    finally:
        executor.close()
    return state


def environment(place: Path) -> dict[str, str]:
    """Of an agent's process: with compiled modules, as an installed agent has them."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPYCACHEPREFIX": str(place / "pycache")}


def timed(argv: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds of one whole process that succeeds."""
    began = time.perf_counter()
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, timeout=TIMEOUT_S, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0, (argv, done.stdout[-1_000:], done.stderr[-1_000:])
    return took


class Inside:
    """A process that converges when it is told to, as a running agent's executor does; see `inside`."""

    def __init__(self, state: Path, env: Mapping[str, str]) -> None:
        argv = [sys.executable, "-m", "tests.bench.inside", str(state)]
        self._process = subprocess.Popen(
            argv, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, word: str) -> dict[str, float]:
        """Let it do one thing; what it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Inside:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
