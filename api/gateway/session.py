"""What messages mean: `hello` → `welcome`, then reports, traits, needs and refusals, each answered in order.

The messages an agent may send are exactly those of `AgentMessage`; before `hello` is accepted it is `hello` alone. The
sender is the connection's peer and is never read from a message.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import ValidationError
from websockets.frames import CloseCode

from api.gateway import frames, limits
from api.gateway.connection import UNAUTHENTICATED, Connection
from api.services import lines
from api.services.catalogs import Target
from schema.errors import Exhausted, Fault, Unavailable
from schema.protocol.messages import (
    APPROVAL,
    CHECK,
    MIN_PROTOCOL,
    PROBE,
    PROTOCOL,
    RENEW,
    TRAITS_DELTA,
    UPDATE,
    Ack,
    AgentMessage,
    ErrorMessage,
    Hello,
    Need,
    Probed,
    Refused,
    Renew,
    Renewed,
    ReportMessage,
    Traits,
    TraitsDelta,
    TraitsDigests,
    TraitsNeed,
    Update,
    Welcome,
)
from schema.protocol.reports import Report, RunStatus

if TYPE_CHECKING:
    from api.gateway.fleet import Peer
    from api.gateway.gateway import Gateway


async def receive(gateway: Gateway, connection: Connection, raw: bytes) -> None:
    """Answer one message of one connection; bad ones end it."""
    peer = connection.peer
    if peer is None:
        connection.close(UNAUTHENTICATED, "not an enrolled agent")
        return
    try:
        if len(raw) > limits.PARSE_APART_BYTES:
            message = await asyncio.to_thread(lines.read, raw)
        else:
            message = lines.read(raw)
    except ValidationError:
        gateway.count("malformed")
        _refuse(connection, "malformed", "not a message of this protocol")
        return
    if connection.greeted and not gateway.is_current(connection):
        connection.close(UNAUTHENTICATED, "this certificate no longer counts")
    elif not connection.greeted and not isinstance(message, Hello):
        gateway.count("before_hello")
        connection.close(UNAUTHENTICATED, "hello comes first")
    elif connection.greeted and isinstance(message, Hello):
        _refuse(connection, "again", "hello comes once")
    else:
        await _answer(gateway, connection, peer, message)


def offer(connection: Connection, target: Target) -> None:
    """Send a target, unless one at least as new was sent already."""
    if connection.latest is not None and connection.latest.order >= target.order:
        return
    connection.latest = target
    connection.tell_news()
    if connection.greeted:
        connection.send(frames.apply(_pieces(connection, target)))


async def completed(gateway: Gateway, connection: Connection, target: Target) -> Target:
    """A target with the approval of its plan, if the agent asks for that, and with what of it is new to the agent."""
    held = connection.catalog_held
    if connection.pinned:
        target = target._replace(approved=await gateway.fleet.approved(target))
    if held is not None and held != target.catalog_sha256:
        target = target._replace(along=await gateway.fleet.along(held, target.catalog_sha256))
    return target


def offer_update(gateway: Gateway, connection: Connection) -> None:
    """Tell an agent what it is to become, if it is to become anything; each manifest once a connection."""
    if connection.build is None or not connection.greeted:
        return
    signed = gateway.fleet.update_for(connection.build)
    if signed is not None and signed != connection.offered:
        connection.offered = signed
        gateway.count("updates_offered")
        connection.send(frames.update(Update(manifest=signed)))


async def _answer(  # noqa: C901 - an arm for each message
    gateway: Gateway, connection: Connection, peer: Peer, message: AgentMessage
) -> None:
    try:
        match message:
            case Hello():
                await _greet(gateway, connection, peer, message)
            case ReportMessage(report=report):
                await gateway.fleet.report(peer, report)
                if _ran_latest(connection, report):
                    connection.catalog_held = report.catalog_sha256
                connection.send(frames.ack(Ack(report_id=report.id)))
            case Traits() | TraitsDigests() | TraitsDelta():
                gateway.count(message.type)
                lacking = await gateway.fleet.traits(peer, message)
                if lacking is None:
                    connection.send(frames.ack(Ack(traits_sha256=message.sha256)))
                else:
                    connection.send(frames.traits_need(TraitsNeed(sha256=message.sha256, names=lacking)))
            case Need():
                await _give(gateway, connection, message)
            case Refused():
                gateway.count("targets_refused")
                connection.catalog_held = None
                gateway.note("envoy.target_refused", peer, peer.envoy_id, {"code": message.code})
                await gateway.fleet.refused(peer, message)
            case Probed():
                gateway.fleet.probed(peer, message)
            case Renew(csr=csr):
                connection.send(frames.renewed(Renewed(certificate=await gateway.fleet.renew(peer, csr))))
    except (Exhausted, Unavailable) as fault:
        # Not the agent's doing: it keeps what was not acknowledged and sends it again after it has reconnected.
        gateway.count("unavailable")
        connection.close(CloseCode.TRY_AGAIN_LATER, fault.code)
    except Fault as fault:
        gateway.count("faults")
        gateway.note("envoy.message_refused", peer, peer.envoy_id, {"type": message.type, "code": fault.code})
        report_id = message.report.id if isinstance(message, ReportMessage) else None
        connection.send(frames.error(ErrorMessage(code=fault.code, message=fault.message)))
        if report_id is not None:
            # Refused for good: the agent must not send it for ever.
            connection.send(frames.ack(Ack(report_id=report_id)))


async def _greet(gateway: Gateway, connection: Connection, peer: Peer, hello: Hello) -> None:
    spoken = [version for version in hello.protocols if MIN_PROTOCOL <= version <= PROTOCOL]
    if not spoken:
        _refuse(connection, "protocol", f"this server speaks protocols {MIN_PROTOCOL} to {PROTOCOL}")
        return
    connection.agent_version = hello.agent_version
    connection.build = hello.build if UPDATE in hello.capabilities else None
    connection.checks = CHECK in hello.capabilities
    connection.pinned = APPROVAL in hello.capabilities
    connection.probes = PROBE in hello.capabilities
    if hello.build is not None and hello.build.returned:
        gateway.note("envoy.update_returned", peer, peer.envoy_id, {"version": hello.build.returned})
    if hello.applied is not None:
        connection.catalog_held = hello.applied.catalog_sha256
    # Registered first: a target that is pushed while this one is being read is not missed.
    gateway.register(connection, peer)
    await gateway.fleet.shows(peer)
    target = await gateway.fleet.target(peer)
    if target is not None:
        target = await completed(gateway, connection, target)
    if connection.latest is None or (target is not None and target.order > connection.latest.order):
        connection.latest = target
    _check_ahead(gateway, connection, peer, hello)
    gateway.arrived(connection, peer, hello.applied)
    if gateway.fleet.awaits(peer, connection.latest):
        # A host that was away while its configuration changed, or is new: it is told what it is to be now, in one go.
        await connection.news(limits.NEWS_PATIENCE_S)
    if gateway.is_current(connection):
        _welcome(gateway, connection, hello, protocol=max(spoken))
        await _compare_traits(gateway, connection, peer, hello)
        offer_update(gateway, connection)


def _welcome(gateway: Gateway, connection: Connection, hello: Hello, *, protocol: int) -> None:
    target = connection.latest
    known = hello.applied.assignment_sha256 if hello.applied is not None else None
    pieces = _pieces(connection, target) if target is not None and target.assignment_sha256 != known else None
    head = Welcome(
        protocol=protocol,
        time=gateway.clock.now(),
        interval_s=gateway.interval_s,
        heartbeat_s=gateway.heartbeat_s,
        return_s=max(round(gateway.returns.over_s(gateway.fleet.size()), 1), 0.1),  # 0 were to name none
        capabilities=[RENEW, TRAITS_DELTA],
    )
    connection.welcomed()
    gateway.returns.welcomed()
    connection.send(frames.welcome(head, pieces))


async def _compare_traits(gateway: Gateway, connection: Connection, peer: Peer, hello: Hello) -> None:
    """Ask for traits that were acknowledged and are not there, as after a restore: the agent would not send them."""
    known = hello.traits_sha256
    if known is not None and TRAITS_DELTA in hello.capabilities and await gateway.fleet.traits_of(peer) != known:
        connection.send(frames.traits_need(TraitsNeed(sha256=known, names=[])))


def _check_ahead(gateway: Gateway, connection: Connection, peer: Peer, hello: Hello) -> None:
    if hello.applied is None or connection.latest is None:
        return
    order = (hello.applied.epoch, hello.applied.generation)
    if order > connection.latest.order:
        # It has seen a past that this server has lost, as after a restore: an operator has to decide.
        details = {"holds": list(order), "assigned": list(connection.latest.order)}
        gateway.note("envoy.ahead", peer, peer.envoy_id, details)


async def _give(gateway: Gateway, connection: Connection, need: Need) -> None:
    target = connection.latest
    found = await gateway.fleet.objects(target.catalog_sha256, need.sha256) if target is not None else {}
    known = [data for data in found.values() if data is not None]
    unknown = [sha256 for sha256 in need.sha256 if found.get(sha256) is None]
    for frame in frames.objects(known, unknown):
        connection.send(frame)


def _ran_latest(connection: Connection, report: Report) -> bool:
    """Whether a report shows that the agent holds what it was sent last, and so its catalog."""
    latest = connection.latest
    accepted = report.status is not RunStatus.REFUSED
    return latest is not None and accepted and report.assignment_sha256 == latest.assignment_sha256


def _pieces(connection: Connection, target: Target) -> frames.Pieces:
    return target.pieces(with_catalog=connection.catalog_held != target.catalog_sha256)


def _refuse(connection: Connection, code: str, message: str) -> None:
    connection.send(frames.error(ErrorMessage(code=code, message=message, fatal=True)))
    connection.close(CloseCode.POLICY_VIOLATION, message)
