"""What the gateway needs of the rest of the server; `directory.py` fills it from the services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from api.services.catalogs import Target
from schema.protocol.artifacts import AgentBuild
from schema.protocol.messages import Applied, Probed, Refused, Traits, TraitsDelta, TraitsDigests
from schema.protocol.reports import Report
from schema.protocol.signed import Signed


@dataclass(frozen=True, slots=True)
class Peer:
    """An enrolled agent, as its certificate and the table of live certificates say."""

    project: str
    envoy_id: str
    hostname: str
    fingerprint: str
    """SHA-256 of the certificate, DER: revocation is per certificate."""
    not_after: int
    ed25519: str = ""
    """Hex of the key that its receipts are signed with."""


class Sighting(NamedTuple):
    """That an agent was heard: as `envoys.saw` takes it."""

    envoy_id: str
    at: int
    address: str
    agent_version: str


class Fleet(Protocol):
    """The fleet behind the gateway."""

    def identify(self, fingerprint: str) -> Peer | None:
        """Whose live certificate this is. In memory: asked on every connection."""
        ...

    def size(self) -> int:
        """How many certificates are live. In memory: asked at every welcome."""
        ...

    async def refresh(self) -> int:
        """Bring the table of live certificates up to date with the database; a number that is another one whenever
        those that count may be others than before."""
        ...

    async def target(self, peer: Peer) -> Target | None:
        """What the envoy is to be; None while nothing was assigned or its catalog is not at hand."""
        ...

    async def approved(self, target: Target) -> bytes | None:
        """That people have approved the plan a target is of, for an agent that asks; None where nobody has."""
        ...

    async def along(self, held: str, catalog_sha256: str) -> bytes | None:
        """What goes along with a target to an agent that holds another catalog: JSON of objects; None for nothing."""
        ...

    def connected(self, peer: Peer, number: int, applied: Applied | None, target: Target | None) -> None:
        """The envoy is there; its welcome carries this target or a newer one. `number` grows with each connection."""
        ...

    def awaits(self, peer: Peer, target: Target | None) -> bool:
        """Whether a newer target than this one is about to be made for an envoy that has connected."""
        ...

    def disconnected(self, peer: Peer, number: int) -> None:
        """The connection of this number is gone."""
        ...

    async def report(self, peer: Peer, report: Report) -> None:
        """The report is durable. Raises a `Fault` when it is not this envoy's to send."""
        ...

    async def traits(self, peer: Peer, message: Traits | TraitsDigests | TraitsDelta) -> list[str] | None:
        """None: the traits are durable. Else those that must be sent first, for the whole to be what its digest says.
        Raises a `Fault` when that cannot be.
        """
        ...

    async def traits_of(self, peer: Peer) -> str | None:
        """Digest of the traits that are kept; None while there are none."""
        ...

    async def refused(self, peer: Peer, message: Refused) -> None:
        """The agent's refusal is on record."""
        ...

    def probed(self, peer: Peer, message: Probed) -> None:
        """What came of the command of a health check on a host, whether or not anybody waits for it."""
        ...

    async def shows(self, peer: Peer) -> None:
        """An agent is let in with this certificate: those it had before count no longer."""
        ...

    async def renew(self, peer: Peer, csr: str) -> str:
        """A new certificate (PEM) for an envoy that shows one that counts. Raises a `Fault` when it may have none."""
        ...

    async def objects(self, catalog_sha256: str, sha256: list[str]) -> Mapping[str, bytes | None]:
        """Of these digests, those the catalog names: JSON of each as an `objects` frame wants it, ready to send."""
        ...

    async def object_bytes(self, catalog_sha256: str, sha256: str) -> bytes | None:
        """The bytes of an object that the catalog names."""
        ...

    def update_for(self, build: AgentBuild) -> Signed | None:
        """The manifest of what an agent of this build is to become; None: it stays. Asked at each heartbeat."""
        ...

    async def artifact(self, sha256: str) -> bytes | None:
        """The bytes of a build of the agent."""
        ...

    async def seen(self, sightings: list[Sighting]) -> None:
        """Remember when agents were heard last."""
        ...

    async def note(self, action: str, peer: Peer | None, details: Mapping[str, Any]) -> None:
        """An entry in the audit log about what a peer did. Called no oftener than `limits.AUDIT_EVERY_S` per peer."""
        ...
