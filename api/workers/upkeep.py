"""Upkeep: what is due now and then: the server's own certificates are renewed before they end, the fleet is counted."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Final

from prometheus_client import Gauge

from api.services import envoys
from api.services.container import Services
from api.services.pki import Pki
from api.services.work import Actor
from schema.errors import Fault
from schema.time import Clock

log = logging.getLogger("vigo.upkeep")

UPKEEP: Final = Actor.system("upkeep")
COUNT_EVERY_S: Final = 15.0
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
        while True:
            try:
                await self._count()
                if loop.time() - renewed >= RENEW_EVERY_S:
                    await asyncio.to_thread(self._certificates.renew)
                    renewed = loop.time()
            except Fault as fault:
                log.warning("upkeep: %s", fault.message)
            except Exception:
                log.exception("upkeep failed")
            await asyncio.sleep(COUNT_EVERY_S)

    async def _count(self) -> None:
        graph, online = self._services.graph, envoys.online(self._services)
        counts = await self._services.read(UPKEEP, lambda work: envoys.count(work, online=online, graph=graph))
        for word, number in counts.items():
            self._envoys.labels(word).set(number)
