"""Retractions: how what removed crates did is taken back, and on which hosts.

The crates are whatever the caller sends: they are removed, so the tree in force need not have them. Which hosts had one
is looked up in the version in force, and where it has no such crate any more, in those before it, the newest first.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from api.services.work import Actor, Work
from api.storage import envoys as envoy_rows
from api.storage import revisions as revision_rows
from api.storage.rows import MAX_PAGE
from reconciler import retractions
from schema.errors import Fault
from schema.retractions import RetractedEnvoy, Retraction, Retractions, RetractionsAsked

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

MAX_ENVOYS: Final = 1_000
"""That are listed of one crate."""
MAX_VERSIONS: Final = 5
"""In which a crate is looked for, that in force among them."""


async def retract(services: Services, actor: Actor, asked: RetractionsAsked, *, request_id: str = "") -> Retractions:
    """The crate that takes back each of some crates, with what is known of each resource and who had it.

    Raises:
        QuestionsBusy
    """
    desk = services.desks.questions
    made = [await desk.run(partial(retractions.retract, each.name, each.content)) for each in asked.configcrates]
    had = await _had(services, actor, {each.name for each in asked.configcrates}, request_id)
    results = []
    for crate, retracted in zip(asked.configcrates, made, strict=True):
        envoys = had.get(crate.name, [])
        results.append(
            Retraction(
                name=crate.name,
                retract_yaml=retracted.crate,
                warnings=retracted.warnings,
                envoys=envoys[:MAX_ENVOYS],
                left_out=max(0, len(envoys) - MAX_ENVOYS) or None,
            )
        )
    return Retractions(results=results)


async def _had(services: Services, actor: Actor, names: set[str], request_id: str) -> dict[str, list[RetractedEnvoy]]:
    """Enrolled hosts by the crates that they have, or last had."""
    versions = await services.read(
        actor,
        lambda work: revision_rows.came_into_force(work.session, work.project_id, limit=MAX_VERSIONS),
        request_id=request_id,
    )
    found: dict[str, list[RetractedEnvoy]] = {}
    missing = set(names)
    for commit in dict.fromkeys(each.commit for each in versions):
        if not missing:
            break
        graph = await _graph(services, commit)
        having = {name for name in missing if graph is not None and name in graph.crates}
        if graph is None or not having:
            continue
        found |= await services.read(actor, partial(_carrying, graph=graph, names=having), request_id=request_id)
        missing -= having
    return found


async def _graph(services: Services, commit: str) -> Graph | None:
    if services.graph is not None and services.graph.commit == commit:
        return services.graph
    if services.archive is None:
        return None
    try:
        return await services.archive.graph(commit)
    except Fault:  # it is gone from the repository, or too many wait: the next version may know
        return None


def _carrying(work: Work, graph: Graph, names: set[str]) -> dict[str, list[RetractedEnvoy]]:
    found: dict[str, list[RetractedEnvoy]] = {}
    after = ""
    while page := envoy_rows.live(work.session, work.project_id, after=after, limit=MAX_PAGE):
        after = page[-1].id
        for envoy in page:
            profile = graph.match(envoy.hostname)
            for name in names.intersection(profile.configcrates) if profile is not None else ():
                last = envoy.run.started_at if envoy.run is not None else None
                found.setdefault(name, []).append(RetractedEnvoy(hostname=envoy.hostname, last_run=last))
    for envoys in found.values():
        envoys.sort(key=lambda each: each.hostname)
    return found
