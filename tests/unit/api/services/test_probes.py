"""Whoever asks a host to run something waits for its answer, for its going away, or for the time it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.services.approvals import Approvals
from api.services.container import Services
from api.services.probes import TOO_OLD, Probes, Unanswered
from reconciler.loop import effects, events
from reconciler.rollout.probing import UNABLE, Answer
from schema import canonical
from schema.ids import DEFAULT_PROJECT
from schema.protocol.messages import Probe, Probed
from schema.protocol.probes import LIFE, ProbeOrder
from schema.protocol.signing import Domain, Signed, sign, verify
from schema.rollouts import HealthCheck
from schema.time import SECOND

NOW = 1_800_000_000 * SECOND
KEY = Ed25519PrivateKey.generate()
ENVOY = "0198f000-0000-7000-8000-000000000001"
CHECK = HealthCheck(command=("systemctl", "is-active", "nginx"), returns=(0, 3), timeout_s=5)
EFFECT = effects.Probe(ENVOY, "web01.example.com", 7, "9.1.0.0", "c" * 40, "d" * 64, "e" * 64, CHECK)
STATEMENT = sign(KEY, Domain.APPROVAL, b"{}")


class Gate:
    """A gateway with one envoy."""

    def __init__(self) -> None:
        self.reached: bool | None = True
        self.is_pinned = False
        self.sent: list[Probe] = []
        self.asked = asyncio.Event()

    def pinned(self, _: str) -> bool:
        return self.is_pinned

    def probe(self, _: str, probe: Probe) -> bool | None:
        self.sent.append(probe)
        self.asked.set()
        return self.reached


class Stated:
    """The approvals on record: one."""

    async def stated(self, commit: str, plan_root: str) -> Signed | None:
        return STATEMENT if (commit, plan_root) == (EFFECT.commit, EFFECT.plan_root) else None


def play(story: Callable[[Probes, Gate], Awaitable[None]], *, gate: bool = True) -> Gate:
    clock = SimpleNamespace(now=lambda: NOW)
    services = cast("Services", SimpleNamespace(clock=clock, pki=SimpleNamespace(signing_key=KEY)))
    found = Gate()

    async def main() -> None:
        probes = Probes(services, cast("Approvals", Stated()))
        probes.channel = found if gate else None
        await story(probes, found)

    asyncio.run(main())
    return found


async def asked(probes: Probes, gate: Gate) -> asyncio.Task[events.Probed]:
    task = asyncio.create_task(probes.ask(EFFECT))
    await gate.asked.wait()
    return task


def test_an_answer_reaches_who_asked_and_the_order_is_for_this_host_alone() -> None:
    async def story(probes: Probes, gate: Gate) -> None:
        task = await asked(probes, gate)
        probes.answered("somebody else", Probed(id="7.9.1.0.0", outcome="passed"))
        probes.answered(ENVOY, Probed(id="another", outcome="passed"))
        for outcome in ("failed", "passed"):  # the first word counts
            probes.answered(ENVOY, Probed(id="7.9.1.0.0", outcome=cast("Any", outcome), code=4, output="no"))
        assert await task == events.Probed(7, "web01.example.com", "9.1.0.0", Answer("failed", 4, "no"))
        probes.answered(ENVOY, Probed(id="7.9.1.0.0", outcome="passed"))

    (sent,) = play(story).sent
    order = ProbeOrder.model_validate(canonical.loads(verify(KEY.public_key(), Domain.PROBE, sent.order)), strict=True)
    assert order == ProbeOrder(
        project=DEFAULT_PROJECT,
        envoy_id=ENVOY,
        id="7.9.1.0.0",
        commit="c" * 40,
        catalog_sha256="e" * 64,
        command=["systemctl", "is-active", "nginx"],
        returns=[0, 3],
        timeout_s=5,
        created=NOW,
        expires=NOW + 5 * SECOND + LIFE,
    )
    assert (sent.id, sent.approval) == (order.id, None)


def test_a_pinned_host_gets_the_approval_with_it() -> None:
    async def story(probes: Probes, gate: Gate) -> None:
        gate.is_pinned = True
        task = await asked(probes, gate)
        probes.answered(ENVOY, Probed(id="7.9.1.0.0", outcome="passed"))
        await task

    assert play(story).sent[0].approval == STATEMENT


def test_an_agent_that_is_too_old_is_told_apart() -> None:
    async def story(probes: Probes, gate: Gate) -> None:
        gate.reached = False
        assert (await probes.ask(EFFECT)).answer == Answer(UNABLE, None, TOO_OLD)

    play(story)


def test_who_is_not_there_is_not_waited_for() -> None:
    async def story(probes: Probes, gate: Gate) -> None:
        gate.reached = None
        with pytest.raises(Unanswered):
            await probes.ask(EFFECT)

    play(story)
    play(story, gate=False)


def test_who_goes_away_is_waited_for_no_longer() -> None:
    async def story(probes: Probes, gate: Gate) -> None:
        task = await asked(probes, gate)
        probes.left("somebody else")
        probes.left(ENVOY)
        with pytest.raises(Unanswered):
            await task

    play(story)


def test_who_says_nothing_is_waited_for_as_long_as_the_command_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.services.probes.MARGIN_S", -4.99)

    async def story(probes: Probes, _: Gate) -> None:
        with pytest.raises(Unanswered):
            await probes.ask(EFFECT)

    play(story)
