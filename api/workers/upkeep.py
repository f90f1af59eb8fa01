"""Upkeep: what is due now and then: the server's own certificates are renewed before they end, the fleet is counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from typing import Final

from prometheus_client import Gauge

from api.services import rosters
from api.services.container import Services
from api.services.pki import Pki
from api.services.work import Actor
from api.workers.enduring import turn
from schema.time import Clock

log = logging.getLogger("vigo.upkeep")

UPKEEP: Final = Actor.system("upkeep")
COUNT_EVERY_S: Final = 15.0
COUNT_AFTER_S: Final = 2.0
COUNT_SHARE: Final = 0.02
RENEW_EVERY_S: Final = 3_600.0


class Certificates:
    """The server's own certificates in use: renewed on disk by `renew`, and taken up by the next connection."""

    def __init__(self, authority: Pki, names: Sequence[str], *, clock: Clock) -> None:
        self._authority = authority
        self._names = names
        self._clock = clock
        now = clock.now()
        self._gateway = authority.gateway_context(authority.server_certificate("gateway", names, now=now))
        self.api_context: Final = authority.api_context(authority.server_certificate("api", names, now=now))

    def gateway(self) -> ssl.SSLContext:
        """TLS of the agents' listener, as of now."""
        return self._gateway

    def renew(self) -> None:
        """Issue anew what comes to its end."""
        now = self._clock.now()
        gateway = self._authority.server_certificate("gateway", self._names, now=now)
        if gateway.issued_now:
            self._gateway = self._authority.gateway_context(gateway)
        api = self._authority.server_certificate("api", self._names, now=now)
        if api.issued_now:
            # The listener keeps its context; a context takes a new chain for the connections to come.
            self.api_context.load_cert_chain(api.path)


class Upkeep:
    """The server's own periodic work."""

    def __init__(self, services: Services, certificates: Certificates) -> None:
        self._services = services
        self._certificates = certificates
        self._envoys = Gauge(
            "vigo_envoys",
            "Envoys: total, and by convergence, drift and reachability.",
            ["verdict"],
            registry=services.metrics.registry,
        )

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        with self._services.events.listen("run.", "envoy.", "revision.", "traits.") as listener:
            news = aiter(listener)
            while True:
                began = loop.time()
                renewed = await self._step(loop.time(), renewed)
                # Counted again soon after something has happened, and now and then although nothing has: a fleet of a
                # hundred thousand takes a second to count, so that has its share of the time and no more.
                await asyncio.sleep(max(COUNT_AFTER_S, (loop.time() - began) / COUNT_SHARE))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(COUNT_EVERY_S):
                        await anext(news)

    async def _step(self, now: float, renewed: float) -> float:
        """Do what is due; when certificates were last looked at."""
        with turn(log, "upkeep failed"):
            await self._count()
            if now - renewed >= RENEW_EVERY_S:
                await asyncio.to_thread(self._certificates.renew)
                return now
        return renewed

    async def _count(self) -> None:
        tally = await rosters.recount(self._services, UPKEEP)
        for word, number in tally.counts.items():
            self._envoys.labels(word).set(number)
