"""Two hundred fleets in trouble: whatever happens to them, the promises of the loop hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from reconciler.holds import Holds
from reconciler.loop import events
from schema.canonical import dumps
from schema.holds import Hold, HoldKind
from schema.ids import new_id, sha256
from schema.revisions import RevisionState
from schema.rollouts import RolloutState
from tests.unit.reconciler.loop.simulation import START, World

SEEDS = 200


def troubled(seed: int) -> World:
    """A minute and a half of trouble, then quiet until everything has had its time."""
    world = World(seed)
    for agent in world.agents.values():
        world.after(world.random.uniform(0, 5), lambda agent=agent: world.connect(agent))
    for _ in range(world.random.randint(2, 9)):
        world.after(world.random.uniform(0, 90), world.push_commit)
    for _ in range(world.random.randint(0, 3)):
        world.after(world.random.uniform(0, 90), world.rotate_secret)
    for _ in range(world.random.randint(0, 12)):
        agent = world.random.choice(list(world.agents.values()))
        world.after(world.random.uniform(5, 90), lambda agent=agent: world.disconnect(agent))
    for _ in range(world.random.randint(0, 2)):
        world.after(world.random.uniform(5, 90), world.server.crash)
    world.run(120)
    world.trouble = 0.0
    world.server.look()
    world.run(120 + 3_600)
    if world.store.rollouts and world.store.rollouts[-1].progress.state is RolloutState.STOPPED:
        # More hosts failed than may: nobody else gets it, until somebody says that what failed has another chance.
        world.sometimes["stopped"] += 1
        world.server.ask(retries=world.store.rollouts[-1].asked.retries + 1)
        world.run(120 + 7_200)
    return world


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_a_fleet_in_trouble_ends_where_the_newest_good_commit_says(first: int) -> None:
    for seed in range(first, first + 20):
        world = troubled(seed)
        store = world.store
        assert world.ref is not None
        status = world.server.core.status(world.moment)
        good = {commit.id for commit in world.commits.values() if commit.good}
        # A bad commit reached nobody, and is on record if it is where the ref ended.
        assert {commit for commit, state in store.log if state is RevisionState.IN_FORCE} <= good, seed
        tip = world.commits[world.ref]
        descends = store.in_force is None or store.in_force == tip.id or store.in_force in tip.parents
        if tip.good and descends:
            assert store.in_force == tip.id, seed
            assert status.failure is None, seed
        else:
            assert store.log[-1] == (tip.id, RevisionState.FAILED if descends else RevisionState.DIVERGED), seed
        if store.in_force is None:
            assert not store.assignments
            continue
        # Every healthy envoy holds the commit in force, with the newest secrets, and never went back on the way.
        in_force = world.commits[store.in_force]
        for agent in world.agents.values():
            assert agent.history == sorted(set(agent.history)), seed
            assert agent.connection, seed
            if agent.sick:
                assert agent.held is None
                continue
            assert agent.held is not None, seed
            catalog = in_force.catalogs[agent.hostname]
            names = in_force.secrets.get(catalog, ())
            key = sha256(dumps({name: store.secrets[name] for name in names})) if names else ""
            assert (agent.held.catalog_sha256, agent.held.secrets_key) == (catalog, key), seed


def in_waves(seed: int) -> World:
    """The same with commits that are rolled out in waves, people who approve, pause and resume, and hosts on hold."""
    world = World(seed, staged=0.7)

    def ask(**update: object) -> None:
        if world.store.rollouts and world.server.up:
            world.server.ask(**update)

    def hold(match: str | None) -> None:
        found = [Hold(id=new_id(), kind=HoldKind.FREEZE, match=match, created_at=START, created_by="ann")]
        world.server.holds = Holds(found if match is not None else [])
        world.server.tell(events.HoldsChanged(world.server.holds))

    for agent in world.agents.values():
        world.after(world.random.uniform(0, 5), lambda agent=agent: world.connect(agent))
    for _ in range(world.random.randint(3, 7)):
        world.after(world.random.uniform(0, 160), world.push_commit)
    for _ in range(world.random.randint(0, 8)):
        agent = world.random.choice(list(world.agents.values()))
        world.after(world.random.uniform(5, 160), lambda agent=agent: world.disconnect(agent))
    for _ in range(world.random.randint(0, 3)):
        world.after(world.random.uniform(5, 160), world.server.crash)
    for _ in range(6):
        world.after(world.random.uniform(5, 160), lambda: ask(approvals={0: 1, 1: 1}))
    world.after(world.random.uniform(5, 80), lambda: ask(paused=True))
    world.after(world.random.uniform(80, 160), lambda: ask(paused=False))
    world.after(world.random.uniform(5, 80), lambda: hold("h3"))
    world.after(world.random.uniform(80, 160), lambda: hold(None))
    world.run(200)
    world.trouble = 0.0
    world.server.look()
    hold(None)
    for _ in range(8):
        world.run(world.now + 7_200)
        if world.store.rollouts:
            newest = world.store.rollouts[-1]
            world.sometimes[f"at {newest.progress.state}"] += 1
            again = newest.asked.retries + (newest.progress.state is RolloutState.STOPPED)
            ask(paused=False, approvals={0: 1, 1: 1}, retries=again, promoted=frozenset(range(3)))
    return world


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_waves_in_trouble_release_nobody_early_and_end_where_the_newest_commit_says(first: int) -> None:
    for seed in range(first, first + 20):
        world = in_waves(seed)
        store = world.store
        if store.in_force is None:
            continue
        for rollout in store.rollouts:
            if not rollout.everyone and rollout.progress.waves and rollout.progress.state is not RolloutState.DONE:
                # What was given is what was released: no host beyond those that had a place.
                assert len(rollout.given) <= sum(wave.released for wave in rollout.progress.waves), seed
        assert store.rollouts[-1].progress.state is RolloutState.DONE, (seed, store.rollouts[-1].progress)
        in_force = world.commits[store.in_force]
        for agent in world.agents.values():
            assert agent.history == sorted(set(agent.history)), seed
            if not agent.sick:
                assert agent.held is not None, seed
                assert agent.held.catalog_sha256 == in_force.catalogs[agent.hostname], seed


def test_waves_meet_every_state_somewhere() -> None:
    met: Counter[str] = Counter()
    for seed in range(30):
        met.update(in_waves(seed).sometimes)
    states = {"running", "paused", "stopped", "cancelled", "done"}
    assert met.keys() >= {f"rollout {state}" for state in states} | {"crash", "unwell", "run failed", "check failed"}


def test_every_kind_of_trouble_is_met_somewhere() -> None:
    met: Counter[str] = Counter()
    for seed in range(60):
        met.update(troubled(seed).sometimes)
    assert met.keys() >= {
        "abandoned", "answer lost", "answer twice", "bad", "crash", "disconnected", "exhausted", "frame lost", "frame twice",
        "good", "refused", "report lost", "rewind", "run failed", "secret rotated", "stalled", "unavailable",
    }  # fmt: skip


def test_the_same_seed_is_the_same_story() -> None:
    first, second = troubled(7), troubled(7)
    assert first.store == second.store
    assert first.sometimes == second.sometimes


def test_the_core_has_no_clock_randomness_or_thread_of_its_own() -> None:
    package = Path(__file__).parents[4] / "reconciler/loop"
    for module in package.glob("*.py"):
        for line in module.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                assert line.split()[1].split(".")[0] not in {
                    "time",
                    "datetime",
                    "random",
                    "uuid",
                    "threading",
                    "asyncio",
                    "os",
                    "socket",
                }
