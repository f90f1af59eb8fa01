"""A server and an agent in network namespaces of their own, and a cable between them that is pulled.

`unshare -mn python -m tests.factories.cut_off DIRECTORY [FAULT ...]` is a story: the server listens at one end of a veth
pair, the agent lives at the other. Ends with 0 when the host came out of each fault (all, when none is named) as it
should.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.site import BASE, Agent, Process, Site, until

HERE, THERE = "10.77.0.1", "10.77.0.2"
CUT_S = 0.5
FAULTS = {
    "the cable is pulled": ("link set wire down", "link set wire up"),
    "what it sends goes nowhere": (f"route add blackhole {HERE}", f"route del blackhole {HERE}"),
    "only small packets get through": ("link set wire mtu 600", "link set wire mtu 1500"),
}
"""Each with what brings it about at the agent's end, and what ends it."""


def story(path: Path, faults: Sequence[str]) -> None:
    """Tell it."""
    _network()
    site = Site(path)
    site.address = "0.0.0.0"  # of this namespace, in which there is nobody else
    site.environment = {"VIGO_NAMES": f'["{HERE}"]'}
    web = site.agent("web01.example.com")
    try:
        site.in_force_at_start()
        done = _ip("netns", "exec", "host", *_agent("enrol", site, web), "--server", _url(site))
        assert done.returncode == 0, done.stderr
        _run(site, web)
        site.converged(web)
        for fault in faults or FAULTS:
            _cut_and_healed(site, web, fault, *FAULTS[fault])
    finally:
        site.end()


def _cut_and_healed(site: Site, web: Agent, what: str, cut: str, heal: str) -> None:
    before, right = _repairs(site, web), web.read("/etc/site/motd")
    _there(cut)
    commit = site.commit({"configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace("hello", what)}, what)
    site.in_force(commit)
    if "mtu" not in cut:
        web.path("/etc/site/motd").write_text("damaged\n")
        until(f"{what}: it is repaired without the server", lambda: web.read("/etc/site/motd") == right)
        time.sleep(CUT_S)
        assert _repairs(site, web) == before, f"{what}: and yet it was told"
        before += 1
        _there(heal)
    until(
        f"{what}: the host follows",
        lambda: web.read("/etc/site/motd") == f"{what} from {web.hostname}\n",
        patience_s=90,
    )
    until(f"{what}: all is told once", lambda: _repairs(site, web) == before, patience_s=90)
    site.converged(web, commit)
    if "mtu" in cut:
        _there(heal)
    reports = [run["report_id"] for run in site.runs(web.hostname)]
    assert len(reports) == len(set(reports)), what
    print(f"{what}: as it should be", flush=True)


def _network() -> None:
    # `ip netns` keeps its names below /run, which is the machine's unless we hide it.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for command in (
        "link set lo up",
        "netns add host",
        "link add cable type veth peer name wire netns host",
        f"addr add {HERE}/24 dev cable",
        "link set cable up",
        f"-n host addr add {THERE}/24 dev wire",
        "-n host link set wire up",
        "-n host link set lo up",
    ):
        done = _ip(*command.split())
        assert done.returncode == 0, f"ip {command}: {done.stderr}"


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=60)


def _there(command: str) -> None:
    done = _ip("-n", "host", *command.split())
    assert done.returncode == 0, done.stderr
    if command.endswith("up"):
        _ip("-n", "host", "addr", "replace", f"{THERE}/24", "dev", "wire")


def _agent(verb: str, site: Site, web: Agent) -> list[str]:
    own = [sys.executable, "-m", "agent", verb, "--state", str(web.state), "--root", str(web.root)]
    return ["env", f"VIGO_TOKEN={site.token(web.hostname)}", *own] if verb == "enrol" else own


def _run(site: Site, web: Agent) -> None:
    text = "import os, sys; os.execvp('ip', ['ip', 'netns', 'exec', 'host', *sys.argv[1:]])"
    log = site.path / "logs" / f"{web.name}.log"
    web.process = Process(web.name, ["-c", text, *_agent("run", site, web)], log)
    site.processes.append(web.process)


def _url(site: Site) -> str:
    return f"https://{HERE}:{site.url.rpartition(':')[2]}"


def _repairs(site: Site, web: Agent) -> int:
    return sum(run["corrective"] > 0 for run in site.runs(web.hostname))


if __name__ == "__main__":
    story(Path(sys.argv[1]), sys.argv[2:])
