"""Previews: whom a change of a crate would reach; and what another revision would be for every enrolled host.

The judgement is `reconciler.previews`; here are the hosts, what they last said they are, and the children that render.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from api.services import traces
from api.services.container import Services
from api.services.work import Actor, Work
from api.storage import envoys as envoy_rows
from api.storage import traits as trait_rows
from reconciler import previews
from reconciler.previews import Comparison
from schema.errors import Exhausted, Invalid
from schema.previews import AffectedEnvoy, Preview, RevisionPreview

if TYPE_CHECKING:
    from reconciler.graph import Graph
    from reconciler.rendering import Pool

T = TypeVar("T")

RENDERING_S: Final = 10.0
"""What one preview may take to render; the rest is unknown."""
AT_ONCE: Final = 2
WAITING: Final = 8
IN_FORCE: Final = "in force"


class NoQuestion(Invalid):
    """Neither a revision, nor traits to assume, nor a configcrate."""

    code = "previews.no_question"


class BadTrait(Invalid):
    """Not a trait, or not a value for it."""

    code = "previews.bad_trait"


class PreviewsBusy(Exhausted):
    """Too many previews are being made."""

    code = "previews.busy"


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
    desk = services.own.setdefault("previews", _Desk())
    if desk.waiting >= WAITING:
        raise PreviewsBusy(f"{WAITING} previews are being made", retry_after_s=2.0)
    desk.waiting += 1
    try:
        async with desk.room:
            names = await services.read(actor, _names, request_id=request_id)
            begun = await asyncio.to_thread(
                _uncollected, lambda: _begun(question, base, other, names, services.renderers)
            )
            if isinstance(begun, RevisionPreview):
                return begun
            seen = await services.read(actor, _seen(begun), request_id=request_id)
            return await asyncio.to_thread(_uncollected, lambda: _answered(begun, question, seen, services.renderers))
    finally:
        desk.waiting -= 1


def of_revision_now(work: Work, question: Question, base: Graph, other: Graph, renderers: Pool) -> RevisionPreview:
    """The same in a thread that reads already, and that waits for nobody.

    Raises:
        BadTrait, PreviewsBusy, traces.CrateNotFound
    """
    if renderers.busy >= AT_ONCE:
        raise PreviewsBusy(f"{AT_ONCE} previews are being made", retry_after_s=2.0)
    comparison = _compared(question, base, other, _names(work))
    seen = _seen(comparison)(work)
    return _answered(comparison, question, seen, renderers)


class _Desk:
    """Who is at it, in one event loop."""

    def __init__(self) -> None:
        self.waiting = 0
        self.room: Final = asyncio.Semaphore(AT_ONCE)


def _uncollected(work: Callable[[], T]) -> T:
    """What `work` gives. It makes many objects for a moment and leaves none: looking for garbage among them, and so
    among all of the graph's, would take half a second now and then."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if was_on:
            gc.enable()


def _begun(
    question: Question, base: Graph, other: Graph, names: Sequence[str], renderers: Pool
) -> Comparison | RevisionPreview:
    """The answer; or where traits decide something, the comparison that asks for them."""
    comparison = _compared(question, base, other, names)
    return comparison if comparison.asking else _answered(comparison, question, {}, renderers)


def _compared(question: Question, base: Graph, other: Graph, names: Sequence[str]) -> Comparison:
    if question.configcrate is not None and not {question.configcrate} & {*base.crates, *other.crates}:
        raise traces.CrateNotFound(f"there is no configcrate {question.configcrate} in either revision")
    try:
        overrides = previews.assumed(question.traits)
    except previews.BadTrait as error:
        raise BadTrait(str(error), hint=error.hint) from error
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
    return _uncollected(lambda: envoy_rows.hostnames(work.session, work.project_id))


def _seen(comparison: Comparison) -> Callable[[Work], dict[str, dict[str, Any]]]:
    def read(work: Work) -> dict[str, dict[str, Any]]:
        found = trait_rows.of(work.session, work.project_id, comparison.asking)
        return _uncollected(lambda: {hostname: comparison.kept(traits) for hostname, traits in found})

    return read
