"""A gateway that lies: it has the server's TLS key, but not the one that signs. Agents refuse what it makes up."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schema import canonical
from schema.protocol import signing
from schema.protocol.messages import Welcome
from schema.protocol.signing import Domain
from tests.e2e.site import BASE, Site
from tests.e2e.targets import stored_target

Message = dict[str, Any]


def test_an_agent_refuses_what_the_server_did_not_sign_for_it(site: Site) -> None:
    web, other = site.agent("web01.example.com").joined(), site.agent("web02.example.com").joined()
    for agent in (web, other):
        site.converged(agent)
    older = stored_target(site, web.hostname)
    foreign = stored_target(site, other.hostname)
    commit = site.commit(
        {"configcrates/motd.vgo": BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: second")},
        "second",
    )
    site.converged(web, commit)
    current = stored_target(site, web.hostname)
    before = web.read("/etc/site/motd")
    assert before == "second from web01.example.com\n"
    assert other.process is not None
    assert site.server is not None
    other.process.end()
    site.server.end()

    key = Ed25519PrivateKey.generate()

    def altered(
        target: Message, part: str, change: Callable[[Message], None], *, domain: Domain | None = None
    ) -> Message:
        body = json.loads(target[part]["body"])
        change(body)
        text = canonical.dumps(body).decode()
        if domain is not None:
            return target | {part: json.loads(signing.sign(key, domain, text.encode()).model_dump_json())}
        return target | {part: target[part] | {"body": text}}

    newer = {"generation": 999}
    lies = {
        "an older assignment": (older, "rollback"),
        "another host's": (foreign, "foreign"),
        "a generation made up": (altered(current, "assignment", lambda body: body.update(newer)), "signature"),
        "signed by somebody else": (
            altered(current, "assignment", lambda body: body.update(newer), domain=Domain.ASSIGNMENT),
            "signature",
        ),
        "a catalog made up": (altered(current, "catalog", lambda body: body["vars"].update(greeting="evil")), None),
        "the older catalog with the newer assignment": (current | {"catalog": older["catalog"]}, None),
        "a catalog's signature on an assignment": (
            current | {"assignment": current["catalog"]},
            "signature",
        ),
        "no target at all": ({"assignment": 1}, None),
        "a field too many": (altered(current, "assignment", lambda body: body.update(extra=1)), "signature"),
    }
    refusals = asyncio.run(tell_lies(site, [target for target, _ in lies.values()]))
    told = [refusal["code"] for refusal in refusals]
    for (name, (_, code)), refused in zip(
        [(name, lie) for name, lie in lies.items() if lie[1] is not None], told, strict=False
    ):
        assert refused == code, f"{name}: {refusals}"
    assert web.read("/etc/site/motd") == before
    assert web.process is not None
    assert web.process.code is None

    site.start()
    run = site.converged(web, commit)
    assert run["commit"] == commit
    assert site.envoy(web.hostname)["stalled"] == ""


async def tell_lies(site: Site, targets: list[Message]) -> list[Message]:
    """Be the gateway for a while: offer each of these targets to the agent that connects; its refusals, in order."""
    refusals: list[Message] = []
    heard = asyncio.Event()
    done = asyncio.Event()

    async def serve(socket: websockets.ServerConnection) -> None:
        hello = json.loads(await socket.recv())
        assert hello["type"] == "hello"
        await socket.send(Welcome(protocol=1, time=1, interval_s=3600).model_dump_json())
        listening = asyncio.create_task(listen(socket))
        for target in targets:
            heard.clear()
            await socket.send(json.dumps({"type": "apply", "target": target}))
            try:
                await asyncio.wait_for(heard.wait(), 1.0)
            except TimeoutError:
                continue
        listening.cancel()
        done.set()

    async def listen(socket: websockets.ServerConnection) -> None:
        async for raw in socket:
            message = json.loads(raw)
            if message["type"] == "refused":
                refusals.append(message)
                heard.set()
            elif message["type"] == "report":
                await socket.send(json.dumps({"type": "ack", "report_id": message["report"]["id"]}))

    async with lying(site, serve):
        await asyncio.wait_for(done.wait(), 40)
    return refusals


@asynccontextmanager
async def lying(site: Site, serve: Callable[[Any], Any]) -> AsyncIterator[None]:
    """A gateway in the place of the real one, with the server's own TLS key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.data / "pki" / "gateway.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(site.ca)
    async with websockets.serve(serve, "127.0.0.1", site.gateway_port, ssl=context, compression=None):
        yield
