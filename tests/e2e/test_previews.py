"""Previews that can be believed: what was predicted for a host is what its agent then did."""

from __future__ import annotations

from typing import Any

from reconciler.repository import write
from tests.e2e.site import AUTHOR, BASE, Agent, Site, until

SITE = """
name: site
vars: {word: one}
resources:
  - {name: keep, type: file, path: /etc/site/keep, content: same}
  - {name: word, type: file, path: /etc/site/word, content: "{{ vars.word }} on {{ traits.os.family }}", notify: [tell]}
  - {name: tell, type: exec, command: "true", refreshonly: true}
  - {name: spelt, type: file, path: /etc/site/spelt, content: "{{ 1 + 1 }}"}
  - {name: old, type: file, path: /etc/site/old, content: x, on_removal: revert}
  - {name: left, type: file, path: /etc/site/left, content: x}
  - {name: many, type: file, foreach: vars.names, path: "/etc/site/{{ item }}", content: "{{ item }}"}
  - {name: off, type: file, path: /etc/site/off, content: x, when: "traits.os.family == 'none'"}
"""
CHANGED = (
    SITE.replace("word: one", "word: two")
    .replace("{{ 1 + 1 }}", "{{ 4 // 2 }}")
    .replace("traits.os.family == 'none'", "traits.os.family != 'none'")
    .replace(
        "  - {name: old, type: file, path: /etc/site/old, content: x, on_removal: revert}\n"
        "  - {name: left, type: file, path: /etc/site/left, content: x}\n",
        "  - {name: new, type: directory, path: /etc/site/new}\n",
    )
)
HOSTS = BASE["hosts.vgo"].replace("[motd]", "[motd, site]")
RUNS = ("added", "changed", "starts")


def files(crate: str, names: str) -> dict[str, str | None]:
    return {**BASE, "hosts.vgo": HOSTS, "configcrates/site.vgo": crate, "common.vgo": f"vars: {{names: [{names}]}}\n"}


def outcomes(site: Site, host: Agent, commit: str) -> dict[str, str]:
    """What the first run under a commit did: id → outcome, of what it touched or reported."""
    first = [run for run in site.runs(host.hostname) if run["commit"] == commit][-1]
    found = site.get(f"/api/v1/runs/{first['id']}")["resources"]
    return {item["id"]: item["outcome"] for item in found if item["outcome"] != "unchanged"}


def predicted(told: dict[str, Any]) -> dict[str, str]:
    """The same, from a preview: what is certain, with what it notifies."""
    found: dict[str, str] = {}
    for change in told["resources"]:
        assert "maybe" not in change
        items = {each["item"] for each in change["attributes"] if "item" in each}
        if change["action"] in RUNS:
            # In a confined root a command that is notified is told of, and not run.
            found |= dict.fromkeys(items or {change["id"]}, "changed") | dict.fromkeys(change["notifies"], "skipped")
        elif change["action"] == "removed" and "is put back" in change["consequence"]:
            found[change["id"]] = "changed"
    return found


def test_what_is_predicted_is_what_the_agent_then_does(site: Site) -> None:
    before = site.commit(files(SITE, "a, b"), "before")
    site.in_force(before)
    web = site.agent("web01.example.com").joined()
    site.converged(web, before)
    until("traits arrive", lambda: site.ask("GET", f"/api/v1/envoys/{web.hostname}/traits").status_code == 200)

    after = files(CHANGED, "a, b, c")
    encoded = {name: text.encode() for name, text in after.items() if text is not None}
    write.commit(write.init(site.path / "repo"), "refs/heads/change", encoded, AUTHOR, "to be previewed")
    preview = site.get("/api/v1/preview?rev=change")
    told = next(each for each in preview["classes"] if web.hostname in each["hosts"])
    assert (told["certainty"], told["membership"]) == ("change", "kept")
    word = next(change for change in told["resources"] if change["id"] == "site/word")
    family = site.get(f"/api/v1/envoys/{web.hostname}/traits")["traits"]["os"]["family"]
    assert (word["attributes"][0]["base"], word["attributes"][0]["other"]) == (f"one on {family}", f"two on {family}")
    assert web.read("/etc/site/word") == f"one on {family}"
    left = next(change for change in told["resources"] if change["id"] == "site/left")
    assert left["consequence"] == "what it made stays, and is no longer looked after"

    merged = site.commit(after, "merged")
    site.in_force(merged)
    site.converged(web, merged)
    assert outcomes(site, web, merged) == predicted(told)
    assert web.read("/etc/site/word") == f"two on {family}"
    assert (web.read("/etc/site/old"), web.read("/etc/site/left")) == (None, "x")
    query = {"query": "{ revisions(first: 1) { commit planRoot } }"}
    newest = site.ask("POST", "/graphql", json=query).json()["data"]["revisions"][0]
    assert newest == {"commit": merged, "planRoot": preview["other"]["plan_root"]}
    assert site.get("/api/v1/preview?rev=change")["summary"] == "nothing changes"
