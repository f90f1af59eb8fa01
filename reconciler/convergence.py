"""Convergence: what is known of a host, reduced to three verdicts. One function, used by every view.

The words are those of the specification: convergence (converged, degraded, failed, no data), drift (none, changed,
diverged) and reachability (online, offline). Each host has exactly one of each, so each sums to the fleet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from schema.envoys import Convergence as Convergence
from schema.envoys import Drift as Drift
from schema.envoys import Reachability as Reachability
from schema.protocol.reports import RunStatus
from schema.time import DAY, SECOND

SILENT_AFTER: Final = DAY
"""Microseconds without a word after which what a host last said counts no more. An assignment lives no longer
either."""
USUAL_CADENCE: Final = 60 * SECOND
"""How often a host of which nothing has been learnt is taken to be heard, microseconds: the heartbeat."""
MIN_CADENCE: Final = 10 * SECOND
MAX_CADENCE: Final = 2 * SILENT_AFTER // 5
"""Whoever comes less often is offline in between; and nobody is online who has been silent for `SILENT_AFTER`."""
SAME_VISIT: Final = 5 * SECOND
"""Words that are no further apart are one visit, and teach nothing."""


class LastRun(Protocol):
    """Of a run, what the verdicts are made of: `schema.runs.Run`, for one."""

    @property
    def status(self) -> RunStatus: ...
    @property
    def catalog_sha256(self) -> str: ...
    @property
    def stale(self) -> bool:
        """It ran under an assignment that had expired."""
        ...

    @property
    def unchanged(self) -> int: ...
    @property
    def changed(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def corrective(self) -> int:
        """Of those changed, how many somebody else had touched."""
        ...


class Observed(NamedTuple):
    """What is known of one host."""

    run: LastRun | None
    """Its newest run that was not a dry run."""
    desired_catalog: str | None
    """Digest of the catalog that the commit in force means for it; None where that says nothing of it, and it keeps
    what it has."""
    last_seen: int | None
    """When it was heard last, microseconds."""
    connected: bool
    """Whether a connection of it is open, here or on another server."""
    cadence: int | None = None
    """How often it is heard, microseconds, as `learnt`; None where that is not known."""


class Verdict(NamedTuple):
    """One host in three words."""

    convergence: Convergence
    drift: Drift
    reachability: Reachability


def judge(observed: Observed, now: int) -> Verdict:
    """The verdict on one host.

    Convergence, the first that applies:

    - `no data`: it has never run, or it has not been heard for `SILENT_AFTER`. Silence is never convergence.
    - `failed`: its last run refused the assignment, or ended with a failure and with no resource as desired.
    - `degraded`: its last run ended with a failure, but with some resources as desired; or it is as desired by a
      catalog that is not the one it is to be now; or by an assignment that had expired. (Resources skipped because
      another failed are counted through that one; those skipped by their own `when` are as desired.)
    - `converged`: its last run, under the catalog it is to be, found or made every resource as desired.

    Drift, by the last run, whenever that was:

    - `diverged`: it found something that somebody else had touched, repaired or not; or it left something otherwise
      than desired, because it failed or was refused.
    - `changed`: it changed something, and only what was desired anew.
    - `none`: it changed nothing, or there was none.

    Reachability: `online` while a connection is open, or a word came within `offline_after` of its own cadence.

    Args:
        now: microseconds. A host that was heard after that, by a clock that jumped, was heard now.
    """
    silent_for = None if observed.last_seen is None else max(0, now - observed.last_seen)
    reachable = observed.connected or (silent_for is not None and silent_for < offline_after(observed.cadence))
    return Verdict(
        _convergence(observed, silent=not reachable and (silent_for is None or silent_for >= SILENT_AFTER)),
        _drift(observed.run),
        Reachability.ONLINE if reachable else Reachability.OFFLINE,
    )


def offline_after(cadence: int | None) -> int:
    """Microseconds without a word after which a host of this cadence, whose connection nobody holds, is offline: two
    and a half times as long as it usually is silent."""
    usual = USUAL_CADENCE if cadence is None else min(max(cadence, MIN_CADENCE), MAX_CADENCE)
    return usual * 5 // 2


def learnt(cadence: int | None, gap: int) -> int | None:
    """What is known of a host's cadence after it was silent for `gap` microseconds and then heard.

    It follows the longer gaps quickly and the shorter ones slowly, for it is the longest usual silence that counts;
    and one gap, however long, less than doubles it: an outage says little about the days to come. A host is heard
    every few seconds or once a day, and both are known after a dozen visits.

    The database computes the same for many at once: see `api.storage.envoys.saw`.
    """
    if gap < SAME_VISIT:
        return cadence
    usual = USUAL_CADENCE if cadence is None else cadence
    moved = usual + (min(gap, 4 * usual) - usual) // 4 if gap > usual else usual - (usual - gap) // 8
    return min(max(moved, MIN_CADENCE), MAX_CADENCE)


def tally(verdicts: Iterable[Verdict]) -> Mapping[str, int]:
    """How many hosts there are of each word, and `total`. Every word is there, also with none."""
    return summed(Counter(verdicts))


def summed(counts: Mapping[Verdict, int]) -> Mapping[str, int]:
    """The same of hosts that are counted by their verdicts."""
    found: Counter[str] = Counter({"total": 0})
    for kind in (Convergence, Drift, Reachability):
        found.update({str(word): 0 for word in kind})
    for verdict, count in counts.items():
        found["total"] += count
        for word in verdict:
            found[str(word)] += count
    return found


def _convergence(observed: Observed, *, silent: bool) -> Convergence:
    run = observed.run
    if run is None or silent:
        return Convergence.NO_DATA
    if run.status is RunStatus.REFUSED:
        return Convergence.FAILED
    if run.status is RunStatus.FAILED or run.failed:
        return Convergence.DEGRADED if run.unchanged + run.changed else Convergence.FAILED
    if run.stale or observed.desired_catalog not in {None, run.catalog_sha256}:
        return Convergence.DEGRADED
    return Convergence.CONVERGED


def _drift(run: LastRun | None) -> Drift:
    if run is None:
        return Drift.NONE
    if run.corrective or run.failed or run.status is not RunStatus.CONVERGED:
        return Drift.DIVERGED
    return Drift.CHANGED if run.changed else Drift.NONE
