"""A server, its agents and what is between them, in virtual time and from one seed.

It is also the example of a shell: `Server.perform` shows what whoever performs the core's effects has to do for each.
The store outlives a crash of the server; answers under way and connections do not.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.holds import Holds
from reconciler.loop import Limits, LoopCore, Moment, effects, events
from reconciler.loop.past import Kept, Past
from reconciler.ports import Assigned, Desired, Order, Plan
from reconciler.rollout.probing import Answer
from reconciler.rollout.terms import Verdict
from schema.diagnostics import Diagnostic
from schema.errors import Exhausted, Fault, NotFound, Stalled, Unavailable
from schema.ids import sha256
from schema.progress import FINISHED, Asked, Progress, WaveProgress
from schema.protocol.reports import RunStatus
from schema.revisions import RevisionState
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, RolloutState, WaveState
from schema.time import HOUR, SECOND

LIFE = 24 * HOUR
START = 1_800_000_000 * SECOND
CHECKS = {
    "canary": (HealthCheck(url="https://x.example.com/"),),
    "half": (HealthCheck(command=("systemctl", "is-active", "nginx"), attempts=2, interval_s=1),),
    "rest": (),
}
"""The health checks of each wave."""


@dataclass(frozen=True)
class Commit:
    """A commit of the simulated repository; it is good if it compiles."""

    id: str
    parents: frozenset[str]
    """All its ancestors."""
    good: bool
    catalogs: Mapping[str, str]
    """Hostname → catalog."""
    secrets: Mapping[str, tuple[str, ...]]
    """Catalog → names."""
    staged: bool = False
    """Whether it is rolled out in waves."""


@dataclass(frozen=True)
class SimulatedPlan:
    commit: str
    plan_root: str
    of: Commit

    @property
    def staged(self) -> bool:
        return self.of.staged

    def desired(self, hostnames: Iterable[str], /) -> dict[str, Desired | None]:
        found: dict[str, Desired | None] = {}
        for name in hostnames:
            catalog = self.of.catalogs.get(name)
            found[name] = Desired("profile", catalog, self.of.secrets.get(catalog, ())) if catalog else None
        return found


@dataclass
class Store:
    """What is durable on the server."""

    in_force: str | None = None
    log: list[tuple[str, RevisionState]] = field(default_factory=list)
    assignments: dict[str, Assigned] = field(default_factory=dict)
    secrets: dict[str, int] = field(default_factory=dict)
    rollouts: list[KeptRollout] = field(default_factory=list)
    runs: dict[str, tuple[Order, str, bool]] = field(default_factory=dict)
    """Agent → its last real run: under which assignment, of which commit, and whether all was well."""


@dataclass
class KeptRollout:
    """One rollout on record."""

    id: int
    commit: str
    everyone: bool
    progress: Progress
    version: int = 0
    plan: RolloutPlan | None = None
    asked: Asked = field(default_factory=Asked)
    first: Mapping[str, Order] = field(default_factory=dict)
    """Agent → the newest assignment it had when the rollout began."""
    given: set[str] = field(default_factory=set)
    """Agents that were given another catalog by its commit."""


@dataclass
class Agent:
    """A host: it accepts nothing older than what it holds, whatever the network brings it."""

    id: str
    hostname: str
    sick: bool
    held: Assigned | None = None
    connection: int = 0
    history: list[Order] = field(default_factory=list)
    probed: dict[tuple[int, str], Answer] = field(default_factory=dict)
    """Rollout and attempt → what came of it: each is run once."""
    passed: set[str] = field(default_factory=set)
    """Commits of which a check has ended well."""

    def accept(self, assigned: Assigned) -> bool:
        if self.sick or (self.held is not None and assigned.order < self.held.order):
            return False
        if self.held is None or assigned.order > self.held.order:
            self.held = assigned
            self.history.append(assigned.order)
        return True


class World:
    """Everything, advanced by `run`. `sometimes` counts what happened, to show that it does."""

    def __init__(self, seed: int, *, hosts: int = 8, trouble: float = 0.15, staged: float = 0.0) -> None:
        self.staged = staged
        self.random = random.Random(seed)
        self.trouble = trouble
        self.now = 0.0
        self.queue: list[tuple[float, float, int, Callable[[], None]]] = []
        self.count = 0
        self.sometimes: Counter[str] = Counter()
        self.store = Store(secrets={"db": 1, "tls": 1})
        self.commits: dict[str, Commit] = {}
        self.tip: str | None = None
        self.ref: str | None = None
        self.agents = {f"e{n}": Agent(f"e{n}", f"h{n}", sick=self.random.random() < 0.1) for n in range(hosts)}
        self.server = Server(self)

    @property
    def moment(self) -> Moment:
        return Moment(START + round(self.now * SECOND), self.now)

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now + delay_s, self.random.random(), self.count, action))

    def chance(self, probability: float, what: str) -> bool:
        if self.random.random() < probability * (self.trouble / 0.15):
            self.sometimes[what] += 1
            return True
        return False

    def run(self, until_s: float) -> None:
        while self.queue and self.queue[0][0] <= until_s:
            self.now, _, _, action = heapq.heappop(self.queue)
            action()
        self.now = until_s

    # what people do

    def push_commit(self) -> None:
        """Somebody pushes: a good commit, a bad one, or another history."""
        kind = self.random.choices(["good", "bad", "rewind"], [6, 3, 1])[0]
        base = self.commits.get(self.ref) if self.ref else None
        if kind == "rewind" and base is not None and base.parents:
            self.sometimes["rewind"] += 1
            base = self.commits[self.random.choice(sorted(base.parents))]
        number = len(self.commits)
        # A small change: most hosts keep their catalog.
        catalogs = dict(base.catalogs) if base else {agent.hostname: sha256(b"0") for agent in self.agents.values()}
        staged = self.random.random() < self.staged if self.staged else False
        for hostname in self.random.sample(sorted(catalogs), 6 if staged else 2):
            catalogs[hostname] = sha256(f"catalog {number}".encode())
        secrets = dict(base.secrets) if base else {}
        secrets[sha256(f"catalog {number}".encode())] = self.random.choice([(), ("db",), ("db", "tls")])
        commit = Commit(
            id=f"c{number}",
            parents=(base.parents | {base.id}) if base else frozenset(),
            good=kind != "bad",
            catalogs=catalogs,
            secrets=secrets,
            staged=staged,
        )
        self.sometimes[kind] += 1
        self.commits[commit.id] = commit
        self.ref = commit.id
        self.after(self.random.uniform(0, 0.5), self.server.look)

    def rotate_secret(self) -> None:
        """Somebody sets a secret to another value."""
        name = self.random.choice(["db", "tls"])
        version = self.store.secrets[name] = self.store.secrets[name] + 1
        self.sometimes["secret rotated"] += 1
        self.server.tell(events.SecretsChanged({name: version}))

    def connect(self, agent: Agent) -> None:
        if agent.connection or not self.server.up:
            return  # a server that starts is found by all
        self.server.connections += 1
        agent.connection = self.server.connections
        assigned = self.store.assignments.get(agent.id)
        applied = agent.held.order if agent.held else None
        connection = agent.connection

        def tell() -> None:
            # Read as late as can be: one that is out of date by then costs an assignment too many.
            newest = self.store.assignments.get(agent.id)
            self.server.tell(events.EnvoyConnected(agent.id, agent.hostname, connection, applied, newest))

        self.after(self.random.uniform(0, 0.2), tell)
        if assigned is not None:
            self.deliver(agent, agent.connection, assigned)

    def disconnect(self, agent: Agent) -> None:
        if not agent.connection:
            return
        connection, agent.connection = agent.connection, 0
        self.sometimes["disconnected"] += 1
        self.after(self.random.uniform(0, 5), lambda: self.server.tell(events.EnvoyDisconnected(agent.id, connection)))
        self.after(self.random.uniform(0, 20), lambda: self.connect(agent))

    def deliver(self, agent: Agent, connection: int, assigned: Assigned) -> None:
        """A frame to an agent: late, twice or, when its connection breaks, never."""

        def arrive() -> None:
            if agent.connection != connection:
                self.sometimes["frame lost"] += 1
                return
            if agent.accept(assigned):
                self.after(self.random.uniform(0, 2), lambda: self.report(agent, connection, assigned))
            else:
                self.sometimes["refused"] += 1
                code = "format" if agent.sick else "rollback"
                self.server.tell(events.RefusedByEnvoy(agent.id, assigned.assignment_sha256, code))

        self.after(self.random.uniform(0, 1), arrive)
        if self.chance(0.1, "frame twice"):
            self.after(self.random.uniform(0, 3), arrive)

    def report(self, agent: Agent, connection: int, assigned: Assigned) -> None:
        if agent.connection != connection:
            self.sometimes["report lost"] += 1
            return
        status = RunStatus.FAILED if self.chance(0.1, "run failed") else RunStatus.CONVERGED
        self.store.runs[agent.id] = assigned.order, assigned.commit, status is RunStatus.CONVERGED
        self.server.tell(events.Reported(agent.id, assigned.order, assigned.assignment_sha256, assigned.commit, status))


class Server:
    """The shell around the core."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.up = True
        self.life = 0
        self.connections = 0
        self.limits = Limits(compile_s=20, record_s=5, assign_s=5, push_s=5, acknowledge_s=60, assigning=3, pushing=4)
        self.retained: frozenset[str] = frozenset()
        self.holds = Holds([])
        self.unanswered: set[str] = set()
        self.doubled: set[str] = set()
        self.told: list[events.Event] = []
        self.core = self.fresh()

    def fresh(self) -> LoopCore:
        store = self.world.store
        return LoopCore(
            in_force=store.in_force,
            secrets=store.secrets,
            random=self.world.random.random,
            limits=self.limits,
            past=self.past() if store.rollouts else None,
        )

    def past(self) -> Past:
        """The rollouts, as `api.services.rollouts.past` reads them."""
        store = self.world.store
        done = [one for one in store.rollouts if one.progress.state is RolloutState.DONE]
        last, newest = (done[-1] if done else None), store.rollouts[-1]
        verdicts = {}
        for envoy_id, (order, commit, healthy) in store.runs.items():
            before = newest.first.get(envoy_id)
            if commit == newest.commit and (before is None or order > before):
                verdicts[self.world.agents[envoy_id].hostname] = Verdict(order, healthy)
        return Past(
            proven=last.commit if last else None,
            since=frozenset(one.commit for one in store.rollouts if last is None or one.id > last.id),
            current=Kept(
                id=newest.id,
                commit=newest.commit,
                plan=newest.plan,
                progress=newest.progress,
                version=newest.version,
                everyone=newest.everyone,
                asked=newest.asked,
                verdicts=verdicts,
            ),
        )

    def ask(self, **update: object) -> None:
        """Somebody asks something of the newest rollout."""
        newest = self.world.store.rollouts[-1]
        newest.asked = newest.asked.model_copy(update=update)
        self.tell(events.RolloutAsked(newest.id, newest.asked))

    def crash(self) -> None:
        """Killed, and started again a little later. Everything but the store is gone."""
        if not self.up:
            return
        self.world.sometimes["crash"] += 1
        self.up = False
        self.life += 1
        self.told.clear()
        for agent in self.world.agents.values():
            agent.connection = 0

        def start() -> None:
            self.up = True
            self.core = self.fresh()
            self.tell(events.HoldsChanged(self.holds))
            self.look()
            for agent in self.world.agents.values():
                self.world.after(self.world.random.uniform(0, 3), lambda agent=agent: self.world.connect(agent))

        self.world.after(self.world.random.uniform(0.1, 3), start)

    def look(self) -> None:
        """The watcher: level-triggered, so it may tell what is known."""
        if self.world.ref is not None:
            self.tell(events.RefMoved(self.world.ref))

    def tell(self, event: events.Event) -> None:
        """What happens in one moment is judged together."""
        if not self.up:
            return
        self.told.append(event)
        if len(self.told) == 1:
            self.later(self.judge, 0.05 if self.world.chance(0.3, "told together") else 0.0)

    def judge(self) -> None:
        told, self.told = self.told, []
        for effect in self.core.handle_all(told, self.world.moment):
            self.perform(effect)

    def later(self, action: Callable[[], None], most_s: float = 0.5) -> None:
        """Whatever is under way ends with this life of the server."""
        life = self.life
        self.world.after(self.world.random.uniform(0, most_s), lambda: action() if self.life == life else None)

    def answer(self, event: events.Event, subject: str = "") -> None:
        if self.world.chance(0.03, "answer lost"):
            self.unanswered.add(subject)
            return
        self.later(lambda: self.tell(event))
        if self.world.chance(0.03, "answer twice"):
            self.doubled.add(subject)
            self.later(lambda: self.tell(event), 8)

    def perform(self, effect: effects.Effect) -> None:
        match effect:
            case effects.WakeAt(at):
                life = self.life
                wait = max(0.0, at - self.world.now)
                self.world.after(wait, lambda: self.tell(events.Tick()) if self.life == life else None)
            case effects.Abandon():
                self.world.sometimes["abandoned"] += 1
            case effects.Retain(commits):
                self.retained = commits
            case _:
                self.later(lambda: self._do(effect))

    def _do(self, effect: effects.Answered) -> None:
        fault = self._fault(effect)
        if fault is not None:
            self.answer(events.Faulted.of(effect, fault), getattr(effect, "envoy_id", ""))
            return
        store = self.world.store
        match effect:
            case effects.Compile(commit, base):
                self.answer(self._compile(self.world.commits[commit], base))
            case effects.PutInForce(plan, restore):
                assert self.world.commits[plan.commit].good
                if restore:
                    assert store.in_force == plan.commit
                else:
                    store.in_force = plan.commit
                    store.log.append((plan.commit, RevisionState.IN_FORCE))
                    self._begin_rollout(plan)
                self.answer(events.InForce(plan.commit, store.rollouts[-1].id))
            case effects.KeepRollout():
                self._keep(effect)
            case effects.PlanRollout():
                self.answer(events.RolloutPlanned(effect.commit, self._plan(effect)))
            case effects.CheckHealth(rollout_id, wave, _):
                failed = "it answered 503" if self.world.chance(0.1, "unwell") else ""
                self.answer(events.HealthChecked(rollout_id, wave, failed))
            case effects.Probe():
                self._probe(effect)
            case effects.Recall(commit):
                old = self.world.commits[commit]
                self.answer(events.Recalled(SimulatedPlan(old.id, sha256(old.id.encode()), old)))
            case effects.RecordFailure(commit, state):
                store.log.append((commit, state))
                self.answer(events.Recorded(commit))
            case effects.Assign():
                self._assign(effect)
            case effects.Push(envoy_id, order):
                agent = self.world.agents[envoy_id]
                newest = store.assignments[envoy_id]
                assert newest.order >= order
                if not agent.connection:
                    self.answer(events.Faulted.of(effect, NotFound("not connected")))
                    return
                self.world.deliver(agent, agent.connection, newest)
                self.answer(events.Pushed(envoy_id, order))

    def _probe(self, effect: effects.Probe) -> None:
        """A host runs each attempt once, and says the same of it whenever it is asked."""
        world, agent = self.world, self.world.agents[effect.envoy_id]
        kept = world.store.rollouts[effect.rollout_id - 1]
        if kept.commit == world.store.in_force:  # else a newer commit came just now
            assert kept.plan is not None
            (wave,) = [wave for wave in kept.plan.waves if effect.hostname in wave.hosts]
            assert kept.progress.waves[wave.index].probes > 0, "it is asked before that is on record"
            assert effect.check in wave.commands
        if not agent.connection:
            self.answer(events.Faulted.of(effect, NotFound("not connected")))
            return
        self.ask_host(effect)

    def ask_host(self, effect: effects.Probe) -> None:
        """A host that is there is asked, and answers."""
        world, agent = self.world, self.world.agents[effect.envoy_id]
        key = (effect.rollout_id, effect.id)
        if key not in agent.probed:
            agent.probed[key] = Answer("failed", 3) if world.chance(0.1, "check failed") else Answer("passed", 0)
            agent.passed |= {effect.commit} if agent.probed[key].outcome == "passed" else set()
        self.answer(events.Probed(effect.rollout_id, effect.hostname, effect.id, agent.probed[key]))

    def _compile(self, commit: Commit, base: str | None) -> events.Event:
        if base is not None and base != commit.id and base not in commit.parents:
            return events.Diverged(commit.id, base)
        if not commit.good:
            return events.CompileFailed(commit.id, (Diagnostic(code="x", file="a.vgo", message="bad"),))
        return events.Compiled(SimulatedPlan(commit.id, sha256(commit.id.encode()), commit))

    def _plan(self, effect: effects.PlanRollout) -> RolloutPlan:
        """Three waves of whoever changes: one canary, then those who must be approved, then the rest."""
        world, target = self.world, self.world.commits[effect.commit]
        changing = []
        for envoy_id, agent in world.agents.items():
            given = world.store.assignments.get(envoy_id)
            commit = given.commit if given and given.commit in effect.since | {effect.commit} else effect.proven
            base = world.commits[commit].catalogs.get(agent.hostname) if given and commit else None
            if base != target.catalogs[agent.hostname]:
                changing.append(agent.hostname)
        world.random.shuffle(changing)
        parts = [("canary", changing[:1]), ("half", changing[1:4]), ("rest", changing[4:])]
        waves = [
            PlannedWave(
                index=index,
                name=name,
                hosts=tuple(sorted(hosts)),
                pause_s=3,
                approvals=1 if name == "half" else 0,
                health=CHECKS[name],
                max_in_flight=2,
                failure_budget=1 if name == "half" else 0,
            )
            for index, (name, hosts) in enumerate(part for part in parts if part[1])
        ]
        return RolloutPlan.model_construct(
            commit=target.id, base=effect.proven, plan_root="r", waves=tuple(waves), unchanged=0
        )

    def _begin_rollout(self, plan: Plan) -> None:
        store = self.world.store
        if store.rollouts and store.rollouts[-1].commit == plan.commit:
            return
        if store.rollouts and store.rollouts[-1].progress.state not in FINISHED:
            before = store.rollouts[-1]
            before.progress = before.progress.model_copy(update={"state": RolloutState.CANCELLED})
        state = RolloutState.PLANNED if plan.staged else RolloutState.RUNNING
        wave = WaveProgress(index=0, state=WaveState.RUNNING, began_at=self.world.moment.wall)
        store.rollouts.append(
            KeptRollout(
                id=len(store.rollouts) + 1,
                commit=plan.commit,
                everyone=not plan.staged,
                progress=Progress(state=state, waves=() if plan.staged else (wave,)),
                first={envoy_id: held.order for envoy_id, held in store.assignments.items()},
            )
        )

    def _check_release(self, effect: effects.Assign, before: Assigned | None) -> None:
        """Nobody is given what changes for them before their wave has begun, and that is on record."""
        kept = self.world.store.rollouts[-1]
        changes = before is None or before.catalog_sha256 != effect.desired.catalog_sha256
        if not changes:
            return
        for each in self.world.store.rollouts:
            if each.commit == effect.commit:
                each.given.add(effect.envoy_id)
        if effect.commit != kept.commit or kept.everyone or kept.progress.state is RolloutState.DONE:
            return
        assert kept.plan is not None
        (wave,) = [wave for wave in kept.plan.waves if effect.hostname in wave.hosts] or [None]
        begun = wave is not None and kept.progress.waves[wave.index].began_at is not None
        assert begun, (effect.hostname, kept.progress)

    def _keep(self, effect: effects.KeepRollout) -> None:
        kept = self.world.store.rollouts[effect.rollout_id - 1]
        if effect.version > kept.version:
            kept.version, kept.progress = effect.version, effect.progress
            kept.plan = None if kept.everyone else effect.plan
        self.world.sometimes[f"rollout {effect.progress.state}"] += 1
        self.answer(events.RolloutKept(effect.rollout_id, effect.version))

    def _assign(self, effect: effects.Assign) -> None:
        store = self.world.store
        before = store.assignments.get(effect.envoy_id)
        # What nobody may see: anything but the commit in force, or an assignment for nothing.
        assert self.world.commits[effect.commit].good
        assert effect.commit in {commit for commit, state in store.log if state is RevisionState.IN_FORCE}
        agent = self.world.agents[effect.envoy_id]
        self._check_release(effect, before)
        again = bool(store.rollouts and store.rollouts[-1].asked.retries)
        if before is not None and not (agent.sick or again) and effect.envoy_id not in self.unanswered | self.doubled:
            assert (before.catalog_sha256, before.secrets_key) != (
                effect.desired.catalog_sha256,
                effect.secrets_key,
            ) or self.world.moment.wall > before.created + LIFE * 0.39
        self.unanswered.discard(effect.envoy_id)
        generation = before.order.generation + 1 if before else 1
        made = Assigned(
            order=Order(1, generation),
            assignment_sha256=self.sign(effect, generation),
            commit=effect.commit,
            catalog_sha256=effect.desired.catalog_sha256,
            plan_root=effect.plan_root,
            secrets_key=effect.secrets_key,
            created=self.world.moment.wall,
            expires=self.world.moment.wall + LIFE,
        )
        store.assignments[effect.envoy_id] = made
        self.answer(events.AssignmentMade(effect.envoy_id, made), effect.envoy_id)

    def sign(self, effect: effects.Assign, generation: int) -> str:
        """The digest of an assignment that is made."""
        return sha256(f"{effect.envoy_id} {generation}".encode())

    def _fault(self, effect: effects.Effect) -> Fault | None:
        world = self.world
        if world.chance(0.05, "unavailable"):
            return Unavailable("the database is silent")
        if world.chance(0.03, "exhausted"):
            return Exhausted("too many", retry_after_s=2.0)
        if isinstance(effect, effects.Assign) and world.agents[effect.envoy_id].sick and world.chance(0.5, "stalled"):
            return Stalled("its key is broken")
        if isinstance(effect, effects.Compile) and world.chance(0.03, "compile hangs"):
            self.unanswered.add("")
            world.after(1000.0, lambda: None)
            return Unavailable("the compiler was killed")
        return None
