"""The fleet behind the gateway, from the services: live certificates in memory, all else in the database."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from api.gateway.fleet import Peer, Sighting
from api.gateway.gathering import Gathered
from api.gateway.inbox import Inbox
from api.services import assignments, enrolment, envoys, traits
from api.services.approvals import Approvals
from api.services.bootstrap import Bootstrap
from api.services.catalogs import Catalogs, Target
from api.services.container import Services
from api.services.probes import Probes
from api.services.work import Actor, Work
from reconciler.loop import events
from reconciler.ports import Assigned, Order
from schema.protocol.artifacts import AgentBuild
from schema.protocol.messages import Applied, Probed, Refused, Traits, TraitsDelta, TraitsDigests
from schema.protocol.reports import Report
from schema.protocol.signed import Signed

SYSTEM: Final = Actor.system("gateway")


class Directory:
    """Fills the `Fleet` port.

    Args:
        tell: takes what happens to envoys, for the loop.
        stalled: why the loop has nothing newer for an envoy; empty when nothing is in the way.
        awaited: the catalog that the loop is to bring a connected envoy to; None where nothing new is due.
        approvals: what goes to agents that take approved plans alone.
        probes: who waits for what health checks say on hosts.
    """

    def __init__(
        self,
        services: Services,
        catalogs: Catalogs,
        *,
        tell: Callable[[events.Event], None],
        stalled: Callable[[str], str],
        awaited: Callable[[str], str | None],
        approvals: Approvals,
        probes: Probes,
    ) -> None:
        self._services = services
        self._catalogs = catalogs
        self._tell = tell
        self._stalled = stalled
        self._awaited = awaited
        self._approvals = approvals
        self._probes = probes
        self._unready: dict[str, Assigned] = {}
        """Of envoys that are being welcomed: assignments whose catalog is not at hand."""
        self._inbox = Inbox(services)
        self._targets = Gathered(services, assignments.latest_of)
        self._traits = Gathered(services, traits.digests)
        self._live: dict[str, Peer] = {}
        self._followers: frozenset[str] = frozenset()
        """Live certificates, by fingerprint, whose envoy has another one that may be older."""
        self._as_of: envoys.Fingerprint | None = None
        self._roll = 0
        self._between: tuple[float, float] = (-math.inf, math.inf)
        """From when until when the same of those certificates have not ended; the clock may go either way."""

    def identify(self, fingerprint: str) -> Peer | None:
        """Whose live certificate this is."""
        return self._live.get(fingerprint)

    def size(self) -> int:
        """How many certificates are live."""
        return len(self._live)

    async def refresh(self) -> int:
        """Bring the table of live certificates up to date; costs one small query while nothing has changed."""
        if await self._services.read(SYSTEM, envoys.fingerprint) == self._as_of:
            since, until = self._between
            if not since <= self._services.clock.now() < until:
                self._changed()
            return self._roll
        self._as_of, found = await self._services.read(SYSTEM, envoys.credentials)
        self._live = {
            one.sha256: Peer(one.project_id, one.envoy_id, one.hostname, one.sha256, one.not_after, one.ed25519)
            for one in found
        }
        self._followers = _followers(self._live.values())
        self._changed()
        return self._roll

    def _changed(self) -> None:
        now = self._services.clock.now()
        ends = [peer.not_after for peer in self._live.values()]
        since = max((end for end in ends if end <= now), default=-math.inf)
        self._between = since, min((end for end in ends if end > now), default=math.inf)
        self._roll += 1

    async def target(self, peer: Peer) -> Target | None:
        """What the envoy is to be."""
        stored = await self._targets.get(peer.project, peer.envoy_id)
        target = None if stored is None else assignments.to_target(stored, self._catalogs)
        self._unready.pop(peer.envoy_id, None)
        if stored is not None and target is None:
            self._unready[peer.envoy_id] = assignments.to_port(stored)
        return target

    async def approved(self, target: Target) -> bytes | None:
        """That people have approved the plan a target is of."""
        return await self._approvals.of(target)

    async def along(self, held: str, catalog_sha256: str) -> bytes | None:
        """What goes along with a target to an agent that holds another catalog."""
        return await self._catalogs.along(held, catalog_sha256)

    def connected(self, peer: Peer, number: int, applied: Applied | None, target: Target | None) -> None:
        """Tell the loop of an envoy that was welcomed."""
        order = Order(applied.epoch, applied.generation) if applied is not None else None
        unready = self._unready.pop(peer.envoy_id, None)
        assigned = target.assigned if target is not None else unready
        carried = target is not None
        self._tell(events.EnvoyConnected(peer.envoy_id, peer.hostname, number, order, assigned, carried=carried))
        self._services.events.publish("envoy.online", id=peer.envoy_id, hostname=peer.hostname)

    def awaits(self, peer: Peer, target: Target | None) -> bool:
        """Whether an envoy is to be another catalog by now than this target's."""
        awaited = self._awaited(peer.envoy_id)
        if awaited is None or self._stalled(peer.envoy_id):
            return False
        return target is None or target.catalog_sha256 != awaited

    def disconnected(self, peer: Peer, number: int) -> None:
        """Tell the loop of a connection that is gone."""
        self._tell(events.EnvoyDisconnected(peer.envoy_id, number))
        self._probes.left(peer.envoy_id)
        self._services.events.publish("envoy.offline", id=peer.envoy_id, hostname=peer.hostname)

    async def report(self, peer: Peer, report: Report) -> None:
        """Store a report; then tell the loop."""
        await self._inbox.put(_actor(peer), report, peer.ed25519)
        order = Order(report.epoch, report.generation)
        told = events.Reported(
            peer.envoy_id,
            order,
            report.assignment_sha256,
            report.commit,
            report.status,
            dry_run=report.dry_run,
            stale=report.stale,
        )
        self._tell(told)

    async def traits(self, peer: Peer, message: Traits | TraitsDigests | TraitsDelta) -> list[str] | None:
        """Store traits, or say which are lacking."""
        if isinstance(message, TraitsDigests):
            lacking = await self._services.read(_actor(peer), lambda work: traits.lacking(work, peer.envoy_id, message))
            if lacking is not None:
                return lacking
        return await self._services.write(_actor(peer), lambda work: traits.store(work, peer.envoy_id, message))

    async def traits_of(self, peer: Peer) -> str | None:
        """Digest of the traits that are kept."""
        return await self._traits.get(peer.project, peer.envoy_id)

    async def refused(self, peer: Peer, message: Refused) -> None:
        """Remember a refusal; then tell the loop."""
        why = f"the agent does not accept its assignment ({message.code}): {message.message}"
        await self._services.write(_actor(peer), lambda work: envoys.set_refusal(work, peer.envoy_id, why))
        self._tell(events.RefusedByEnvoy(peer.envoy_id, message.assignment_sha256, message.code))

    def probed(self, peer: Peer, message: Probed) -> None:
        """Hand it to whoever asked."""
        self._probes.answered(peer.envoy_id, message)

    async def shows(self, peer: Peer) -> None:
        """Let older certificates go, where there are any."""
        if peer.fingerprint not in self._followers:
            return  # who keeps coming with the old one costs no write
        if await self._services.write(
            _actor(peer), lambda work: enrolment.settle(work, peer.envoy_id, peer.fingerprint)
        ):
            await self.refresh()

    async def renew(self, peer: Peer, csr: str) -> str:
        """Issue the certificate, and let it count at once."""
        authority = self._services.pki
        shown = enrolment.Shown(peer.envoy_id, peer.fingerprint, peer.not_after)
        issued = await self._services.write(_actor(peer), lambda work: enrolment.renew(work, shown, csr, authority))
        await self.refresh()
        return issued

    async def objects(self, catalog_sha256: str, sha256: list[str]) -> Mapping[str, bytes | None]:
        """JSON of those objects that the catalog names."""
        return await self._catalogs.objects(catalog_sha256, sha256)

    async def object_bytes(self, catalog_sha256: str, sha256: str) -> bytes | None:
        """The bytes of an object that the catalog names."""
        return await self._catalogs.object_bytes(catalog_sha256, sha256)

    def update_for(self, build: AgentBuild) -> Signed | None:
        """The newest build for this agent's platform, where the server may offer it."""
        found = self._services.own.get("bootstrap") if self._services.settings.agent_update == "auto" else None
        return found.successor(build) if isinstance(found, Bootstrap) else None

    async def artifact(self, sha256: str) -> bytes | None:
        """The bytes of a build of the agent."""
        found = self._services.own.get("bootstrap")
        return await asyncio.to_thread(found.artifact, sha256) if isinstance(found, Bootstrap) else None

    async def seen(self, sightings: list[Sighting]) -> None:
        """Remember when agents were heard last, all in one unit of work."""
        await self._services.write(SYSTEM, lambda work: envoys.saw(work, sightings))

    async def note(self, action: str, peer: Peer | None, details: Mapping[str, Any]) -> None:
        """Write an entry of what a peer did that it should not have."""

        def use_case(work: Work) -> None:
            work.audit(action, "envoy", peer.envoy_id if peer else "", outcome="refused", payload=details)

        await self._services.write(_actor(peer) if peer is not None else SYSTEM, use_case)


def _followers(peers: Iterable[Peer]) -> frozenset[str]:
    """Of certificates that count, those beside which the same envoy has one that ends no later."""
    of: defaultdict[str, list[Peer]] = defaultdict(list)
    for peer in peers:
        of[peer.envoy_id].append(peer)
    return frozenset(
        peer.fingerprint
        for several in of.values()
        for peer in several
        if any(other is not peer and other.not_after <= peer.not_after for other in several)
    )


def _actor(peer: Peer) -> Actor:
    return Actor.agent(peer.envoy_id, peer.hostname, peer.project)
