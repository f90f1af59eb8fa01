"""A change goes out in waves: a canary that fails stops it, a fix goes through, an approval and a restart are kept to."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.site import AUTHOR, BASE, Agent, Site, until

HOSTS = ("web01.example.com", "web02.example.com", "web03.example.com")
ROLLOUT = """\
failure_budget: 0
waves:
  - {name: first, match: web01.example.com}
  - {name: second, match: web02.example.com, approvals: 1}
"""


def motd(greeting: str, *, broken: str = "") -> dict[str, str]:
    crate = BASE["configcrates/motd.vgo"].replace("greeting: hello", f"greeting: {greeting}")
    failing = "  - {name: broken, type: file, path: /etc/site/motd/below, content: x}\n" if broken else ""
    return {"configcrates/motd.vgo": crate + failing}


def person(site: Site, name: str, email: str = "") -> str:
    """An account's token."""
    new = {"username": name, "password": f"quite a long one for {name}", "role": "developer", "email": email}
    assert site.ask("POST", "/api/v1/users", json=new).status_code == 201
    login = (name, new["password"])
    answer = site.ask("POST", "/api/v1/auth/tokens", token="", auth=login, json={"name": "test", "expires_in": "1h"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def rollout(site: Site, commit: str) -> dict[str, Any]:
    newest = site.get("/api/v1/rollouts?limit=1")["rollouts"]
    found = newest[0] if newest and newest[0]["commit"] == commit else None
    return site.get(f"/api/v1/rollouts/{found['id']}") if found else {}


def is_at(site: Site, commit: str, state: str) -> dict[str, Any]:
    return until(
        f"the rollout of {commit[:12]} is {state}",
        lambda: found if (found := rollout(site, commit)).get("state") == state else None,
    )


def greets(agent: Agent, word: str) -> bool:
    return agent.read("/etc/site/motd") == f"{word} from {agent.hostname}\n"


def test_waves_stop_wait_and_survive_a_restart(site: Site) -> None:
    agents = [site.agent(name).joined() for name in HOSTS]
    for agent in agents:
        site.converged(agent)
    is_at(site, site.commit({"rollout.vgo": ROLLOUT}, "in waves"), "done")
    first, second, third = agents

    # The canary fails: it stops there, says why, and nobody else is touched.
    bad = site.commit(motd("broken", broken="yes"), "a bad change")
    stopped = is_at(site, bad, "stopped")
    assert "1 of 1 hosts failed" in stopped["why"]
    (failure,) = stopped["progress"]["failures"]
    assert failure["hostname"] == first.hostname
    assert [resource["id"] for resource in failure["resources"]] == ["motd/broken"]
    time.sleep(1.0)
    assert greets(second, "hello")
    assert greets(third, "hello")

    # The fix goes through: the first wave by itself, the second when somebody approves.
    good = site.commit(motd("welcome"), "the fix")
    until("the first wave has it", lambda: greets(first, "welcome"))
    until("the second waits", lambda: rollout(site, good)["progress"]["waves"][1]["state"] == "awaiting_approval")
    assert greets(second, "hello")

    # A server that is killed goes on exactly there.
    assert site.server is not None
    site.server.kill()
    site.server.wait()
    site.start()
    until("all are back", lambda: all(site.envoy(name)["status"] == "online" for name in HOSTS))
    time.sleep(0.5)
    found = rollout(site, good)
    assert [wave["state"] for wave in found["progress"]["waves"]] == ["done", "awaiting_approval", "waiting"]
    assert greets(second, "hello")
    # Not whoever wrote it, by whichever name, and not somebody without an account.
    place = f"/api/v1/rollouts/{found['id']}/approve?wave=1&plan_root={found['plan_root']}"
    refused = [site.ask("POST", place, **who) for who in ({}, {"token": person(site, "writer", AUTHOR.email)})]
    assert [answer.json()["fault"] for answer in refused] == ["rollouts.no_account", "rollouts.own_commit"]
    answer = site.ask("POST", place, token=person(site, "other"))
    assert answer.status_code == 200, answer.text
    is_at(site, good, "done")
    assert greets(second, "welcome")
    assert greets(third, "welcome")
    assert [entry["type"] for entry in site.audit("rollout.approve")] == ["rollout_approve"]
    assert site.get("/api/v1/audit/verify")["valid"] is True
