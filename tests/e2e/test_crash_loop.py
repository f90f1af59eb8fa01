"""A server killed at random under load, also while it starts: no acknowledged write is lost, none is there that nobody
asked for, the audit chain holds, and it is back without anybody's help.

This covers the end of the process alone: the page cache survives it. Power cuts are in `test_power_cuts`.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from pathlib import Path

import httpx

from tests.e2e.site import Site
from tests.effort import SOAK, tries

KILLS = tries(20, 1_000)
CLIENTS = 6
LIVES_S = 3.0 if SOAK else 0.6
STARTS_S = 3.0 if SOAK else 1.2
READY_S = 5.0 if SOAK else 15.0
"""Ready again within five seconds is promised of a machine that does nothing else; a test run shares it."""


class Client(threading.Thread):
    """Somebody who writes one thing after the other, and knows what was acknowledged. Its memory outlives the server."""

    def __init__(self, number: int, site: Site) -> None:
        super().__init__(name=f"client{number}", daemon=True)
        self.prefix = f"crash/c{number}"
        self.acknowledged: dict[str, int] = {}
        """Secret → how often a new value was acknowledged."""
        self.asked: dict[str, int] = {}
        self.refused: list[str] = []
        self._site = site
        self._over = threading.Event()
        self._chance = random.Random(number)

    def run(self) -> None:
        """Write until told to end; a server that is not there is asked again."""
        context = ssl.create_default_context(cafile=self._site.ca)
        while not self._over.is_set():
            headers = {"Authorization": f"Bearer {self._site.credential}"}
            try:
                with httpx.Client(verify=context, timeout=10, trust_env=False, headers=headers) as client:
                    while not self._over.is_set():
                        self._write(client)
            except httpx.TransportError:
                time.sleep(0.05)

    def end(self) -> None:
        """Finish what was begun, and no more."""
        self._over.set()
        self.join(20)

    def _write(self, client: httpx.Client) -> None:
        name = f"{self.prefix}/s{self._chance.randrange(20)}"
        self.asked[name] = self.asked.get(name, 0) + 1
        answer = client.put(f"{self._site.url}/api/v1/secrets/{name}", json={"value": f"{name} {self.asked[name]}"})
        if answer.status_code == 200:
            self.acknowledged[name] = self.acknowledged.get(name, 0) + 1
        elif answer.status_code == 401:  # the local token is of one life of the server
            raise httpx.ConnectError("the token of a server that is gone")
        elif answer.status_code not in {429, 503}:
            self.refused.append(f"{answer.status_code}: {answer.text}")


def test_a_server_killed_at_random_keeps_its_word(empty_site: Site) -> None:
    site = empty_site
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    site.in_force_at_start()
    clients = [Client(number, site) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    kills, slowest = 0, 0.0
    try:
        while kills < KILLS:
            time.sleep(chance.uniform(0, LIVES_S))
            assert site.server is not None
            site.server.kill()
            site.server.wait()
            kills += 1
            if chance.random() < 0.5 and kills < KILLS:
                site.begin()
                time.sleep(chance.uniform(0, STARTS_S))
                site.server.kill()
                site.server.wait()
                kills += 1
            begun = time.monotonic()
            site.start()
            slowest = max(slowest, time.monotonic() - begun)
            # First what was acknowledged, then what is there: they go on writing.
            acknowledged = [(name, times) for client in clients for name, times in list(client.acknowledged.items())]
            kept = {each["name"]: each["version"] for each in site.get("/api/v1/secrets")["secrets"]}
            for name, times in acknowledged:
                assert kept.get(name, 0) >= times, f"{name} lost a write; {seed}"
    finally:
        for client in clients:
            client.end()
    written = sum(sum(client.acknowledged.values()) for client in clients)
    assert written > KILLS, "nothing was written between the kills"
    kept = {each["name"]: each["version"] for each in site.get("/api/v1/secrets")["secrets"]}
    for client in clients:
        assert not client.refused, client.refused[:3]
        for name, times in client.asked.items():
            assert client.acknowledged.get(name, 0) <= kept.get(name, 0) <= times, name
    assert site.get("/api/v1/audit/verify")["valid"] is True
    assert slowest < READY_S
    assert not list(Path(site.data).glob("*.damaged"))
    print(
        f"{kills} kills, {written} acknowledged writes, 0 lost: at most {3 / kills:.2%} (95 %); ready in {slowest:.1f} s"
    )
