"""A hundred agents and one server: what `just bench` measures with ten thousand, in small and without a stopwatch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load import scenarios
from tests.load.sites import LoadSite, crate
from tests.load.swarm import Swarm

AGENTS = 100
PROFILES = 50
SLOW = "web000007.p7.example.com"
FAILING = "web000009.p9.example.com"
BAD = 11
"""A profile that names a secret which does not exist: its two hosts cannot be given anything new."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadSite]:
    made = LoadSite(tmp_path_factory.mktemp("swarm"), agents=AGENTS, profiles=PROFILES, resources=4)
    try:
        made.start()
        made.in_force(made.first)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def swarm(site: LoadSite) -> Iterator[Swarm]:
    with site.swarm(kinds={SLOW: "slow", FAILING: "failing"}) as made:
        made.say("start 0.5")
        made.until("all are connected", lambda told: told.open == AGENTS, patience_s=60)
        made.until("all but the slow one are at rest", lambda told: told.at_rest >= AGENTS - 1, patience_s=60)
        yield made


def test_one_bad_profile_one_slow_agent_and_one_failing_host_delay_nobody_else(site: LoadSite, swarm: Swarm) -> None:
    secret = crate(f"own{BAD}", 2, "secret:nobody/has-it")
    site.commit({f"configcrates/own{BAD}.vgo": secret}, "a profile that cannot be")
    hosts_of_bad = AGENTS // PROFILES
    # The slow one may have been handed it before it stopped taking anything: it is not counted on.
    reached = scenarios.reach(site, swarm, "second", count=AGENTS - hosts_of_bad - 1, patience_s=50)
    assert AGENTS - hosts_of_bad - 1 <= len(reached.times) <= AGENTS - hosts_of_bad

    bad = site.envoy(f"web0000{BAD}.p{BAD}.example.com")
    assert "secret nobody/has-it does not exist" in bad["stalled"]
    failing = site.runs(FAILING)[0]
    assert (failing["status"], failing["failed"]) == ("failed", 1)
    told = swarm.until("the others are at rest", lambda told: told.at_rest >= AGENTS - 1, patience_s=60)
    assert told.counts.get("refused", 0) == 0
    mended = site.commit({f"configcrates/own{BAD}.vgo": crate(f"own{BAD}", 2, "well")}, "the profile is mended")
    swarm.until("the mended are well", lambda told: len(told.applied.get(mended, ())) == hosts_of_bad, patience_s=60)
    swarm.until("they are at rest", lambda told: told.at_rest >= AGENTS - 1, patience_s=60)


def test_when_all_lose_their_connections_at_once_all_come_back_and_the_api_answers_all_the_while(
    site: LoadSite, swarm: Swarm
) -> None:
    swarm.say("forget")
    with scenarios.asking(site) as somebody:
        swarm.say("drop")
        told = swarm.until(
            "all are back", lambda told: told.counts.get("welcomed", 0) >= AGENTS and told.open == AGENTS, patience_s=60
        )
    returned = scenarios.Returned(0.0, 0.0, 0.0, somebody.statuses, told)
    assert returned.failures == 0
    assert somebody.statuses[200] > 0
    # What they hold is what they are to be: nobody is handed anything again.
    assert told.counts.get("accepted", 0) == 0


def test_a_full_check_of_all_at_once_is_reported_and_acknowledged(site: LoadSite, swarm: Swarm) -> None:
    swarm.say("forget")
    swarm.say("check 0.2")
    told = swarm.until(
        "all reports are kept", lambda told: told.counts.get("acknowledged", 0) >= AGENTS - 1, patience_s=60
    )
    assert told.at_rest >= AGENTS - 1
    assert site.runs("web000001.p1.example.com")[0]["trigger"] == "interval"


@pytest.mark.slow
def test_a_thousand_come_back_after_a_restart_and_the_api_answers_all_the_while(tmp_path: Path) -> None:
    site = LoadSite(tmp_path, agents=1_000, profiles=PROFILES, resources=4)
    try:
        site.start()
        site.in_force(site.first)
        with site.swarm() as many:
            scenarios.connect(many, over_s=10)
            for _ in range(3):
                returned = scenarios.come_back(site, many)
                assert returned.failures == 0
                assert returned.told.counts.get("accepted", 0) == 0
    finally:
        site.end()
