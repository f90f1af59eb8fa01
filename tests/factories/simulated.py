"""One agent core, one executor and one server in simulated time, with a network that does its worst.

Everything that happens follows from the seed. The executor and the spool are in memory and survive a killed agent as
their files would; the acceptance in it is the real one.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from agent import effects as fx
from agent.acceptance import Acceptance, Accepted, Refusal, Trust
from agent.boundary import Collected, Ran, Spooled, SpooledReport, Standing, Stored, Verdict
from agent.core import Core
from agent.hosts import Ran as Program
from agent.hosts.memory import MemoryHost
from agent.probes import Begun, Probes
from schema.ids import sha256
from schema.protocol.messages import (
    AGENT_MESSAGE,
    INLINE_OBJECT_BYTES,
    TRAITS_DELTA,
    Ack,
    Apply,
    Hello,
    Need,
    ObjectData,
    Objects,
    Probed,
    Refused,
    ReportMessage,
    Target,
    Traits,
    TraitsDelta,
    TraitsDigests,
    TraitsNeed,
    Welcome,
)
from schema.protocol.reports import Report, RunStatus, Trigger
from tests.factories.targets import NOW, Signer, raw

if TYPE_CHECKING:
    from agent.state import State
    from schema.time import Clock


class Drawer:
    """The small files of an agent's state."""

    def __init__(self, of: MemoryExecutor) -> None:
        self._of = of
        self._files: dict[str, BaseModel] = {}
        self.begun: list[str] = []
        """Orders that were written down before they were carried out, by id."""

    def read_model(self, name: str, _: type[BaseModel]) -> BaseModel | None:
        return self._files.get(name)

    def write_model(self, name: str, value: BaseModel) -> None:
        if self._of.disk_full:
            raise OSError(28, "No space left on device")
        if isinstance(value, Begun) and value.answer is None:
            self.begun.append(value.id)
        self._files[name] = value


class MemoryExecutor:
    """What outlives the agent's process: floor, target, objects, spool."""

    def __init__(self, signer: Signer, rng: random.Random) -> None:
        self.signer, self.rng = signer, rng
        self.trust = Trust(signer.project, signer.envoy_id, signer.key.public_key(), signer.sealing)
        self.acceptance = Acceptance(self.trust)
        self.objects: dict[str, bytes] = {}
        self.wanted: dict[str, int] = {}
        self.spool: dict[int, Report] = {}
        self.made: list[str] = []
        self.orders: list[tuple[int, int]] = []
        self.runs = 0
        self.disk_full = False
        self.drawer = Drawer(self)
        self.machine = MemoryHost({"systemctl": self.active})
        self.probes = self._probes()

    def _probes(self) -> Probes:
        return Probes(
            cast("State", self.drawer), self.machine, self.acceptance, cast("Clock", SimpleNamespace(now=lambda: NOW))
        )

    def active(self, *_: object) -> Program:
        """What a command that looks for a service says."""
        return Program(0, b"", b"")

    def probe(self, probe: bytes) -> Probed:
        return Probed.model_validate_json(self.probes.answer(probe))

    def restarted(self) -> None:
        floor, held = self.acceptance.floor, self.acceptance.held
        self.acceptance = Acceptance(self.trust, floor)
        self.wanted = {}
        if held is not None:
            self.acceptance.resume(held.target)
        self.probes = self._probes()

    @property
    def held(self) -> Accepted | None:
        return self.acceptance.held

    def standing(self) -> Standing:
        return Standing(applied=self.held.applied if self.held else None)

    def offer(self, target: bytes) -> Verdict:
        digest = Target.model_validate_json(target).assignment.sha256
        try:
            accepted = self.acceptance.judge(target, NOW)
        except Refusal as refusal:
            return Verdict(outcome="refused", assignment_sha256=digest, code=refusal.code, message=refusal.message)
        place = {"assignment_sha256": digest, "epoch": accepted.order[0], "generation": accepted.order[1]}
        if accepted is self.held:
            return Verdict(outcome="held", applied=accepted.applied, **place)
        missing = [each for each in accepted.objects if each not in self.objects]
        if missing:
            self.wanted = {each: accepted.objects[each] for each in missing}
            return Verdict(outcome="incomplete", need=missing, **place)
        if self.disk_full:
            return Verdict(outcome="failed", message="no space", **place)
        self.acceptance.admit(accepted)
        self.orders.append(accepted.order)
        return Verdict(outcome="accepted", applied=accepted.applied, **place)

    def store(self, digest: str, data: bytes) -> Stored:
        if sha256(data) != digest or digest not in self.wanted | self.objects:
            return Stored(sha256=digest, ok=False, message="not wanted")
        self.objects[digest] = data
        return Stored(sha256=digest, ok=True)

    def converge(self, trigger: Trigger) -> Ran:
        if self.held is None:
            return Ran()
        self.runs += 1
        assert all(digest in self.objects for digest in self.held.objects)
        report = Report(
            id=f"report-{len(self.made):05d}",
            trigger=trigger,
            started=NOW,
            finished=NOW,
            status=RunStatus.CONVERGED,
            **self.held.applied.model_dump(),
        )
        self.made.append(report.id)
        self.spool[len(self.made)] = report
        return Ran(status="converged", reported=True, changed=self.rng.randrange(2))

    def reports(self, after: int) -> Spooled:
        waiting = [(sequence, report) for sequence, report in sorted(self.spool.items()) if sequence > after]
        return Spooled(
            after=after,
            reports=[
                SpooledReport(sequence=sequence, id=report.id, report=report.model_dump_json())
                for sequence, report in waiting[:3]
            ],
            more=len(waiting) > 3,
        )

    def collect(self) -> Collected:
        value = {"load": {"one": self.rng.random()}, "os": {"family": "debian"}}
        body = json.dumps(value)
        message = Traits(sha256=sha256(body.encode()), collected_at=NOW, traits=value)
        return Collected(
            sha256=message.sha256,
            stable_sha256="5" * 64,
            message=message.model_dump_json(),
            collected_at=NOW,
            digests=dict.fromkeys(value, "0" * 64),
        )


class Server:
    """The other side: the newest target, its objects, and the reports it has taken."""

    def __init__(self, signer: Signer, rng: random.Random) -> None:
        self.signer, self.rng = signer, rng
        self.generation = 0
        self.target: Target | None = None
        self.older: list[Target] = []
        self.withheld: set[str] = set()
        self.reports: list[str] = []
        self.received = Counter[str]()
        self.refused: list[Refused] = []
        self.traits = 0

    def publish(self) -> None:
        self.generation += 1
        crates = [self.signer.crate(f"c{self.rng.randrange(6)}v{self.rng.randrange(3)}")]
        content = {
            f"files/{n}": self.signer.object(f"{self.generation}/{n}".encode() * self.rng.choice([1, 9]))
            for n in range(self.rng.randrange(4))
        }
        if self.rng.random() < 0.2:
            content["files/big"] = self.signer.object(bytes([self.generation % 256]) * (INLINE_OBJECT_BYTES + 1))
        if self.target is not None:
            self.older.append(self.target)
        self.target = self.signer.target(crates, generation=self.generation, catalog={"content": content})
        self.withheld = set()
        if content and self.rng.random() < 0.2:
            self.withheld = {self.rng.choice(list(content.values()))["sha256"]}

    def answer(self, text: str) -> list[str]:
        message = AGENT_MESSAGE.validate_json(text)
        match message:
            case Hello():
                newest = self.target
                if (
                    newest is not None
                    and message.applied
                    and message.applied.assignment_sha256 == newest.assignment.sha256
                ):
                    newest = None
                welcome = Welcome(
                    protocol=1,
                    time=NOW,
                    interval_s=900,
                    heartbeat_s=30,
                    capabilities=self.rng.choice([[], [TRAITS_DELTA]]),
                    target=newest,
                )
                return [welcome.model_dump_json()]
            case Need():
                had = [each for each in message.sha256 if each in self.signer.objects and each not in self.withheld]
                return [
                    Objects(
                        objects=[self._object(each) for each in had],
                        unknown=[each for each in message.sha256 if each not in had],
                    ).model_dump_json()
                ]
            case ReportMessage(report=report):
                self.received[report.id] += 1
                if report.id not in self.reports:
                    self.reports.append(report.id)
                return [Ack(report_id=report.id).model_dump_json()]
            case TraitsDigests():
                return [TraitsNeed(sha256=message.sha256, names=sorted(message.digests)).model_dump_json()]
            case Traits() | TraitsDelta():
                self.traits += 1
                return [Ack(traits_sha256=message.sha256).model_dump_json()]
            case Refused():
                self.refused.append(message)
        return []

    def _object(self, digest: str) -> ObjectData:
        data = self.signer.objects[digest]
        inline = len(data) <= INLINE_OBJECT_BYTES
        return ObjectData(sha256=digest, data=base64.b64encode(data).decode() if inline else None)


class World:
    """The two and the network between them. `fifo`: frames keep their order and are lost only with their connection."""

    def __init__(self, seed: int, *, fifo: bool, signer: Signer) -> None:
        self.rng = random.Random(seed)
        self.fifo = fifo
        self.now = 0.0
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.ties = itertools.count()
        self.signer = signer
        self.server = Server(signer, self.rng)
        self.executor = MemoryExecutor(signer, self.rng)
        self.seen = Counter[str]()
        self.connection = 0
        """The one that works."""
        self.mine = 0
        """The one that the agent believes in."""
        self.up = True
        self.faults = True
        self.lives = 0
        self.lanes: dict[str, float] = {}
        self.running = False
        self.boot()

    # time

    def at(self, delay: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (self.now + delay, next(self.ties), act))

    def run(self, until: float) -> None:
        while self.queue and self.queue[0][0] <= until:
            self.now, _, act = heapq.heappop(self.queue)
            act()
        self.now = until

    # the agent

    def boot(self) -> None:
        self.lives += 1
        self.connection += 1
        self.running = False
        self.executor.restarted()
        self.core = Core(random=self.rng.random, version="sim")
        self.happen(fx.Started(self.executor.standing()), self.lives)

    def happen(self, event: fx.Event, life: int) -> None:
        if life != self.lives:
            return
        for effect in self.core.handle(event, self.now):
            self.perform(effect)
        due = self.core.due()
        if due < float("inf"):
            self.at(max(0.0, due - self.now), lambda: self._tick(due, life))

    def _tick(self, due: float, life: int) -> None:
        if life == self.lives and self.core.due() <= self.now:
            self.happen(fx.Tick(), life)

    def later(self, event: Callable[[], fx.Event], low: float = 0.001, high: float = 0.05) -> None:
        """An answer of the executor: computed when it happens, so that a kill before it means it never was."""
        life = self.lives

        def answer() -> None:
            if life == self.lives:
                self.happen(event(), life)

        self.at(self.rng.uniform(low, high), answer)

    def perform(self, effect: fx.Effect) -> None:
        self.seen[type(effect).__name__] += 1
        life, executor = self.lives, self.executor
        match effect:
            case fx.Connect():
                self.connect(life)
            case fx.Close():
                self.connection += 1
                self.at(0.01, lambda: self.happen(fx.Disconnected("closed"), life))
            case fx.Send(text):
                self.carry("up", text)
            case fx.Ping():
                connection = self.mine
                if self.up and connection == self.connection:
                    self.at(0.1, lambda: self.happen(fx.Ponged(), life) if connection == self.connection else None)
            case fx.Offer(target):
                self.later(lambda: fx.Offered(target, executor.offer(target)))
            case fx.Store(digest, data):
                self.later(lambda: fx.ObjectStored(executor.store(digest, data)))
            case fx.Fetch(digest):
                self.later(lambda: self.fetched(digest), 0.05, 3.0)
            case fx.Converge(trigger):
                assert not self.running, "two convergences at once"
                self.running = True
                self.later(lambda: self.converged(trigger), 0.01, 5.0)
            case fx.CollectTraits():
                self.later(lambda: fx.TraitsCollected(executor.collect()))
            case fx.ReadReports(after):
                self.later(lambda: fx.ReportsRead(executor.reports(after)))
            case fx.RunProbe(_, probe):
                self.later(lambda: fx.ProbeRan(executor.probe(probe)), 0.01, 2.0)
            case fx.ForgetReport(sequence):
                executor.spool.pop(sequence, None)

    def converged(self, trigger: Trigger) -> fx.Event:
        self.running = False
        self.seen[f"run {trigger}"] += 1
        return fx.Converged(self.executor.converge(trigger))

    def fetched(self, digest: str) -> fx.Event:
        if self.faults and self.rng.random() < 0.3:
            return fx.ObjectStored(Stored(sha256=digest, ok=False, message="503"))
        return fx.ObjectStored(self.executor.store(digest, self.signer.objects[digest]))

    # the network

    def connect(self, life: int) -> None:
        def attempt() -> None:
            if life != self.lives:
                return
            if not self.up or (self.faults and self.rng.random() < 0.2):
                self.seen["connection refused"] += 1
                self.happen(fx.Disconnected("refused", self.rng.choice([0.0, 5.0])), life)
                return
            self.connection += 1
            self.mine = self.connection
            self.lanes = {}
            self.happen(fx.Connected(), life)

        self.at(self.rng.uniform(0.01, 0.5), attempt)

    def carry(self, way: str, text: str) -> None:
        """Bring a frame to the other side of the connection of now, or not."""
        copies = 1
        if self.faults and not self.fifo:
            fate = self.rng.random()
            copies = 0 if fate < 0.05 else 2 if fate < 0.1 else 1
            self.seen["dropped" if copies == 0 else "duplicated" if copies == 2 else "carried"] += 1
        connection, life = self.mine, self.lives
        for _ in range(copies):
            arrival = self.now + self.rng.uniform(0.001, 2.0 if self.faults else 0.05)
            if self.fifo:
                arrival = self.lanes[way] = max(arrival, self.lanes.get(way, 0.0) + 1e-6)
            self.at(arrival - self.now, lambda: self.arrive(way, text, connection, life))

    def arrive(self, way: str, text: str, connection: int, life: int) -> None:
        if connection != self.connection or not self.up:
            self.seen["lost with the connection"] += 1
        elif way == "down":
            self.happen(fx.Frame(text), life)
        else:
            for answer in self.server.answer(text):
                self.carry("down", answer)

    # faults

    def cut(self) -> None:
        self.seen["cut"] += 1
        self.connection += 1
        life = self.lives
        if self.rng.random() < 0.7:  # else half open: only silence tells
            self.at(0.01, lambda: self.happen(fx.Disconnected("cut"), life))
        else:
            self.seen["half open"] += 1

    def kill(self) -> None:
        self.seen["killed"] += 1
        self.seen["killed while converging"] += self.running
        self.lives += 1
        self.connection += 1
        self.at(self.rng.uniform(0.1, 20), self.boot)

    def publish(self) -> None:
        self.server.publish()
        assert self.server.target is not None
        self.carry("down", Apply(target=self.server.target).model_dump_json())
        if self.server.older and self.rng.random() < 0.3:
            self.seen["replayed an older target"] += 1
            self.carry("down", Apply(target=self.rng.choice(self.server.older)).model_dump_json())

    def hostile(self) -> None:
        self.seen["hostile frame"] += 1
        frames = ['{"type":"run","x":1}', "[]", "{", '{"type":"ack"}', '{"type":"objects","objects":[{"sha256":"z"}]}']
        frames += [Apply(target=Signer().target(generation=10_000)).model_dump_json()]
        frames += ['{"type":"welcome","protocol":7,"time":"2026-01-01T00:00:00Z"}', '{"type":"welcome"}']
        frames += ['{"type":"ack","report_id":"no-such-report","traits_sha256":"' + "0" * 64 + '"}']
        self.carry("down", self.rng.choice(frames))

    def drift(self) -> None:
        self.seen["drift"] += 1
        self.happen(fx.Drifted(), self.lives)

    def toggle(self, name: str, seconds: float) -> None:
        self.seen[name] += 1
        if name == "server down":
            self.up = False
            self.connection += 1
            life = self.lives
            self.at(0.01, lambda: self.happen(fx.Disconnected("gone"), life))
            self.at(seconds, lambda: setattr(self, "up", True))
        else:
            self.executor.disk_full = True
            self.at(seconds, lambda: setattr(self.executor, "disk_full", False))

    def play(self, seconds: float, steps: int) -> None:
        """Faults at random times, then peace until everything has come to rest."""
        acts: list[tuple[int, Callable[[], Any]]] = [
            (6, self.publish),
            (4, self.cut),
            (2, self.kill),
            (3, self.drift),
            (2, self.hostile),
            (1, lambda: self.toggle("server down", self.rng.uniform(1, 60))),
            (1, lambda: self.toggle("disk full", self.rng.uniform(1, 60))),
        ]
        chosen = self.rng.choices([act for _, act in acts], [weight for weight, _ in acts], k=steps)
        for act in chosen:
            self.at(self.rng.uniform(0, seconds), act)
        self.run(seconds + 60)
        self.faults, self.up, self.executor.disk_full = False, True, False
        self.server.withheld = set()
        if self.server.target is None:
            self.server.publish()
        if not self.fifo:  # a frame that TCP would have delivered may have been lost: begin anew
            self.connection += 1
            self.happen(fx.Disconnected("peace"), self.lives)
        self.run(self.now + 4000)


def offered(signer: Signer, **more: Any) -> bytes:
    """A good target as it crosses the boundary."""
    return raw(signer.target(**more))
