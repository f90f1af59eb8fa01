"""A desired state of many files, and an agent's executor over it, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agent import converge
from agent.desired import Desired
from agent.hosts import RealHost
from agent.journal import Journal
from schema.ids import new_id
from schema.protocol.reports import Report, RunStatus, Trigger
from tests.strategies import catalogs


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()


def desired_files(place: Path, count: int, size: int) -> Desired:
    """`count` files of `size` bytes and mode 0644 under `place`, a hundred to a directory."""
    resources: list[dict[str, object]] = [
        {"name": f"d{n}", "type": "directory", "path": f"{place}/{n}"} for n in range((count + 99) // 100)
    ]
    resources += [
        {
            "name": f"f{n}",
            "type": "file",
            "path": f"{place}/{n // 100}/{n}",
            "content": "x" * (size - 6) + f"{n:05}\n",
            "mode": "0644",
        }
        for n in range(count)
    ]
    place.mkdir(parents=True)
    return catalogs.state(catalogs.crate("files", resources))


def runner(state: Path, desired: Desired) -> Callable[[], Report]:
    """Converges once more each time it is called, as a running agent does."""
    state.mkdir(parents=True)
    host, journal, clock = RealHost(), Journal(state), SystemClock()

    def run() -> Report:
        report = converge.run(
            desired, host, traits={}, journal=journal, trigger=Trigger.INTERVAL, ids=new_id, clock=clock
        )
        assert report.status is RunStatus.CONVERGED, [one for one in report.resources if one.error][:3]
        return report

    return run
