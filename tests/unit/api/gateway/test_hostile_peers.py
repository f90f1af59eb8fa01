"""What a peer may try, and what becomes of it: its own connection at most."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket as sockets
import ssl
import struct
from collections.abc import Callable
from typing import Any

import pytest
import websockets

from api.gateway import limits
from schema.ids import sha256
from schema.protocol.messages import (
    AGENT_MESSAGE,
    Hello,
    Need,
    Probed,
    Refused,
    Renew,
    ReportMessage,
    Traits,
    TraitsDelta,
    TraitsDigests,
)
from schema.protocol.reports import Report, RunStatus, Trigger
from schema.time import DAY

from .conftest import Identity, Site, closing_code, target_for

Run = Callable[..., Any]

REPORT = Report(
    id="r1",
    assignment_sha256="a" * 64,
    epoch=1,
    generation=1,
    commit="c" * 40,
    catalog_sha256="b" * 64,
    trigger=Trigger.APPLY,
    started=1,
    finished=2,
    status=RunStatus.CONVERGED,
)
OTHERS = [
    Need(sha256=[]).model_dump_json(),
    ReportMessage(report=REPORT).model_dump_json(),
    Traits(sha256="d" * 64, collected_at=1, traits={}).model_dump_json(),
    TraitsDigests(sha256="d" * 64, collected_at=1, digests={}).model_dump_json(),
    TraitsDelta(sha256="d" * 64, collected_at=1, traits={}, kept=[]).model_dump_json(),
    Refused(assignment_sha256="a" * 64, code="format", message="x").model_dump_json(),
    Renew(csr="a request").model_dump_json(),
    Probed(id="1", outcome="passed").model_dump_json(),
]


async def still_serves(site: Site) -> None:
    """Another agent connects and is answered."""
    async with site.welcomed(site.enrol("other.example.com")) as socket:
        await socket.send(Need(sha256=[]).model_dump_json())
        assert json.loads(await asyncio.wait_for(socket.recv(), 2))["type"] == "objects"


# Who is it?


def test_nobody_connects_without_a_certificate(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        # TLS 1.3's client is done before the server has looked at its certificate: the refusal comes with the first read.
        with pytest.raises((ssl.SSLError, ConnectionError, websockets.InvalidMessage)):
            async with site.connect(None):
                pass
        assert site.gateway is not None
        assert site.gateway.counts()["handshakes_failed"] == 1
        assert site.gateway.counts().get("opened", 0) == 0
        await still_serves(site)

    run_with_gateway(story)


def test_a_certificate_in_a_header_is_no_identity(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web, stranger = site.enrol(), site.enrol()
        del site.fleet.live[stranger.peer.fingerprint]
        public = web.chain.read_text().split("-----END PRIVATE KEY-----\n")[1].replace("\n", "\\n")
        headers = {"X-Client-Cert": public, "Authorization": "Bearer nothing", "X-SSL-Client-Verify": "SUCCESS"}
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with site.connect(stranger, additional_headers=headers):
                pass
        assert refused.value.response.status_code == 401

    run_with_gateway(story)


def test_a_certificate_that_nobody_knows_is_refused_and_noted_once(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        stranger = site.enrol()
        site.fleet.stored = {sha256(b"x"): b"x"}
        del site.fleet.live[stranger.peer.fingerprint]
        for _ in range(3):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with site.connect(stranger):
                    pass
            assert refused.value.response.status_code == 401
        assert (await site.fetch(stranger, f"/agent/v1/objects/{sha256(b'x')}"))[0] == 401
        await asyncio.sleep(0)
        assert [(action, details["fingerprint"]) for action, _, details in site.fleet.notes] == [
            ("envoy.refused", stranger.peer.fingerprint)
        ]

    run_with_gateway(story)


def test_a_certificate_that_expires_ends_its_connections(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as socket:
            site.clock.ahead = 31 * DAY
            assert site.gateway is not None
            await site.gateway.recheck()
            assert await closing_code(socket) == 4401
        with pytest.raises(websockets.InvalidStatus):
            async with site.connect(web):
                pass

    run_with_gateway(story)


def test_revocation_ends_live_connections_within_five_seconds(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web, other = site.enrol(), site.enrol()
        async with site.welcomed(web) as socket, site.welcomed(other) as kept:
            begun = asyncio.get_running_loop().time()
            del site.fleet.live[web.peer.fingerprint]
            assert await closing_code(socket) == 4401
            assert asyncio.get_running_loop().time() - begun < 5
            await kept.send(Need(sha256=[]).model_dump_json())
            assert json.loads(await kept.recv())["type"] == "objects"

    run_with_gateway(story)


def test_a_revoked_agents_next_message_is_not_answered(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as socket:
            del site.fleet.live[web.peer.fingerprint]
            await socket.send(ReportMessage(report=REPORT).model_dump_json())
            assert await closing_code(socket) == 4401
        assert site.fleet.reports == []

    run_with_gateway(story)


def test_of_two_connections_of_one_identity_the_newer_stays(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as older:
            for _ in range(3):
                async with site.welcomed(web) as newer:
                    assert await closing_code(older) == 4409
                    older = newer
                    await newer.send(Need(sha256=[]).model_dump_json())
                    assert json.loads(await newer.recv())["type"] == "objects"
                    assert site.gateway is not None
                    assert site.gateway.counts()["agents"] == 1
                    break
            async with site.welcomed(web), site.welcomed(web):
                pass
        assert [action for action, _, _ in site.fleet.notes] == ["envoy.superseded"]
        assert site.gateway.counts()["superseded"] == 2

    run_with_gateway(story)


# What is said.


@pytest.mark.parametrize("message", OTHERS, ids=lambda text: json.loads(text)["type"])
def test_nothing_is_answered_before_hello(run_with_gateway: Run, message: str) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(1)
        async with site.connect(web, additional_headers={"Authorization": "Bearer nothing"}) as socket:
            await socket.send(message)
            assert await closing_code(socket) == 4401
        assert (site.fleet.reports, site.fleet.told, site.fleet.refusals, site.fleet.renewals) == ([], {}, [], [])
        assert site.fleet.answers == []
        assert not site.gateway.online(web.peer.envoy_id)  # type: ignore[union-attr]

    run_with_gateway(story)


def test_every_message_an_agent_may_send_was_tried_before_hello() -> None:
    schema = AGENT_MESSAGE.json_schema()
    assert {json.loads(text)["type"] for text in OTHERS} | {"hello"} == set(schema["discriminator"]["mapping"])


MALFORMED = [
    "",
    "{",
    "null",
    "[]",
    '"hello"',
    '{"type":"hello"}',
    '{"type":"welcome","protocol":1,"time":"2026-01-01T00:00:00Z"}',
    '{"type":"shell","command":"id"}',
    '{"type":["hello"]}',
    '{"type":"hello","protocols":[1e400],"agent_version":"1"}',
    '{"type":"hello","protocols":"1","agent_version":"1"}',
    '{"type":"hello","protocols":[1],"agent_version":"' + "x" * 65 + '"}',
    '{"type":"hello","protocols":' + "[" * 5_000,
    "\x00",
    "\ud7ff" * 10,
]


@pytest.mark.parametrize("message", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_first_message_ends_its_connection_only(run_with_gateway: Run, message: str) -> None:
    async def story(site: Site) -> None:
        async with site.connect(site.enrol()) as socket:
            await socket.send(message)
            assert await closing_code(socket) == 1008
        await still_serves(site)

    run_with_gateway(story)


def test_malformed_frames_after_hello_end_their_connections_only(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        async with site.welcomed(site.enrol()) as kept:
            for message in MALFORMED:
                async with site.welcomed(site.enrol()) as socket:
                    await socket.send(message)
                    assert await closing_code(socket) == 1008
            await kept.send(Need(sha256=[]).model_dump_json())
            assert json.loads(await kept.recv())["type"] == "objects"

    run_with_gateway(story)


def test_a_second_hello_is_refused(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        async with site.welcomed(site.enrol()) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1").model_dump_json())
            assert await closing_code(socket) == 1008

    run_with_gateway(story)


def test_binary_frames_are_refused(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        async with site.welcomed(site.enrol()) as socket:
            await socket.send(b"{}")
            assert await closing_code(socket) == 1003

    run_with_gateway(story)


def test_a_frame_is_no_larger_than_it_may_be(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        async with site.connect(site.enrol()) as socket:
            await socket.send("x" * (limits.HELLO_BYTES + 1))
            assert await closing_code(socket) == 1009
        async with site.welcomed(site.enrol()) as socket:
            await socket.send("x" * (8 * 1024 * 1024 + 1))
            assert await closing_code(socket) == 1009
        async with site.welcomed(site.enrol()) as socket:
            # The cap is on the message, however many fragments it comes in.
            with contextlib.suppress(websockets.ConnectionClosed):
                await socket.send("x" * 1_000_000 for _ in range(9))
            assert await closing_code(socket) == 1009
        await still_serves(site)

    run_with_gateway(story)


def test_a_browser_is_refused(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with site.connect(site.enrol(), origin="https://evil.example.com"):
                pass
        assert refused.value.response.status_code == 403

    run_with_gateway(story)


# How much, how fast, how slowly.


async def raw(site: Site, identity: Identity) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection after its upgrade, for frames that no client library would send."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.port, ssl=site.tls(identity), server_hostname="localhost"
    )
    writer.write(
        b"GET /agent/v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def masked(opcode: int, data: bytes = b"") -> bytes:
    """A frame of a client, masked with zeros."""
    assert len(data) < 126
    return bytes([0x80 | opcode, 0x80 | len(data), 0, 0, 0, 0]) + data


@pytest.mark.parametrize(
    "flood", [masked(9) * 50_000, bytes([0x01, 0x80, 0, 0, 0, 0]) + bytes([0x00, 0x80, 0, 0, 0, 0]) * 100_000]
)
def test_a_flood_of_tiny_frames_ends_the_connection(run_with_gateway: Run, flood: bytes) -> None:
    async def story(site: Site) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = await raw(site, site.enrol())
        lag = 0.0

        async def watch() -> None:
            nonlocal lag
            while True:
                begun = loop.time()
                await asyncio.sleep(0.005)
                lag = max(lag, loop.time() - begun - 0.005)

        watching = asyncio.create_task(watch())
        writer.write(flood)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        watching.cancel()
        writer.close()
        assert site.gateway is not None
        assert site.gateway.counts()["floods"] == 1
        # Client and server share this loop; the server's own part is a slice.
        assert lag < 0.25
        await still_serves(site)

    run_with_gateway(story)


def test_an_agent_that_sends_too_fast_is_slowed_down_and_loses_nothing(
    run_with_gateway: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAMES_PER_S", 200.0)
    monkeypatch.setattr(limits, "FRAME_BURST", 50.0)

    async def story(site: Site) -> None:
        async with site.welcomed(site.enrol()) as socket:
            begun = asyncio.get_running_loop().time()
            acknowledged = []
            for batch in range(2):
                # What was read at once is answered at once; what comes after it waits until the rate allows.
                for n in range(125):
                    sent = REPORT.model_copy(update={"id": f"r{batch * 125 + n}"})
                    await socket.send(ReportMessage(report=sent).model_dump_json())
                for _ in range(125):
                    acknowledged.append(json.loads(await asyncio.wait_for(socket.recv(), 10))["report_id"])
            took = asyncio.get_running_loop().time() - begun
        assert acknowledged == [f"r{n}" for n in range(250)]
        assert took > 0.3

    run_with_gateway(story)


def test_an_agent_that_reads_nothing_costs_no_more_than_its_buffer(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        assert site.gateway is not None
        _, writer = await raw(site, web)
        transport = writer.transport
        hello = Hello(protocols=[1], agent_version="1").model_dump_json().encode()
        writer.write(
            bytes([0x81, 0xFE]) + struct.pack(">H", len(hello)) + bytes(4) + hello
            if len(hello) > 125
            else masked(1, hello)
        )
        for _ in range(200):
            if site.gateway.online(web.peer.envoy_id):
                break
            await asyncio.sleep(0.01)
        transport.pause_reading()  # type: ignore[attr-defined]
        catalog = json.dumps({"body": "c" * 3_000_000}).encode()
        for generation in range(1, 200):
            site.gateway.push([(web.peer.envoy_id, target_for(generation, catalog=catalog))])
            await asyncio.sleep(0.002)
        (connection,) = site.gateway._open
        assert connection.stalled_since is not None
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() <= 256 * 1024
        assert len(connection._outbox) <= 1
        await still_serves(site)
        writer.transport.abort()

    run_with_gateway(story)


def test_an_agent_that_is_silent_is_given_up(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        assert site.gateway is not None
        async with site.welcomed(web):
            await asyncio.sleep(1.5)
            assert site.gateway.online(web.peer.envoy_id)
        # On a machine that stands still for a moment even who answers may be taken for silent; that is not this story.
        before = site.gateway.counts().get("silent", 0)
        _, writer = await raw(site, web)
        writer.write(masked(1, Hello(protocols=[1], agent_version="1").model_dump_json().encode()[:100]))
        hello = json.dumps({"type": "hello", "protocols": [1], "agent_version": "1"}).encode()
        writer.transport.abort()
        _, writer = await raw(site, web)
        writer.write(masked(1, hello))
        for _ in range(1_500):
            await asyncio.sleep(0.02)
            if site.gateway.counts().get("silent", 0) > before and not site.gateway.online(web.peer.envoy_id):
                break
        assert site.gateway.counts()["silent"] == before + 1
        assert not site.gateway.online(web.peer.envoy_id)
        writer.transport.abort()

    run_with_gateway(story, heartbeat_s=0.4)


def test_who_says_nothing_after_the_handshake_is_closed(run_with_gateway: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELLO_TIMEOUT_S", 0.3)

    async def story(site: Site) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", site.port, ssl=site.tls(site.enrol()), server_hostname="localhost"
        )
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()
        async with site.connect(site.enrol()) as socket:
            assert await closing_code(socket) == 4401

    run_with_gateway(story)


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 600, b"\x00" * 4096])
def test_what_is_no_tls_is_dropped(run_with_gateway: Run, junk: bytes) -> None:
    async def story(site: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(junk)
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await still_serves(site)

    run_with_gateway(story)


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST /agent/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /agent/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /agent/v1 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["post", "no upgrade", "many headers", "long path", "nonsense"],
)
def test_a_request_that_is_no_upgrade_is_answered_and_closed(run_with_gateway: Run, request_text: bytes) -> None:
    async def story(site: Site) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", site.port, ssl=site.tls(site.enrol()), server_hostname="localhost"
        )
        writer.write(request_text)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert b" 101 " not in answer
        assert b"Traceback" not in answer
        writer.close()
        await still_serves(site)

    run_with_gateway(story)


def test_thousands_of_half_open_handshakes_keep_no_agent_out(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        assert site.gateway is not None
        loop = asyncio.get_running_loop()
        held: list[sockets.socket] = []

        async def attack() -> None:
            for _ in range(1_500):
                peer = sockets.socket()
                peer.setblocking(False)
                await loop.sock_connect(peer, ("127.0.0.1", site.port))
                held.append(peer)

        attacking = asyncio.create_task(attack())
        await asyncio.sleep(2.0)
        web = site.enrol()
        begun = loop.time()
        async with site.welcomed(web):
            took = loop.time() - begun
        await attacking
        assert took < limits.HANDSHAKE_TIMEOUT_S  # when the first of those who say nothing make room
        assert site.gateway.counts()["half_open"] <= limits.HALF_OPEN_PER_ADDRESS
        for peer in held:
            peer.close()

    run_with_gateway(story)


def test_a_certificate_that_names_another_envoy_is_nobodys(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web, other = site.enrol(), site.enrol()
        # As if a row of the table had been changed: the certificate itself says who it was issued to.
        site.fleet.live[web.peer.fingerprint] = other.peer
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with site.connect(web):
                pass
        assert refused.value.response.status_code == 401

    run_with_gateway(story)


def test_no_session_is_resumed_and_who_shows_one_is_looked_up_like_any_other(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(1)
        site.fleet.stored = {sha256(b"x"): b"x"}
        context = site.tls(web)

        def ask(session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None, bool | None]:
            plain = sockets.create_connection(("127.0.0.1", site.port), timeout=5)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                secure.sendall(f"GET /agent/v1/objects/{sha256(b'x')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                answer = b""
                while piece := secure.recv(4_096):
                    answer += piece
                return answer.split(b"\r\n")[0], secure.session, secure.session_reused

        status, session, reused = await asyncio.to_thread(ask, None)
        assert (status, reused) == (b"HTTP/1.1 200 OK", False)
        status, session, reused = await asyncio.to_thread(ask, session)
        assert (status, reused) == (b"HTTP/1.1 200 OK", False)
        del site.fleet.live[web.peer.fingerprint]
        status, _, reused = await asyncio.to_thread(ask, session)
        assert (status, reused) == (b"HTTP/1.1 401 Unauthorized", False)
        site.fleet.live[web.peer.fingerprint] = web.peer
        site.clock.ahead = 31 * DAY
        status, _, _ = await asyncio.to_thread(ask, session)
        assert status == b"HTTP/1.1 401 Unauthorized"

    run_with_gateway(story)
