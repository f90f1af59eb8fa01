"""A wave is through when a command says so on its hosts: one that fails or hangs stops the rollout and is shown, one that
ends well opens the next wave, and an agent that is killed while it runs does not run it twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Process, Site, until
from tests.e2e.test_approved_plans import approve
from tests.e2e.test_rollouts import is_at, person, rollout
from tests.e2e.test_two_processes import whole_machine

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"web0{number}.example.com" for number in range(1, 6))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the managed files lie, and the command that says whether all is well."""
    made = tmp_path / "managed"
    made.mkdir()
    return made


def tree(place: Path, greeting: str, *, check: str, hosts: tuple[str, str], second: str = "") -> dict[str, str]:
    return {
        "configcrates/motd.vgo": f"""
name: motd
resources:
  - {{name: dir, type: directory, path: "{place}/{{{{ host.hostname }}}}"}}
  - name: motd
    type: file
    path: "{place}/{{{{ host.hostname }}}}/motd"
    content: "{greeting}\\n"
    depends_on: [dir]
""",
        "rollout.vgo": f"""
failure_budget: 0
health: [{{command: [sh, {place}/check], returns: [0, 7], {check}}}]
waves: [{{name: first, match: {hosts[0]}}}, {{name: second, match: {hosts[1]}{second}}}]
""",
    }


def begun(site: Site) -> None:
    """Nothing is managed on this machine, and nothing rolled out in waves, whatever the story before left."""
    site.commit({"configcrates/motd.vgo": "name: motd\nresources: []\n", "rollout.vgo": "description: none\n"}, "begin")
    site.in_force(site.commit({"rollout.vgo": None}, "without waves"))


def second_is_through(site: Site, commit: str) -> None:
    """Both waves are; hosts of another story may be waited for in a third."""
    until("the second wave is through", lambda: rollout(site, commit)["progress"]["waves"][1]["state"] == "done")


def motd(place: Path, hostname: str) -> str:
    path = place / hostname / "motd"
    return path.read_text() if path.exists() else ""


def test_a_command_on_the_canary_stops_a_rollout_or_opens_the_next_wave(shared_site: Site, place: Path) -> None:
    site = shared_site
    begun(site)
    first, second = whole_machine(site, FIRST), site.agent(SECOND).joined()
    for agent in (first, second):
        site.converged(agent)
    second.path(str(place)).mkdir(parents=True)
    (place / "check").write_text(f"echo asked >> {place}/asked; id -u; pwd; echo nginx is dead; exit 3\n")

    # It fails on the canary: nobody else gets the change, and everybody sees why.
    health = {"check": "timeout: 20s, attempts: 1", "second": ", health: []"}
    commit = site.commit(tree(place, "new", hosts=(FIRST, SECOND), **health), "not well")
    stopped = is_at(site, commit, "stopped")
    assert stopped["why"] == "wave first: 1 of 1 hosts failed, none may"
    (failure,) = stopped["progress"]["failures"]
    assert failure["hostname"] == FIRST
    assert failure["why"] == f"a health check failed: sh {place}/check: exit 3"
    assert (failure["check"]["command"], failure["check"]["code"]) == (f"sh {place}/check", 3)
    assert failure["check"]["output"].splitlines() == [str(first.state.stat().st_uid), "/", "nginx is dead"]
    query = (
        "{ rollouts(first: 1) { progress { failures { check { command code output } } waves { checking failed } } } }"
    )
    answer: Any = site.ask("POST", "/graphql", json={"query": query}).json()
    seen = answer["data"]["rollouts"][0]["progress"]
    assert seen["failures"] == [{"check": failure["check"]}]
    assert seen["waves"][:2] == [{"checking": 0, "failed": 1}, {"checking": 0, "failed": 0}]
    assert motd(place, FIRST) == "new\n"
    assert site.envoy(SECOND)["commit"] != commit

    # It ends well: the next wave begins. Each time it was run once.
    (place / "check").write_text(f"echo asked >> {place}/asked; exit 7\n")
    assert site.ask("POST", f"/api/v1/rollouts/{stopped['id']}/retry").status_code == 200
    second_is_through(site, commit)
    assert second.read(f"{place}/{SECOND}/motd") == "new\n"
    assert (place / "asked").read_text() == "asked\n" * 2
    assert len([entry for entry in site.audit("rollout.probe") if entry["object_id"] == str(stopped["id"])]) == 2
    assert site.get("/api/v1/audit/verify")["valid"] is True


@pytest.mark.slow
def test_one_that_hangs_is_ended_and_a_killed_agent_runs_none_twice(shared_site: Site, place: Path) -> None:
    site = shared_site
    hosts = THIRD, FOURTH
    begun(site)
    first, second = (whole_machine(site, name) for name in hosts)
    for agent in (first, second):
        site.converged(agent)

    (place / "check").write_text(f"(sleep 4; touch {place}/outlived) & sleep 60\n")
    slow = site.commit(tree(place, "slow", hosts=hosts, check="timeout: 1s, attempts: 1"), "a check that hangs")
    (failure,) = is_at(site, slow, "stopped")["progress"]["failures"]
    assert failure["why"] == f"a health check failed: sh {place}/check: it did not end within 1 s"

    (place / "check").write_text(f"echo begun >> {place}/begun; test -e {place}/go || sleep 30\n")
    check = "timeout: 20s, attempts: 2, interval: 1s"
    good = site.commit(tree(place, "good", hosts=hosts, check=check), "the agent is killed")
    until("it is being asked", lambda: (place / "begun").exists())
    assert rollout(site, good)["progress"]["waves"][0]["state"] == "running"
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    (place / "go").touch()
    log = site.path / "logs" / "again.log"
    site.processes.append(Process(THIRD, ["-m", "agent", "run", "--state", str(first.state)], log))
    second_is_through(site, good)
    assert (place / "begun").read_text() == "begun\n" * 3, "twice on the first host, once on the second"
    assert motd(place, FOURTH) == "good\n"
    assert not (place / "outlived").exists()


@pytest.mark.slow
def test_a_pinned_host_runs_the_command_of_a_plan_that_was_approved(shared_site: Site, place: Path) -> None:
    site = shared_site
    begun(site)
    agent = site.agent(FIFTH)
    agent.root = Path("/")
    done = agent.enrol(options=("--require-approval",))
    assert done.returncode == 0, done.stderr
    log = site.path / "logs" / "pinned.log"
    site.processes.append(Process(FIFTH, ["-m", "agent", "run", "--state", str(agent.state)], log))
    (place / "check").write_text(f"echo asked >> {place}/asked\n")
    files = tree(place, "new", hosts=(FIFTH, FIRST), check="timeout: 20s, attempts: 1")
    files["rollout.vgo"] += "require_approval: true\n"
    commit = site.commit(files, "in need of approval")
    approve(site, commit, person(site, "approver"))
    until("the first wave is through", lambda: rollout(site, commit)["progress"]["waves"][0]["state"] == "done")
    assert motd(place, FIFTH) == "new\n"
    assert (place / "asked").read_text() == "asked\n"
