"""Somebody changes a setting by hand on two hosts; it is told, changed back, and made desired by a commit."""

from __future__ import annotations

import json
import os
from typing import Any

from reconciler import repository
from tests.e2e.site import Agent, Site, until

CONFIG = {
    "common.vgo": "# what all hosts have\nvars:\n  swappiness: 10  # the default\n"
    "  sites:\n    - {name: shop, port: 80}  # the shop\n    - {name: blog, port: 81}\nconfigcrates: [kernel]\n"
    "usercrates: [shell]\n",
    "environments.vgo": "environments:\n  production: {}\n  lab: {}\n",
    "hosts.vgo": (
        'envoys:\n  - match: "web*.example.com"\n    environment: production\n'
        '  - match: "db*.example.com"\n    environment: production\n'
        '  - match: "lab*.example.com"\n    environment: lab\n'
        '  - match: "spare*.example.com"\n    environment: lab\n'
    ),
    "configcrates/kernel.vgo": (
        "name: kernel\nresources:\n  - name: swap\n    type: sysctl\n    key: vm.swappiness\n"
        '    value: "{{ vars.swappiness }}"\n    live: false\n'
        '  - name: motd\n    type: file\n    path: /etc/motd\n    content: hello\n    mode: "0644"\n'
        "  - name: sites\n    type: file\n    foreach: vars.sites\n    path: /etc/site-{{ item.name }}\n"
        '    content: "{% if item.port < 1024 %}# privileged\\n{% endif %}listen {{ item.port }};\\n"\n'
    ),
    "usercrates/shell.vgo": (
        "name: shell\nvars: {idle: 900}\nusers: ada\nresources:\n  - name: rc\n    type: file\n"
        '    path: "{{ user.home }}/.rc"\n    content: "TMOUT={{ vars.idle }} # {{ user.name }}\\n"\n'
    ),
}
FILE = "/etc/sysctl.d/99-vigo-vm.swappiness.conf"


def vigo(site: Site, *arguments: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("VIGO_")}
    environment = inherited | {"VIGO_DATA_DIR": str(site.data), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "250"}
    done = site.command("api", *arguments, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def drifted(site: Site, hosts: set[str], how: str = "corrective") -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = site.get(f"/api/v1/drifts?how={how}")["hosts"]
        return found if {each["hostname"] for each in found} == hosts else None

    return until(f"drift is told of {sorted(hosts)}", look)


def contents(site: Site, commit: str) -> dict[str, bytes]:
    tree = repository.open(site.path / "repo").tree(commit)
    return {path: tree.read(entry.oid) for path, entry in tree.entries().items()}


def tamper(agent: Agent, value: str, *, file: str = FILE, old: str = "= 10") -> None:
    """As somebody with an editor; and wait until the agent has changed it back."""
    path = agent.path(file)
    desired = path.read_text()
    path.write_text(desired.replace(old, value))
    until("it is changed back", lambda: path.read_text() == desired)


def live_there(agent: Agent, name: str) -> None:
    """Somebody has an account on a host."""
    uid = os.getuid() or 61_001
    home, etc = agent.path(f"/home/{name}"), agent.path("/etc")
    home.mkdir(parents=True)
    os.chown(home, uid, os.getgid())
    etc.mkdir(exist_ok=True)
    (etc / "login.defs").write_text("UID_MIN 1\nUID_MAX 70000\n")
    (etc / "passwd").write_text(f"root:x:0:0::/root:/bin/bash\n{name}:x:{uid}:{os.getgid()}::/home/{name}:/bin/bash\n")


def test_what_was_changed_by_hand_becomes_desired_by_a_commit(shared_site: Site) -> None:
    site = shared_site
    commit = site.commit(CONFIG, "kernel settings")
    site.in_force(commit)
    web, db, lab = (site.agent(f"{name}01.example.com") for name in ("web", "db", "lab"))
    for agent in (web, db, lab):
        live_there(agent, "ada")
        agent.joined()
    for agent in (web, db, lab):
        site.converged(agent, commit)
        assert "vm.swappiness = 10\n" in str(agent.read(FILE))
    for agent in (web, db):
        tamper(agent, "= 60")

    hosts = {web.hostname, db.hostname}
    found = drifted(site, hosts)
    (resource,) = found[0]["resources"]
    assert (resource["resource"], resource["how"], resource["file"]) == (
        "kernel/swap",
        "corrective",
        "configcrates/kernel.vgo",
    )
    assert "vm.swappiness = 60" in resource["observed"][0]["found"]
    assert resource["differs"] == ["file: vm.swappiness = 60, desired vm.swappiness = 10"]
    assert "corrective  file: vm.swappiness = 60, desired vm.swappiness = 10  " in vigo(site, "drift", "list")
    assert "vm.swappiness = 60" in vigo(site, "drift", "show", web.hostname)

    answer = site.ask("POST", "/api/v1/drifts/propose", json={"hosts": sorted(hosts)})
    assert answer.status_code == 200, answer.text
    (group,) = answer.json()["groups"]
    best = group["proposals"][0]
    assert (group["changes"], best["level"], best["exact"]) == ({"value": "60"}, "environment", True)
    assert best["summary"] == "vars.swappiness = 60 in environments.vgo:production"
    assert (best["covers"], best["blast"], best["others"]) == (sorted(hosts), sorted(hosts), 0)
    assert group["revert"].startswith("nothing to do: the agents have changed it back, 2 times")
    assert answer.json()["written"] is None

    said = vigo(site, "drift", "propose", ",".join(sorted(hosts)))
    assert "  1. environment: vars.swappiness = 60 in environments.vgo:production: changes 2 hosts\n" in said
    assert "     +  production: {vars: {swappiness: 60}}\n" in said
    told = json.loads(vigo(site, "drift", "propose", ",".join(sorted(hosts)), "--write", "--json"))
    written = told["written"]
    assert written["status"] == "proposed"
    merged = site.commit({"environments.vgo": contents(site, written["commit"])["environments.vgo"]}, "reviewed")
    site.in_force(merged)
    for agent in (web, db):
        site.converged(agent, merged)
        assert "vm.swappiness = 60\n" in str(agent.read(FILE))
    site.converged(lab)
    assert "vm.swappiness = 10\n" in str(lab.read(FILE))
    until("it is no longer drift", lambda: site.get("/api/v1/drifts")["hosts"] == [])
    (over,) = site.get(f"/api/v1/drifts?hostname={web.hostname}")["hosts"][0]["resources"]
    assert over["ended"] == "desired"

    tamper(lab, "90", file="/etc/site-shop", old="80")
    drifted(site, {lab.hostname})
    said = vigo(site, "drift", "propose", lab.hostname)
    assert "kernel/sites[0] (file) on lab01.example.com\n  content: listen 90;, desired listen 80;\n" in said
    assert "  1. block: vars.sites[0].port = 90 in hosts.vgo: lab*.example.com: changes 1 hosts\n" in said

    tamper(lab, "60", file="/home/ada/.rc", old="900")
    until("it is told", lambda: "usercrate:shell@ada/rc" in vigo(site, "drift", "list"))
    said = vigo(site, "drift", "propose", lab.hostname, "--resource", "usercrate:shell@ada/rc")
    assert "  1. block: vars.idle = 60 in hosts.vgo: lab*.example.com: changes 1 hosts\n" in said


def test_a_check_that_is_asked_for_is_made_and_words_have_a_history(shared_site: Site) -> None:
    site = shared_site
    commit = site.commit(CONFIG, "kernel settings again")
    site.in_force(commit)
    web = site.agent("spare01.example.com").joined()
    site.converged(web, commit)
    before = {run["id"] for run in site.runs(web.hostname)}
    answer = site.ask("POST", f"/api/v1/envoys/{web.hostname}/update")
    assert (answer.status_code, answer.json()) == (202, {"asked": 1, "reached": 1, "within_s": 0.0})
    asked = until(
        "the check is reported",
        lambda: [run for run in site.runs(web.hostname) if run["id"] not in before and run["trigger"] == "asked"],
    )
    assert asked[0]["status"] == "converged"
    assert " were reached and check" in vigo(site, "envoys", "update", "--all")
    assert "canary" in vigo(site, "envoys", "tags", web.hostname, "--set", "canary,ring:1")
    assert site.get(f"/api/v1/envoys/{web.hostname}/tags")["tags"] == ["canary", "ring:1"]

    def known() -> Any:
        found = site.get(f"/api/v1/envoys/{web.hostname}/convergence")
        return found if found["transitions"] else None

    history = until("its words are noted", known)
    assert history["convergence"] == "converged"
    assert {each["kind"] for each in history["transitions"]} == {"convergence", "drift", "reachability"}
    assert "convergence" in vigo(site, "envoys", "convergence", web.hostname)
    assert "so far" in vigo(site, "drift", "history")
    keys = until("its traits are told", lambda: site.get("/api/v1/inventory/keys")["keys"])
    assert "os.family" in {each["key"] for each in keys}
