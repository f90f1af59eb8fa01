"""The performer: does what the loop wants done, with the services, the compiler and the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from api.services import assignments, revisions
from api.services.assignments import Stored, Wish
from api.services.catalogs import Catalogs, Target
from api.services.container import Services
from api.services.secrets import vault_of
from api.services.work import Actor
from api.workers.compiler import Compiler, GraphPlan
from reconciler.loop import effects, events
from reconciler.ports import Order
from reconciler.repository import CommitInfo
from schema.errors import Fault, Unavailable

LOOP: Final = Actor.system("loop")
MADE: Final = 4_096
"""Assignments kept between being made and being pushed; one that is no longer here is read from the database."""


class NotConnected(Unavailable):
    """The envoy has gone meanwhile; it gets its assignment with its next welcome."""

    code = "gateway.not_connected"


class ServerPerformer:
    """Fills the `Performer` port.

    Args:
        push: hands an envoy a target; False when it is not connected.
    """

    def __init__(
        self, services: Services, catalogs: Catalogs, compiler: Compiler, *, push: Callable[[str, Target], bool]
    ) -> None:
        self._services = services
        self._catalogs = catalogs
        self._compiler = compiler
        self._push = push
        self._plan: GraphPlan | None = None
        self._made: OrderedDict[str, Stored] = OrderedDict()

    async def compile(self, effect: effects.Compile) -> events.Event:
        """Compile a commit, in the compiler's thread."""
        return await self._compiler.compile(effect)

    def abandon(self, effect: effects.Abandon) -> None:
        """Nothing: the thread goes on, its answer is not waited for, and the next compile begins after it."""

    async def put_in_force(self, effect: effects.PutInForce) -> events.Event:
        """Sign the catalogs, record the commit, then have it all at hand."""
        plan = effect.plan
        assert isinstance(plan, GraphPlan)
        signed = await asyncio.to_thread(self._catalogs.sign, plan.graph)
        if not effect.restore:
            await self._services.write(
                LOOP,
                lambda work: revisions.record_in_force(
                    work,
                    commit=plan.commit,
                    plan_root=plan.plan_root,
                    compiled_ms=plan.compiled_ms,
                    author=_author(plan.info),
                    summary=plan.info.summary,
                    diagnostics=plan.diagnostics,
                    trust_version=plan.trust_version,
                ),
            )
        self._catalogs.put(signed)
        self._plan = plan
        self._services.graph = plan.graph
        return events.InForce(plan.commit)

    async def record_failure(self, effect: effects.RecordFailure) -> events.Event:
        """Record why a commit does not come into force."""
        info: CommitInfo | None = None
        with contextlib.suppress(Fault):
            info = await self._compiler.info(effect.commit)
        await self._services.write(
            LOOP,
            lambda work: revisions.record_failure(
                work,
                commit=effect.commit,
                diagnostics=effect.diagnostics,
                state=effect.state,
                author=_author(info) if info is not None else "",
                summary=info.summary if info is not None else "",
            ),
        )
        return events.Recorded(effect.commit)

    async def assign(self, wishes: list[effects.Assign]) -> list[events.Event]:
        """Make assignments in one transaction."""
        asked = [self._wish(wish) for wish in wishes]
        key, vault = self._services.pki.signing_key, vault_of(self._services)
        made = await self._services.write(LOOP, lambda work: assignments.make(work, asked, key=key, vault=vault))
        return [self._answer(wish, one) for wish, one in zip(wishes, made, strict=True)]

    async def push(self, effect: effects.Push) -> events.Event:
        """Hand an envoy its newest assignment."""
        stored = self._made.pop(effect.envoy_id, None)
        if stored is None or (stored.epoch, stored.generation) < effect.order:
            stored = await self._services.read(LOOP, lambda work: assignments.latest(work, effect.envoy_id))
        target = assignments.to_target(stored, self._catalogs) if stored is not None else None
        if stored is None or target is None or not self._push(effect.envoy_id, target):
            raise NotConnected("the envoy is not connected any more")
        return events.Pushed(effect.envoy_id, Order(stored.epoch, stored.generation))

    def _wish(self, effect: effects.Assign) -> Wish:
        profile = self._plan.graph.profiles.get(effect.desired.profile) if self._plan is not None else None
        return Wish(
            envoy_id=effect.envoy_id,
            commit=effect.commit,
            plan_root=effect.plan_root,
            profile=effect.desired.profile,
            environment=profile.environment if profile is not None else "",
            catalog_sha256=effect.desired.catalog_sha256,
            secrets=effect.secrets,
            secrets_key=effect.secrets_key,
        )

    def _answer(self, wish: effects.Assign, made: Stored | Fault) -> events.Event:
        if isinstance(made, Fault):
            return events.Faulted.of(wish, made)
        self._made[made.envoy_id] = made
        self._made.move_to_end(made.envoy_id)
        if len(self._made) > MADE:
            self._made.popitem(last=False)
        return events.AssignmentMade(made.envoy_id, assignments.to_port(made))


def _author(info: CommitInfo) -> str:
    return f"{info.author} <{info.email}>" if info.email else info.author
