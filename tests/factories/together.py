"""The loop and its agents together in virtual time: both protocol cores as they are, with a network that does its worst.

The server's side is that of the loop's simulation (its store, its crashes, its lost answers), each host that of the
agent's: its core, its acceptance, its spool. What is only here is the gateway between them. Everything follows from one
seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from agent import effects as fx
from agent.hosts import Ran as Program
from reconciler.loop import effects, events
from reconciler.ports import Assigned, Order
from reconciler.rollout.probing import Answer
from schema.errors import NotFound
from schema.protocol.messages import (
    AGENT_MESSAGE,
    Ack,
    Apply,
    Hello,
    Probe,
    Probed,
    Refused,
    ReportMessage,
    Target,
    Welcome,
)
from schema.protocol.reports import Report, RunStatus
from schema.protocol.signing import Domain
from schema.rollouts import RolloutState
from schema.time import to_rfc3339
from tests.factories import simulated
from tests.factories.targets import NOW, Signer
from tests.unit.reconciler.loop import simulation
from tests.unit.reconciler.loop.simulation import Agent, World

FOREVER = 4_000_000_000_000_000


class Gate(simulated.Server):
    """What the gateway does for one host, on the connection that it has now."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.signer, line.rng)
        self._line = line

    def answer(self, text: str) -> list[str]:
        line, message = self._line, AGENT_MESSAGE.validate_json(text)
        world = line.world
        match message:
            case Hello():
                line.welcomed(message)
                newest = world.store.assignments.get(line.agent.id)
                target = line.targets[newest.order.generation] if newest is not None else None
                if target is not None and message.applied is not None:
                    held = message.applied.assignment_sha256
                    target = None if held == target.assignment.sha256 else target
                welcome = Welcome(protocol=1, time=NOW, interval_s=900, heartbeat_s=30, capabilities=[], target=target)
                return [welcome.model_dump_json()]
            case ReportMessage(report=report):
                line.received(report)
                return [Ack(report_id=report.id).model_dump_json()]
            case Probed():
                line.answered(message)
                return []
            case Refused():
                world.sometimes["refused"] += 1
                world.sometimes[f"refused {message.code}"] += 1
                world.server.unanswered.add(line.agent.id)  # what was refused may be made anew
                told = events.RefusedByEnvoy(line.agent.id, message.assignment_sha256, message.code)
                world.server.tell(told)
                return []
        return super().answer(text)


class Hand(simulated.MemoryExecutor):
    """A host whose runs, and the commands of health checks on it, fail now and then."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.signer, line.rng)
        self._line = line

    def active(self, *_: object) -> Program:
        if self._line.world.chance(0.1, "check failed"):
            return Program(3, b"inactive\n", b"")
        self._line.passed.append(self._line.world.named(self.held.assignment.commit) if self.held else "")
        return Program(0, b"", b"")

    def converge(self, trigger: Any) -> Any:
        ran = super().converge(trigger)
        if self.held is not None and self._line.world.chance(0.08, "run failed"):
            newest = max(self.spool)
            self.spool[newest] = self.spool[newest].model_copy(update={"status": RunStatus.FAILED})
        return ran


class Line(simulated.World):
    """One host and its network, in the time of the whole world."""

    def __init__(self, world: Together, agent: Agent) -> None:
        self.world = world
        self.agent = agent
        self.targets: dict[int, Target] = {}
        self.waiting: dict[str, effects.Probe] = {}
        """What the server waits for of this host, by id."""
        self.passed: list[str] = []
        """Commits under which the command of a health check ended well."""
        self.known: dict[str, str] = {}
        """Report → the commit it was of, as the server has stored them."""
        envoy = f"0198f000-0000-7000-8000-{int(agent.id[1:]):012x}"
        super().__init__(world.random.randrange(2**32), fifo=True, signer=Signer(envoy))

    @property
    def now(self) -> float:
        return self.world.now

    @now.setter
    def now(self, _: float) -> None:
        """The world's is the only one."""

    @property
    def up(self) -> bool:
        return not hasattr(self.world, "server") or self.world.server.up

    @up.setter
    def up(self, _: bool) -> None:
        """Whether the server is."""

    def at(self, delay: float, act: Callable[[], None]) -> None:
        self.world.after(delay, act)

    def boot(self) -> None:
        if self.lives == 0:
            self.server, self.executor = Gate(self), Hand(self)
            self.world.after(self.rng.uniform(0, 5), super().boot)
            self.lives = 1
            return
        super().boot()

    def welcomed(self, hello: Hello) -> None:
        """A connection of this host is there, and the loop will hear of it."""
        world, agent = self.world, self.agent
        self.lost()
        world.server.connections += 1
        agent.connection = connection = world.server.connections
        applied = Order(hello.applied.epoch, hello.applied.generation) if hello.applied is not None else None

        def tell() -> None:
            newest = world.store.assignments.get(agent.id)
            world.server.tell(events.EnvoyConnected(agent.id, agent.hostname, connection, applied, newest))

        world.after(world.random.uniform(0, 0.2), tell)

    def asked(self, effect: effects.Probe) -> None:
        """Have the host run the command of a health check, by an order of its own."""
        world, id_ = self.world, f"{effect.rollout_id}.{effect.id}"
        newest = world.store.assignments[effect.envoy_id]
        catalog = self.targets[newest.order.generation].catalog
        assert catalog is not None
        world.orders += 1
        order = {
            "format": 1,
            "project": self.signer.project,
            "envoy_id": self.signer.envoy_id,
            "id": id_,
            "commit": world.hexed(effect.commit),
            "catalog_sha256": catalog.sha256,
            "command": list(effect.check.command or ()),
            "returns": list(effect.check.returns),
            "timeout_s": effect.check.timeout_s,
            "created": to_rfc3339(NOW + world.orders),
            "expires": to_rfc3339(FOREVER),
        }
        self.waiting[id_] = effect
        frame = Probe(id=id_, order=self.signer.sign(Domain.PROBE, order)).model_dump_json()
        self.carry("down", frame)
        if world.chance(0.1, "probe twice"):
            self.carry("down", frame)
        world.after(effect.check.timeout_s + 20, lambda: self.unanswered(id_, effect))

    def answered(self, said: Probed) -> None:
        effect = self.waiting.pop(said.id, None)
        world = self.world
        world.sometimes[f"probe {said.outcome}"] += 1
        if effect is not None:
            answer = Answer(said.outcome, said.code, said.output)
            world.server.answer(events.Probed(effect.rollout_id, effect.hostname, effect.id, answer))

    def unanswered(self, id_: str, effect: effects.Probe) -> None:
        """Nobody waits any longer."""
        if self.waiting.get(id_) is effect:
            del self.waiting[id_]
            self.world.server.answer(events.Faulted.of(effect, NotFound("it does not answer")))

    def lost(self) -> None:
        """The connection that was is no more, and the loop will hear of that too, perhaps after the next."""
        for id_, effect in list(self.waiting.items()):
            self.unanswered(id_, effect)
        connection, self.agent.connection = self.agent.connection, 0
        if connection:
            gone = events.EnvoyDisconnected(self.agent.id, connection)
            self.world.after(self.world.random.uniform(0, 5), lambda: self.world.server.tell(gone))

    def received(self, report: Report) -> None:
        """Store it once; then tell the loop, each time."""
        world, store = self.world, self.world.store
        self.server.received[report.id] += 1
        order = Order(report.epoch, report.generation)
        assert report.assignment_sha256 == self.targets[order.generation].assignment.sha256
        commit = world.named(report.commit)
        if report.id not in self.known:
            self.known[report.id] = commit
            store.runs[self.agent.id] = order, commit, report.status is RunStatus.CONVERGED
        told = events.Reported(self.agent.id, order, report.assignment_sha256, commit, report.status)
        world.after(world.random.uniform(0, 0.3), lambda: world.server.tell(told))

    def gone(self) -> None:
        """The server has died: its side of the connection with it."""
        self.waiting.clear()
        self.connection += 1
        life = self.lives
        if hasattr(self, "core"):
            self.at(0.01, lambda: self.happen(fx.Disconnected("gone"), life))

    def cut(self) -> None:
        if hasattr(self, "core"):
            super().cut()
            self.lost()

    def drift(self) -> None:
        if hasattr(self, "core"):
            super().drift()

    def kill(self) -> None:
        super().kill()
        self.lost()


class Joined(simulation.Server):
    """The server, whose assignments are real ones."""

    world: Together

    def sign(self, effect: effects.Assign, generation: int) -> str:
        line = self.world.lines[effect.envoy_id]
        content = {"files/motd": line.signer.object(effect.desired.catalog_sha256.encode())}
        crate = line.signer.crate(f"c{effect.desired.catalog_sha256[:8]}")
        line.targets[generation] = line.signer.target(
            [crate],
            generation=generation,
            catalog={"content": content},
            commit=self.world.hexed(effect.commit),
            plan_root=effect.plan_root,
            expires=FOREVER,
        )
        return line.targets[generation].assignment.sha256

    def ask_host(self, effect: effects.Probe) -> None:
        self.world.lines[effect.envoy_id].asked(effect)

    def crash(self) -> None:
        if self.up:
            for line in self.world.lines.values():
                line.gone()
        super().crash()


class Together(World):
    """All of it."""

    def __init__(self, seed: int, *, hosts: int = 4, trouble: float = 0.15, staged: float = 0.0) -> None:
        super().__init__(seed, hosts=hosts, trouble=trouble, staged=staged)
        self.orders = 0
        for agent in self.agents.values():
            agent.sick = False
        self.server = Joined(self)
        self.lines = {agent.id: Line(self, agent) for agent in self.agents.values()}

    def hexed(self, commit: str) -> str:
        """A simulated commit as git would call it."""
        return f"{int(commit[1:]):040x}"

    def named(self, commit: str) -> str:
        """And back."""
        return f"c{int(commit, 16)}"

    def connect(self, agent: Agent) -> None:
        """Agents come by themselves."""

    def disconnect(self, agent: Agent) -> None:
        self.lines[agent.id].cut()
        self.sometimes["disconnected"] += 1

    def deliver(self, agent: Agent, connection: int, assigned: Assigned) -> None:
        line = self.lines[agent.id]
        frame = Apply(target=line.targets[assigned.order.generation]).model_dump_json()
        line.carry("down", frame)
        if self.chance(0.1, "frame twice"):
            line.carry("down", frame)

    def replay(self, agent: Agent) -> None:
        """Somebody between them sends an older target again."""
        line = self.lines[agent.id]
        if len(line.targets) > 1:
            self.sometimes["replayed"] += 1
            older = line.targets[self.random.choice(sorted(line.targets)[:-1])]
            line.carry("down", Apply(target=older).model_dump_json())

    def approve(self) -> None:
        """Somebody approves whatever waits for it."""
        if self.store.rollouts and self.server.up:
            self.server.ask(approvals={0: 1, 1: 1})

    def peace(self) -> None:
        """No more faults."""
        self.trouble = 0.0
        for line in self.lines.values():
            line.faults = False
            line.executor.disk_full = False


def told(world: Together) -> str:
    """What a failed seed says of itself."""
    return json.dumps(dict(sorted(world.sometimes.items())))


def in_waves(seed: int) -> Together:
    """The same where every commit goes out in waves, one of which asks its hosts whether they are well."""
    world = troubled(seed, staged=1.0)
    for _ in range(8):
        if not world.store.rollouts or world.store.rollouts[-1].progress.state is RolloutState.DONE:
            break
        again = world.store.rollouts[-1].asked.retries + (
            world.store.rollouts[-1].progress.state is RolloutState.STOPPED
        )
        world.server.ask(approvals={0: 1, 1: 1}, retries=again)
        world.run(world.now + 3_600)
    return world


def troubled(seed: int, *, staged: float = 0.0) -> Together:
    """Two minutes of trouble, then quiet until everything has had its time."""
    world = Together(seed, hosts=6 if staged else 4, staged=staged)
    chance: random.Random = world.random
    if staged:
        for at in range(5, 120, 10):
            world.after(at, world.approve)
    agents = list(world.agents.values())
    for _ in range(chance.randint(2, 7)):
        world.after(chance.uniform(0, 90), world.push_commit)
    for _ in range(chance.randint(0, 2)):
        world.after(chance.uniform(0, 90), world.server.crash)
    acts: list[Callable[[Agent], None]] = [
        world.disconnect,
        lambda agent: world.lines[agent.id].kill(),
        lambda agent: world.lines[agent.id].drift(),
        world.replay,
    ]
    for _ in range(chance.randint(4, 20)):
        act, agent = chance.choice(acts), chance.choice(agents)
        world.after(chance.uniform(5, 100), lambda act=act, agent=agent: act(agent))
    world.run(130)
    world.peace()
    world.server.look()
    world.run(130 + 3_600)
    for _ in range(60):  # a run of the schedule may have ended just now
        if not any(line.executor.spool or line.running for line in world.lines.values()):
            break
        world.run(world.now + 5)
    return world
