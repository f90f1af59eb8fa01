"""A core, driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from reconciler.loop import Limits, LoopCore, Moment, effects, events
from reconciler.loop.past import Past
from reconciler.ports import Assigned, Desired, Order
from schema.ids import sha256
from schema.time import HOUR, SECOND

LIFE = 24 * HOUR
START = 1_800_000_000 * SECOND
E = TypeVar("E")


@dataclass(frozen=True)
class FixedPlan:
    """A plan that is a table."""

    commit: str
    hosts: Mapping[str, Desired] = field(default_factory=dict)
    staged: bool = False

    @property
    def plan_root(self) -> str:
        return sha256(self.commit.encode())

    def desired(self, hostnames: Iterable[str], /) -> dict[str, Desired | None]:
        return {name: self.hosts.get(name) for name in hostnames}


class Hand:
    """Tells the core what happened at a time of one's choosing, and keeps what it wants done."""

    def __init__(self, core: LoopCore) -> None:
        self.core = core
        self.now = 0.0
        self.effects: list[effects.Effect] = []
        self.retained: frozenset[str] = frozenset()
        self.kept: list[effects.KeepRollout] = []
        self.keeps = True
        """Whether how far a rollout is goes on record at once."""
        self.wake_at: float | None = None

    @property
    def moment(self) -> Moment:
        return Moment(START + int(self.now * SECOND), self.now)

    def tell(self, *told: events.Event) -> None:
        for event in told:
            for effect in self.core.handle(event, self.moment):
                if isinstance(effect, effects.WakeAt):
                    self.wake_at = effect.mono
                elif isinstance(effect, effects.Retain):
                    self.retained = effect.commits
                elif isinstance(effect, effects.KeepRollout):
                    self.kept.append(effect)
                    if self.keeps:
                        self.tell(events.RolloutKept(effect.rollout_id, effect.version))
                else:
                    self.effects.append(effect)

    def after(self, seconds: float) -> None:
        """Let time pass, waking the core when it wants to be woken and never otherwise."""
        end = self.now + seconds
        while self.wake_at is not None and self.wake_at <= end:
            self.now, self.wake_at = max(self.now, self.wake_at), None
            self.tell(events.Tick())
        self.now = end

    def take(self, kind: type[E]) -> list[E]:
        """The effects of one kind since the last time, which are then forgotten."""
        found = [effect for effect in self.effects if isinstance(effect, kind)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, kind)]
        return found

    def one(self, kind: type[E]) -> E:
        (found,) = self.take(kind)
        return found

    # whole stories

    def put_in_force(self, plan: FixedPlan) -> None:
        self.tell(events.RefMoved(plan.commit), events.Compiled(plan), events.InForce(plan.commit))
        self.take(effects.Compile)
        self.take(effects.PutInForce)

    def connect(
        self, name: str, applied: Order | None = None, assigned: Assigned | None = None, connection: int = 1
    ) -> None:
        self.tell(events.EnvoyConnected(name, name, connection, applied, assigned))

    def assigned(self, effect: effects.Assign, generation: int) -> Assigned:
        return Assigned(
            order=Order(1, generation),
            assignment_sha256=sha256(f"{effect.envoy_id}/{generation}".encode()),
            commit=effect.commit,
            catalog_sha256=effect.desired.catalog_sha256,
            plan_root=effect.plan_root,
            secrets_key=effect.secrets_key,
            created=self.moment.wall,
            expires=self.moment.wall + LIFE,
        )

    def make(self, effect: effects.Assign, generation: int = 1) -> Assigned:
        made = self.assigned(effect, generation)
        self.tell(events.AssignmentMade(effect.envoy_id, made))
        return made

    def accept(self, name: str, made: Assigned) -> None:
        from schema.protocol.reports import RunStatus

        self.tell(events.Reported(name, made.order, made.assignment_sha256, made.commit, RunStatus.CONVERGED))


def plan(commit: str, **hosts: str) -> FixedPlan:
    """`web=a` is catalog `a` for host `web`; `web="a db tls"` with two secrets."""
    made = {}
    for name, text in hosts.items():
        catalog, *secrets = text.split()
        made[name] = Desired("profile", sha256(catalog.encode()), tuple(secrets))
    return FixedPlan(commit, made)


@pytest.fixture
def hand() -> Hand:
    return by_hand()


@pytest.fixture
def by() -> Callable[..., Hand]:
    return by_hand


@pytest.fixture(name="plan")
def plan_fixture() -> Callable[..., FixedPlan]:
    return plan


def by_hand(
    *,
    in_force: str | None = None,
    secrets: Mapping[str, int] | None = None,
    limits: Limits | None = None,
    past: Past | None = None,
) -> Hand:
    return Hand(LoopCore(in_force=in_force, secrets=secrets or {}, random=lambda: 0.5, limits=limits, past=past))
