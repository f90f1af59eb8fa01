"""An agent's promises without a network: what it accepted, did and reported, looked for again after a power cut.

`python -m tests.factories.accepted DIRECTORY` lives on `DIRECTORY/disk`, which holds the host (`root`) and the agent's
state (`state`), and takes one target after the other from `DIRECTORY/offers`. It tells each promise through `power.say`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.state import State
from schema.protocol.reports import Outcome, RunStatus, Trigger
from tests.factories import power
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import Signer, raw

FOREVER = 4_000_000_000_000_000
GENERATIONS = 3
FILES = 4


def prepare(directory: Path) -> Path:
    """An enrolled agent with nothing applied, and what it will be offered; the directory that stands for its disk."""
    signer = Signer()
    disk = directory / "disk"
    (disk / "root/etc").mkdir(parents=True)
    enrolled(disk / "state", Authority(), signer, gateway_url="wss://localhost:1", root=disk / "root")
    offers = directory / "offers"
    offers.mkdir()
    for generation in range(1, GENERATIONS + 1):
        target = signer.target([signer.crate("site", _resources(generation))], generation=generation, expires=FOREVER)
        (offers / f"{generation}.target").write_bytes(raw(target))
    for digest, data in signer.objects.items():
        (offers / digest).write_bytes(data)
    return disk


def _resources(generation: int) -> list[Mapping[str, Any]]:
    files = [
        {"name": f"f{number}", "type": "file", "path": f"/etc/site/{number}", "content": _content(generation, number)}
        for number in range(FILES)
    ]
    line = {
        "name": "line",
        "type": "ini",
        "path": "/etc/site.ini",
        "section": "site",
        "option": "generation",
        "value": f"{generation}",
        "create": True,
    }
    return [{"name": "dir", "type": "directory", "path": "/etc/site"}, *files, line]


def _content(generation: int, number: int) -> str:
    # The first file never changes after the first run: it is not written again.
    return f"{generation if number else 1}/{number}\n" * 300


def opened(disk: Path) -> LocalExecutor:
    """The agent of a disk."""
    root = disk / "root"
    return LocalExecutor(State.open(disk / "state"), RealHost(root), RealHost(root), clock=SystemClock())


def live(directory: Path) -> None:
    """Accept, converge, report; again and again."""
    offers = directory / "offers"
    with closing(opened(directory / "disk")) as executor:
        for generation in range(1, GENERATIONS + 1):
            target = (offers / f"{generation}.target").read_bytes()
            verdict = json.loads(executor.offer(target))
            for digest in verdict["need"]:
                stored = json.loads(executor.store((offers / digest).read_bytes()))
                assert stored["ok"], stored
            verdict = json.loads(executor.offer(target))
            assert verdict["outcome"] in {"accepted", "held"}, verdict
            power.say(f"accepted {generation}")
            ran = json.loads(executor.converge(Trigger.APPLY.encode()))
            assert ran["status"] == RunStatus.CONVERGED, ran
            power.say(f"reported {generation}")


def complaint(disk: Path, said: list[str]) -> str:
    """What is wrong with an agent's disk after a power cut; empty when nothing is."""
    try:
        return _complaint(disk, said)
    except Exception as error:  # whatever it is, an agent would not start
        return f"{type(error).__name__}: {error}"


def _complaint(disk: Path, said: list[str]) -> str:
    accepted = max((int(each.split()[1]) for each in said if each.startswith("accepted")), default=0)
    reported = sum(each.startswith("reported") for each in said)
    with closing(opened(disk)) as executor:
        held = executor.held
        generation = held.order[1] if held is not None else 0
        if generation < accepted:
            return f"generation {accepted} was accepted, {generation} is in force"
        if len(executor.spool) < reported:
            return f"{reported} reports were promised, {len(executor.spool)} are there"
        if executor.problem:
            return executor.problem
        if held is None:
            return ""
        first = executor.run(Trigger.START)
        assert first is not None
        if first.status is not RunStatus.CONVERGED:
            return (
                f"the next run: {first.status} {first.error} {[each.error for each in first.resources if each.error]}"
            )
        for number in range(FILES):
            content = (disk / f"root/etc/site/{number}").read_text()
            if content != _content(generation, number):
                return f"file {number} holds {content[:20]!r} after the next run"
        again = executor.run(Trigger.START)
        assert again is not None
        changed = [each.id for each in again.resources if each.outcome is not Outcome.UNCHANGED]
        return f"the run after it changed {changed}" if changed else ""


if __name__ == "__main__":
    live(Path(sys.argv[1]))
