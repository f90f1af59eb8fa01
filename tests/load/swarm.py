"""The agents as seen from whoever drives them: processes, and what they tell."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PER_PROCESS: Final = 5_000
LOOPBACK: Final = tuple(f"127.0.0.{last}" for last in range(2, 22))
"""One address has 28,000 ports to connect from; these have enough for any number."""


@dataclass(frozen=True)
class Told:
    """What all agents did since the tally began."""

    open: int
    at_rest: int
    counts: Mapping[str, int]
    closed: Mapping[str, int]
    applied: Mapping[str, Sequence[float]]
    opened: Sequence[float]
    away: Sequence[float]
    cpu_s: float


class Swarm:
    """Agents in processes of their own; a context.

    Args:
        folder: where plans are written.
        identities: a file as `identities.write` makes it.
        kinds: hostname → `slow` or `failing`.
        addresses: to connect from, one after the other; none: the system's choice.
    """

    def __init__(
        self,
        folder: Path,
        *,
        identities: Path,
        count: int,
        ca: str,
        signing_key: str,
        where: tuple[str, int],
        addresses: Sequence[str] = LOOPBACK,
        kinds: Mapping[str, str] | None = None,
        jitter: bool = True,
        per_process: int = PER_PROCESS,
    ) -> None:
        self.count: Final = count
        self._processes: list[subprocess.Popen[str]] = []
        for first in range(0, count, per_process):
            plan = {
                "identities": str(identities),
                "first": first,
                "behind": min(count, first + per_process),
                "ca": ca,
                "signing_key": signing_key,
                "host": where[0],
                "port": where[1],
                "addresses": list(addresses),
                "kinds": dict(kinds or {}),
                "jitter": jitter,
                "seed": first,
            }
            path = folder / f"plan-{first}.json"
            path.write_text(json.dumps(plan))
            argv = [sys.executable, "-m", "tests.load.worker", str(path)]
            process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._processes.append(process)
        for process in self._processes:
            _line(process)

    def __enter__(self) -> Swarm:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def say(self, word: str) -> list[dict[str, Any]]:
        """Tell all processes to do one thing; what they answer."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(word + "\n")
            process.stdin.flush()
        return [_line(process) for process in self._processes]

    def told(self) -> Told:
        """What all did since the tally began."""
        each = self.say("tally")
        applied: dict[str, list[float]] = {}
        for one in each:
            for commit, times in one["applied"].items():
                applied.setdefault(commit, []).extend(times)
        return Told(
            open=sum(one["open"] for one in each),
            at_rest=sum(one["at_rest"] for one in each),
            counts=sum((Counter(one["counts"]) for one in each), Counter()),
            closed=sum((Counter(one["closed"]) for one in each), Counter()),
            applied=applied,
            opened=sorted(at for one in each for at in one["opened"]),
            away=sorted(took for one in each for took in one["away"]),
            cpu_s=sum(one["cpu_s"] for one in each),
        )

    def until(self, what: str, holds: Callable[[Told], bool], *, patience_s: float, every_s: float = 0.25) -> Told:
        """Look until something holds of what they tell.

        Raises:
            TimeoutError: it does not, in this time; says how far it came.
        """
        deadline = time.monotonic() + patience_s
        while True:
            told = self.told()
            if holds(told):
                return told
            if time.monotonic() > deadline:
                so_far = f"{told.open} connected, {told.at_rest} at rest, {dict(told.counts)}, {dict(told.closed)}"
                raise TimeoutError(f"waited {patience_s:.0f} s in vain until {what}: {so_far}")
            time.sleep(every_s)


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a process of agents has ended")
    told: dict[str, Any] = json.loads(line)
    return told
