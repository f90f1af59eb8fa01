"""Traits of a host reach the server, and later only what has changed."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.site import Agent, Site, until


def told(site: Site) -> dict[str, int]:
    families = text_string_to_metric_families(site.ask("GET", "/metrics").text)
    counts = {
        one.labels["event"]: int(one.value)
        for family in families
        for one in family.samples
        if one.name == "vigo_gateway_events_total"
    }
    return {name: counts.get(name, 0) for name in ("traits", "traits_digests", "traits_delta")}


def at_server(site: Site, web: Agent) -> dict[str, object]:
    def look() -> dict[str, object] | None:
        answer = site.ask("GET", f"/api/v1/envoys/{web.hostname}/traits")
        return answer.json() if answer.status_code == 200 else None

    return until("traits arrive", look)


def users(site: Site, web: Agent) -> set[str]:
    values = at_server(site, web)["traits"]
    assert isinstance(values, dict)
    return set(values["users"])


def test_what_changed_is_told_and_no_more(site: Site) -> None:
    web = site.agent("web01.example.com")
    web.path("/etc").mkdir()
    web.path("/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    web.joined()
    first = at_server(site, web)
    values = first["traits"]
    assert isinstance(values, dict)
    assert len(values) >= 40
    assert values["host_self"]["hostname"] == web.hostname
    assert values["host_self"]["enrolled"] is True
    assert values["agent_self"]["state"] in ("nothing", "current")
    assert first["errors"] == {}
    until("it is acknowledged", lambda: web.state.joinpath("traits.json").exists())
    # A second one when the agent could say of itself that it holds the current target only after the first.
    wanted = [{"traits": 0, "traits_digests": count, "traits_delta": count} for count in (1, 2)]
    until("each digest that differs is followed by what has changed, and no more", lambda: told(site) in wanted)
    before = told(site)

    assert web.process is not None
    assert web.process.end() == 0
    web.path("/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n")
    web.run()
    until("the change arrives", lambda: "ada" in users(site, web))
    assert told(site)["traits"] == 0
    assert told(site)["traits_delta"] - before["traits_delta"] in (1, 2)
