"""Processes of the real machine, ours alone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from schema.protocol.reports import Outcome
from tests.strategies import machines

DEAF = "trap '' TERM; echo ready; read gone"
"""All of it is done by the shell itself: a child of its own would have its name and arguments until it is a program."""


@pytest.fixture
def name() -> str:
    """A name that nothing else on this machine has: names of a test run in parallel differ by our number."""
    return f"vgo{os.getpid()}"


@pytest.fixture
def sleeper(name: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([name, "60"], executable="/bin/sleep") as process:
        # Popen returns while the kernel is still laying out the new program, which has no arguments till then.
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
            time.sleep(0.001)
        yield process
        with suppress(ProcessLookupError):
            process.kill()


def converge(**spec: object) -> object:
    kind = TYPES["process"]
    host = RealHost("/")
    result = kind.converge(host, kind.prepare(kind.spec.model_validate(spec), machines.sources({})), dry_run=False)
    host.close()
    return (result.outcome, result.error)


def test_a_process_is_found_and_ended(name: str, sleeper: subprocess.Popen[bytes]) -> None:
    assert converge(process="x", cmdline=f"{name} 60") == (Outcome.UNCHANGED, "")
    assert converge(process=name, user=str(os.geteuid())) == (Outcome.UNCHANGED, "")
    assert converge(process=name, cmdline=f"{name} 61", state="stopped") == (Outcome.UNCHANGED, "")
    assert sleeper.poll() is None
    assert converge(process=name, state="stopped") == (Outcome.CHANGED, "")
    assert sleeper.wait(60) == -15
    assert converge(process=name)[0] is Outcome.FAILED  # type: ignore[index]


def test_a_process_that_does_not_hear_is_killed_when_that_is_wished(name: str) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([f"{name}d", "-c", DEAF], executable="/bin/sh", stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            deaf = f"{name}d"
            assert converge(process=deaf, state="stopped", wait_s=0) == (
                Outcome.FAILED,
                f"still runs 0 s after SIGTERM: {process.pid}",
            )
            assert process.poll() is None
            assert converge(process=deaf, state="stopped", wait_s=0, kill=True) == (Outcome.CHANGED, "")
            assert process.wait(60) == -9
        finally:
            with suppress(ProcessLookupError):
                process.kill()
