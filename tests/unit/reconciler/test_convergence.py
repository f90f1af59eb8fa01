"""Every host has one word of each kind, and the words mean what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.convergence import (
    MAX_CADENCE,
    MIN_CADENCE,
    SAME_VISIT,
    SILENT_AFTER,
    USUAL_CADENCE,
    Drift,
    Observed,
    Reachability,
    Verdict,
    judge,
    learnt,
    offline_after,
    tally,
)
from schema.envoys import Convergence
from schema.protocol.reports import RunStatus
from schema.time import HOUR, MINUTE, SECOND

NOW = 1_800_000_000_000_000
DESIRED = "d" * 64


@dataclass(frozen=True)
class Run:
    status: RunStatus = RunStatus.CONVERGED
    catalog_sha256: str = DESIRED
    stale: bool = False
    unchanged: int = 10
    changed: int = 0
    failed: int = 0
    corrective: int = 0


GOOD = Observed(Run(), DESIRED, NOW, connected=True)

RUNS = st.builds(
    Run,
    status=st.sampled_from(RunStatus),
    catalog_sha256=st.sampled_from([DESIRED, "e" * 64]),
    stale=st.booleans(),
    unchanged=st.integers(0, 2),
    changed=st.integers(0, 2),
    failed=st.integers(0, 2),
    corrective=st.integers(0, 2),
)
OBSERVED = st.builds(
    Observed,
    run=st.none() | RUNS,
    desired_catalog=st.sampled_from([None, DESIRED]),
    last_seen=st.none() | st.integers(NOW - 2 * SILENT_AFTER, NOW + SILENT_AFTER),
    connected=st.booleans(),
    cadence=st.none() | st.integers(0, 2 * SILENT_AFTER),
)
GAPS = st.integers(0, 400 * 24 * HOUR)


@pytest.mark.parametrize(
    ("observed", "convergence", "drift"),
    [
        (GOOD, Convergence.CONVERGED, Drift.NONE),
        (GOOD._replace(run=None), Convergence.NO_DATA, Drift.NONE),
        (GOOD._replace(run=Run(changed=2)), Convergence.CONVERGED, Drift.CHANGED),
        (GOOD._replace(run=Run(changed=2, corrective=1)), Convergence.CONVERGED, Drift.DIVERGED),
        (GOOD._replace(run=Run(status=RunStatus.FAILED, failed=1)), Convergence.DEGRADED, Drift.DIVERGED),
        (GOOD._replace(run=Run(status=RunStatus.FAILED, failed=9, unchanged=0)), Convergence.FAILED, Drift.DIVERGED),
        (GOOD._replace(run=Run(status=RunStatus.REFUSED, unchanged=0)), Convergence.FAILED, Drift.DIVERGED),
        (GOOD._replace(run=Run(catalog_sha256="e" * 64)), Convergence.DEGRADED, Drift.NONE),
        (GOOD._replace(desired_catalog=None), Convergence.CONVERGED, Drift.NONE),
        (GOOD._replace(run=Run(stale=True)), Convergence.DEGRADED, Drift.NONE),
        (GOOD._replace(connected=False, last_seen=NOW - SILENT_AFTER), Convergence.NO_DATA, Drift.NONE),
        (GOOD._replace(connected=False, last_seen=NOW - SILENT_AFTER + 1), Convergence.CONVERGED, Drift.NONE),
        (GOOD._replace(connected=False, last_seen=None), Convergence.NO_DATA, Drift.NONE),
        (GOOD._replace(run=Run(unchanged=0)), Convergence.CONVERGED, Drift.NONE),
    ],
)
def test_a_host_is_judged_by_its_last_run(observed: Observed, convergence: Convergence, drift: Drift) -> None:
    assert judge(observed, NOW)[:2] == (convergence, drift)


def test_a_host_is_online_while_it_is_connected_or_was_just_heard() -> None:
    for connected, last_seen, cadence, expected in [
        (True, None, None, Reachability.ONLINE),
        (True, NOW - 10 * SILENT_AFTER, None, Reachability.ONLINE),
        (False, NOW - 150 * SECOND + 1, None, Reachability.ONLINE),
        (False, NOW - 150 * SECOND, None, Reachability.OFFLINE),
        (False, NOW - 75 * MINUTE + 1, 30 * MINUTE, Reachability.ONLINE),
        (False, NOW - 75 * MINUTE, 30 * MINUTE, Reachability.OFFLINE),
        (False, NOW - 50 * SECOND, 20 * SECOND, Reachability.OFFLINE),
        (False, None, None, Reachability.OFFLINE),
        (False, NOW + SILENT_AFTER, None, Reachability.ONLINE),
    ]:
        observed = GOOD._replace(connected=connected, last_seen=last_seen, cadence=cadence)
        assert judge(observed, NOW).reachability is expected


def visits(*gaps: int, cadence: int | None = None) -> int | None:
    for gap in gaps:
        cadence = learnt(cadence, gap)
    return cadence


def test_a_host_that_comes_every_half_hour_is_known_after_a_dozen_visits() -> None:
    learned = visits(*[30 * MINUTE] * 12)
    assert learned is not None
    assert 25 * MINUTE < learned <= 30 * MINUTE


def test_one_outage_does_not_make_a_steady_host_look_unsteady() -> None:
    steady = visits(*[MINUTE] * 20)
    assert steady == MINUTE
    after = visits(3 * 24 * HOUR, cadence=steady)
    assert after is not None
    assert after < 2 * steady
    calmed = visits(*[MINUTE] * 20, cadence=after)
    assert calmed is not None
    assert calmed < 1.1 * steady


def test_words_of_one_visit_teach_nothing() -> None:
    assert visits(*[SAME_VISIT - 1] * 100, cadence=30 * MINUTE) == 30 * MINUTE
    assert visits(0, 1, SAME_VISIT - 1) is None


@given(st.none() | st.integers(MIN_CADENCE, MAX_CADENCE), GAPS)
def test_a_cadence_stays_in_its_bounds_and_moves_towards_what_was_seen(cadence: int | None, gap: int) -> None:
    after = learnt(cadence, gap)
    if gap < SAME_VISIT:
        assert after == cadence
        return
    assert after is not None
    assert MIN_CADENCE <= after <= MAX_CADENCE
    before = USUAL_CADENCE if cadence is None else cadence
    assert after <= 2 * before
    assert min(before, gap, MAX_CADENCE) - 1 <= after
    assert after <= max(before, gap, MIN_CADENCE)


@given(OBSERVED)
def test_nobody_is_online_who_has_been_silent_for_so_long_that_what_they_said_counts_no_more(
    observed: Observed,
) -> None:
    assert offline_after(observed.cadence) <= SILENT_AFTER
    verdict = judge(observed, NOW)
    if not observed.connected and (observed.last_seen is None or NOW - observed.last_seen >= SILENT_AFTER):
        assert verdict.reachability is Reachability.OFFLINE
        assert verdict.convergence is Convergence.NO_DATA


@given(st.lists(OBSERVED, max_size=20))
def test_each_kind_of_word_sums_to_the_fleet(fleet: list[Observed]) -> None:
    counted = tally(judge(observed, NOW) for observed in fleet)
    for kind in (Convergence, Drift, Reachability):
        assert sum(counted[str(word)] for word in kind) == counted["total"] == len(fleet)
    assert len(counted) == 1 + len(Convergence) + len(Drift) + len(Reachability)


@given(OBSERVED)
def test_converged_is_never_said_without_proof(observed: Observed) -> None:
    verdict = judge(observed, NOW)
    assert isinstance(verdict, Verdict)
    if verdict.convergence is Convergence.CONVERGED:
        run = observed.run
        assert run is not None
        assert run.status is RunStatus.CONVERGED
        assert not run.failed
        assert not run.stale
        assert observed.desired_catalog in {None, run.catalog_sha256}
        assert observed.connected or observed.last_seen is not None


@given(OBSERVED)
def test_another_failure_never_makes_a_host_look_better(observed: Observed) -> None:
    run = observed.run
    if not isinstance(run, Run):
        return
    worse = observed._replace(run=replace(run, status=RunStatus.FAILED, failed=run.failed + 1))
    rank = [Convergence.CONVERGED, Convergence.DEGRADED, Convergence.FAILED, Convergence.NO_DATA]
    if run.status is not RunStatus.REFUSED:
        assert rank.index(judge(worse, NOW).convergence) >= rank.index(judge(observed, NOW).convergence)
    assert judge(worse, NOW).drift is Drift.DIVERGED


@given(OBSERVED, st.integers(0, 3 * SILENT_AFTER))
def test_waiting_alone_only_ever_loses_data(observed: Observed, later: int) -> None:
    before, after = judge(observed, NOW), judge(observed, NOW + later)
    assert after.drift is before.drift
    assert after.convergence in {before.convergence, Convergence.NO_DATA}
    assert not (before.reachability is Reachability.OFFLINE and after.reachability is Reachability.ONLINE)
