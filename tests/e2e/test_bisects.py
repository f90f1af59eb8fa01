"""A real server with real agents: the commit that a bad host alone has is named; what would break an invariant waits."""

from __future__ import annotations

import time
from urllib.parse import quote

from schema.time import to_rfc3339
from tests.e2e.site import BASE, Site, until

EXTRA = "name: extra\nresources:\n  - {name: file, type: file, path: /etc/site/extra, content: '%s'}\n"
HOSTS = """
envoys:
  - {match: "web01.example.com", environment: production, configcrates: [motd, extra], vars: {place: here}}
  - {match: "web*.example.com", environment: production, configcrates: [motd], vars: {place: here}}
"""
SWAPPED = HOSTS.replace("[motd, extra]", "[kept]").replace("[motd]", "[motd, extra]").replace("[kept]", "[motd]")
START = {**BASE, "hosts.vgo": HOSTS, "configcrates/extra.vgo": EXTRA % "one"}
MOTD = BASE["configcrates/motd.vgo"].replace("hello", "hi")
KEEP = "invariants: [{name: keep, for_each: vars.place, where: {configcrate: extra}, at_least: 1}]\n"


def test_what_one_host_alone_has_is_named_and_what_would_break_an_invariant_is_not_begun(site: Site) -> None:
    first = site.commit(START, "all is well")
    site.in_force(first)
    agents = [site.agent(f"web0{number}.example.com").joined() for number in (1, 2)]
    for agent in agents:
        site.converged(agent)
    since = quote(to_rfc3339(time.time_ns() // 1_000))
    site.in_force(site.commit({"configcrates/motd.vgo": MOTD}, "for everybody"))
    third = site.commit({"configcrates/extra.vgo": EXTRA % "two", "invariants.vgo": KEEP}, "for one")
    site.in_force(third)
    until("what changed is there", lambda: agents[0].read("/etc/site/extra") == "two")
    until("and reported", lambda: site.runs(agents[0].hostname)[0]["commit"] == third)
    until("the other has come along", lambda: site.runs(agents[1].hostname)[0]["commit"] != first)

    found = site.get(f"/api/v1/bisect?bad=web01.example.com&since={since}")

    assert (found["revisions"], found["notes"]) == (2, [])
    likely, other = found["suspects"]
    assert (likely["commit"], likely["summary"], likely["exact"]) == (third, "for one", True)
    [change] = likely["changes"]
    assert (change["name"], change["attribute"], change["at"]["file"], change["at"]["line"]) == (
        "extra/file", "content", "configcrates/extra.vgo", 3,
    )  # fmt: skip
    assert (other["summary"], other["exact"], other["good_with"]) == ("for everybody", False, [agents[1].hostname])

    # The crate moves from one host to the other: both at once may leave nobody with it.
    swapped = {
        **START,
        "configcrates/motd.vgo": MOTD,
        "configcrates/extra.vgo": EXTRA % "two",
        "invariants.vgo": KEEP,
        "hosts.vgo": SWAPPED,
    }
    site.commit(swapped, "to be seen", branch="refs/heads/swapped")
    [broken] = site.get("/api/v1/rollouts/plan?ref=swapped")["violations"]
    assert (broken["wave"], broken["count"], broken["new"], broken["old"]) == (
        "all", 0, ["web01.example.com"], ["web02.example.com"],
    )  # fmt: skip
    site.in_force(site.commit({"hosts.vgo": SWAPPED}, "swapped"))
    until("the rollout is blocked", lambda: [e for e in site.audit("rollout.advance") if e["outcome"] == "failed"])
    assert agents[1].read("/etc/site/extra") is None

    # One after the other keeps it.
    waves = "waves: [{name: first, match: web02.example.com}, {name: then}]\n"
    site.commit({"rollout.vgo": waves}, "one after the other")
    until("both are through", lambda: agents[1].read("/etc/site/extra") == "two")
