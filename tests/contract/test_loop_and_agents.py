"""The loop and its agents together, both protocol cores as they are: two hundred worlds in trouble, ten thousand in a
soak. Whatever happens, no host goes back, none is given what was never in force, and no report is lost or doubled."""

from __future__ import annotations

from collections import Counter

import pytest

from schema.revisions import RevisionState
from schema.rollouts import RolloutState
from tests.effort import tries
from tests.factories.together import Together, in_waves, told, troubled

SEEDS = tries(200, 10_000)
SHARE = SEEDS // 10
MET = {
    "abandoned", "answer lost", "answer twice", "bad", "crash", "disconnected", "frame twice", "good", "refused rollback",
    "replayed", "rewind", "rollout cancelled", "rollout done", "run failed", "unavailable",
}  # fmt: skip
SEEN = {
    "Connect",
    "Converge",
    "cut",
    "drift",
    "half open",
    "killed",
    "lost with the connection",
    "run apply",
    "run drift",
}


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_whatever_happens_every_host_ends_where_its_newest_release_says(first: int) -> None:
    met: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for seed in range(first, first + SHARE):
        world = troubled(seed)
        _holds(world, f"seed {seed}: {told(world)}")
        met.update(world.sometimes)
        for line in world.lines.values():
            seen.update(line.seen)
    assert seen.keys() >= SEEN, "the trouble was not there: the above proves nothing"
    if SHARE >= 100:
        assert met.keys() >= MET


def _holds(world: Together, where: str) -> None:
    store = world.store
    ever = {commit for commit, state in store.log if state is RevisionState.IN_FORCE}
    assert all(world.commits[commit].good for commit in ever), where
    done = bool(store.rollouts) and store.rollouts[-1].progress.state is RolloutState.DONE
    for line in world.lines.values():
        hand, agent = line.executor, line.agent
        # Never back, each generation once.
        assert hand.orders == sorted(set(hand.orders)), where
        # Each run is told, and kept once.
        assert sorted(line.known) == sorted(hand.made), where
        assert not hand.spool, where
        assert set(line.known.values()) <= ever, where
        newest = store.assignments.get(agent.id)
        if newest is None:
            assert hand.held is None, where
            assert store.in_force is None, where
            continue
        assert hand.held is not None, where
        assert hand.held.order == tuple(newest.order), where
        assert newest.commit in ever, where
        if done and store.in_force is not None:
            assert newest.catalog_sha256 == world.commits[store.in_force].catalogs[agent.hostname], where


def test_trouble_of_every_kind_is_met() -> None:
    met: Counter[str] = Counter()
    for seed in range(60):
        met.update(troubled(seed).sometimes)
    assert met.keys() >= MET


def test_waves_that_ask_their_hosts_end_when_these_are_well_and_run_no_order_twice() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS // 10):
        world = in_waves(seed)
        where = f"seed {seed}: {told(world)}"
        _holds(world, where)
        met.update(world.sometimes)
        newest = world.store.rollouts[-1] if world.store.rollouts else None
        for line in world.lines.values():
            begun = line.executor.drawer.begun
            assert len(begun) == len(set(begun)) == len(line.executor.machine.runs), where
        if newest is None or newest.plan is None:
            continue
        assert newest.progress.state is RolloutState.DONE, where
        for wave, was in zip(newest.plan.waves, newest.progress.waves, strict=True):
            well = [line for line in world.lines.values() if newest.commit in line.passed]
            if wave.commands:
                assert was.healthy <= len({line.agent.hostname for line in well} & set(wave.hosts)), where
    assert met.keys() >= {"probe passed", "probe failed", "check failed", "probe twice", "crash", "rollout stopped"}


def test_a_seed_tells_the_same_story_twice() -> None:
    first, second = troubled(11), troubled(11)
    assert told(first) == told(second)
    assert first.store.log == second.store.log
    assert [line.executor.made for line in first.lines.values()] == [
        line.executor.made for line in second.lines.values()
    ]
