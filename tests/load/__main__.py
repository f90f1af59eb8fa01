"""Load a server with thousands of agents: real agent cores, mutual TLS, hosts in memory.

With no server named, one is made on this machine, with so many agents enrolled, and measured. With `--server`, agents
are enrolled on that server with an API token, one after the other, and kept connected until Ctrl-C: load, of which you
see the effect with your own means. They are hosts of the name `load-NUMBER.SUFFIX`; revoke them afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.load import remote, scenarios
from tests.load.sites import LoadSite, memory
from tests.load.swarm import Swarm

TOKEN: Final = "VIGO_TOKEN"


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--agents", type=int, default=1_000, help="how many (1,000)")
    parser.add_argument("--profiles", type=int, default=100, help="match blocks of the server that is made (100)")
    parser.add_argument("--resources", type=int, default=10, help="of each host of the server that is made (10)")
    parser.add_argument("--commits", type=int, default=3, help="how many are rolled out (3)")
    parser.add_argument("--storm", action="store_true", help="restart the server, and wait until all are back")
    parser.add_argument("--no-jitter", action="store_true", help="agents that do not spread themselves")
    parser.add_argument("--server", help="https://HOST:PORT of your own server")
    parser.add_argument("--ca", type=Path, help="its CA's certificate (pki/ca.pem of its data directory)")
    parser.add_argument("--suffix", default="load.example.com", help="of the hosts' names on your own server")
    arguments = parser.parse_args()
    if arguments.server is None:
        return _own(arguments)
    if arguments.ca is None or not os.environ.get(TOKEN):
        parser.error(f"--server wants --ca, and in {TOKEN} an API token of an operator")
    return _other(arguments)


def _own(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="vigo-load-") as place:
        _say(f"enrolling {arguments.agents:,} agents; once, they are kept under build/load")
        site = LoadSite(
            Path(place), agents=arguments.agents, profiles=arguments.profiles, resources=arguments.resources
        )
        try:
            site.start()
            site.in_force(site.first)
            with site.swarm(jitter=not arguments.no_jitter) as swarm:
                _measure(site, swarm, arguments)
        finally:
            site.end()
    return 0


def _measure(site: LoadSite, swarm: Swarm, arguments: argparse.Namespace) -> None:
    assert site.server is not None
    base, began = memory(site.server.pid), time.monotonic()
    scenarios.connect(swarm, over_s=swarm.count / scenarios.CONNECTS_PER_S)
    each = (memory(site.server.pid) - base) / swarm.count / 1024
    _say(
        f"all are connected and have reported after {time.monotonic() - began:.0f} s; {each:.0f} KiB of the server each"
    )
    for turn in range(arguments.commits):
        reached = scenarios.reach(site, swarm, f"turn {turn}")
        _say(f"a commit is applied: p50 {reached.p50_s:.2f} s, p99 {reached.p99_s:.2f} s, last {reached.last_s:.2f} s")
    if arguments.storm:
        returned = scenarios.come_back(site, swarm)
        _say(
            f"all are back {returned.took_s:.0f} s after the restart; API meanwhile p99 {returned.api_p99_s * 1e3:.0f} ms,"
            f" {returned.failures} failures of {sum(returned.statuses.values())} requests"
        )


def _other(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="vigo-load-") as place:
        folder = Path(place)
        server = remote.Remote(arguments.server, arguments.ca, os.environ[TOKEN])
        enrolled = server.enrol(arguments.agents, suffix=arguments.suffix, say=_say)
        identities = folder / "identities.json"
        identities.touch(0o600)
        identities.write_text(json.dumps(enrolled.identities))
        at = urlsplit(enrolled.gateway_url)
        swarm = Swarm(
            folder,
            identities=identities,
            count=arguments.agents,
            ca=arguments.ca.read_text(),
            signing_key=enrolled.signing_key,
            where=(at.hostname or "localhost", at.port or 1530),
            addresses=(),
            jitter=not arguments.no_jitter,
        )
        with swarm, contextlib.suppress(KeyboardInterrupt):
            swarm.say(f"start {arguments.agents / scenarios.CONNECTS_PER_S}")
            while True:
                time.sleep(5)
                told = swarm.told()
                _say(f"{told.open:,} connected, {told.at_rest:,} at rest; {dict(told.counts)} {dict(told.closed)}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
