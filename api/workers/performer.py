"""The performer: does what the loop wants done, with the services, the compiler and the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from api.services import assignments, revisions, rollouts
from api.services.assignments import Stored, Wish
from api.services.catalogs import Catalogs, Target
from api.services.container import Services
from api.services.probes import Probes
from api.services.secrets import vault_of
from api.services.work import Actor, Work
from api.workers.compiler import Compiler, GraphPlan
from api.workers.rollouts import RolloutPerformer
from reconciler.graph import Graph
from reconciler.loop import effects, events
from reconciler.ports import Order
from reconciler.repository import CommitInfo
from schema.errors import Fault, Unavailable

log = logging.getLogger("vigo.loop")

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
        completed: a target with all that the envoy asks for.
        pinned: whether an envoy takes approved plans alone.
        probes: hosts that are asked to run the commands of health checks.
    """

    def __init__(
        self,
        services: Services,
        catalogs: Catalogs,
        compiler: Compiler,
        *,
        push: Callable[[str, Target], bool],
        completed: Callable[[str, Target], Awaitable[Target]],
        pinned: Callable[[str], bool],
        probes: Probes,
    ) -> None:
        self._services = services
        self._catalogs = catalogs
        self._compiler = compiler
        self._push = push
        self._completed = completed
        self._pinned = pinned
        self._probes = probes
        self._plan: GraphPlan | None = None
        self._rollouts = RolloutPerformer(
            services, catalogs, compiler, in_force=lambda: self._plan, tip=lambda: self.tip()
        )
        self.tip: Callable[[], str | None] = lambda: None
        """The commit that the tracked ref names; filled in with the driver."""
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
        if effect.restore:
            newest = await self._services.read(LOOP, rollouts.current)
            rollout_id = newest.id if newest is not None and newest.commit == plan.commit else 0
        else:
            rollout_id = await self._services.write(LOOP, lambda work: _put_in_force(work, plan))
        self._catalogs.put(signed, plan.commit)
        before, self._plan = self._plan, plan
        if before is not None and before.commit != plan.commit:
            self._rollouts.recalled[before.commit] = before
        self._services.graph = plan.graph
        return events.InForce(plan.commit, rollout_id)

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

    async def push(self, pushes: list[effects.Push]) -> list[events.Event]:
        """Hand envoys their newest assignments."""
        made = await self._newest(pushes)
        pinned = [push for push in pushes if self._pinned(push.envoy_id)]
        apart = {push.envoy_id for push in pinned}
        # Of a catalog all is at hand once the first host of its profile has it; of a pinned host the proof is its own.
        answers = [await self._push_one(push, made) for push in pushes if push.envoy_id not in apart]
        answers += await asyncio.gather(*(self._push_one(push, made) for push in pinned))
        return [answer for answer in answers if answer is not None]

    async def plan_rollout(self, effect: effects.PlanRollout) -> events.Event:
        """Make a plan of how the commit in force reaches the hosts."""
        return await self._rollouts.plan(effect)

    async def keep_rollout(self, effect: effects.KeepRollout) -> events.Event:
        """Write down how far a rollout is."""
        return await self._rollouts.keep(effect)

    async def check_health(self, effect: effects.CheckHealth) -> events.Event:
        """Ask whether all is well after a wave."""
        return await self._rollouts.check_health(effect)

    async def probe(self, effect: effects.Probe) -> events.Event:
        """Have a host run the command of a health check."""
        return await self._probes.ask(effect)

    async def go_back(self, effect: effects.GoBack) -> events.Event:
        """Take a change back by a commit."""
        return await self._rollouts.go_back(effect)

    async def recall(self, effect: effects.Recall) -> events.Event:
        """Have a commit from before at hand."""
        return await self._rollouts.recall(effect)

    def retain(self, effect: effects.Retain) -> None:
        """Let go of what is not to be at hand."""
        self._rollouts.retain(effect.commits)

    def close(self) -> None:
        """Begin nothing any more."""
        self._rollouts.close()

    def graph(self, commit: str) -> Graph | None:
        """What a commit means, where it is at hand."""
        plan = self._at_hand(commit)
        return plan.graph if plan is not None else None

    def _at_hand(self, commit: str) -> GraphPlan | None:
        plan = self._plan
        return plan if plan is not None and plan.commit == commit else self._rollouts.recalled.get(commit)

    def _wish(self, effect: effects.Assign) -> Wish:
        plan = self._at_hand(effect.commit)
        profile = plan.graph.profiles.get(effect.desired.profile) if plan is not None else None
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

    async def _newest(self, pushes: list[effects.Push]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for push in pushes:
            stored = self._made.pop(push.envoy_id, None)
            if stored is not None and (stored.epoch, stored.generation) >= push.order:
                found[push.envoy_id] = stored
        if missing := [push.envoy_id for push in pushes if push.envoy_id not in found]:
            found |= await self._services.read(LOOP, lambda work: assignments.latest_of(work, missing))
        return found

    async def _push_one(self, push: effects.Push, made: Mapping[str, Stored]) -> events.Event | None:
        stored = made.get(push.envoy_id)
        target = assignments.to_target(stored, self._catalogs) if stored is not None else None
        try:
            if target is not None:
                target = await self._completed(push.envoy_id, target)
        except Fault as fault:
            return events.Faulted.of(push, fault)
        except Exception:
            log.exception("a target could not be completed", extra={"envoy_id": push.envoy_id})
            return None
        if target is None or not self._push(push.envoy_id, target):
            return events.Faulted.of(push, NotConnected("the envoy is not connected any more"))
        return events.Pushed(push.envoy_id, Order(*target.order))

    def _answer(self, wish: effects.Assign, made: Stored | Fault) -> events.Event:
        if isinstance(made, Fault):
            return events.Faulted.of(wish, made)
        self._made[made.envoy_id] = made
        self._made.move_to_end(made.envoy_id)
        if len(self._made) > MADE:
            self._made.popitem(last=False)
        return events.AssignmentMade(made.envoy_id, assignments.to_port(made))


def _put_in_force(work: Work, plan: GraphPlan) -> int:
    """Record the commit, and that its rollout begins; the rollout's id."""
    assert plan.info is not None
    author = _author(plan.info)
    revisions.record_in_force(
        work,
        commit=plan.commit,
        plan_root=plan.plan_root,
        compiled_ms=plan.compiled_ms,
        author=author,
        summary=plan.info.summary,
        diagnostics=plan.diagnostics,
        trust_version=plan.trust_version,
    )
    return rollouts.begin(work, commit=plan.commit, plan_root=plan.plan_root, author=author, staged=plan.staged)


def _author(info: CommitInfo) -> str:
    return f"{info.author} <{info.email}>" if info.email else info.author
