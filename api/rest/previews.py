"""Previews over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import graphs, previews, rollout_plans, traces
from api.services.graphs import MAX_AS_OF, AsOf
from api.services.previews import Question
from schema.access import Permission
from schema.previews import MAX_OVERRIDES, Preview, RevisionPreview
from schema.rollouts import PlanPreview

area = Area("previews")

Rev = Annotated[str | None, Field(min_length=1, max_length=MAX_AS_OF)]


@area(
    "GET",
    "/api/v1/preview",
    Permission.FLEET_READ,
    raises=[
        *graphs.FAULTS,
        traces.CrateNotFound,
        previews.NoQuestion,
        previews.BadTrait,
        previews.PreviewsBusy,
    ],
    timeout_s=60.0,
)
async def preview_change(
    call: Call,
    *,
    configcrate: Annotated[str | None, Field(min_length=1, max_length=traces.MAX_NAME)] = None,
    rev: Rev = None,
    base: Rev = None,
    trait: Annotated[list[str], Field(max_length=MAX_OVERRIDES)] = [],  # noqa: B006 - a query parameter
    as_of: AsOf = None,
) -> Preview | RevisionPreview:
    """Which enrolled hosts a change of a configcrate would reach; or what another revision would change for each.

    With `configcrate` alone: the hosts that have it, in force or `asOf` a revision. With `rev` (a branch, tag or
    commit): every host's delta from `base` (what is in force), in classes of hosts for which the same changes,
    rendered with the traits last seen; `configcrate` then narrows it to that crate. `trait=os.version=13`, which may be
    given more than once, assumes another trait for the other side; without `rev` it alone is what differs.

    Args:
        configcrate: only what changes of this crate; alone: who has it.
        rev: a branch, tag or commit that would come into force.
        base: what it is compared with; what is in force when not given.
        trait: a trait to assume, `os.version=13`; may be given more than once.
    """
    if rev is None and not trait:
        if configcrate is None:
            raise previews.NoQuestion("name a rev, a trait to assume, or a configcrate")
        graph = await call.graph(as_of or base)
        return await call.read(lambda work: previews.affected(work, graph, configcrate))
    base = base or as_of
    question = Question(rev, base, trait, configcrate)
    one = await call.graph(base)
    other = await call.graph(rev) if rev is not None else one
    return await previews.of_revision(call.app, call.actor, question, one, other, request_id=call.request_id)


@area(
    "GET",
    "/api/v1/rollouts/plan",
    Permission.FLEET_READ,
    raises=[*graphs.FAULTS, previews.PreviewsBusy],
    timeout_s=60.0,
)
async def preview_rollout(call: Call, *, ref: Annotated[str, Field(min_length=1, max_length=MAX_AS_OF)]) -> PlanPreview:
    """In which waves a branch, tag or commit would reach the enrolled hosts, if it came into force now.

    By its own `rollout.vgo` and `invariants.vgo`: who would be in which wave, which hosts have the same changes, which
    of them are canaries, and what of the invariants would not hold on the way.

    Args:
        ref: a branch, tag or commit.
    """
    return await rollout_plans.preview(call.app, call.actor, ref, request_id=call.request_id)
