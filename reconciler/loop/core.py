"""The core: one event in, effects out. Composes commits, releases and fleet, and keeps what `config/status` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.loop import events
from reconciler.loop.commits import Commits
from reconciler.loop.effects import Effect, WakeAt
from reconciler.loop.envoys import Need
from reconciler.loop.fleet import Fleet
from reconciler.loop.limits import Limits
from reconciler.loop.moments import Moment
from reconciler.loop.past import Past
from reconciler.loop.releases import Releases
from reconciler.loop.steps import Step, step_of_stage
from reconciler.rollout.execution import Execution
from schema.diagnostics import Diagnostic
from schema.protocol.reports import RunStatus
from schema.revisions import RevisionState


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What the loop is at."""

    in_force: str | None
    tip: str | None
    pending: str | None
    """The tip, while it waits for its turn."""
    step: Step | None
    """What is being done about a commit."""
    working_on: str | None
    """Which commit that is."""
    failed: str | None
    """The commit that was judged last, where it did not come into force."""
    failure: RevisionState | None
    diagnostics: tuple[Diagnostic, ...]
    unreadable: str
    """Why the ref cannot be read; empty while it can."""
    envoys: Mapping[Need, int]
    """Connected envoys by what they wait for."""


class LoopCore:
    """The loop of one project, which follows one ref.

    Args:
        in_force: the commit in force, as the store has it; None before the first.
        secrets: name → version of every secret there is.
        random: U(0, 1), for jitter alone.
        limits: how much and how long.
        past: the rollouts, as the store has them; None before there were any.

    Envoys are not given here: each is told of by `EnvoyConnected`, after a restart like at any other time. Used from
    one thread; `handle` does not block: for 10,000 connected envoys a plan is adopted in tens of milliseconds.
    """

    def __init__(
        self,
        *,
        in_force: str | None,
        secrets: Mapping[str, int],
        random: Callable[[], float],
        limits: Limits | None = None,
        past: Past | None = None,
    ) -> None:
        limits = limits or Limits()
        self._commits: Final = Commits(in_force=in_force, limits=limits, random=random)
        self._fleet: Final = Fleet(secrets=secrets, limits=limits, random=random)
        self._releases: Final = Releases(
            self._fleet,
            past=past or Past(proven=in_force),
            limits=limits,
            random=random,
        )
        self._unreadable = ""
        self._wake_at: float | None = None

    def handle(self, event: events.Event, now: Moment) -> list[Effect]:
        """Take what happened, answer what to do."""
        return self.handle_all((event,), now)

    def handle_all(self, told: Sequence[events.Event], now: Moment) -> list[Effect]:
        """Take all that happened, in its order, then answer what to do.

        Effects are given once; each is awaited until its answer or its time of `Limits`. A `WakeAt` stands last, where
        the time to wake has changed.
        """
        for event in told:
            self._take(event, now)
        effects = self._commits.drive(now.mono) + self._releases.drive(now) + self._fleet.drive(now)
        times = (self._commits.wake_at(), self._releases.wake_at(), self._fleet.wake_at())
        wake_at = min((at for at in times if at is not None), default=None)
        if wake_at is not None and (wake_at != self._wake_at or events.Tick() in told):
            effects.append(WakeAt(max(wake_at, now.mono)))
        self._wake_at = wake_at
        return effects

    def status(self, now: Moment, *, counted: bool = True) -> LoopStatus:
        """What the loop is at; its envoys are counted one by one, or not at all."""
        commits = self._commits
        stage = commits.stage
        needs = dict.fromkeys(Need, 0)
        for envoy in self._fleet.envoys.values() if counted else ():
            if envoy.connected:
                needs[self._fleet.waits_for(envoy, now)] += 1
        failure = commits.failure
        return LoopStatus(
            in_force=commits.in_force,
            tip=commits.tip,
            pending=commits.pending,
            step=step_of_stage(stage[0]) if stage is not None else None,
            working_on=stage[1] if stage is not None else None,
            failed=failure.commit if failure is not None else None,
            failure=failure.state if failure is not None else None,
            diagnostics=failure.diagnostics if failure is not None else (),
            unreadable=self._unreadable,
            envoys=needs,
        )

    def stalled(self, envoy_id: str) -> str:
        """Why a connected envoy has no newer assignment; empty where nothing is in the way, or it is not connected."""
        envoy = self._fleet.envoys.get(envoy_id)
        return self._fleet.stalled(envoy) if envoy is not None else ""

    def refuses(self, envoy_id: str) -> str:
        """That a connected envoy has not taken its newest assignment, whether or not it is tried again; else empty."""
        envoy = self._fleet.envoys.get(envoy_id)
        made = envoy.assigned if envoy is not None else None
        refused = envoy is not None and made is not None and envoy.refused == made.assignment_sha256
        return "it refuses its assignment" if refused else ""

    def awaited(self, envoy_id: str) -> str | None:
        """The catalog that a connected envoy is to be brought to now; None where nothing new is due."""
        envoy = self._fleet.envoys.get(envoy_id)
        return self._releases.catalog_of(envoy) if envoy is not None else None

    @property
    def pressing(self) -> bool:
        """Whether anything is to be made for envoys or handed to them."""
        return self._fleet.pressing

    @property
    def rollout(self) -> Execution | None:
        """The rollout of the commit in force; None before it is planned, and when it is through."""
        return self._releases.rollout

    def _take(self, event: events.Event, now: Moment) -> None:
        match event:
            case events.Tick():
                pass
            case (
                events.EnvoyConnected()
                | events.EnvoyDisconnected()
                | events.EnvoyRemoved()
                | events.AssignmentMade()
                | events.Pushed()
                | events.Reported()
                | events.RefusedByEnvoy()
            ):
                self._take_of_envoy(event, now)
            case events.Faulted():
                self._commits.faulted(event, now.mono)
                self._fleet.faulted(event, now)
                self._releases.faulted(event, now)
            case events.SecretsChanged(versions):
                self._fleet.secrets_changed(versions, now)
                # A commit may have failed for want of one of these.
                self._commits.judge_again()
            case (
                events.HoldsChanged()
                | events.RolloutPlanned()
                | events.RolloutKept()
                | events.RolloutAsked()
                | events.HealthChecked()
                | events.Probed()
                | events.WentBack()
                | events.Recalled()
            ):
                self._take_of_rollout(event, now)
            case _:
                self._take_of_commit(event, now)

    def _take_of_rollout(self, event: events.Event, now: Moment) -> None:
        releases = self._releases
        match event:
            case events.HoldsChanged(holds):
                releases.held(holds, now)
            case events.RolloutPlanned(commit, plan):
                releases.planned(commit, plan, now)
            case events.RolloutKept(rollout_id, version):
                releases.recorded(rollout_id, version)
            case events.RolloutAsked(rollout_id, asked):
                releases.asked(rollout_id, asked)
            case events.HealthChecked(rollout_id, wave, failed):
                releases.checked(rollout_id, wave, failed, now)
            case events.Probed():
                releases.probed(event, now)
            case events.WentBack(rollout_id, commit):
                releases.went_back(rollout_id, commit, now)
            case events.Recalled(recalled):
                releases.recalled(recalled, now)

    def _take_of_commit(self, event: events.Event, now: Moment) -> None:
        commits = self._commits
        match event:
            case events.RefMoved(commit):
                self._unreadable = ""
                commits.moved(commit)
            case events.FetchFailed(code, message):
                self._unreadable = f"{message} ({code})"
            case events.Fetched():
                self._unreadable = ""
            case events.Compiled(plan):
                commits.compiled(plan, now.mono)
            case events.CompileFailed() | events.Diverged() | events.Untrusted():
                commits.compile_failed(event.commit, *_refusal(event))
            case events.InForce(commit, rollout_id):
                adopted = commits.put_in_force(commit)
                if adopted is not None:
                    self._releases.in_force(adopted, rollout_id, now)
            case events.Recorded(commit):
                commits.recorded(commit)
            case events.Accepted(commit):
                commits.accepted(commit)
            case events.Reload():
                commits.judge_again()

    def _take_of_envoy(self, event: events.Event, now: Moment) -> None:
        fleet, releases = self._fleet, self._releases
        match event:
            case events.EnvoyConnected():
                arrived = fleet.connected(event, now)
                if arrived is not None:
                    releases.arrived(arrived, now)
            case events.EnvoyDisconnected(envoy_id, connection):
                envoy = fleet.envoys.get(envoy_id)
                if envoy is not None and envoy.connection == connection:
                    releases.left(envoy, now)
                    fleet.disconnected(envoy_id, connection)
            case events.EnvoyRemoved(envoy_id):
                envoy = fleet.envoys.get(envoy_id)
                if envoy is not None:
                    releases.left(envoy, now)
                    releases.removed(envoy.hostname)
                    fleet.removed(envoy_id)
            case events.AssignmentMade(envoy_id, assigned):
                envoy = fleet.envoys.get(envoy_id)
                if envoy is not None:
                    fleet.made(envoy_id, assigned, now)
                    releases.made(envoy, assigned, now)
            case events.Pushed(envoy_id, order):
                fleet.pushed(envoy_id, order, now)
            case events.Reported():
                self._take_report(event, now)
            case events.RefusedByEnvoy(envoy_id, assignment_sha256, code):
                self._refused(envoy_id, assignment_sha256, code, now)

    def _take_report(self, event: events.Reported, now: Moment) -> None:
        if event.status is RunStatus.REFUSED:
            self._refused(event.envoy_id, event.assignment_sha256, "refused", now)
            return
        self._fleet.accepted(event.envoy_id, event.order, now)
        envoy = self._fleet.envoys.get(event.envoy_id)
        if envoy is not None and not event.dry_run and not event.stale:
            healthy = event.status is RunStatus.CONVERGED
            why = "" if healthy else "its run failed"
            self._releases.reported(envoy, event.order, event.commit, healthy=healthy, why=why, now=now)

    def _refused(self, envoy_id: str, assignment_sha256: str, code: str, now: Moment) -> None:
        envoy = self._fleet.envoys.get(envoy_id)
        held = envoy.assigned if envoy is not None else None
        self._fleet.refused(envoy_id, assignment_sha256, code, now)
        if envoy is not None and held is not None and held.assignment_sha256 == assignment_sha256:
            why = f"it refuses its assignment: {code}"
            self._releases.reported(envoy, held.order, held.commit, healthy=False, why=why, now=now)


def _refusal(
    event: events.CompileFailed | events.Diverged | events.Untrusted,
) -> tuple[RevisionState, tuple[Diagnostic, ...]]:
    """What becomes of a commit that no plan is made of, and why."""
    match event:
        case events.CompileFailed():
            return RevisionState.FAILED, event.diagnostics
        case events.Untrusted():
            return RevisionState.UNTRUSTED, event.diagnostics
    complaint = Diagnostic(
        code="loop.diverged",
        file="",
        message=f"{event.commit[:12]} does not descend from {event.base[:12]}, which is in force",
        hint=f"push a commit that does, or take this one on purpose: `vigo config accept {event.commit} --reason WHY`",
    )
    return RevisionState.DIVERGED, (complaint,)
