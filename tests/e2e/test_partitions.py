"""A network that is cut, one-sided, slow or forgetful, and a server that stands still: hosts stay what they should be,
and what happened meanwhile is told, once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import BASE, ROOT, Agent, Site, until
from tests.effort import SOAK
from tests.factories.namespaces import as_root
from tests.factories.wires import Wire


@pytest.fixture
def wired(shared_site: Site, request: pytest.FixtureRequest) -> Iterator[tuple[Site, Agent, Wire]]:
    """An agent that reaches its server through a wire."""
    site = shared_site
    wire = Wire(site.gateway_port)
    web = site.agent(f"web-{abs(hash(request.node.name)) % 10_000}.example.com")
    done = web.enrol()
    assert done.returncode == 0, done.stderr
    identity = web.state / "identity.json"
    known = json.loads(identity.read_text())
    through = known["gateway_url"].replace(f":{site.gateway_port}/", f":{wire.port}/")
    identity.write_text(json.dumps(known | {"gateway_url": through}))
    web.run()
    site.converged(web)
    assert wire.carried
    yield site, web, wire
    assert web.process is not None
    web.process.end()
    wire.close()


def test_a_host_cut_off_stays_right_and_tells_of_it_once(wired: tuple[Site, Agent, Wire]) -> None:
    site, web, wire = wired
    motd = web.read("/etc/site/motd")
    wire.up = wire.down = False
    commit = _greet(site, "after the cut")
    site.in_force(commit)
    _damaged_and_repaired(web, str(motd))
    assert _repairs(site, web) == 0
    wire.up = wire.down = True
    site.converged(web, commit)
    until("the repair is told", lambda: _repairs(site, web) == 1)
    assert wire.connections == 1, "a cut that heals costs no connection"
    _nothing_twice(site, web)


def test_a_report_whose_acknowledgement_is_lost_is_there_once(wired: tuple[Site, Agent, Wire]) -> None:
    site, web, wire = wired
    motd = web.read("/etc/site/motd")
    wire.down = False
    _damaged_and_repaired(web, str(motd))
    until("the repair is told", lambda: _repairs(site, web) == 1)
    assert list((web.state / "spool").glob("*.json")), "what nobody acknowledged is kept"
    wire.reset()  # what was under way is gone, and is sent again over the next connection
    wire.down = True
    _nothing_twice(site, web)
    assert _repairs(site, web) == 1
    site.converged(web, _greet(site, "both ways"))


def test_connections_that_break_again_and_again_get_there_in_the_end(wired: tuple[Site, Agent, Wire]) -> None:
    site, web, wire = wired
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(3):
        wire.cut_after, seen = chance.randrange(500, 12_000), wire.connections
        wire.reset()
        until("it comes again", lambda seen=seen: wire.connections > seen)
    wire.cut_after = None
    wire.reset()
    commit = _greet(site, "in pieces")
    site.converged(web, commit)
    _nothing_twice(site, web)


def test_a_slow_network_only_takes_longer(wired: tuple[Site, Agent, Wire]) -> None:
    site, web, wire = wired
    wire.bytes_s = 20_000
    commit = _greet(site, "slowly")
    site.converged(web, commit)
    _nothing_twice(site, web)


def test_a_server_that_stands_still_is_waited_for(wired: tuple[Site, Agent, Wire]) -> None:
    site, web, _ = wired
    assert site.server is not None
    motd = web.read("/etc/site/motd")
    site.server.kill(signal.SIGSTOP)
    try:
        _damaged_and_repaired(web, str(motd))
        time.sleep(0.2)
    finally:
        site.server.kill(signal.SIGCONT)
    until("the repair is told", lambda: _repairs(site, web) == 1)
    site.converged(web, _greet(site, "again"))
    _nothing_twice(site, web)


@as_root
def test_hosts_behind_a_network_of_their_own_come_out_of_its_faults(tmp_path: Path) -> None:
    faults = [] if SOAK else ["the cable is pulled"]
    told = subprocess.run(
        ["unshare", "-mn", sys.executable, "-m", "tests.factories.cut_off", str(tmp_path), *faults],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=240,
    )
    assert told.returncode == 0, told.stdout + told.stderr[-3_000:]
    assert told.stdout.count("as it should be") == (len(faults) or 3)


def _greet(site: Site, greeting: str) -> str:
    return site.commit({"configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace("hello", greeting)}, greeting)


def _damaged_and_repaired(web: Agent, right: str) -> None:
    web.path("/etc/site/motd").write_text("damaged\n")
    until("it is repaired without the server", lambda: web.read("/etc/site/motd") == right)


def _repairs(site: Site, web: Agent) -> int:
    return sum(run["corrective"] > 0 for run in site.runs(web.hostname))


def _nothing_twice(site: Site, web: Agent) -> None:
    until("all is told", lambda: not list((web.state / "spool").glob("*.json")))
    reports = [run["report_id"] for run in site.runs(web.hostname)]
    assert len(reports) == len(set(reports))
    assert site.get("/api/v1/audit/verify")["valid"] is True
