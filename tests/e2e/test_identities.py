"""Who an agent is: revoked it is nobody, twice it is one, and enrolled anew it is another."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from tests.e2e.site import Site, until


def test_a_revoked_agent_is_cut_off_and_stays_so(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web01.example.com").joined()
    site.converged(web)
    old = site.envoy(web.hostname)
    assert site.ask("DELETE", f"/api/v1/envoys/{web.hostname}").status_code == 204
    until("it is offline", lambda: site.envoy(old["id"])["status"] == "offline")
    assert site.envoy(old["id"])["revoked"] is True
    assert old["id"] not in {envoy["id"] for envoy in site.get("/api/v1/envoys")["envoys"]}
    assert old["id"] in {envoy["id"] for envoy in site.get("/api/v1/envoys?includeRevoked=true")["envoys"]}
    assert web.hostname not in site.get("/api/v1/fleet/pubkeys")

    assert site.server is not None
    site.server.kill()
    site.start()
    until("it has tried again", lambda: site.audit("envoy.refused"))
    assert site.envoy(old["id"])["status"] == "offline"
    assert web.process is not None
    assert web.process.code is None
    # It keeps its host as it was last told.
    web.path("/etc/site/motd").write_text("damaged\n")
    until("it repairs all the same", lambda: web.read("/etc/site/motd") == "hello from web01.example.com\n")

    assert web.process.end() == 0
    done = web.enrol(options=("--replace",))
    assert done.returncode == 0, done.stderr
    web.run()
    until("the new one is converged", lambda: site.envoy(web.hostname)["convergence"] == "converged")
    new = site.envoy(web.hostname)
    assert new["id"] != old["id"]
    assert {run["envoy_id"] for run in site.runs(new["id"])} == {new["id"]}
    assert {run["envoy_id"] for run in site.runs(old["id"])} == {old["id"]}


def test_a_server_listens_twice_and_an_agent_never(shared_site: Site) -> None:
    """There is no door for insiders: nothing of a worker, a metric or a debugger is reached by another port."""
    site = shared_site
    web = site.agent("web05.example.com").joined()
    site.converged(web)
    assert site.server is not None
    assert web.process is not None
    assert len(_listening(site.server.pid)) == 2
    assert _listening(web.process.pid) == set()


def test_of_two_agents_with_one_identity_one_is_connected(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web02.example.com").joined()
    site.converged(web)
    twin = site.agent("web02.example.com", "twin")
    shutil.copytree(web.state, twin.state, ignore=shutil.ignore_patterns("lock"))
    identity = twin.state / "identity.json"
    assert identity.is_file()
    # A twin on another machine has another root; its copied state names the first one's.
    shutil.rmtree(twin.root)
    twin.root = web.root
    twin.run()
    until("the two have met", lambda: site.audit("envoy.superseded"))
    for _ in range(20):
        assert _metric(site, "vigo_gateway_agents") <= 1
        time.sleep(0.05)
    assert len(site.audit("envoy.superseded")) == 1
    assert twin.process is not None
    twin.process.end()
    until("the first is back", lambda: site.envoy(web.hostname)["status"] == "online")
    assert site.envoy(web.hostname)["convergence"] == "converged"


def test_a_host_enrolled_anew_replaces_the_old_one_only_when_told_to(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web03.example.com").joined()
    site.converged(web)
    old = site.envoy(web.hostname)
    refused = site.ask("POST", "/api/v1/bootstrap/tokens", json={"hostname": web.hostname})
    assert (refused.status_code, refused.json()["fault"]) == (409, "enrolment.already_enrolled")
    other = site.agent("web03.example.com", "reinstalled")
    done = other.enrol(site.token(web.hostname, replace=True))
    assert done.returncode == 0, done.stderr
    other.run()
    until("the old one is cut off", lambda: site.envoy(old["id"])["status"] == "offline")
    until("the new one is there", lambda: site.envoy(web.hostname)["status"] == "online")
    assert site.envoy(old["id"])["revoked"] is True
    assert site.envoy(web.hostname)["id"] != old["id"]


def _metric(site: Site, name: str) -> float:
    text = site.ask("GET", "/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


def _listening(pid: int) -> set[str]:
    """Sockets, of the Internet or with a name, on which a process or one below it waits for others."""
    family = {pid}
    for status in [*Path("/proc").glob("[0-9]*/stat")] * 3:  # grandchildren may come first
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) in family:
                family.add(int(status.parent.name))
    held = set()
    for each in family:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{each}/fd").iterdir():
                held.add(str(link.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                found.add(fields[1])
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[5] == "01" and int(fields[3], 16) & 0x10000 and f"socket:[{fields[6]}]" in held:
            found.add(fields[-1])
    return found
