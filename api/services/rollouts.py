"""Rollouts: how far each is, and what people ask of them.

The loop carries a rollout out and tells how far it is (`begin`, `keep`); people approve, pause, cancel and retry. What
people ask is stored as theirs and announced; the loop heeds it at once, and reads it again after a restart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from api.services import approvals
from api.services import makers as makers_
from api.services.envoys import Online
from api.services.makers import NOBODY, Makers
from api.services.work import Actor, Work
from api.storage import rollouts as rows
from api.storage import tags as tag_rows
from api.storage import traits as trait_rows
from api.storage import users as user_rows
from reconciler.convergence import offline_after
from reconciler.holds import Holds
from reconciler.loop.past import Kept, Past
from reconciler.ports import Order
from reconciler.rollout.facts import HostFacts, system_of
from reconciler.rollout.terms import Verdict
from schema.errors import Conflict, Forbidden, Invalid, NotFound
from schema.progress import (
    FINISHED,
    MAX_PAGE,
    MAX_RESOURCES,
    WHOLE_PLAN,
    Approval,
    Asked,
    Progress,
    Rollout,
    RolloutList,
    WaveProgress,
)
from schema.rollouts import RolloutPlan, RolloutState, WaveState

if TYPE_CHECKING:
    from api.services.container import Services

ASKED: Final = "rollout.asked"
"""Announced when people have asked something of a rollout: the loop reads it."""
CHANGED: Final = "rollout.changed"
"""Announced when a rollout is further than it was."""


MAX_DIGITS: Final = 15
MAX_LOOKED_AT: Final = 20
"""Hosts of which the failed resources are looked up at once."""


class RolloutNotFound(NotFound):
    """There is no such rollout."""

    code = "rollouts.not_found"


class RolloutOver(Conflict):
    """The rollout is over, or not where this could be done with it."""

    code = "rollouts.over"


class NothingToApprove(Conflict):
    """Nobody has to approve that."""

    code = "rollouts.nothing_to_approve"


class OtherPlan(Conflict):
    """What was to be approved is not what would be rolled out now."""

    code = "rollouts.other_plan"


class OwnCommit(Forbidden):
    """Nobody approves what is their own."""

    code = "rollouts.own_commit"


class NoAccount(Forbidden):
    """An approval is of somebody with an account: of anybody else it is not known who they are."""

    code = "rollouts.no_account"


class NoSuchWave(Invalid):
    """The rollout has no such wave."""

    code = "rollouts.no_such_wave"


# by the loop


def begin(work: Work, *, commit: str, plan_root: str, author: str, staged: bool) -> int:
    """The rollout of the commit that is in force from now on; the one before it, if it is not over, ends. Called again
    for the same commit, it changes nothing."""
    before = rows.newest(work.session, work.project_id, whole=False)
    if before is not None and before.commit == commit:
        return before.id
    if before is not None and before.state not in FINISHED:
        reverted = before.state is RolloutState.REVERTING and _takes_back(work, before.id, plan_root)
        ended = before.progress.model_copy(
            update={"state": RolloutState.REVERTED, "went_back_to": commit, "ended_at": work.now}
            if reverted
            else {"state": RolloutState.CANCELLED, "why": f"{commit[:12]} came after it", "ended_at": work.now}
        )
        rows.end(work.session, work.project_id, before.id, ended)
        action = "rollout.revert" if reverted else "rollout.cancel"
        work.audit(action, "rollout", str(before.id), payload={"why": ended.why, "commit": commit})
        work.publish(CHANGED, id=before.id, state=ended.state.value)
    state = RolloutState.PLANNED if staged else RolloutState.RUNNING
    wave = WaveProgress(index=0, name="all", state=WaveState.RUNNING, began_at=work.now)
    rollout = Rollout(
        id=rows.next_id(work.session, work.project_id),
        commit=commit,
        plan_root=plan_root,
        state=state,
        everyone=not staged,
        author=author,
        began_at=work.now,
        progress=Progress(state=state, waves=() if staged else (wave,)),
    )
    rows.add(work.session, work.project_id, rollout)
    told = {"commit": commit, "plan_root": plan_root, "staged": staged}
    work.audit("rollout.begin", "rollout", str(rollout.id), payload=told)
    work.publish(CHANGED, id=rollout.id, state=state.value)
    return rollout.id


def _takes_back(work: Work, rollout_id: int, plan_root: str) -> bool:
    """Whether a plan is the one from which a rollout led away."""
    plan = get(work, rollout_id).plan
    if plan is None or plan.base is None:
        return False
    earlier = rows.page(work.session, work.project_id, before=rollout_id, limit=MAX_PAGE)
    return plan_root in {each.plan_root for each in earlier if each.commit == plan.base}


def keep(work: Work, rollout_id: int, *, version: int, progress: Progress, plan: RolloutPlan | None) -> None:
    """How far a rollout is; a version that is older than what is stored changes nothing."""
    before = rows.find(work.session, work.project_id, rollout_id, whole=False)
    if before is None:
        return
    progress = _with_resources(work, before, progress)
    if not rows.put_progress(work.session, work.project_id, rollout_id, version=version, progress=progress, plan=plan):
        return
    told = _turns(before.progress, progress)
    if told:
        bad = {RolloutState.STOPPED, RolloutState.BLOCKED, RolloutState.REVERTING}
        failed = progress.state in bad and before.progress.state is not progress.state
        work.audit(
            "rollout.advance",
            "rollout",
            str(rollout_id),
            outcome="failed" if failed else "success",
            payload={
                "commit": before.commit,
                **told,
                "failures": [f"{each.hostname}: {each.why}" for each in progress.failures[:20]] if failed else [],
            },
        )
    work.publish(CHANGED, id=rollout_id, state=progress.state.value)


def count(work: Work, commit: str, version: int, waves: tuple[WaveProgress, ...]) -> None:
    """Keep how many hosts of each wave are how far by now, where nothing else was kept of it since a version."""
    before = rows.newest(work.session, work.project_id, whole=False)
    if before is None or (before.commit, before.version) != (commit, version):
        return
    progress = before.progress.model_copy(update={"waves": waves})
    rows.put_waves(work.session, work.project_id, before.id, progress, version=version)
    work.publish(CHANGED, id=before.id, state=before.state.value)


def past(work: Work) -> Past:
    """The rollouts, as the loop needs to know of them at its start."""
    done = rows.last_done(work.session, work.project_id)
    newest = rows.newest(work.session, work.project_id)
    if newest is None:
        return Past()
    since = rows.commits_since(work.session, work.project_id, done[0] if done is not None else 0)
    verdicts: dict[str, Verdict] = {}
    gone: frozenset[str] = frozenset()
    if newest.state is not RolloutState.DONE:
        if newest.plan is not None:
            planned = {name for wave in newest.plan.waves for name in wave.hosts}
            gone = frozenset(planned.difference(host.hostname for host in rows.targets(work.session, work.project_id)))
        for each in rows.given(work.session, work.project_id, newest.commit, newest.began_at):
            why = "" if each.healthy else "its run failed"
            verdicts[each.hostname] = Verdict(Order(each.epoch, each.generation), each.healthy, why)
    return Past(
        proven=done[1] if done is not None else None,
        since=frozenset(since),
        current=Kept(
            id=newest.id,
            commit=newest.commit,
            plan=newest.plan,
            progress=newest.progress,
            version=newest.version,
            everyone=newest.everyone,
            asked=newest.asked,
            verdicts=verdicts,
            gone=gone,
        ),
    )


def facts(
    work: Work, commit: str, holds: Holds, online: Online, *, proven: str | None, since: Collection[str], traits: bool
) -> list[HostFacts]:
    """What a plan needs to know of each host that is enrolled.

    Args:
        commit: that is to be rolled out.
        holds, online: who may remain as it is meanwhile: invariants reckon with both.
        proven, since: as in `effects.PlanRollout`.
        traits: whether an invariant reads them.
    """
    tags = tag_rows.of(work.session, work.project_id)
    hosts = list(rows.targets(work.session, work.project_id))
    names = [host.hostname for host in hosts]
    known: dict[str, Mapping[str, Any]] = dict(trait_rows.of(work.session, work.project_id, names))
    held = holds.each(names, work.now, commit)
    found = []
    for host, hold in zip(hosts, held, strict=True):
        said = known.get(host.hostname, {})
        base = host.commit if host.commit == commit or host.commit in since else proven
        found.append(
            HostFacts(
                hostname=host.hostname,
                os=system_of(said),
                tags=tags.get(host.hostname, ()),
                environment=host.environment,
                base=base if host.commit else None,
                stays=hold is not None or _is_offline(host, online, work.now),
                traits=said if traits else {},
            )
        )
    return found


def _is_offline(host: rows.Target, online: Online, now: int) -> bool:
    if online(host.envoy_id):
        return False
    return host.last_seen_at is None or now - host.last_seen_at >= offline_after(host.cadence_us)


# by people


def page(work: Work, *, before: int | None = None, limit: int = 50) -> RolloutList:
    """Rollouts, newest first; with `before`, those of a lower id."""
    limit = max(1, min(limit, MAX_PAGE))
    found = rows.page(work.session, work.project_id, before=before, limit=limit + 1)
    return RolloutList(rollouts=found[:limit], next_before=found[limit - 1].id if len(found) > limit else None)


def numbered(text: str) -> int:
    """The rollout that a path names.

    Raises:
        RolloutNotFound: it is no number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise RolloutNotFound("there is no such rollout")
    return int(text)


def get(work: Work, rollout_id: int) -> Rollout:
    """One rollout, with its plan and how far it is.

    Raises:
        RolloutNotFound
    """
    found = rows.find(work.session, work.project_id, rollout_id)
    if found is None:
        raise RolloutNotFound(f"there is no rollout {rollout_id}")
    return found


def current(work: Work) -> Rollout | None:
    """The rollout of the commit in force; None before the first."""
    return rows.newest(work.session, work.project_id)


async def approved(
    services: Services, actor: Actor, rollout_id: int, *, wave: int | None, plan_root: str | None, request_id: str = ""
) -> Rollout:
    """Approve a wave, or the plan as a whole, as somebody of whom none of its commits is.

    Raises:
        Those of `approve`; Fault: whose the commits are cannot be read.
    """
    commit, base = await services.read(actor, lambda work: _between(work, rollout_id), request_id=request_id)
    makers = await makers_.of(services, commit, base)

    def use_case(work: Work) -> Rollout:
        rollout = approve(work, rollout_id, wave=wave, plan_root=plan_root, makers=makers)
        approvals.state(work, rollout, services.pki.signing_key)
        return rollout

    return await services.write(actor, use_case, request_id=request_id)


def approve(
    work: Work, rollout_id: int, *, wave: int | None, plan_root: str | None, makers: Makers = NOBODY
) -> Rollout:
    """Approve a wave, or the plan as a whole.

    Args:
        plan_root: of what was looked at; refused where that is not what would be rolled out.
        makers: whose the commits are that it brings; the authors of those that came into force are known anyway.

    Raises:
        RolloutNotFound, RolloutOver, NoSuchWave, NothingToApprove, OtherPlan, OwnCommit, NoAccount
    """
    rollout = _open(work, rollout_id)
    if work.actor.type != "user":
        raise NoAccount("this needs somebody with an account: log in, or use a token of yours")
    if plan_root is not None and plan_root != rollout.plan_root:
        raise OtherPlan("the plan is another one by now; look at it again")
    if _is_theirs(work, makers):
        raise OwnCommit("a commit of this rollout is yours: another person has to approve it")
    if rollout.plan is None:
        raise NothingToApprove("nothing waits for an approval")
    index = _approvable(rollout.plan, wave)
    approval = Approval(
        wave=index, user_id=work.actor.id, name=work.actor.name, plan_root=rollout.plan_root, at=work.now
    )
    rows.approve(work.session, work.project_id, rollout_id, approval)
    work.audit(
        "rollout.approve",
        "rollout",
        str(rollout_id),
        payload={"commit": rollout.commit, "plan_root": rollout.plan_root, "wave": wave},
    )
    work.publish(ASKED, id=rollout_id)
    return get(work, rollout_id)


def pause(work: Work, rollout_id: int) -> Rollout:
    """Release nobody further, until `resume`. Whoever is at it goes on.

    Raises:
        RolloutNotFound, RolloutOver
    """
    return _ask(work, rollout_id, "pause", paused=True)


def resume(work: Work, rollout_id: int) -> Rollout:
    """Go on.

    Raises:
        RolloutNotFound, RolloutOver
    """
    return _ask(work, rollout_id, "resume", paused=False)


def cancel(work: Work, rollout_id: int) -> Rollout:
    """Release nobody further, ever. Whoever was released stays there until the next commit.

    Raises:
        RolloutNotFound, RolloutOver
    """
    return _ask(work, rollout_id, "cancel", cancelled=True)


def retry(work: Work, rollout_id: int) -> Rollout:
    """Try again what failed: hosts run anew, health is asked for again, a plan that was blocked is made anew.

    Raises:
        RolloutNotFound
        RolloutOver: it has not stopped.
    """
    rollout = get(work, rollout_id)
    newest = rows.newest(work.session, work.project_id, whole=False)
    stuck = {RolloutState.STOPPED, RolloutState.BLOCKED}
    if newest is None or newest.id != rollout_id or rollout.state not in stuck:
        raise RolloutOver(f"rollout {rollout_id} is {rollout.state}: there is nothing to try again")
    if rollout.state is RolloutState.BLOCKED:
        rows.clear_plan(work.session, work.project_id, rollout_id)
    return _store(work, rollout, "retry", rollout.asked.model_copy(update={"retries": rollout.asked.retries + 1}))


def promote(work: Work, rollout_id: int, wave: int) -> Rollout:
    """Let a wave be through now: without waiting for hosts that have not answered, for its checks or its pause.

    Raises:
        RolloutNotFound, RolloutOver, NoSuchWave
    """
    rollout = _open(work, rollout_id)
    if not any(each.index == wave for each in rollout.progress.waves):
        raise NoSuchWave(f"rollout {rollout_id} has no wave {wave}")
    asked = rollout.asked.model_copy(update={"promoted": rollout.asked.promoted | {wave}})
    return _store(work, rollout, "promote", asked, wave=wave)


def _ask(work: Work, rollout_id: int, what: str, **update: bool) -> Rollout:
    rollout = _open(work, rollout_id)
    return _store(work, rollout, what, rollout.asked.model_copy(update=update))


def _store(work: Work, rollout: Rollout, what: str, asked: Asked, **details: Any) -> Rollout:
    rows.put_asked(work.session, work.project_id, rollout.id, asked)
    work.audit(f"rollout.{what}", "rollout", str(rollout.id), payload={"commit": rollout.commit, **details})
    work.publish(ASKED, id=rollout.id)
    work.publish(CHANGED, id=rollout.id, state=rollout.state.value)
    return get(work, rollout.id)


def _open(work: Work, rollout_id: int) -> Rollout:
    rollout = get(work, rollout_id)
    newest = rows.newest(work.session, work.project_id, whole=False)
    over = rollout.state in FINISHED or rollout.asked.cancelled
    if newest is None or newest.id != rollout_id or over:
        raise RolloutOver(f"rollout {rollout_id} is {rollout.state}")
    return rollout


def _approvable(plan: RolloutPlan, wave: int | None) -> int:
    if wave is None:
        if plan.require_approval:
            return WHOLE_PLAN
        waiting = [each.index for each in plan.waves if each.approvals]
        if len(waiting) != 1:
            raise NothingToApprove("say which wave" if waiting else "nothing waits for an approval")
        return waiting[0]
    found = next((each for each in plan.waves if each.index == wave), None)
    if found is None:
        raise NoSuchWave(f"there is no wave {wave}")
    if not found.approvals:
        raise NothingToApprove(f"nobody has to approve wave {found.name}")
    return wave


def _between(work: Work, rollout_id: int) -> tuple[str, str | None]:
    """The commit of a rollout, and the last one that is through: what lies between is what it brings."""
    done = rows.last_done(work.session, work.project_id)
    return get(work, rollout_id).commit, done[1] if done is not None else None


def _is_theirs(work: Work, makers: Makers) -> bool:
    """Whether one of the commits since the last rollout that is through is the actor's: by its signature, or by its
    author, who may be given by the account's name, its shown name or its address."""
    user = user_rows.find(work.session, work.project_id, work.actor.id)
    mine = {work.actor.name.casefold()}
    if user is not None:
        mine |= {user.username.casefold(), user.display_name.strip().casefold(), user.email.strip().casefold()} - {""}
    done = rows.last_done(work.session, work.project_id)
    said = {name.casefold() for name in makers.accounts}
    for author in (*rows.authors_since(work.session, work.project_id, done[0] if done else 0), *makers.addresses):
        name, _, rest = author.rpartition("<")
        address = rest.rstrip(">").strip().casefold()
        said |= {name.strip().casefold(), address, address.partition("@")[0]}
    return bool(mine & (said - {""}))


def _with_resources(work: Work, rollout: Rollout, progress: Progress) -> Progress:
    """The same, with what failed on the hosts that did: told by their last run under the rollout's commit."""
    known = {each.hostname: each for each in rollout.progress.failures if each.resources}
    failures, looked = [], 0
    for failure in progress.failures:
        before = known.get(failure.hostname)
        if before is not None and before.at == failure.at:
            failure = before
        elif looked < MAX_LOOKED_AT:
            looked += 1
            found = rows.failed_resources(work.session, work.project_id, failure.hostname, rollout.commit)
            failure = failure.model_copy(
                update={
                    "resources": tuple(found[:MAX_RESOURCES]),
                    "resources_left_out": max(0, len(found) - MAX_RESOURCES),
                }
            )
        failures.append(failure)
    return progress.model_copy(update={"failures": tuple(failures)})


def _turns(before: Progress, after: Progress) -> dict[str, Any]:
    """What is otherwise, in the terms of an audit entry; counts alone are not worth one."""
    told: dict[str, Any] = {}
    if after.state is not before.state:
        told |= {"state": after.state.value, "why": after.why}
    was = {wave.index: wave.state for wave in before.waves}
    turned = [wave for wave in after.waves if wave.state is not was.get(wave.index, WaveState.WAITING)]
    waves = {str(wave.index): wave.state.value for wave in turned}
    return told | ({"waves": waves} if waves else {})
