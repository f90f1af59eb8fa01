"""The core in two hundred bad lives: frames lost, doubled, reordered, connections cut, agents killed, disks full."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from tests.factories.simulated import World
from tests.factories.targets import Signer

SEEDS = 100


@pytest.mark.parametrize("fifo", [True, False], ids=["a real connection", "a wild one"])
def test_no_report_is_lost_and_the_newest_target_wins(fifo: bool) -> None:
    signer = Signer()
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = World(seed, fifo=fifo, signer=signer)
        world.play(seconds=600, steps=30)
        where = f"seed {seed}, fifo {fifo}: {dict(world.seen)}"
        executor, server = world.executor, world.server
        assert executor.held is not None, where
        assert executor.held.order == (1, server.generation), where
        assert executor.orders == sorted(set(executor.orders)), where
        assert sorted(server.reports) == executor.made, where
        assert not executor.spool, where
        if fifo:
            assert server.reports == executor.made, where
        assert world.core.phase.value == "open", where
        assert server.traits, where
        assert executor.runs < 300, where
        seen += world.seen
        seen["report received twice"] += sum(count > 1 for count in server.received.values())
        for refusal in server.refused:
            seen[f"refused {refusal.code}"] += 1
    # The faults and the branches of the protocol were all there: else the above proves nothing.
    expected = {"cut", "half open", "killed", "killed while converging", "server down", "disk full", "drift"}
    expected |= {"replayed an older target", "hostile frame", "Fetch", "Store", "Ping", "Close", "connection refused"}
    expected |= {"report received twice", "refused rollback", "refused signature", "refused incomplete"}
    expected |= {"refused storage", "run apply", "run start", "run drift", "run interval", "KeepTraits"}
    expected |= {"lost with the connection"} if fifo else {"dropped", "duplicated"}
    assert expected <= {name for name, count in seen.items() if count}, expected - set(seen)
    gc.collect()


def test_a_seed_says_everything() -> None:
    signer = Signer()
    first, second = World(7, fifo=False, signer=signer), World(7, fifo=False, signer=signer)
    first.play(seconds=300, steps=20)
    second.play(seconds=300, steps=20)
    assert first.seen == second.seen
    assert first.executor.made == second.executor.made
