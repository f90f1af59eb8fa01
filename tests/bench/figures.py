"""What a measurement is, and how it is shown and kept."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

BUILD: Final = Path(__file__).resolve().parents[2] / "build"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number. `ok` is None where there is nothing to hold it against, or where the peer is not installed."""

    name: str
    value: float
    unit: str
    target: float | None = None
    """At most this."""
    peer: str = ""
    peer_value: float | None = None
    """What the peer took, in the same unit and the same run."""
    ratio_target: float | None = None
    """value / peer_value at most this."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How we stand to the peer; below 1 is faster or smaller."""
        return None if not self.peer_value else self.value / self.peer_value

    @property
    def ok(self) -> bool | None:
        """Whether every limit that there is holds."""
        verdicts = []
        if self.target is not None:
            verdicts.append(self.value <= self.target)
        if self.ratio_target is not None and self.ratio is not None:
            verdicts.append(self.ratio <= self.ratio_target)
        return all(verdicts) if verdicts else None


def write(figures: Sequence[Figure]) -> Path:
    """Keep the figures in build/bench.json."""
    BUILD.mkdir(exist_ok=True)
    path = BUILD / "bench.json"
    rows = [{**asdict(figure), "ratio": figure.ratio, "ok": figure.ok} for figure in figures]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return path


def best(work: Callable[[], object], *, times: int) -> float:
    """Seconds of the quickest of `times` runs: what the code costs with the least of the machine's noise."""
    return min(_timed(work) for _ in range(times))


def middle(work: Callable[[], object], *, times: int) -> float:
    """Median seconds of `times` runs."""
    return statistics.median(_timed(work) for _ in range(times))


def cpu(work: Callable[[], object], *, times: int) -> float:
    """Processor seconds, of user and kernel, that the programs run by `work` took: the least of `times`."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        work()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return min(once() for _ in range(times))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
