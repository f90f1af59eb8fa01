"""A thousand agents connected to a real server over mutual TLS: what each costs it, and how soon a commit reaches them all."""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schema.protocol.enrolment import ED25519_ATTRIBUTE, X25519_ATTRIBUTE, encode_key
from schema.protocol.messages import Hello
from tests.bench.figures import Figure
from tests.e2e.site import BASE, Site

AGENTS = 1_000
AT_ONCE = 16
COMMITS = 5


@dataclass
class Swarm:
    """All agents, in this process."""

    contexts: list[ssl.SSLContext] = field(default_factory=list)
    readers: list[asyncio.StreamReader] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    handed: int = 0


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        site = Site(Path(place))
        site.environment = {"VIGO_PUBLIC_RATE": "100000", "VIGO_PUBLIC_BURST": "100000"}
        try:
            site.in_force_at_start()
            yield from uvloop.run(_measure(site))
        finally:
            site.end()


async def _measure(site: Site) -> list[Figure]:
    swarm = Swarm()
    await _enrol(site, swarm)
    assert site.server is not None
    await asyncio.sleep(1.0)
    base = _resident(site.server.pid)
    begun = time.monotonic()
    queue = list(enumerate(swarm.contexts))
    await asyncio.gather(*(_connect(site, swarm, queue) for _ in range(AT_ONCE)))
    connected_s = time.monotonic() - begun
    await asyncio.sleep(3.0)
    each = (_resident(site.server.pid) - base) / AGENTS
    listening = [asyncio.create_task(_listen(swarm, reader)) for reader in swarm.readers]
    took = []
    for turn in range(COMMITS):
        swarm.handed = 0
        begun = time.monotonic()
        changed = BASE["configcrates/motd.vgo"].replace("greeting: hello", f"greeting: {turn}")
        await asyncio.to_thread(site.commit, {"configcrates/motd.vgo": changed})
        async with asyncio.timeout(60):
            while swarm.handed < AGENTS:  # noqa: ASYNC110 - counted by many
                await asyncio.sleep(0.002)
        took.append(time.monotonic() - begun)
    for task in listening:
        task.cancel()
    for writer in swarm.writers:
        writer.transport.abort()
    return [
        Figure(
            name=f"server memory per agent, {AGENTS:,} connected over mutual TLS",
            value=each / 1024,
            unit="KiB",
            target=60.0,
            peer="asyncio's own TLS",
            peer_value=289.0,
            note="above its base; each has its own certificate, its assignment and its catalog",
        ),
        Figure(
            name=f"{AGENTS:,} agents connect and are welcomed with their first target",
            value=connected_s,
            unit="s",
            note="full handshakes; both sides share two cores",
        ),
        Figure(
            name=f"commit → {AGENTS:,} agents have been handed their signed target, p50",
            value=statistics.median(took) * 1e3,
            unit="ms",
            note=f"{AGENTS:,} assignments signed and durable",
        ),
    ]


async def _enrol(site: Site, swarm: Swarm) -> None:
    context = ssl.create_default_context(cafile=site.ca)
    administrator = {"Authorization": f"Bearer {json.loads((site.data / 'local-access.json').read_text())['token']}"}
    places = iter(range(AGENTS))
    async with httpx.AsyncClient(verify=context, base_url=site.url, timeout=30, trust_env=False) as client:

        async def some() -> None:
            for number in places:
                asked = {"hostname": f"web{number}.example.com"}
                made = await client.post("/api/v1/bootstrap/tokens", json=asked, headers=administrator)
                key = ec.generate_private_key(ec.SECP256R1())
                body = {"token": made.json()["token"], "csr": _request(key)}
                answer = await client.post("/api/v1/bootstrap/register", json=body)
                assert answer.status_code == 200, answer.text
                chain = site.path / "chain.pem"
                pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                chain.write_bytes(pem + answer.json()["certificate"].encode())
                own = ssl.create_default_context(cafile=site.ca)
                own.load_cert_chain(chain)
                swarm.contexts.append(own)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for oid, made in (
        (ED25519_ATTRIBUTE, ed25519.Ed25519PrivateKey.generate().public_key()),
        (X25519_ATTRIBUTE, x25519.X25519PrivateKey.generate().public_key()),
    ):
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), encode_key(made.public_bytes_raw()))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


async def _connect(site: Site, swarm: Swarm, queue: list[tuple[int, ssl.SSLContext]]) -> None:
    hello = Hello(protocols=[1], agent_version="bench").model_dump_json().encode()
    # Masked with zeros: a client's frames must be masked, and what with is nobody's business here.
    frame = bytes([0x81, 0x80 | 126]) + len(hello).to_bytes(2, "big") + bytes(4) + hello
    while queue:
        _, context = queue.pop()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", site.gateway_port, ssl=context, server_hostname="localhost"
        )
        writer.write(
            b"GET /agent/v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" + frame
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n")[0], head
        welcome = json.loads(await _frame(reader))
        assert welcome["type"] == "welcome"
        assert welcome["target"] is not None
        swarm.readers.append(reader)
        swarm.writers.append(writer)


async def _listen(swarm: Swarm, reader: asyncio.StreamReader) -> None:
    while True:
        message = await _frame(reader)
        if b'"type":"apply"' in message[:32]:
            swarm.handed += 1


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """One text message of the server, its fragments joined; pings are passed over."""
    whole = b""
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8), "big")
        data = await reader.readexactly(size)
        assert first & 0x0F != 8, f"closed: {data[2:].decode()}"
        if first & 0x0F in {0, 1}:
            whole += data
            if first & 0x80:
                return whole


def _resident(pid: int) -> int:
    """Bytes of a process in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
