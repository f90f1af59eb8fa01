"""Asking: people approve, pause, cancel and retry; what they ask is stored as theirs, and the loop heeds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.services import approvals
from api.services import makers as makers_
from api.services.makers import NOBODY, Makers
from api.services.rollouts.reading import (
    ASKED,
    CHANGED,
    NoAccount,
    NoSuchWave,
    NothingToApprove,
    OtherPlan,
    OwnCommit,
    RolloutOver,
    get,
)
from api.services.work import Actor, Work
from api.storage import rollouts as rows
from api.storage import users as user_rows
from schema.progress import FINISHED, WHOLE_PLAN, Approval, Asked, Rollout
from schema.rollouts import RolloutPlan, RolloutState

if TYPE_CHECKING:
    from api.services.container import Services


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
