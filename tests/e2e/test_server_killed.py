"""A server that is killed: agents go on without it, and what they reported meanwhile arrives, once."""

from __future__ import annotations

import time

from tests.e2e.site import Process, Site, until


def test_reports_of_the_time_without_a_server_arrive_and_none_is_lost(shared_site: Site) -> None:
    site = shared_site
    agents = [site.agent(f"web0{number}.example.com").joined() for number in (1, 2)]
    for agent in agents:
        site.converged(agent)
    before = {agent.hostname: {run["id"] for run in site.runs(agent.hostname)} for agent in agents}
    assert site.server is not None
    site.server.kill()
    site.server.wait()

    for round_ in range(2):
        for agent in agents:
            agent.damage("/etc/site/motd", f"damaged {round_}\n")
        for agent in agents:
            good = f"hello from {agent.hostname}\n"
            until("it is repaired without the server", lambda a=agent, good=good: a.read("/etc/site/motd") == good)
        time.sleep(0.3)

    site.start()
    for agent in agents:
        until("the repairs are told", lambda a=agent: _repairs(site, a.hostname) >= 2)
    time.sleep(0.5)
    for agent in agents:
        runs = site.runs(agent.hostname)
        assert before[agent.hostname] <= {run["id"] for run in runs}
        assert _repairs(site, agent.hostname) == 2
        assert len({run["id"] for run in runs}) == len(runs)
        assert site.envoy(agent.hostname)["convergence"] == "converged"
        assert not list((agent.state / "spool").glob("*.json"))
    assert site.get("/api/v1/audit/verify")["valid"] is True


def test_a_server_killed_again_and_again_loses_no_acknowledged_report(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web05.example.com").joined()
    site.converged(web)
    for round_ in range(2):
        web.damage("/etc/site/motd", f"damaged {round_}\n")
        until("it is repaired", lambda: web.read("/etc/site/motd") == "hello from web05.example.com\n")
        assert site.server is not None
        site.server.kill()
        site.server.wait()
        site.start()
    until("all repairs are told", lambda: _repairs(site, web.hostname) >= 2)
    time.sleep(0.3)
    assert _repairs(site, web.hostname) == 2
    assert site.get("/api/v1/audit/verify")["valid"] is True
    second = site.path / "second.log"
    other = Process(
        "second",
        ["-m", "api", "serve", "--data-dir", str(site.data), "--port", "0", "--gateway-port", "0"],
        second,
        forked=True,
    )
    site.processes.append(other)
    assert other.wait(60) == 3
    assert "another server" in second.read_text()
    assert site.get("/api/v1/config/status")["healthy"] is True


def _repairs(site: Site, hostname: str) -> int:
    return sum(run["corrective"] > 0 for run in site.runs(hostname))
