"""Plans before anybody merges: in which waves a revision would reach the hosts if it came into force now."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from api.services import envoys, graphs, rollouts
from api.services.work import Actor, Work
from api.storage import rollouts as rows
from reconciler.rollout import invariants, planning
from schema.errors import Fault
from schema.rollouts import PlanPreview

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph
    from reconciler.rollout.facts import HostFacts

MAX_BASES: Final = 4
"""Revisions that hosts have now and that are compiled for a preview: those that most of them have."""

log = logging.getLogger(__name__)


async def preview(services: Services, actor: Actor, ref: str, *, request_id: str = "") -> PlanPreview:
    """How a branch, tag or commit would reach the enrolled hosts.

    Hosts whose present revision is not at hand count as ones that change.

    Raises:
        PreviewsBusy; those of `graphs.FAULTS`.
    """
    target = await graphs.at(services, actor, ref, request_id=request_id)
    hosts = await services.read(actor, lambda work: _hosts(work, services, target), request_id=request_id)
    bases: dict[str, Graph] = {}
    for commit, _ in Counter(host.base for host in hosts if host.base is not None).most_common(MAX_BASES):
        if commit != target.commit:
            try:
                bases[commit] = await graphs.at(services, actor, commit, request_id=request_id)
            except Fault as fault:
                log.warning("commit %s is not at hand: %s", commit[:12], fault.message)
    made = await services.desks.previews.run(lambda: planning.plan(target, hosts, bases, classes=True))
    return PlanPreview.of(made)


def _hosts(work: Work, services: Services, target: Graph) -> list[HostFacts]:
    done = rows.last_done(work.session, work.project_id)
    in_force = services.graph.commit if services.graph is not None else None
    return rollouts.facts(
        work,
        target.commit or "",
        services.holds,
        envoys.online(services),
        proven=done[1] if done is not None else in_force,
        since=rows.commits_since(work.session, work.project_id, done[0] if done is not None else 0),
        traits=bool(invariants.traits_asked(target)),
    )
