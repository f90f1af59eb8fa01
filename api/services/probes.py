"""Probes: the commands of health checks, put to hosts as signed orders, and the answers to who waits for them.

Nothing of it is stored: that hosts are being asked is on record with the rollout, and what came of it as well. Whoever
has gone is asked again by the loop. Bounded by the loop: so many at once, and each for its time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from api.services.work import Actor
from reconciler.loop import effects, events
from reconciler.rollout.probing import UNABLE, Answer
from schema import canonical
from schema.errors import Unavailable
from schema.protocol.messages import Probe, Probed
from schema.protocol.probes import ProbeOrder, expiry
from schema.protocol.signing import Domain, Signed, sign

if TYPE_CHECKING:
    from api.services.approvals import Approvals
    from api.services.container import Services

MARGIN_S: Final = 20.0
"""Beyond its command's time, for which an answer is awaited; less than the loop waits."""
TOO_OLD: Final = "its agent is too old to run commands as health checks; update it"

_LOOP: Final = Actor.system("loop")


class Unanswered(Unavailable):
    """The host is not connected, or has gone or said nothing: it is asked again."""

    code = "probes.unanswered"


class Channel(Protocol):
    """Of the gateway, what reaches a host."""

    def pinned(self, envoy_id: str, /) -> bool:
        """Whether it takes approved plans alone."""
        ...

    def probe(self, envoy_id: str, probe: Probe, /) -> bool | None:
        """Ask it; False where its agent knows no such thing, None where it is not connected."""
        ...


class Probes:
    """Who is being asked now. Lives in the event loop's thread.

    Args:
        approvals: of plans, for hosts that ask for them.
    """

    def __init__(self, services: Services, approvals: Approvals) -> None:
        self._services: Final = services
        self._approvals: Final = approvals
        self._waiting: Final[dict[tuple[str, str], asyncio.Future[Probed]]] = {}
        self.channel: Channel | None = None
        """Filled in with the gateway."""

    async def ask(self, effect: effects.Probe) -> events.Probed:
        """Have a host run the command of a health check, and wait for what comes of it.

        Raises:
            Unanswered: it is not there, goes away or does not answer in time.
        """
        channel = self.channel
        if channel is None:
            raise Unanswered("nobody listens for agents yet")
        probe = self._probe(effect)
        if channel.pinned(effect.envoy_id):
            approval = await self._approvals.stated(effect.commit, effect.plan_root)
            probe = probe.model_copy(update={"approval": approval})
        key = effect.envoy_id, probe.id
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            reached = channel.probe(effect.envoy_id, probe)
            if reached is None:
                raise Unanswered("the envoy is not connected")
            if not reached:
                return events.Probed(effect.rollout_id, effect.hostname, effect.id, Answer(UNABLE, output=TOO_OLD))
            async with asyncio.timeout(effect.check.timeout_s + MARGIN_S):
                said = await waiting
        except TimeoutError as error:
            raise Unanswered("the envoy does not answer") from error
        finally:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
        answer = Answer(said.outcome, said.code, said.output)
        return events.Probed(effect.rollout_id, effect.hostname, effect.id, answer)

    def answered(self, envoy_id: str, message: Probed) -> None:
        """A host has answered; nobody may wait for it any more."""
        waiting = self._waiting.get((envoy_id, message.id))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def left(self, envoy_id: str) -> None:
        """A host is not connected any more."""
        for (each, _), waiting in self._waiting.items():
            if each == envoy_id and not waiting.done():
                waiting.set_exception(Unanswered("the envoy is not connected any more"))

    def _probe(self, effect: effects.Probe) -> Probe:
        now, check = self._services.clock.now(), effect.check
        order = ProbeOrder(
            project=_LOOP.project_id,
            envoy_id=effect.envoy_id,
            id=f"{effect.rollout_id}.{effect.id}",
            commit=effect.commit,
            catalog_sha256=effect.catalog_sha256,
            command=list(check.command or ()),
            returns=list(check.returns),
            timeout_s=check.timeout_s,
            created=now,
            expires=expiry(now, check.timeout_s),
        )
        return Probe(id=order.id, order=_signed(order, self._services))


def _signed(order: ProbeOrder, services: Services) -> Signed:
    return sign(services.pki.signing_key, Domain.PROBE, canonical.dumps(order.model_dump(mode="json")))
