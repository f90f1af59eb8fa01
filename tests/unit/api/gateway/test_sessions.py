"""What agents and the gateway say to each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import websockets

from api.gateway import limits
from schema.errors import Conflict, Unavailable
from schema.ids import sha256
from schema.protocol.messages import (
    APPROVAL,
    Applied,
    Hello,
    Need,
    Refused,
    Renew,
    ReportMessage,
    Traits,
    TraitsDelta,
    TraitsDigests,
)
from schema.protocol.reports import Report, RunStatus, Trigger

from .conftest import Site, closing_code, target_for, until

Run = Callable[..., Any]


async def told(socket: websockets.ClientConnection) -> dict[str, Any]:
    """The next message."""
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


def report(report_id: str = "r1", **changes: Any) -> Report:
    digests = {"assignment_sha256": "a" * 64, "catalog_sha256": "b" * 64, "commit": "c" * 40}
    fields = {"epoch": 1, "generation": 1, "trigger": Trigger.APPLY, "started": 1, "finished": 2}
    return Report(**{"id": report_id, "status": RunStatus.CONVERGED, **digests, **fields, **changes})


@pytest.mark.parametrize(
    ("enrolled", "told_s"),
    [(1, 0.1), (3_000, 3_000 / limits.FIRST_RETURNS_PER_S), (10**6, limits.MAX_RETURN_S)],
)
def test_an_agent_is_told_how_long_the_fleet_takes_to_come_back(
    run_with_gateway: Run, monkeypatch: pytest.MonkeyPatch, enrolled: int, told_s: float
) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        monkeypatch.setattr(site.fleet, "size", lambda: enrolled)
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1.2.3").model_dump_json())
            assert (await told(socket))["return_s"] == told_s

    run_with_gateway(story)


def test_an_agent_is_welcomed_with_its_target(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(7, sealed=b'{"sealed":{"a":"b"}}')
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1, 2], agent_version="1.2.3").model_dump_json())
            welcome = await told(socket)
            assert welcome["type"] == "welcome"
            assert welcome["protocol"] == 1
            assert welcome["target"] == {
                "assignment": {"body": "generation 7"},
                "catalog": {"body": "c"},
                "sealed_secrets": {"sealed": {"a": "b"}},
            }
            assert site.gateway is not None
            assert site.gateway.online(web.peer.envoy_id)
        await until(lambda: not site.gateway.online(web.peer.envoy_id))
        await until(lambda: site.fleet.sightings)
        assert {(seen.envoy_id, seen.address, seen.agent_version) for seen in site.fleet.sightings} == {
            (web.peer.envoy_id, "127.0.0.1", "1.2.3")
        }

    run_with_gateway(story)


def test_an_agent_is_not_sent_what_it_holds(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        held = target_for(7)
        site.fleet.targets[web.peer.envoy_id] = held
        applied = Applied(
            epoch=1,
            generation=7,
            commit="c" * 40,
            assignment_sha256=held.assignment_sha256,
            catalog_sha256=held.catalog_sha256,
        )
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1", applied=applied).model_dump_json())
            assert (await told(socket))["target"] is None
            site.gateway.push([(web.peer.envoy_id, target_for(8))])  # type: ignore[union-attr]
            pushed = await told(socket)
            assert pushed["type"] == "apply"
            assert pushed["target"]["catalog"] is None
            site.gateway.push([(web.peer.envoy_id, target_for(9, catalog=b'{"body":"d"}'))])  # type: ignore[union-attr]
            assert (await told(socket))["target"]["catalog"] == {"body": "d"}

    run_with_gateway(story)


@pytest.mark.parametrize("pinned", [True, False])
def test_approvals_go_to_agents_that_ask_for_them_alone(run_with_gateway: Run, pinned: bool) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.approvals = {target_for(n).assignment_sha256: b'{"statement":%d}' % n for n in (7, 8)}
        site.fleet.targets[web.peer.envoy_id] = target_for(7)
        async with site.connect(web) as socket:
            hello = Hello(protocols=[1], agent_version="1", capabilities=[APPROVAL] if pinned else [])
            await socket.send(hello.model_dump_json())
            assert (await told(socket))["target"].get("approved") == ({"statement": 7} if pinned else None)
            for number in (8, 9):
                assert site.gateway is not None
                target = await site.gateway.completed(web.peer.envoy_id, target_for(number))
                site.gateway.push([(web.peer.envoy_id, target)])
                expected = {"statement": 8} if pinned and number == 8 else None
                assert (await told(socket))["target"].get("approved") == expected

    run_with_gateway(story)


def test_what_is_new_to_an_agent_goes_along_with_its_target(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        held = "a" * 64
        applied = Applied(epoch=1, generation=7, commit="c" * 40, assignment_sha256="d" * 64, catalog_sha256=held)
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1", applied=applied).model_dump_json())
            await told(socket)
            assert site.gateway is not None
            for known in (True, False):
                target = target_for(8 if known else 9, catalog=b'{"body":"%d"}' % known)
                key = (held, target.catalog_sha256)
                site.fleet.alongs = {key: b'[{"sha256":"%s","data":"AA=="}]' % (b"b" * 64)} if known else {}
                site.gateway.push([(web.peer.envoy_id, await site.gateway.completed(web.peer.envoy_id, target))])
                along = (await told(socket))["target"].get("along")
                assert along == ([{"sha256": "b" * 64, "data": "AA=="}] if known else None)

    run_with_gateway(story)


def test_a_catalog_is_held_only_once_a_run_under_it_was_reported(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as socket:
            first = target_for(1)
            site.gateway.push([(web.peer.envoy_id, first)])  # type: ignore[union-attr]
            await told(socket)
            foreign = report("r0", catalog_sha256=first.catalog_sha256)
            refused = report("r1", assignment_sha256=first.assignment_sha256, status=RunStatus.REFUSED)
            for sent in (foreign, refused):
                await socket.send(ReportMessage(report=sent).model_dump_json())
                await told(socket)
            site.gateway.push([(web.peer.envoy_id, target_for(2))])  # type: ignore[union-attr]
            assert (await told(socket))["target"]["catalog"] == {"body": "c"}
            done = report("r2", assignment_sha256=target_for(2).assignment_sha256, catalog_sha256=first.catalog_sha256)
            await socket.send(ReportMessage(report=done).model_dump_json())
            await told(socket)
            site.gateway.push([(web.peer.envoy_id, target_for(3))])  # type: ignore[union-attr]
            assert (await told(socket))["target"]["catalog"] is None

    run_with_gateway(story)


def test_a_target_that_comes_while_hello_is_answered_is_not_missed(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(7)

        async def overtaken() -> None:
            site.gateway.push([(web.peer.envoy_id, target_for(8))])  # type: ignore[union-attr]

        site.fleet.pace = overtaken
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1").model_dump_json())
            assert (await told(socket))["target"]["assignment"] == {"body": "generation 8"}
            site.gateway.push([(web.peer.envoy_id, target_for(8)), (web.peer.envoy_id, target_for(3))])  # type: ignore[union-attr]
            await socket.send(Need(sha256=[]).model_dump_json())
            assert (await told(socket))["type"] == "objects"

    run_with_gateway(story)


def test_a_report_is_acknowledged_once_it_is_durable(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as socket:
            await socket.send(ReportMessage(report=report()).model_dump_json())
            answer = await told(socket)
            assert (answer["type"], answer["report_id"]) == ("ack", "r1")
            assert [(who, sent.id) for who, sent in site.fleet.reports] == [(web.peer.envoy_id, "r1")]

    run_with_gateway(story)


def test_a_report_that_cannot_be_stored_now_is_not_acknowledged(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.raising = Unavailable("the disk is full")
        async with site.welcomed(web) as socket:
            await socket.send(ReportMessage(report=report()).model_dump_json())
            assert await closing_code(socket) == 1013

    run_with_gateway(story)


def test_a_report_that_is_refused_is_noted_and_not_asked_for_again(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.raising = Conflict("not yours")
        async with site.welcomed(web) as socket:
            await socket.send(ReportMessage(report=report()).model_dump_json())
            error, answer = await told(socket), await told(socket)
            assert (error["type"], error["code"], error["fatal"]) == ("error", "conflict", False)
            assert answer["report_id"] == "r1"
        assert [(action, who) for action, who, _ in site.fleet.notes] == [("envoy.message_refused", web.peer.envoy_id)]

    run_with_gateway(story)


def test_a_bug_in_answering_ends_one_connection_only(run_with_gateway: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def story(site: Site) -> None:
        web, database = site.enrol(), site.enrol()
        async with site.welcomed(web) as socket, site.welcomed(database) as other:
            site.fleet.raising = RuntimeError("a bug")
            await socket.send(ReportMessage(report=report()).model_dump_json())
            assert await closing_code(socket) == 1011
            site.fleet.raising = None
            await other.send(ReportMessage(report=report()).model_dump_json())
            assert (await told(other))["type"] == "ack"

    run_with_gateway(story)
    assert "a message could not be answered" in caplog.text


def test_traits_and_refusals_arrive_under_the_name_of_the_certificate(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web, other = site.enrol(), site.enrol()
        async with site.welcomed(web) as socket:
            traits = Traits(sha256="d" * 64, collected_at=1, traits={"envoy_id": other.peer.envoy_id})
            await socket.send(json.dumps(json.loads(traits.model_dump_json()) | {"envoy_id": other.peer.envoy_id}))
            assert (await told(socket))["traits_sha256"] == "d" * 64
            await socket.send(Refused(assignment_sha256="a" * 64, code="rollback", message="older").model_dump_json())
            await socket.send(Need(sha256=[]).model_dump_json())
            await told(socket)
        assert list(site.fleet.told) == [web.peer.envoy_id]
        assert [(who, refusal.code) for who, refusal in site.fleet.refusals] == [(web.peer.envoy_id, "rollback")]

    run_with_gateway(story)


def test_traits_that_the_server_lacks_are_asked_for_by_name(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web) as socket:
            digests = TraitsDigests(sha256="d" * 64, collected_at=1, digests={"os": "a" * 64, "cpu": "b" * 64})
            await socket.send(digests.model_dump_json())
            assert await told(socket) == {"type": "traits_need", "sha256": "d" * 64, "names": ["cpu", "os"]}
            delta = TraitsDelta(sha256="d" * 64, collected_at=1, traits={"os": 1}, kept=["cpu"])
            await socket.send(delta.model_dump_json())
            assert (await told(socket))["traits_sha256"] == "d" * 64
        assert site.fleet.told[web.peer.envoy_id] == delta

    run_with_gateway(story)


@pytest.mark.parametrize(("acknowledged", "asked"), [("d", False), ("e", True)])
def test_traits_that_were_acknowledged_and_are_lost_are_asked_for(
    run_with_gateway: Run, acknowledged: str, asked: bool
) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.told[web.peer.envoy_id] = Traits(sha256="d" * 64, collected_at=1, traits={})
        async with site.connect(web) as socket:
            hello = Hello(
                protocols=[1], agent_version="1", capabilities=["traits-delta"], traits_sha256=acknowledged * 64
            )
            await socket.send(hello.model_dump_json())
            assert (await told(socket))["type"] == "welcome"
            await socket.send(Need(sha256=[]).model_dump_json())
            answer = await told(socket)
            assert answer["type"] == ("traits_need" if asked else "objects")

    run_with_gateway(story)


def test_objects_come_in_frames_that_stay_small(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(1)
        contents = {sha256(data): data for data in (bytes([65 + n]) * 200_000 for n in range(20))}
        site.fleet.stored = contents
        async with site.welcomed(web) as socket:
            await socket.send(Need(sha256=[*contents, "f" * 64]).model_dump_json())
            got: dict[str, bytes] = {}
            unknown: list[str] = []
            while len(got) < 20 or not unknown:
                raw = await asyncio.wait_for(socket.recv(), 5)
                assert len(raw) < 1_300_000
                frame = json.loads(raw)
                got |= {item["sha256"]: item["data"].encode() for item in frame["objects"]}
                unknown += frame.get("unknown", [])
        assert got == contents
        assert unknown == ["f" * 64]

    run_with_gateway(story)


def test_an_agent_without_a_target_gets_no_objects(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.stored = {sha256(b"x"): b"x"}
        async with site.welcomed(web) as socket:
            await socket.send(Need(sha256=[sha256(b"x")]).model_dump_json())
            answer = await told(socket)
        assert (answer["objects"], answer["unknown"]) == ([], [sha256(b"x")])
        assert (await site.fetch(web, f"/agent/v1/objects/{sha256(b'x')}"))[0] == 404

    run_with_gateway(story)


def test_a_large_object_comes_by_https_on_the_same_port(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(1)
        data = bytes(range(256)) * 20_000
        site.fleet.stored = {sha256(data): data}
        async with site.welcomed(web) as socket:
            assert await site.fetch(web, f"/agent/v1/objects/{sha256(data)}") == (200, data)
            assert (await site.fetch(web, f"/agent/v1/objects/{'0' * 64}"))[0] == 404
            assert (await site.fetch(web, "/agent/v1/objects/../../etc/passwd"))[0] == 404
            assert (await site.fetch(web, "/"))[0] == 404
            await socket.send(Need(sha256=[]).model_dump_json())
            assert (await told(socket))["type"] == "objects"

    run_with_gateway(story)


def test_a_protocol_that_is_not_spoken_here_is_refused(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        async with site.connect(site.enrol()) as socket:
            await socket.send(Hello(protocols=[0, 99], agent_version="1").model_dump_json())
            error = await told(socket)
            assert (error["code"], error["fatal"]) == ("protocol", True)
            assert await closing_code(socket) == 1008

    run_with_gateway(story)


def test_a_welcome_waits_for_the_target_that_is_being_made(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.awaited = True
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1").model_dump_json())
            await until(lambda: len(site.fleet.comings) == 1)
            site.gateway.push([(web.peer.envoy_id, target_for(4))])  # type: ignore[union-attr]
            welcome = await told(socket)
            assert (welcome["type"], welcome["target"]["assignment"]) == ("welcome", {"body": "generation 4"})
        await until(lambda: len(site.fleet.comings) == 2)
        assert site.fleet.comings == [("+", web.peer.envoy_id, 1), ("-", web.peer.envoy_id, 1)]

    run_with_gateway(story)


def test_a_host_that_was_enrolled_this_instant_is_known(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        late = dict(site.fleet.live)
        site.fleet.live.clear()

        async def refresh() -> int:
            site.fleet.live.update(late)
            return len(late)

        site.fleet.refresh = refresh  # type: ignore[method-assign]
        async with site.welcomed(web):
            assert site.gateway is not None
            assert site.gateway.online(web.peer.envoy_id)

    run_with_gateway(story)


@pytest.mark.parametrize("known", [True, False])
def test_a_hello_that_comes_along_with_the_request_is_heard(run_with_gateway: Run, known: bool) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        late = dict(site.fleet.live)

        async def refresh() -> int:
            await asyncio.sleep(0.05)
            site.fleet.live.update(late)
            return len(late)

        site.fleet.refresh = refresh  # type: ignore[method-assign]
        if not known:
            site.fleet.live.clear()
        hello = json.dumps({"type": "hello", "protocols": [1], "agent_version": "1"}).encode()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", site.port, ssl=site.tls(web), server_hostname="localhost"
        )
        writer.write(
            b"GET /agent/v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            + bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0])
            + hello
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        assert b'"type":"welcome"' in await asyncio.wait_for(reader.read(2_000), 5)
        writer.close()

    run_with_gateway(story)


def test_an_agent_that_is_ahead_of_us_is_noted(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        site.fleet.targets[web.peer.envoy_id] = target_for(7)
        applied = Applied(epoch=1, generation=9, commit="c" * 40, assignment_sha256="e" * 64, catalog_sha256="f" * 64)
        async with site.welcomed(web, applied=applied):
            pass
        assert [(action, details["holds"]) for action, _, details in site.fleet.notes] == [("envoy.ahead", [1, 9])]

    run_with_gateway(story)


def test_a_certificate_is_renewed_for_who_shows_one(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.connect(web) as socket:
            await socket.send(Hello(protocols=[1], agent_version="1").model_dump_json())
            assert (await told(socket))["capabilities"] == ["renew", "traits-delta"]
            await socket.send(Renew(csr="a request").model_dump_json())
            assert await told(socket) == {"type": "renewed", "certificate": "a certificate"}
            assert site.fleet.renewals == [(web.peer.envoy_id, "a request")]
            assert site.fleet.shown == [web.peer.fingerprint]
            site.fleet.raising = Conflict("not now")
            await socket.send(Renew(csr="a request").model_dump_json())
            refused = await told(socket)
            assert (refused["type"], refused["message"], refused["fatal"]) == ("error", "not now", False)

    run_with_gateway(story)
