"""Previews: whom a change of a crate would reach; and what another revision would be for every enrolled host.

The judgement is `reconciler.previews`; here are the hosts, what they last said they are, and the children that render.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.services import traces
from api.services.container import Services
from api.services.desks import PreviewsBusy as PreviewsBusy
from api.services.work import Actor, Work
from api.storage import envoys as envoy_rows
from api.storage import traits as trait_rows
from reconciler import previews
from reconciler.collecting import without_collecting
from reconciler.documents.complaints import nearest
from reconciler.previews import Comparison
from schema.errors import Invalid
from schema.previews import AffectedEnvoy, Preview, RevisionPreview

if TYPE_CHECKING:
    from reconciler.graph import Graph
    from reconciler.rendering import Pool

RENDERING_S: Final = 10.0
"""What one preview may take to render; the rest is unknown."""
IN_FORCE: Final = "in force"


class NoQuestion(Invalid):
    """Neither a revision, nor traits to assume, nor a configcrate."""

    code = "previews.no_question"


class BadTrait(Invalid):
    """Not a trait, or not a value for it."""

    code = "previews.bad_trait"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be compared, in the caller's words."""

    rev: str | None
    base: str | None
    traits: Sequence[str] = ()
    configcrate: str | None = None


def affected(work: Work, graph: Graph, configcrate: str) -> Preview:
    """Whom a change of a crate would reach, of the enrolled hosts.

    Raises:
        traces.CrateNotFound
    """
    carriers = traces.carriers(graph, "configcrate", configcrate)
    found = [
        AffectedEnvoy(hostname=envoy.hostname, envoy_id=envoy.id)
        for envoy, _ in traces.reached(work, graph, carriers.__contains__)
    ]
    return Preview(configcrate=configcrate, affected=found, count=len(found))


async def of_revision(
    services: Services, actor: Actor, question: Question, base: Graph, other: Graph, *, request_id: str = ""
) -> RevisionPreview:
    """What the other revision, or traits that are assumed, would be for every enrolled host.

    Where none is enrolled yet, for every match block.

    Raises:
        BadTrait, PreviewsBusy, traces.CrateNotFound
    """

    def made() -> RevisionPreview:
        comparison = _compared(question, base, other, services.read_now(actor, _names, request_id=request_id))
        seen = services.read_now(actor, _seen(comparison), request_id=request_id) if comparison.asking else {}
        return _answered(comparison, question, seen, services.renderers)

    def uncollected() -> RevisionPreview:
        with without_collecting(cold=False):
            return made()

    return await services.desks.previews.run(uncollected)


def _compared(question: Question, base: Graph, other: Graph, names: Sequence[str]) -> Comparison:
    if question.configcrate is not None and not {question.configcrate} & {*base.crates, *other.crates}:
        near = nearest(question.configcrate, {*base.crates, *other.crates})
        hint = {"hint": near} if near else {}
        raise traces.CrateNotFound(f"there is no configcrate {question.configcrate} in either revision", **hint)
    try:
        overrides = previews.assumed(question.traits)
    except previews.BadTrait as error:
        raise BadTrait(str(error), **({"hint": error.hint} if error.hint else {})) from error
    subjects = previews.of_hosts(base, other, names) if names else previews.of_blocks(base, other)
    return previews.compare(
        base,
        other,
        subjects,
        subject="hosts" if names else "blocks",  # before anybody is enrolled, match blocks stand for hosts
        overrides=overrides,
        configcrate=question.configcrate,
    )


def _answered(
    comparison: Comparison, question: Question, seen: dict[str, dict[str, Any]], renderers: Pool
) -> RevisionPreview:
    base = question.base or IN_FORCE
    return comparison.answer(
        seen,
        lambda jobs: renderers.run(jobs, deadline_s=RENDERING_S),
        base_rev=base,
        other_rev=question.rev or base,
    )


def _names(work: Work) -> list[str]:
    return envoy_rows.hostnames(work.session, work.project_id)


def _seen(comparison: Comparison) -> Callable[[Work], dict[str, dict[str, Any]]]:
    def read(work: Work) -> dict[str, dict[str, Any]]:
        found = trait_rows.of(work.session, work.project_id, comparison.asking)
        return {hostname: comparison.kept(traits) for hostname, traits in found}

    return read
