"""A real gateway on loopback with real mutual TLS, over a fleet that lives in memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from api.gateway import Gateway, Peer
from api.gateway.fleet import Sighting
from api.services import pki
from api.services.catalogs import Target
from api.services.pki import Pki
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.artifacts import AgentBuild
from schema.protocol.enrolment import ED25519_ATTRIBUTE, X25519_ATTRIBUTE, encode_key
from schema.protocol.messages import Applied, Hello, ObjectData, Probed, Refused, Traits, TraitsDelta, TraitsDigests
from schema.protocol.reports import Report
from schema.protocol.signed import Signed


class WallClock:
    """The machine's clock, which a test can move."""

    ahead = 0

    def now(self) -> int:
        return time.time_ns() // 1000 + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Identity:
    """An enrolled agent of a test."""

    peer: Peer
    chain: Path


class MemoryFleet:
    """The fleet behind the gateway, in memory."""

    def __init__(self) -> None:
        self.live: dict[str, Peer] = {}
        self.targets: dict[str, Target] = {}
        self.stored: dict[str, bytes] = {}
        self.reports: list[tuple[str, Report]] = []
        self.told: dict[str, Traits | TraitsDelta] = {}
        self.refusals: list[tuple[str, Refused]] = []
        self.answers: list[tuple[str, Probed]] = []
        self.sightings: list[Sighting] = []
        self.notes: list[tuple[str, str | None, Mapping[str, Any]]] = []
        self.shown: list[str] = []
        self.renewals: list[tuple[str, str]] = []
        self.awaited = False
        self.approvals: dict[str, bytes] = {}
        self.alongs: dict[tuple[str, str], bytes] = {}
        self.update: Signed | None = None
        self.update_sequence = 0
        self.artifacts: dict[str, bytes] = {}
        self.comings: list[tuple[str, str, int]] = []
        self.raising: Fault | Exception | None = None
        self.looks = 0
        self.pace: Callable[[], Awaitable[None]] | None = None

    def identify(self, fingerprint: str) -> Peer | None:
        return self.live.get(fingerprint)

    def size(self) -> int:
        return len(self.live)

    async def refresh(self) -> int:
        self.looks += 1
        return self.looks

    async def target(self, peer: Peer) -> Target | None:
        if self.pace is not None:
            await self.pace()
        return self.targets.get(peer.envoy_id)

    async def approved(self, target: Target) -> bytes | None:
        return self.approvals.get(target.assignment_sha256)

    async def along(self, held: str, catalog_sha256: str) -> bytes | None:
        return self.alongs.get((held, catalog_sha256))

    def connected(self, peer: Peer, number: int, applied: Applied | None, target: Target | None) -> None:
        self.comings.append(("+", peer.envoy_id, number))

    def awaits(self, peer: Peer, target: Target | None) -> bool:
        return self.awaited

    def disconnected(self, peer: Peer, number: int) -> None:
        self.comings.append(("-", peer.envoy_id, number))

    async def report(self, peer: Peer, report: Report) -> None:
        if self.raising is not None:
            raise self.raising
        self.reports.append((peer.envoy_id, report))

    async def traits(self, peer: Peer, message: Traits | TraitsDigests | TraitsDelta) -> list[str] | None:
        if isinstance(message, TraitsDigests):
            return sorted(message.digests)
        self.told[peer.envoy_id] = message
        return None

    async def traits_of(self, peer: Peer) -> str | None:
        return self.told[peer.envoy_id].sha256 if peer.envoy_id in self.told else None

    async def refused(self, peer: Peer, message: Refused) -> None:
        self.refusals.append((peer.envoy_id, message))

    def probed(self, peer: Peer, message: Probed) -> None:
        self.answers.append((peer.envoy_id, message))

    async def shows(self, peer: Peer) -> None:
        self.shown.append(peer.fingerprint)

    async def renew(self, peer: Peer, csr: str) -> str:
        if self.raising is not None:
            raise self.raising
        self.renewals.append((peer.envoy_id, csr))
        return "a certificate"

    async def objects(self, catalog_sha256: str, digests: list[str]) -> Mapping[str, bytes | None]:
        return {
            digest: ObjectData(sha256=digest, data=self.stored[digest].decode()).model_dump_json().encode()
            if digest in self.stored
            else None
            for digest in digests
        }

    async def object_bytes(self, catalog_sha256: str, digest: str) -> bytes | None:
        return self.stored.get(digest)

    def update_for(self, build: AgentBuild) -> Signed | None:
        return self.update if self.update is not None and build.sequence < self.update_sequence else None

    async def artifact(self, digest: str) -> bytes | None:
        return self.artifacts.get(digest)

    async def seen(self, sightings: list[Sighting]) -> None:
        self.sightings += sightings

    async def note(self, action: str, peer: Peer | None, details: Mapping[str, Any]) -> None:
        self.notes.append((action, peer.envoy_id if peer else None, details))


@dataclass
class Site:
    """What a test of the gateway has in hand."""

    authority: Pki
    directory: Path
    clock: WallClock
    fleet: MemoryFleet = field(default_factory=MemoryFleet)
    gateway: Gateway | None = None
    port: int = 0

    def enrol(self, hostname: str = "web01.example.com", *, life_from: int | None = None) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        for oid, made in (
            (ED25519_ATTRIBUTE, ed25519.Ed25519PrivateKey.generate().public_key()),
            (X25519_ATTRIBUTE, x25519.X25519PrivateKey.generate().public_key()),
        ):
            raw = made.public_bytes(Encoding.Raw, PublicFormat.Raw)
            request = request.add_attribute(x509.ObjectIdentifier(oid), encode_key(raw))
        pem = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        envoy_id = new_id()
        issued = self.authority.issue(
            pki.read_request(pem), project=DEFAULT_PROJECT, envoy_id=envoy_id, now=life_from or self.clock.now()
        )
        chain = self.directory / f"{envoy_id}.pem"
        chain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + issued.pem.encode())
        peer = Peer(DEFAULT_PROJECT, envoy_id, hostname, issued.sha256, issued.not_after)
        self.fleet.live[issued.sha256] = peer
        return Identity(peer, chain)

    def tls(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.ca_pem)
        if identity is not None:
            context.load_cert_chain(identity.chain)
        return context

    @asynccontextmanager
    async def connect(self, identity: Identity | None, **options: Any) -> AsyncIterator[websockets.ClientConnection]:
        async with websockets.connect(
            f"wss://localhost:{self.port}/agent/v1",
            ssl=self.tls(identity),
            compression=None,
            close_timeout=1,
            **options,
        ) as socket:
            yield socket

    @asynccontextmanager
    async def welcomed(self, identity: Identity, **hello: Any) -> AsyncIterator[websockets.ClientConnection]:
        async with self.connect(identity) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1.2.3", **hello).model_dump_json())
            assert json.loads(await asyncio.wait_for(socket.recv(), 5))["type"] == "welcome"
            yield socket

    async def fetch(self, identity: Identity | None, path: str, *, method: str = "GET") -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls(identity), server_hostname="localhost"
        )
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.open(tmp_path_factory.mktemp("authority") / "pki", now=time.time_ns() // 1000 - 60 * 86_400_000_000)


@pytest.fixture
def run_with_gateway(authority: Pki, tmp_path: Path) -> Callable[..., Any]:
    """Runs `story(site)` on uvloop beside a real gateway; options go to `Gateway`."""

    def run(story: Callable[[Site], Awaitable[Any]], **options: Any) -> Any:
        async def main() -> Any:
            site = Site(authority, tmp_path, WallClock())
            certificate = authority.server_certificate("gateway", ["localhost", "127.0.0.1"], now=site.clock.now())
            context = authority.gateway_context(certificate)
            site.gateway = Gateway(site.fleet, clock=site.clock, context=lambda: context, **options)
            site.port = await site.gateway.start("127.0.0.1", 0)
            try:
                return await asyncio.wait_for(story(site), 60)
            finally:
                await site.gateway.stop()

        return uvloop.run(main())

    return run


def target_for(generation: int, *, catalog: bytes = b'{"body":"c"}', sealed: bytes | None = None) -> Target:
    """A target that a gateway can send; what it says is not looked at here."""
    assignment = json.dumps({"body": f"generation {generation}"}).encode()
    return Target(1, generation, sha256(assignment), assignment, sha256(catalog), catalog, sealed)


async def closing_code(socket: websockets.ClientConnection) -> int | None:
    """What the connection was closed with; whatever still came before is dropped."""

    async def drain() -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in socket:
                pass

    await asyncio.wait_for(drain(), 5)
    return socket.close_code


async def until(holds: Callable[[], bool], patience_s: float = 50.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(patience_s):
        while not holds():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.005)
