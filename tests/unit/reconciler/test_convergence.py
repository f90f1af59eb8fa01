"""Every host has one word of each kind, and the words mean what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.convergence import OFFLINE_AFTER, SILENT_AFTER, Drift, Observed, Reachability, Verdict, judge, tally
from schema.envoys import Convergence
from schema.protocol.reports import RunStatus

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
)


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
    for connected, last_seen, expected in [
        (True, None, Reachability.ONLINE),
        (True, NOW - 10 * SILENT_AFTER, Reachability.ONLINE),
        (False, NOW - OFFLINE_AFTER + 1, Reachability.ONLINE),
        (False, NOW - OFFLINE_AFTER, Reachability.OFFLINE),
        (False, None, Reachability.OFFLINE),
        (False, NOW + SILENT_AFTER, Reachability.ONLINE),
    ]:
        assert judge(GOOD._replace(connected=connected, last_seen=last_seen), NOW).reachability is expected


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
