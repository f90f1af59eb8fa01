"""Handing targets out: many at once, and what is wrong with one of them is no other's fault."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.services.assignments import Stored
from api.services.catalogs import Catalogs, SignedCatalog, Target
from api.services.metrics import Metrics
from api.workers.performer import ServerPerformer
from reconciler.loop import effects, events
from reconciler.ports import Order
from schema.errors import Unavailable

CATALOG = "c" * 64


def stored(envoy_id: str) -> Stored:
    texts = dict.fromkeys(("sha256", "plan_root", "profile", "environment", "signed", "sealed", "secrets_key"), "")
    return Stored(
        envoy_id=envoy_id, epoch=1, generation=2, commit_id="d" * 40, catalog_sha256=CATALOG, created_at=1, expires_at=2,
        **texts,
    )  # fmt: skip


class Hosts:
    """Who is connected; `broken` cannot be completed, `odd` makes our own code fail, `gone` is not there."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.waiting = 0

    def push(self, envoy_id: str, target: Target) -> bool:
        assert target.catalog == b"{}"
        self.given.append(envoy_id)
        return envoy_id != "gone"

    def pinned(self, envoy_id: str) -> bool:
        return envoy_id.startswith("pinned")

    async def completed(self, envoy_id: str, target: Target) -> Target:
        if envoy_id == "broken":
            raise Unavailable("no disk")
        if envoy_id == "odd":
            raise RuntimeError("a bug")
        if self.pinned(envoy_id):
            self.waiting += 1
            while self.waiting < 2:  # noqa: ASYNC110 - until the other waits, too
                await asyncio.sleep(0)
        return target


def test_one_that_cannot_be_handed_out_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    catalogs, hosts = Catalogs(Ed25519PrivateKey.generate()), Hosts()
    unused: Any = None
    services: Any = SimpleNamespace(metrics=Metrics())
    catalog = SignedCatalog(CATALOG, unused, unused, unused)
    catalog.__dict__["json"] = b"{}"
    catalogs.put({CATALOG: catalog})
    performer = ServerPerformer(
        services, catalogs, unused, push=hosts.push, completed=hosts.completed, pinned=hosts.pinned, probes=unused
    )
    names = ["broken", "web1", "pinned1", "odd", "gone", "pinned2", "web2"]
    performer._made.update((name, stored(name)) for name in names)
    pushes = [effects.Push(name, Order(1, 2)) for name in names]
    answers = asyncio.run(asyncio.wait_for(performer.push(pushes), 10))
    told = {event.envoy_id for event in answers if isinstance(event, events.Pushed)}
    failed = {event.effect: event.message for event in answers if isinstance(event, events.Faulted)}
    assert told == {"web1", "web2", "pinned1", "pinned2"}
    assert failed == {pushes[0]: "no disk", pushes[4]: "the envoy is not connected any more"}
    assert len(answers) == 6
    assert "a target could not be completed" in caplog.text
