"""An invalid commit reaches nobody: what was good stays in force, also across a restart, and the next good one gets in."""

from __future__ import annotations

from tests.e2e.site import BASE, Site, until

BAD = BASE["configcrates/motd.vgo"].replace("type: file", "type: flie")


def test_an_invalid_commit_keeps_the_last_good_one_in_force(site: Site) -> None:
    good = site.get("/api/v1/config/status")["commit"]
    web = site.agent("web01.example.com").joined()
    site.converged(web, good)

    bad = site.commit({"configcrates/motd.vgo": BAD}, "a slip")
    status = until("the failure is on record", lambda: _failed(site, bad))
    assert (status["commit"], status["healthy"]) == (good, False)
    first = status["diagnostics"][0]
    assert (first["file"], first["line"], first["severity"]) == ("configcrates/motd.vgo", 10, "error")
    assert "configcrates/motd.vgo:10" in status["last_error"]
    assert web.read("/etc/site/motd") == "hello from web01.example.com\n"
    assert site.envoy(web.hostname)["commit"] == good
    assert [entry["type"] for entry in site.audit("config.refuse")] == ["config_refuse"]

    # The head is bad, and the server starts anew: the good one is compiled again and in force.
    assert site.server is not None
    site.server.kill()
    site.start()
    status = site.get("/api/v1/config/status")
    assert (status["commit"], status["failed_commit"], status["healthy"]) == (good, bad, False)
    generation = site.envoy(web.hostname)["generation"]
    newcomer = site.agent("web02.example.com").joined()
    site.converged(newcomer, good)
    until("the first is back", lambda: site.envoy(web.hostname)["status"] == "online")
    assert site.envoy(web.hostname)["generation"] == generation

    assert site.ask("POST", "/api/v1/config/reload").json()["status"] == "failed"
    fixed = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: again")
    commit = site.commit({"configcrates/motd.vgo": fixed}, "the slip is put right")
    for agent in (web, newcomer):
        site.converged(agent, commit)
        assert agent.read("/etc/site/motd") == f"again from {agent.hostname}\n"
    assert site.get("/api/v1/config/status")["healthy"] is True


def test_one_host_that_stalls_holds_up_no_other(site: Site) -> None:
    extra = """
name: token
resources:
  - name: token
    type: file
    path: /etc/site-token
    mode: "0600"
    content: "secret:app/token"
"""
    hosts = BASE["hosts.vgo"] + '  - match: "db*.example.com"\n    environment: production\n    configcrates: [token]\n'
    commit = site.commit({"configcrates/token.vgo": extra, "hosts.vgo": hosts}, "a secret that is not there")
    site.in_force(commit)
    database, web = site.agent("db01.example.com").joined(), site.agent("web01.example.com").joined()
    site.converged(web)
    stalled = until("it is said why", lambda: site.envoy(database.hostname)["stalled"])
    assert "app/token" in stalled
    assert (site.envoy(database.hostname)["generation"], database.read("/etc/site-token")) == (0, None)
    site.set_secret("app/token", "tok-1")
    site.converged(database)
    assert database.read("/etc/site-token") == "tok-1"
    assert site.envoy(database.hostname)["stalled"] == ""


def _failed(site: Site, commit: str) -> dict[str, object] | None:
    status = site.get("/api/v1/config/status")
    return status if status["failed_commit"] == commit else None
