"""Carrying: what the loop knows of rollouts when it starts, and tells of them as they go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from api.services.envoys import Online
from api.services.rollouts.reading import CHANGED, get
from api.services.work import Work
from api.storage import rollouts as rows
from api.storage import tags as tag_rows
from api.storage import traits as trait_rows
from reconciler.convergence import offline_after
from reconciler.holds import Holds
from reconciler.loop.past import Kept, Past
from reconciler.ports import Order
from reconciler.rollout.facts import HostFacts, system_of
from reconciler.rollout.terms import Verdict
from schema.progress import FINISHED, MAX_PAGE, MAX_RESOURCES, Progress, Rollout, WaveProgress
from schema.rollouts import RolloutPlan, RolloutState, WaveState

MAX_LOOKED_AT: Final = 20
"""Hosts of which the failed resources are looked up at once."""


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
    _audit_probes(work, before, progress, plan)
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


def _with_resources(work: Work, rollout: Rollout, progress: Progress) -> Progress:
    """The same, with what failed on the hosts that did: told by their last run under the rollout's commit."""
    known = {each.hostname: each for each in rollout.progress.failures if each.resources}
    failures, looked = [], 0
    for failure in progress.failures:
        before = known.get(failure.hostname)
        if failure.check is not None:
            pass  # its run was good
        elif before is not None and before.at == failure.at:
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


def _audit_probes(work: Work, rollout: Rollout, progress: Progress, plan: RolloutPlan | None) -> None:
    """That the hosts of a wave begin to be asked to run commands, before the first of them is."""
    was = {wave.index: wave.probes for wave in rollout.progress.waves}
    waves = {wave.index: wave for wave in plan.waves} if plan is not None else {}
    for wave in progress.waves:
        if wave.probes > was.get(wave.index, 0) and wave.index in waves:
            commands = [list(check.command or ()) for check in waves[wave.index].commands]
            told = {"commit": rollout.commit, "wave": wave.index, "name": wave.name, "commands": commands}
            work.audit("rollout.probe", "rollout", str(rollout.id), payload=told)


def _turns(before: Progress, after: Progress) -> dict[str, Any]:
    """What is otherwise, in the terms of an audit entry; counts alone are not worth one."""
    told: dict[str, Any] = {}
    if after.state is not before.state:
        told |= {"state": after.state.value, "why": after.why}
    was = {wave.index: wave.state for wave in before.waves}
    turned = [wave for wave in after.waves if wave.state is not was.get(wave.index, WaveState.WAITING)]
    waves = {str(wave.index): wave.state.value for wave in turned}
    return told | ({"waves": waves} if waves else {})
