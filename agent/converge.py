"""One run: make the host what is desired of it, resource by resource, and report on each.

Owns conditions, dependence, notification, masking, and what the journal learns. A failed resource skips what depends on
it and nothing else; an exception that nobody foresaw is the failure of one resource, logged whole; a run always ends
with a report.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from typing import Any, Final

from agent import cutting, durable, removal, usercrates, users
from agent.along import Along
from agent.claims import Claims
from agent.desired import Desired
from agent.fights import Fights
from agent.glance import RIGHT
from agent.hosts import Host, HostFault, reach
from agent.hosts.host import ALONG, MANAGED, forget
from agent.journal import Journal, JournalFull
from agent.managed import Managed, places_of
from agent.plan import CratePlan, Instance, Plan, Step, unaskable
from agent.reporting import Reporting, found
from agent.resources.types import UNCHANGED, Converged, ResourceFailed
from agent.undo import Changed, Recorder, Undo
from schema.expressions import ExpressionError
from schema.protocol.desired import CompiledResource
from schema.protocol.reports import MAX_RESOURCES, Outcome, Report, RunStatus, Trigger
from schema.secrets import UnknownSecret
from schema.time import Clock

_log: Final = logging.getLogger("vigo.converge")
Ours = Callable[[frozenset[str]], Callable[[], None]]

_NOT_NOTIFIED: Final = Converged(Outcome.UNCHANGED, reason="not notified")


class _Fate(Enum):
    """How a step stands with those that depend on it."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "was skipped"  # because of a failure; any other skip is DONE


def run(
    desired: Desired,
    host: Host,
    *,
    traits: Mapping[str, Any] | Callable[[frozenset[str]], Mapping[str, Any]],
    journal: Journal,
    trigger: Trigger,
    ids: Callable[[], str],
    clock: Clock,
    dry_run: bool = False,
    undo: Undo | None = None,
    fights: Fights | None = None,
    touched: frozenset[str] | None = None,
    believing: bool = False,
    ours: Ours | None = None,
) -> Report:
    """Converge the host, or with `dry_run` say what that would change; nothing is written then, not even the journal.

    Args:
        traits: of the host, collected just now; or what collects those of these names (`*`: all), asked once.
        ids: makes the report's id.
        undo, fights: where what is replaced is kept; what is known of fights, from run to run.
        touched: only what a change of these paths and places may be drift of is checked, what requires what is put
            right, and what the last run did not leave as desired; the report says of all else what the last one said.
            None: everything is checked.
        believing: what has the stat that it had when it was last read is not read again, see `agent.unmoved`.
        ours: told before something is changed at which places that will show, it gives what to call when that is done.
    """
    started, begun = clock.now(), clock.monotonic()
    host.memo.clear()
    plan = desired.plan
    if plan is None or plan.host is not host or plan.salt != journal.salt:
        plan = desired.plan = Plan(desired, host, journal, clock)
    plan.begin(dict(traits(plan.looked_at) if callable(traits) else traits), clock)
    reporting = Reporting(plan.mask, plan.unchanged)
    name = ids()
    recorder = (undo or Undo(None)).begin(name, desired.assignment.commit, started)
    fights = fights or Fights(clock.monotonic)
    this = _Run(plan, host, journal, reporting, clock, recorder, fights, touched=touched, dry_run=dry_run, ours=ours)
    host.memo[MANAGED] = Managed(plan, journal)
    host.memo[ALONG] = this.along
    if touched is None:
        plan.glance.take(host, plan.steps, journal, believing=believing)
    this.steps(plan.order)
    if plan.usercrates:
        this.users()
    removal.run(plan, host, journal, reporting, this.claims, settled=this.settled, dry_run=dry_run)
    error = "" if dry_run else _conclude(plan, journal)
    recorder.conclude(host, changed=lambda: any(each.outcome is Outcome.CHANGED for each in reporting.resources))
    if reporting.left_out:
        error = f"{reporting.left_out} resources beyond {MAX_RESOURCES} are neither applied nor reported; {error}"
    host.memo.clear()
    return Report(
        id=name,
        assignment_sha256=desired.assignment_sha256,
        epoch=desired.assignment.epoch,
        generation=desired.assignment.generation,
        commit=desired.assignment.commit,
        catalog_sha256=desired.assignment.catalog_sha256,
        trigger=trigger,
        dry_run=dry_run,
        started=started,
        finished=clock.now(),
        duration_us=int((clock.monotonic() - begun) * 1_000_000),
        status=RunStatus.FAILED if error or reporting.failed else RunStatus.CONVERGED,
        error=error,
        stale=started > desired.assignment.expires,
        resources=reporting.resources,
    )


def _conclude(plan: Plan, journal: Journal) -> str:
    """Make the run durable. Returns what went wrong with that."""
    hosts = {id(host): host for host in (plan.host, *(crate.host for crate in plan.crates))}.values()
    return durable.all_of(*((host.sync_pending, "what was written") for host in hosts), (journal.flush, "the journal"))


class _Run:
    """The state of one run."""

    def __init__(
        self,
        plan: Plan,
        host: Host,
        journal: Journal,
        reporting: Reporting,
        clock: Clock,
        recorder: Recorder,
        fights: Fights,
        *,
        touched: frozenset[str] | None,
        dry_run: bool,
        ours: Ours | None,
    ) -> None:
        self._plan: Final = plan
        self._host: Final = host
        self._journal: Final = journal
        self._reporting: Final = reporting
        self._monotonic: Final = clock.monotonic
        self._recorder: Final = recorder
        self._fights: Final = fights
        self._touched: Final = touched
        self._dry_run: Final = dry_run
        self._ours: Final = ours
        self._moved: Final[set[int]] = set()
        """Steps that this run has changed."""
        self._fates: Final[dict[int, _Fate]] = {}
        """Of steps that did not end well; of any other there is nothing to know."""
        self._crate_failed: Final[dict[str, str]] = {}
        self._conditions: Final[dict[str, bool | ExpressionError | OSError]] = {}
        self._notified: Final[set[int]] = set()
        self._fresh_debts: list[str] = []
        self._unsupported: Final[dict[str, str | None]] = {}
        self.along: Final = Along(plan, blocked=self._blocked, may_change=self._may_change, promise=self._promise)
        self.claims: Final = Claims(plan.by_id)
        self.settled = True
        """Whether the claims are all that the catalog owns."""

    def users(self) -> None:
        """Converge what stands for each user, as they are now: the run may have made some of them."""
        forget(self._host)
        try:
            if self._host.confined and self._host.lstat(users.ACCOUNTS) is None:
                reason = f"users: {users.ACCOUNTS} is not there, and nobody can be made in a confined root"
                self._without_users(Converged(Outcome.SKIPPED, reason=reason))
                return
            order = self._plan.users(users.read(self._host))
        except (ResourceFailed, HostFault, OSError) as error:
            self._without_users(Converged(Outcome.FAILED, error=f"users: {error}"))
            return
        self.steps(order)

    def _without_users(self, result: Converged) -> None:
        """For whom there are usercrates is not known: what they made is left as it is."""
        self.claims.users_known = self.settled = False
        for crate in self._plan.usercrates:
            absent = CompiledResource(id=f"{usercrates.PREFIX}{crate.name}", type="usercrate", spec={})
            self._reporting.add(absent, absent.id, result, 0)

    def steps(self, order: Sequence[int]) -> None:
        """Converge these resources, one after the other."""
        steps, memo, fates, told = self._plan.steps, self._host.memo, self._fates, self._reporting.resources
        for index in order:
            step = steps[index]
            if index in memo.get(RIGHT, ()) and not fates and len(told) < MAX_RESOURCES:
                self._pass_by(step, 0)
            else:
                self._converge(index, step)

    def _converge(self, index: int, step: Step) -> None:
        """One resource with all its items."""
        name, begun = step.resource.id, self._monotonic()
        self._plan.functions.host = step.crate.host
        fate = _Fate.DONE
        try:
            fate = self._step(index, step, begun)
        except ExpressionError as error:
            if unaskable(error, self._host):
                self._skip(step, error.message, begun)
            else:
                fate = self._fail(step, str(error), begun)
        except (ResourceFailed, HostFault, UnknownSecret, OSError) as error:
            fate = self._fail(step, str(error), begun)
        except Exception as error:  # noqa: BLE001 - one resource never ends the run
            fate = self._fail(step, self._bug(name, error), begun)
        if fate is not _Fate.DONE:
            self._fates[index] = fate
            self._crate_failed.setdefault(step.crate.name, name)
            self.settled = self.settled and step.instances is not None

    def _step(self, index: int, step: Step, begun: float) -> _Fate:
        if step.crate.absent:
            self._skip(step, step.crate.absent, begun)
            return _Fate.DONE
        if step.waits and (reason := self._blocked(step)):
            self._skip(step, reason, begun)
            return _Fate.SKIPPED
        if step.conditional and (reason := self._excluded(step)):
            self._set_aside(step)
            self._skip(step, reason, begun)
            return _Fate.DONE
        act = step.resource.on_notify_only
        if act and index not in self._notified and step.resource.id not in self._journal.owed:
            self.claims.unexpanded.add(step.resource.id)
            self._reporting.add(step.resource, step.resource.id, _NOT_NOTIFIED, self._since(begun))
            return _Fate.DONE
        fate, changed, calm = _Fate.DONE, False, not act
        instances = self._plan.instances(step)
        if self._untouched(step):
            self._pass_by(step, self._since(begun))
            return _Fate.DONE
        for instance in instances:
            self.claims.met(instance)
            self.along.at(index, instance.id)
            self._fresh_debts = []
            known = self._journal.entries.get(instance.id) == instance.entry
            result = self._instance(step, instance, known=known)
            ended = self._monotonic()
            duration_us, begun = int((ended - begun) * 1_000_000), ended
            if result is UNCHANGED and known:
                self._reporting.unchanged(step.resource, instance.id, duration_us)
                continue
            corrective = result.changed and self._is_corrective(step, instance, result)
            self._fought(step, instance, result, corrective=corrective)
            calm = calm and result.outcome in (Outcome.UNCHANGED, Outcome.CHANGED) and not self._dry_run
            entry = self._journal.entries.get(instance.id)
            told = found(step, instance, result, reached=entry.digest if entry else "", mask=self._plan.mask)
            self._reporting.add(step.resource, instance.id, result, duration_us, corrective=corrective, observed=told)
            self._learn(step, instance, result)
            changed = changed or result.outcome is Outcome.CHANGED
            if result.outcome is Outcome.FAILED:
                fate = _Fate.FAILED
                self._cancel_debts()
        step.calm = calm
        step.places = places_of(step)
        if changed:
            self._notified.update(step.notifies)
            self._moved.add(index)
        if act and fate is _Fate.DONE and not self._dry_run:
            self._journal.paid(step.resource.id)
        return fate

    def _untouched(self, step: Step) -> bool:
        """Whether only what was touched is looked at, and this was not: it is as the last run left it."""
        if self._touched is None or step.clocked:
            return False
        if self._moved and step.waits and self._follows(step):
            return False
        touched = self._touched
        return step.calm and step.fresh and touched.isdisjoint(step.paths) and touched.isdisjoint(step.places)

    def _follows(self, step: Step) -> bool:
        """Whether it requires something that this run has changed."""
        crates = {id(self._plan.crates[each]) for each in step.crate.requires}
        return any(each in step.requires or id(self._plan.steps[each].crate) in crates for each in self._moved)

    def _pass_by(self, step: Step, duration_us: int) -> None:
        for instance in step.instances or ():
            self.claims.passed(instance)
            self._reporting.unchanged(step.resource, instance.id, duration_us)

    def _blocked(self, step: Step) -> str:
        for other in step.requires:
            if other in self._fates:
                return f"requires {self._plan.steps[other].resource.id}, which {self._fates[other].value}"
        for crate in step.crate.requires:
            name = self._plan.crates[crate].name
            if culprit := self._crate_failed.get(name):
                return f"requires crate {name}, whose {culprit} did not converge"
        return ""

    def _excluded(self, step: Step) -> str:
        """Why conditions keep it from running; a condition that has no value raises."""
        crate, when = step.crate, step.resource.when
        if crate.when is not None:
            if crate.name not in self._conditions:
                self._conditions[crate.name] = self._condition(crate)
            holds = self._conditions[crate.name]
            if isinstance(holds, Exception):
                if isinstance(holds, ExpressionError) and unaskable(holds, self._host):
                    return f"when of crate {crate.name}: {holds.message}"
                raise ResourceFailed(f"when of crate {crate.name}: {holds}") from holds
            if not holds:
                return f"when of crate {crate.name}: {crate.when}"
        if when is None:
            return ""
        try:
            return "" if self._plan.renderer.holds(when, crate.scope) else f"when: {when}"
        except ExpressionError as error:
            if unaskable(error, self._host):
                return f"when: {error.message}"
            raise ResourceFailed(f"when: {error}") from error

    def _condition(self, crate: CratePlan) -> bool | ExpressionError | OSError:
        assert crate.when is not None
        try:
            return self._plan.renderer.holds(crate.when, crate.scope)
        except (ExpressionError, OSError) as error:
            return error

    def _set_aside(self, step: Step) -> None:
        if not self._dry_run:
            for name in (step.resource.id, *(instance.id for instance in step.instances or ())):
                self._journal.set_aside(name)

    def _instance(self, step: Step, instance: Instance, *, known: bool) -> Converged:
        try:
            return self._converged(step, instance, known=known)
        except (ResourceFailed, JournalFull, HostFault, OSError) as error:
            return Converged(Outcome.FAILED, error=str(error))
        except Exception as error:  # noqa: BLE001 - one resource never ends the run
            return Converged(Outcome.FAILED, error=self._bug(instance.id, error))

    def _converged(self, step: Step, instance: Instance, *, known: bool) -> Converged:
        kind = step.kind
        assert kind is not None
        if (never := self._never(step, instance)) is not None:
            return never
        if kind.prefetch is not None and (key := f"prefetched:{step.resource.type}") not in self._host.memo:
            self._host.memo[key] = True
            with reach.declared(kind.needs_network):
                kind.prefetch(step.host, self._plan.prepared(kind))
        audit = step.resource.mode == "audit"
        # What is desired only now is no repair: whoever fought over what was desired before may let it be.
        repair = not (self._dry_run or audit) and self._was_reached(step, instance)
        fight = self._fights.stands_back(instance.id) if repair else ""
        enforced = not (self._dry_run or audit or fight)
        if enforced and instance.path and not known:
            self._remember(step, instance)
        with ExitStack() as meanwhile, reach.declared(kind.needs_network):
            result: Converged = kind.converge(
                step.host,
                instance.prepared,
                dry_run=not enforced,
                tainted=bool(step.secrets),
                before=lambda there: self._before(step, instance, meanwhile, there=there),
            )
        if result.outcome is Outcome.FAILED:
            self._recorder.failed(instance.id)
        if result.diff and self._plan.mask.has_short(step.secrets):
            result = result._replace(diff="(not shown: it may hold a secret too short to be masked)")
        if fight and result.outcome is Outcome.CHANGED:
            return result._replace(outcome=Outcome.FAILED, changed=False, error=fight)
        if audit and result.outcome is Outcome.CHANGED:
            return result._replace(outcome=Outcome.SKIPPED, action="none", reason=f"audit only: would {result.action}")
        return result

    def _never(self, step: Step, instance: Instance) -> Converged | None:
        """What becomes of an instance that is not even looked at; None of one that is.

        Raises:
            ResourceFailed: it must not be applied.
        """
        if self._reporting.full:
            raise ResourceFailed(f"this host would have more than {MAX_RESOURCES} resources")
        if instance.error or instance.skipped:
            self.settled = False
            return Converged(
                Outcome.SKIPPED if instance.skipped else Outcome.FAILED, error=instance.error, reason=instance.skipped
            )
        if reason := self._why_not(step):
            return Converged(Outcome.SKIPPED, reason=reason)
        if taken := self.claims.claim(instance):
            raise ResourceFailed(taken)
        if (hold := self._journal.holds.get(instance.id)) is not None:
            if hold.digest == instance.digest:
                raise ResourceFailed(hold.why)
            if not self._dry_run:
                self._journal.release(instance.id)
        return None

    def _may_change(self, step: Step, instance: Instance) -> bool:
        """Whether an instance whose turn has not come will be applied then, if it differs."""
        held = instance.id in self._journal.holds or bool(self._fights.stands_back(instance.id))
        passed = self._dry_run or step.resource.mode == "audit" or self._untouched(step)
        return not (passed or held or not self.claims.owners().keys().isdisjoint(instance.owns))

    def _promise(self, step: Step) -> list[str]:
        """Write down whom a step notifies. Answers those that were not owed before."""
        return self._journal.owe(self._acts(step))

    def _acts(self, step: Step) -> list[str]:
        targets = (self._plan.steps[target].resource for target in step.notifies)
        return [target.id for target in targets if target.on_notify_only]

    def _why_not(self, step: Step) -> str | None:
        """Why this type is skipped on this host."""
        name = step.resource.type
        if name not in self._unsupported:
            assert step.kind is not None
            reason = step.kind.skipped(self._host)
            self._unsupported[name] = None if reason is None else f"{name} {reason}"
        return self._unsupported[name]

    def _remember(self, step: Step, instance: Instance) -> None:
        """What must be known of a path before it is looked at."""
        entry = self._journal.entries.get(instance.id)
        if entry is not None and entry.path and entry.path != instance.path:
            # The same resource, another path: the old one has left the catalog.
            self._journal.reached(f"{instance.id} ({entry.path})", entry)
            self._journal.forget(instance.id)
        if step.resource.on_removal == "revert" and instance.path not in self._journal.origins:
            # Now, though nothing may be about to change: later it could be somebody's damage that is kept.
            removal.remember(step.host, self._journal, instance.path)

    def _before(self, step: Step, instance: Instance, meanwhile: ExitStack, *, there: bool | None) -> Host:
        """Write down what must be known, whatever happens next; answer the host to change it through."""
        if self._ours is not None and (places := step.places or places_of(step)):
            meanwhile.callback(self._ours(places))
        if instance.path and instance.id not in self._journal.entries:
            removal.claim(step.host, self._journal, instance.id, instance.entry, instance.path, there=there)
        acts = self._acts(step)
        self._fresh_debts = self._journal.owe(acts)
        if step.resource.on_notify_only:
            return step.host
        assert step.kind is not None
        risky = cutting.may_cut_off(step.kind, instance.prepared, instance.attributes)
        change = Changed(instance.id, step.resource.type, instance.digest, risky, tuple(acts))
        whose = None if step.crate.user is None else step.crate.user.account
        touches = step.kind.touches(step.host, instance.prepared)
        things = () if step.kind.kept is None else step.kind.kept.names(instance.prepared)
        return self._recorder.through(step.host, change, whose, touches=touches, things=things)

    def _cancel_debts(self) -> None:
        """What failed still differs: it will notify when it has changed."""
        for name in self._fresh_debts:
            self._journal.paid(name)

    def _is_corrective(self, step: Step, instance: Instance, result: Converged) -> bool:
        return result.outcome is not Outcome.FAILED and self._was_reached(step, instance)

    def _fought(self, step: Step, instance: Instance, result: Converged, *, corrective: bool) -> None:
        repaired = corrective and result.outcome is Outcome.CHANGED and not self._dry_run
        if repaired or (result.undone and self._was_reached(step, instance)):
            self._fights.repaired(instance.id, instance.path)

    def _was_reached(self, step: Step, instance: Instance) -> bool:
        """Whether it was once as it is desired now."""
        if step.clocked or step.resource.on_notify_only:
            return False
        entry = self._journal.entries.get(instance.id)
        return entry is not None and entry.digest == instance.digest

    def _learn(self, step: Step, instance: Instance, result: Converged) -> None:
        if self._dry_run or step.resource.mode == "audit" or step.resource.on_notify_only:
            return
        if result.outcome in (Outcome.UNCHANGED, Outcome.CHANGED):
            self._journal.reached(instance.id, instance.entry)

    def _skip(self, step: Step, reason: str, begun: float) -> None:
        self._whole(step, Converged(Outcome.SKIPPED, reason=reason), begun)

    def _fail(self, step: Step, error: str, begun: float) -> _Fate:
        self._whole(step, Converged(Outcome.FAILED, error=error), begun)
        return _Fate.FAILED

    def _whole(self, step: Step, result: Converged, begun: float) -> None:
        self.claims.unexpanded.add(step.resource.id)
        self._reporting.add(step.resource, step.resource.id, result, self._since(begun))

    def _bug(self, name: str, error: Exception) -> str:
        """Log an exception that nobody foresaw, whole but for secrets."""
        _log.error("%s: a bug in the agent: %s", name, self._plan.mask("".join(traceback.format_exception(error))))
        return f"a bug in the agent: {type(error).__name__}: {error}"

    def _since(self, begun: float) -> int:
        return int((self._monotonic() - begun) * 1_000_000)
