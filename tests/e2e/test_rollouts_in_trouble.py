"""People and kills that come between: approvals at once, a freeze as a wave begins, a host that is revoked in its wave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.site import Site, until
from tests.e2e.test_rollouts import greets, is_at, motd, person, rollout

HOSTS = ("web01.example.com", "web02.example.com", "web03.example.com")
ROLLOUT = """\
waves:
  - {name: first, match: web01.example.com}
  - {name: second, match: web02.example.com, approvals: 2}
"""


def wave(site: Site, commit: str, index: int) -> str:
    """What a wave is at."""
    waves = rollout(site, commit).get("progress", {}).get("waves", [])
    return str(waves[index]["state"]) if len(waves) > index else ""


def killed(site: Site) -> None:
    """The server, killed and started again."""
    assert site.server is not None
    site.server.kill()
    site.server.wait()
    site.start()


@pytest.mark.slow
def test_who_comes_between_is_heeded_and_a_kill_forgets_nobody(site: Site) -> None:
    first, second, third = [site.agent(name).joined() for name in HOSTS]
    for agent in (first, second, third):
        site.converged(agent)
    is_at(site, site.commit({"rollout.vgo": ROLLOUT}, "in waves"), "done")
    people = [person(site, name) for name in ("bob", "carol")]

    commit = site.commit(motd("welcome"), "welcome")
    until("the second waits", lambda: wave(site, commit, 1) == "awaiting_approval")
    found = rollout(site, commit)
    place = f"/api/v1/rollouts/{found['id']}/approve?wave=1&plan_root={found['plan_root']}"

    # The same two people, three times each and at once; a freeze before they can be heard, a kill right after.
    frozen = site.ask("POST", "/api/v1/config/freeze", json={"match": "web02*", "reason": "not now"})
    assert frozen.status_code == 200, frozen.text
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda token: site.ask("POST", place, token=token).status_code, people * 3))
    killed(site)
    assert set(answers) <= {200, 409}
    assert answers.count(200) >= 2
    names = sorted(each["name"] for each in rollout(site, commit)["approvals"])
    assert names == ["bob", "carol"]
    assert rollout(site, commit)["asked"]["approvals"] == {"1": 2}

    # Who is frozen stays, and nobody goes before them. Thawed, all of it goes on.
    held = "1 of 1 hosts are on hold: too many to go on without them"
    until("the wave waits", lambda: rollout(site, commit)["progress"]["waves"][1]["why"] == held, patience_s=90)
    assert greets(second, "hello")
    assert greets(third, "hello")
    assert site.ask("POST", "/api/v1/config/unfreeze").status_code == 200
    is_at(site, commit, "done")
    assert greets(second, "welcome")
    assert greets(third, "welcome")

    # A wave waits for a host that is away. It is revoked, a kill follows at once: nobody waits for it any more.
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    until("the first is away", lambda: site.envoy(first.hostname)["status"] != "online")
    commit = site.commit(motd("good day"), "good day")
    until("the first is waited for", lambda: wave(site, commit, 0) == "running")
    assert site.ask("DELETE", f"/api/v1/envoys/{first.hostname}").status_code == 204
    killed(site)
    until("the second waits", lambda: wave(site, commit, 1) == "awaiting_approval")
    assert greets(second, "welcome")
    assert greets(third, "welcome")
    assert site.get("/api/v1/audit/verify")["valid"] is True
