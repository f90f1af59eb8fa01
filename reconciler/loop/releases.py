"""Releases: which commit each envoy is to follow, and the rollout that leads it from one to the next.

What an envoy is to be is what the commit means for it that it is *released* to. An assignment is durable and names its
commit, so it is also the record of the release: nothing more is written for each host, and after a restart it is known
who has which commit. An envoy that is not released to the commit in force follows

- the commit of its newest assignment, if that is of a rollout that came after the last one that is through;
- else the commit of that one: whoever is new, or was away, comes to what was proven last.

An envoy on hold, and one whose commit is not at hand, keeps what it holds; that is renewed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from reconciler.holds import NOTHING, Holds
from reconciler.loop import stepping
from reconciler.loop.awaiting import Awaiting, Waiting
from reconciler.loop.effects import CheckHealth, Effect, GoBack, KeepRollout, PlanRollout, Probe, Recall, Retain
from reconciler.loop.envoys import Envoy
from reconciler.loop.events import Faulted, Probed
from reconciler.loop.fleet import Fleet
from reconciler.loop.limits import Limits
from reconciler.loop.moments import Moment
from reconciler.loop.past import Past
from reconciler.ports import Assigned, Desired, Order, Plan
from reconciler.rollout import terms
from reconciler.rollout.execution import Execution
from reconciler.rollout.hosts import HostState
from reconciler.rollout.terms import everyone
from schema.errors import Next
from schema.progress import Asked
from schema.rollouts import RolloutPlan, RolloutState

LOOK_S: Final = 1.0
"""How often it is looked whether no assignment is being made any more."""
MAX_TURNS: Final = 100
"""How often in a row hosts are released that have already what they would be given."""
MAX_BASES: Final = 8
"""Commits at hand beside the one in force; who follows another keeps what it holds."""


class Releases:
    """The rollout under way, the plans at hand, and the holds. Decides for the fleet; keeps nothing of an envoy."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        past: Past,
        limits: Limits,
        random: Callable[[], float],
    ) -> None:
        self.rollout: Execution | None = None
        self.rollout_id = past.current.id if past.current is not None else 0
        self.target: str | None = None
        """The commit in force."""
        self.state: RolloutState | None = None
        """Of the rollout that is not planned yet; None where there is an `Execution`, or nothing."""
        self.holds: Holds = NOTHING
        self._fleet: Final = fleet
        self._limits: Final = limits
        self._proven = past.proven
        self._since: set[str] = set(past.since)
        self._kept = past.current
        self._plans: Final[dict[str, Plan]] = {}
        self._followers: Final[Counter[str]] = Counter()
        self._retained: frozenset[str] = frozenset()
        self._unplanned = False
        self._hold_change: int | None = None
        self._waiting: Final = Awaiting(limits=limits, random=random)
        self._asked = past.current.asked if past.current is not None else Asked()
        self._stirred = True
        """Whether anything happened since `drive` looked last."""
        self._moved = True
        """Whether anybody follows another commit since then."""
        self._next: float | None = None

    # what happens

    def in_force(self, plan: Plan, rollout_id: int, now: Moment) -> None:
        """A commit is in force: its rollout begins, or goes on."""
        self._stirred = True
        new = (rollout_id, plan.commit) != (self.rollout_id, self.target) and not self._is_kept(rollout_id, plan)
        self._plans[plan.commit] = plan
        self._moved = True
        if new:
            self._supersede(plan.commit, now)
            self.rollout_id, self._kept, self._asked = rollout_id, None, Asked()
        first, self.target = self.target is None, plan.commit
        if new:
            self._begin(plan, now)
        elif first:
            self._resume(plan, now)
        self._refresh(self._fleet.envoys.values(), now)

    def planned(self, commit: str, plan: RolloutPlan, now: Moment) -> None:
        """How the commit in force reaches the hosts."""
        self._stirred = True
        if not self._unplanned or commit != self.target:
            return
        self._waiting.pop("plan", None)
        self._unplanned, self.state = False, None
        self.rollout = Execution(plan, now=now, patience=self._limits.rollouts)
        self.rollout.asked(self._asked)
        self._refresh(self._fleet.envoys.values(), now)

    def recalled(self, plan: Plan, now: Moment) -> None:
        """A commit from before is at hand."""
        self._stirred = True
        self._waiting.pop(f"recall {plan.commit}", None)
        self._plans[plan.commit] = plan
        self._moved = True
        self._refresh(self._fleet.envoys.values(), now)

    def held(self, holds: Holds, now: Moment) -> None:
        """These are the holds now."""
        self._stirred = True
        self.holds = holds
        self._refresh(self._fleet.envoys.values(), now)
        if self.rollout is not None:
            self.rollout.away_under(holds, now)

    def asked(self, rollout_id: int, asked: Asked) -> None:
        """What people want of a rollout."""
        self._stirred = True
        if rollout_id != self.rollout_id:
            return
        again = asked.retries > self._asked.retries
        self._asked = asked
        if self.rollout is None:
            return
        if again and self.rollout.state is RolloutState.BLOCKED:
            self.rollout, self._unplanned, self.state = None, True, RolloutState.PLANNED
        else:
            self.rollout.asked(asked)

    def arrived(self, envoy: Envoy, now: Moment) -> None:
        """An envoy is connected, perhaps again."""
        self._stirred = True
        self._refresh((envoy,), now)

    def left(self, envoy: Envoy, now: Moment) -> None:
        """An envoy is not connected any more."""
        self._stirred = True
        self._unfollow(envoy)
        if self.rollout is not None and not self.rollout.over:
            self.rollout.left(envoy.hostname, now)

    def removed(self, hostname: str) -> None:
        """An envoy is no more."""
        self._stirred = True
        if self.rollout is not None and not self.rollout.over:
            self.rollout.removed(hostname)

    def made(self, envoy: Envoy, assigned: Assigned, now: Moment) -> None:
        """An assignment is durable."""
        self._stirred |= self._unplanned
        if self.rollout is not None and assigned.commit == self.target:
            self.rollout.given(envoy.hostname, assigned.order)
        elif assigned.commit != envoy.commit:
            # Asked for before a newer commit came: that is what it is released to, then.
            self._refresh((envoy,), now)

    def reported(self, envoy: Envoy, order: Order, commit: str, *, healthy: bool, why: str, now: Moment) -> None:
        """An envoy told how a real run went, or refused an assignment."""
        if self.rollout is not None and commit == self.target:
            self._stirred |= self.rollout.reported(envoy.hostname, order, healthy=healthy, why=why, now=now)

    def checked(self, rollout_id: int, wave: int, failed: str, now: Moment) -> None:
        """The health after a wave is known."""
        self._stirred = True
        if self.rollout is not None and rollout_id == self.rollout_id:
            self._waiting.pop("check", None)
            self.rollout.checked(wave, failed, now)

    def probed(self, event: Probed, now: Moment) -> None:
        """What came of the command of a health check on a host."""
        self._stirred = True
        if self.rollout is not None and event.rollout_id == self.rollout_id:
            self.rollout.probed(event.hostname, event.id, event.answer, now)

    def went_back(self, rollout_id: int, commit: str, now: Moment) -> None:
        """The commit that takes the change back is there."""
        self._stirred = True
        if self.rollout is not None and rollout_id == self.rollout_id:
            self._waiting.pop("back", None)
            self.rollout.went_back(commit, "", now)

    def recorded(self, rollout_id: int, version: int) -> None:
        """How far a rollout is, is on record."""
        self._stirred = True
        found = self._waiting.get(f"keep {rollout_id}")
        if found is None or not isinstance(found.effect, KeepRollout) or found.effect.version > version:
            return
        del self._waiting[f"keep {rollout_id}"]
        if self.rollout is not None and rollout_id == self.rollout_id:
            self.rollout.kept = max(self.rollout.kept, version)
            if self.rollout.state is RolloutState.DONE and self.rollout.kept >= self.rollout.version:
                self.rollout = None

    def faulted(self, fault: Faulted, now: Moment) -> None:
        """An effect could not be performed."""
        self._stirred = True
        if isinstance(fault.effect, Probe):
            if self.rollout is not None and fault.effect.rollout_id == self.rollout_id:
                self.rollout.unreached(fault.effect.hostname, fault.effect.id, now)
            return
        asked = [key for key, one in self._waiting.items() if one.under_way and one.effect == fault.effect]
        if not asked:
            return
        found = self._waiting[asked[0]]
        if isinstance(fault.effect, GoBack) and fault.next in {Next.NEVER, Next.ON_COMMIT}:
            del self._waiting[asked[0]]
            if self.rollout is not None:
                self.rollout.went_back(None, fault.message, now)
            return
        self._waiting.put_off(found, fault.next, fault.retry_after_s, now)

    # what follows

    def drive(self, now: Moment) -> list[Effect]:
        """What to do next."""
        if not self._stirred and (self._next is None or now.mono < self._next):
            return []
        effects: list[Effect] = []
        for _ in range(MAX_TURNS):
            self._stirred = False
            effects += self._drive(now)
            if not self._stirred:
                break
        self._next = now.mono if self._stirred else self._wakes(now)
        return effects

    def wake_at(self) -> float | None:
        """When `drive` will have something to do though nothing happens (monotonic seconds)."""
        return self._next

    def _drive(self, now: Moment) -> list[Effect]:
        if self._hold_change is not None and now.wall >= self._hold_change:
            self._refresh(self._fleet.envoys.values(), now)
        effects = [] if self.rollout is None else self._carry_out(self.rollout, now)
        if self._unplanned and "plan" not in self._waiting and not self._fleet.assigning and self.target is not None:
            # Whom an assignment is being made for, has another base when it is made.
            self._waiting["plan"] = Waiting(
                PlanRollout(self.target, self.rollout_id, self._proven, frozenset(self._since))
            )
        if self._moved:
            self._moved = False
            wanted = self._wanted()
            if wanted != self._retained:
                self._retained = wanted
                effects.append(Retain(wanted))
        if self._waiting:
            effects += [effect for waiting in self._waiting.values() for effect in self._waiting.ask(waiting, now)]
        return effects

    def _wakes(self, now: Moment) -> float | None:
        times = [waiting.at for waiting in self._waiting.values()]
        if self._unplanned and "plan" not in self._waiting:
            times.append(now.mono + LOOK_S)
        if self._hold_change is not None:
            times.append(now.mono_at(self._hold_change))
        if self.rollout is not None and (at := self.rollout.wake_at(now)) is not None:
            times.append(at)
        return min(times, default=None)

    def catalog_of(self, envoy: Envoy) -> str | None:
        """The catalog that an envoy is to be brought to now; None where nothing new is due."""
        return None if envoy.held or envoy.desired is None else envoy.desired.catalog_sha256

    # one rollout after the other

    def _is_kept(self, rollout_id: int, plan: Plan) -> bool:
        kept = self._kept
        return self.target is None and kept is not None and (kept.id, kept.commit) == (rollout_id, plan.commit)

    def _supersede(self, commit: str, now: Moment) -> None:
        """The rollout before, if there is one, ends here."""
        rollout, kept = self.rollout, self._kept
        for key in [key for key in self._waiting if key in {"plan", "check", "back"}]:
            del self._waiting[key]
        before = self.target or (kept.commit if kept is not None else None)
        if before is not None and before != self._proven:
            self._since.add(before)
        # Of one that takes its change back, whoever put this commit in force has written down whether that is it.
        if rollout is not None and not rollout.finished and rollout.state is not RolloutState.REVERTING:
            rollout.cancel(f"{commit[:12]} came after it", now)
            self._keep(rollout)
        self.rollout, self._unplanned, self.state = None, False, None

    def _begin(self, plan: Plan, now: Moment) -> None:
        if plan.staged:
            self._unplanned, self.state = True, RolloutState.PLANNED
            return
        whole = everyone(plan.commit, self._proven, plan.plan_root)
        self.rollout = Execution(whole, now=now, patience=self._limits.rollouts, everyone=True)

    def _resume(self, plan: Plan, now: Moment) -> None:
        """The first commit in force in this process: its rollout goes on where the store says it is."""
        kept = self._kept
        if kept is None or kept.commit != plan.commit:
            # From before there were rollouts: all follow it.
            self._proven = plan.commit
        elif kept.progress.state is RolloutState.DONE:
            self._proven, self._since = plan.commit, set()
        elif kept.plan is None and not kept.everyone:
            self._unplanned, self.state = True, RolloutState.PLANNED
        else:
            whole = everyone(plan.commit, self._proven, plan.plan_root)
            self.rollout = kept.resumed(whole, now=now, patience=self._limits.rollouts)
        self._kept = None

    def _carry_out(self, rollout: Execution, now: Moment) -> list[Effect]:
        before = rollout.state
        released: list[Envoy] = []
        asked: list[Effect] = []
        for step in rollout.drive(now):
            envoy = self._fleet.envoys.get(step.envoy_id) if isinstance(step, terms.Release | terms.Ask) else None
            match step:
                case terms.Release(again=True) if envoy is not None:
                    self._fleet.again(envoy, now)
                case terms.Release() if envoy is not None:
                    released.append(envoy)
                case terms.Ask() if envoy is not None:
                    asked += stepping.probe(self.rollout_id, rollout, step, envoy.assigned)
                case terms.Check():
                    self._waiting["check"] = Waiting(CheckHealth(self.rollout_id, step.wave, step.checks))
                case terms.GoBack():
                    self._waiting["back"] = Waiting(stepping.back(self.rollout_id, rollout))
        if released:
            self._refresh(released, now)
            for envoy in released:
                if self._fleet.has(envoy):
                    rollout.has_it(envoy.hostname, now)
                    self._stirred = True
        if rollout.state is RolloutState.DONE and before is not RolloutState.DONE:
            self._proven, self._since, self._moved = self.target, set(), True
            self._refresh((one for one in self._fleet.envoys.values() if one.commit != self.target or one.held), now)
        if rollout.version > rollout.kept:
            self._keep(rollout)
        return asked

    def _keep(self, rollout: Execution) -> None:
        key = f"keep {self.rollout_id}"
        waiting = self._waiting.get(key)
        if waiting is not None and (
            waiting.under_way or (isinstance(waiting.effect, KeepRollout) and waiting.effect.version == rollout.version)
        ):
            return
        self._waiting[key] = Waiting(KeepRollout(self.rollout_id, rollout.version, rollout.plan, rollout.progress()))

    # what one envoy is to follow

    def _refresh(self, envoys: Iterable[Envoy], now: Moment) -> None:
        """Have envoys follow what they are to follow by now."""
        there = [envoy for envoy in envoys if envoy.connected]
        if not there:
            self._hold_change = self.holds.next_change(now.wall) if self.holds else None
            return
        rollout = self.rollout
        target = self._plans.get(self.target) if self.target is not None else None
        names = [envoy.hostname for envoy in there]
        ahead: Mapping[str, Desired | None] = target.desired(names) if target is not None else {}
        if self.holds:
            self._hold_change = self.holds.next_change(now.wall)
            holds = self.holds.each(names, now.wall, self.target)
        else:
            self._hold_change, holds = None, [None] * len(there)
        for envoy, hold in zip(there, holds, strict=True):
            desired, held = ahead.get(envoy.hostname), hold is not None
            if rollout is not None and not rollout.over:
                self._enrol(rollout, envoy, desired, held=held, now=now)
                rollout.trusted(envoy.hostname, hold, now)
            self._follow(envoy, self._commit_of(envoy, desired), desired, held=held, now=now)

    def _enrol(self, rollout: Execution, envoy: Envoy, desired: Desired | None, *, held: bool, now: Moment) -> None:
        """Tell the rollout of a host that it concerns."""
        name = envoy.hostname
        assigned = envoy.assigned
        known = rollout.state_of(name)
        if known in {None, HostState.ABSENT, HostState.LOST} or not rollout.is_there(name):
            given = assigned is not None and assigned.commit == self.target
            if rollout.everyone and known is None and (desired is None or (not given and _has(envoy, desired))):
                return
            rollout.arrived(name, envoy.id, assigned.order if given and assigned is not None else None, now)
            known = rollout.state_of(name)
        if held or known is HostState.HELD:
            rollout.held(name, held=held)

    def _commit_of(self, envoy: Envoy, ahead: Desired | None) -> str | None:
        """The commit that an envoy is released to; None where there is none for it yet."""
        rollout, target = self.rollout, self.target
        if target is None:
            return None
        if rollout is None and not self._unplanned:
            return target
        if rollout is not None and rollout.state is RolloutState.DONE:
            return target
        assigned = envoy.assigned
        if rollout is not None and rollout.is_released(envoy.hostname):
            return target
        if assigned is not None and assigned.commit == target:
            return target
        if self._is_free(envoy, ahead):
            return target
        if assigned is not None and assigned.commit in self._since:
            return assigned.commit
        return self._proven

    def _is_free(self, envoy: Envoy, ahead: Desired | None) -> bool:
        """Whether nothing changes for an envoy by following the commit in force, and nobody has to approve that."""
        rollout, assigned = self.rollout, envoy.assigned
        if assigned is None or ahead is None or assigned.catalog_sha256 != ahead.catalog_sha256:
            return False
        if self._unplanned or rollout is None or not rollout.approved or rollout.state is RolloutState.BLOCKED:
            return False
        return rollout.wave_of(envoy.hostname) is None or rollout.everyone

    def _follow(self, envoy: Envoy, commit: str | None, ahead: Desired | None, *, held: bool, now: Moment) -> None:
        plan = self._plans.get(commit) if commit is not None else None
        stays = plan is not None and not held and not envoy.held and envoy.commit == commit == envoy.followed
        if stays and (commit != self.target or envoy.desired is ahead):
            return
        if plan is None:
            desired = None
        elif commit == self.target:
            desired = ahead
        else:
            desired = plan.desired([envoy.hostname]).get(envoy.hostname)
        waits = plan is None
        assigned = envoy.assigned
        if (held or waits) and assigned is not None and not _is(desired, assigned):
            plan, desired = self._with(envoy.hostname, assigned)
        elif held and assigned is None:
            plan, desired = None, None
        followed = plan.commit if plan is not None and not waits else commit
        if envoy.followed != followed:
            self._unfollow(envoy)
            envoy.followed = followed
            if followed is not None:
                self._moved |= followed not in self._followers
                self._followers[followed] += 1
        self._fleet.follow(
            envoy,
            commit=plan.commit if plan is not None else None,
            plan_root=plan.plan_root if plan is not None else "",
            desired=desired,
            held=held or waits,
            now=now,
        )

    def _unfollow(self, envoy: Envoy) -> None:
        if envoy.followed is not None:
            self._followers[envoy.followed] -= 1
            if self._followers[envoy.followed] <= 0:
                del self._followers[envoy.followed]
                self._moved = True
            envoy.followed = None

    def _with(self, hostname: str, assigned: Assigned) -> tuple[Plan | None, Desired | None]:
        """A commit at hand under which a host is what it holds."""
        first = self._plans.get(assigned.commit)
        for plan in ([first] if first is not None else []) + list(self._plans.values()):
            desired = plan.desired([hostname]).get(hostname)
            if _is(desired, assigned):
                return plan, desired
        return None, None

    # plans at hand

    def _wanted(self) -> frozenset[str]:
        """The commits to have at hand; those that nobody follows any more are let go, and missing ones asked for."""
        if self.target is None:
            return self._retained
        chosen = {commit for commit, _ in self._followers.most_common(MAX_BASES + 1)}
        unfinished = self._unplanned or (self.rollout is not None and self.rollout.state is not RolloutState.DONE)
        if unfinished and self._proven is not None and self._proven in self._plans:
            chosen.add(self._proven)
        chosen.add(self.target)
        for commit in [commit for commit in self._plans if commit not in chosen]:
            del self._plans[commit]
        for key in [key for key in self._waiting if key.startswith("recall ") and key[7:] not in chosen]:
            del self._waiting[key]
        for commit in chosen:
            if commit not in self._plans and f"recall {commit}" not in self._waiting:
                self._waiting[f"recall {commit}"] = Waiting(Recall(commit))
        return frozenset(chosen)


def _is(desired: Desired | None, assigned: Assigned) -> bool:
    return desired is not None and desired.catalog_sha256 == assigned.catalog_sha256


def _has(envoy: Envoy, desired: Desired) -> bool:
    """Whether an envoy was given this already."""
    return envoy.assigned is not None and envoy.assigned.catalog_sha256 == desired.catalog_sha256
