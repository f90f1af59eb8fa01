"""What the loop wants done about rollouts: plans made, progress kept, health asked for, changes taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from prometheus_client import Gauge

from api.services import changes, envoys, rollouts
from api.services.catalogs import Catalogs
from api.services.changes import Change
from api.services.container import Services
from api.services.graphs import NoArchive
from api.services.publishes import bringing
from api.services.revisions import NoRepository
from api.services.work import Actor
from api.workers.compiler import Compiler, GraphPlan
from api.workers.health import Health
from reconciler.graph import Graph
from reconciler.loop import effects, events
from reconciler.rollout import invariants
from schema.changes import WriteStatus
from schema.errors import Conflict, Fault, Stalled
from schema.progress import Progress
from schema.rollouts import RolloutState, WaveState

log = logging.getLogger("vigo.rollouts")

LOOP: Final = Actor.system("loop")
MEASURED: Final = ("hosts", "released", "healthy", "checking", "failed", "silent", "offline", "held")
MAX_BASES: Final = 8
"""Commits that hosts are released to, of which a plan looks at the graphs; a host of another one counts as changed."""


REST_S: Final = 5.0


async def tell_asked(services: Services, tell: Callable[[events.Event], None]) -> None:
    """Tell the loop what people ask of the rollout under way, until cancelled. What was missed is read anew."""
    with services.events.listen(rollouts.ASKED, "revision.in_force") as listener:
        while True:
            try:
                current = await services.read(LOOP, rollouts.current)
            except Fault as fault:
                log.warning("rollouts cannot be read: %s", fault.message)
                await asyncio.sleep(REST_S)
                continue
            if current is not None:
                tell(events.RolloutAsked(current.id, current.asked))
            await anext(listener)


class Overtaken(Stalled):
    """A newer commit came: there is nothing to take back any more."""

    code = "rollouts.overtaken"


class NotTakenBack(Conflict):
    """The commit that would take a change back was not made, or waits to be reviewed."""

    code = "rollouts.not_taken_back"


class RolloutPerformer:
    """The part of the performer that is about rollouts. Lives in the event loop's thread.

    Args:
        in_force: the plan in force.
        tip: the commit that the tracked ref names, as far as is known.
    """

    def __init__(
        self,
        services: Services,
        catalogs: Catalogs,
        compiler: Compiler,
        *,
        in_force: Callable[[], GraphPlan | None],
        tip: Callable[[], str | None],
    ) -> None:
        self._services = services
        self._catalogs = catalogs
        self._compiler = compiler
        self._in_force = in_force
        self._tip = tip
        self._health = Health()
        registry = services.metrics.registry
        self._state = Gauge("vigo_rollout_state", "1 for what the newest rollout is at.", ["state"], registry=registry)
        self._wave = Gauge("vigo_rollout_wave", "Waves of the newest rollout that are through.", registry=registry)
        self._hosts = Gauge(
            "vigo_rollout_hosts", "Hosts of the newest rollout, by state.", ["state"], registry=registry
        )
        self.recalled: dict[str, GraphPlan] = {}
        """Plans from before that are at hand, by commit."""

    async def plan(self, effect: effects.PlanRollout) -> events.Event:
        """Make a plan, in the compiler's thread."""
        plan = self._in_force()
        if plan is None or plan.commit != effect.commit:
            raise Overtaken("a newer commit is in force")
        graph, services = plan.graph, self._services
        traits = bool(invariants.traits_asked(graph))
        facts = await services.read(
            LOOP,
            lambda work: rollouts.facts(
                work,
                effect.commit,
                services.holds,
                envoys.online(services),
                proven=effect.proven,
                since=effect.since,
                traits=traits,
            ),
        )
        bases = await self._graphs({host.base for host in facts if host.base is not None} - {effect.commit})
        return events.RolloutPlanned(effect.commit, await self._compiler.plan(graph, facts, bases))

    async def keep(self, effect: effects.KeepRollout) -> events.Event:
        """Write down how far a rollout is."""
        await self._services.write(
            LOOP,
            lambda work: rollouts.keep(
                work,
                effect.rollout_id,
                version=effect.version,
                progress=effect.progress,
                plan=effect.plan,
            ),
        )
        self._measure(effect.progress)
        return events.RolloutKept(effect.rollout_id, effect.version)

    async def check_health(self, effect: effects.CheckHealth) -> events.Event:
        """Ask whether all is well."""
        failed = await self._health.ask(effect.checks)
        return events.HealthChecked(effect.rollout_id, effect.wave, failed)

    async def go_back(self, effect: effects.GoBack) -> events.Event:
        """Take the change back by a commit of the server's."""
        services, committer = self._services, self._services.committer
        if committer is None:
            raise NoRepository("this server follows no config repository; set VIGO_REPO")
        if self._tip() not in {None, effect.commit}:
            raise Overtaken("a newer commit is there")
        edit = bringing(await committer.tree(effect.commit), await committer.tree(effect.base), effect.base[:12])
        change = Change(
            f"Go back to {effect.base[:12]}",
            edit,
            reason=f"Rollout {effect.rollout_id} of {effect.commit} stopped: {effect.why}",
            kind="revert",
        )
        written = await changes.write(services, LOOP, change, wait_s=1.0)
        if written.status in {WriteStatus.PROPOSED, WriteStatus.FAILED} or written.commit is None:
            said = f"it waits on {written.branch}" if written.status is WriteStatus.PROPOSED else written.message
            raise NotTakenBack(said or "no commit was made")
        return events.WentBack(effect.rollout_id, written.commit)

    async def recall(self, effect: effects.Recall) -> events.Event:
        """Compile a commit from before, in the archive's thread."""
        archive = self._services.archive
        if archive is None:
            raise NoArchive("this server follows no config repository")
        graph = await archive.graph(effect.commit)
        await asyncio.to_thread(self._catalogs.recall, graph, effect.commit)
        plan = self.recalled[effect.commit] = GraphPlan(graph, effect.commit, None, (), 0.0)
        return events.Recalled(plan)

    def retain(self, commits: Collection[str]) -> None:
        """Let go of what is not to be at hand."""
        self._catalogs.retain(commits)
        for commit in self.recalled.keys() - set(commits):
            del self.recalled[commit]

    def close(self) -> None:
        """Ask for nobody's health any more."""
        self._health.close()

    def _measure(self, progress: Progress) -> None:
        for state in RolloutState:
            self._state.labels(state.value).set(state is progress.state)
        self._wave.set(sum(wave.state is WaveState.DONE for wave in progress.waves))
        for name in MEASURED:
            self._hosts.labels(name).set(sum(getattr(wave, name) for wave in progress.waves))

    async def _graphs(self, commits: set[str]) -> dict[str, Graph]:
        found: dict[str, Graph] = {}
        archive = self._services.archive
        for commit in sorted(commits)[:MAX_BASES]:
            at_hand = self.recalled.get(commit)
            if at_hand is not None:
                found[commit] = at_hand.graph
            elif archive is not None:
                try:
                    found[commit] = await archive.graph(commit)
                except Fault as fault:
                    log.warning("commit %s is not at hand: %s", commit[:12], fault.message)
        return found
