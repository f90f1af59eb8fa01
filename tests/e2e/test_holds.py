"""A freeze keeps hosts where they are while commits come into force; break-glass goes through it; and all of it can be
seen, before and after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.site import AUTHOR, BASE, Agent, Site, until


def greeting(site: Site, text: str) -> str:
    crate = BASE["configcrates/motd.vgo"].replace("greeting: hello", f"greeting: {text}")
    return site.commit({"configcrates/motd.vgo": crate}, f"greet with {text}")


def says(agent: Agent, text: str) -> bool:
    return agent.read("/etc/site/motd") == f"{text} from {agent.hostname}\n"


def ahead(minutes: int) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def classes(site: Site, hosts: set[str]) -> dict[str, list[str]]:
    """Class → those of these hosts; as to the revision in force, where each host of the fleet is in one class."""
    told = site.get("/api/v1/standings/current")
    assert sum(told["counts"].values()) == told["total"]
    found: dict[str, list[str]] = {}
    for part in told["parts"]:
        found.setdefault(part["name"], []).extend(host["hostname"] for host in part["hosts"])
    return {name: chosen for name, there in found.items() if (chosen := [host for host in there if host in hosts])}


def are(site: Site, expected: dict[str, list[str]]) -> None:
    hosts = {host for there in expected.values() for host in there}
    until(f"hosts are {expected}", lambda: classes(site, hosts) == expected)


def change(site: Site, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = site.ask(method, path, **({} if body is None else {"json": body}))
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def pair(lasting_site: Site) -> tuple[Agent, Agent]:
    """Two hosts for all stories."""
    return lasting_site.agent("web01.example.com").joined(), lasting_site.agent("web02.example.com").joined()


@pytest.fixture
def hosts(lasting_site: Site, pair: tuple[Agent, Agent]) -> tuple[Site, Agent, Agent]:
    """Both of them on the baseline, and nothing that holds them."""
    site, (one, two) = lasting_site, pair
    change(site, "POST", "/api/v1/config/unfreeze")
    site.in_force(site.commit(BASE, "back to the baseline"))
    are(site, {"applied": [one.hostname, two.hostname]})
    return site, one, two


def test_frozen_hosts_stay_until_the_freeze_ends_but_for_what_goes_through(hosts: tuple[Site, Agent, Agent]) -> None:
    site, one, two = hosts
    freeze = {"freeze_until": ahead(60), "match": "web0*", "reason": "release day"}
    change(site, "POST", "/api/v1/config/freeze", freeze)
    commit = greeting(site, "welcome")
    site.in_force(commit)
    are(site, {"frozen": [one.hostname, two.hostname]})
    told = site.get("/api/v1/standings/current/hosts?class=frozen")["hosts"]
    assert {host["hostname"]: host["cause"] for host in told if host["hostname"] == one.hostname} == {
        one.hostname: "release day"
    }
    assert all(host["until"] > ahead(50) for host in told)
    assert site.get("/api/v1/standings/current")["commit"] == commit
    assert says(one, "hello")

    body = {"commit": commit[:12], "until": ahead(10), "match": one.hostname, "reason": "the certificate expires"}
    glass = change(site, "POST", "/api/v1/break-glass", body)
    until("it goes through", lambda: says(one, "welcome"))
    are(site, {"applied": [one.hostname], "frozen": [two.hostname]})
    notice = site.ask("GET", "/api/v1/config/status").headers["vigo-notice"]
    assert notice.startswith("break-glass is on until ")
    change(site, "DELETE", f"/api/v1/break-glass/{glass['id']}")
    assert "vigo-notice" not in site.ask("GET", "/api/v1/config/status").headers
    for action in ("open", "use", "close"):
        assert len([entry for entry in site.audit(f"break_glass.{action}") if entry["object_id"] == glass["id"]]) == 1

    assert site.server is not None
    site.server.kill()
    site.server.wait()
    site.start()
    until("both are back", lambda: all(site.envoy(agent.hostname)["status"] == "online" for agent in (one, two)))
    are(site, {"applied": [one.hostname], "frozen": [two.hostname]})
    assert says(two, "hello")

    assert change(site, "POST", "/api/v1/config/unfreeze")["frozen"] is False
    until("it follows", lambda: says(two, "welcome"))
    are(site, {"applied": [one.hostname, two.hostname]})
    told = site.get("/api/v1/standings/current")
    counts = {name: count for name, count in told["counts"].items() if count}
    until(
        "history has it",
        lambda: site.get("/api/v1/standings/current/history")["points"][-1]["counts"] == counts,
    )


def test_a_host_in_maintenance_gets_nothing_new_until_the_work_is_done(hosts: tuple[Site, Agent, Agent]) -> None:
    site, one, two = hosts
    change(site, "PUT", f"/api/v1/envoys/{two.hostname}/maintenance", {"reason": "new disks"})
    site.in_force(greeting(site, "goodbye"))
    until("the other one has it", lambda: says(one, "goodbye"))
    are(site, {"applied": [one.hostname], "maintenance": [two.hostname]})
    assert two.process is not None
    two.process.end()
    are(site, {"applied": [one.hostname], "maintenance": [two.hostname]})
    two.run()

    change(site, "DELETE", f"/api/v1/envoys/{two.hostname}/maintenance")
    until("it follows", lambda: says(two, "goodbye"))
    are(site, {"applied": [one.hostname, two.hostname]})


def test_a_freeze_that_ends_by_itself_lets_hosts_follow(hosts: tuple[Site, Agent, Agent]) -> None:
    site, agent, _ = hosts
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    change(site, "POST", "/api/v1/config/freeze", {"freeze_until": soon})
    site.in_force(greeting(site, "soon"))
    until("it follows", lambda: says(agent, "soon"))

    assert datetime.now(UTC).isoformat() >= soon
    until("it is on record", lambda: list(site.audit("hold.end")))
    assert site.get("/api/v1/holds")["holds"] == []


def test_a_rollout_that_nobody_approves_goes_through_by_a_permission_for_its_author(
    hosts: tuple[Site, Agent, Agent],
) -> None:
    site, agent, other = hosts
    crate = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: urgent")
    staged = "require_approval: true\nwaves:\n  - {name: all, percent: 100}\n"
    commit = site.commit({"configcrates/motd.vgo": crate, "rollout.vgo": staged}, "with an approval")
    site.in_force(commit)
    are(site, {"approval": [agent.hostname, other.hostname]})
    (part,) = [part for part in site.get("/api/v1/standings/current")["parts"] if part["name"] == "approval"]
    assert (part["wave"], part["cause"]) == (1, "one person must approve this plan")
    assert says(agent, "hello")

    body = {"author": AUTHOR.email, "until": ahead(10), "reason": "nobody else is awake"}
    glass = change(site, "POST", "/api/v1/break-glass", body)
    until("it goes through", lambda: says(agent, "urgent"))
    are(site, {"applied": [agent.hostname, other.hostname]})
    change(site, "DELETE", f"/api/v1/break-glass/{glass['id']}")
    (found,) = [each for each in site.get("/api/v1/break-glass")["break_glass"] if each["id"] == glass["id"]]
    assert found["used_for"] == [commit]
    site.in_force(site.commit({"rollout.vgo": None}, "all at once again"))
