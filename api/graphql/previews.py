"""Previews: what another revision would be for every enrolled host."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import ahead
from api.graphql.scalars import Json
from api.graphql.shown import shown
from api.services import previews
from api.services.previews import Question
from schema.access import Permission
from schema.previews import (
    MAX_OVERRIDES,
    AttributeChange,
    ChangeClass,
    CrateChange,
    PreviewedRevision,
    ProfilePair,
    ResourceChange,
    RevisionPreview,
    VarChange,
)


@shown(PreviewedRevision)
class PreviewedRevisionType:
    rev: str
    commit: str | None
    plan_root: str
    profiles: int


@shown(AttributeChange)
class AttributeChangeType:
    name: str
    item: str | None
    base: Json | None
    other: Json | None
    diff: str | None
    note: str | None


@shown(ResourceChange)
class ResourceChangeType:
    id: str
    type: str
    action: str
    maybe: str | None
    about: str
    attributes: list[AttributeChangeType]
    left_out: int | None
    consequence: str | None
    notifies: list[str]
    file: str
    line: int


@shown(CrateChange)
class CrateChangeType:
    name: str
    action: str
    carriers: list[str]


@shown(VarChange)
class VarChangeType:
    key: str
    base: Json | None
    other: Json | None
    action: str


@shown(ProfilePair)
class ProfilePairType:
    base: str | None
    other: str | None


@shown(ChangeClass)
class ChangeClassType:
    id: str
    title: str
    certainty: str
    membership: str
    count: int
    hosts: list[str]
    left_out: int | None
    example: str
    profiles: list[ProfilePairType]
    environment: VarChangeType | None
    roles_added: list[str]
    roles_removed: list[str]
    crates: list[CrateChangeType]
    reordered: bool
    vars: list[VarChangeType]
    resources: list[ResourceChangeType]
    vars_left_out: int | None
    resources_left_out: int | None
    notes: list[str]


@shown(RevisionPreview, name="Preview")
class RevisionPreviewType:
    base: PreviewedRevisionType
    other: PreviewedRevisionType
    subject: str
    summary: str
    hosts: int
    kinds: int
    changed: int
    removing: int
    unchanged: int
    unmanaged: int
    configcrate: str | None
    traits: Json | None
    classes: list[ChangeClassType]
    left_out: int | None
    notes: list[str]


@strawberry.type
class PreviewQueries:
    """Root fields of previews."""

    @ahead(Permission.FLEET_READ, long=True, graphql_type=RevisionPreviewType)
    async def preview(
        self: Asking,
        *,
        rev: Annotated[
            str | None, strawberry.argument(description="A branch, tag or commit; without it the base, with `traits`.")
        ] = None,
        base: Annotated[str | None, strawberry.argument(description="Without it, what is in force.")] = None,
        traits: Annotated[
            list[str], strawberry.argument(description="Traits that the other side is to have: `os.version=13`.")
        ] = [],  # noqa: B006 - an argument's default
        configcrate: Annotated[str | None, strawberry.argument(description="Only what concerns this crate.")] = None,
    ) -> RevisionPreview:
        """What a revision would change for every enrolled host, in classes of hosts for which the same changes."""
        if rev is None and not traits:
            raise previews.NoQuestion("name a rev, or a trait to assume")
        if len(traits) > MAX_OVERRIDES:
            raise previews.BadTrait(f"at most {MAX_OVERRIDES} traits may be assumed")
        one = self.graph_at(base)
        other = self.graph_at(rev) if rev is not None else one
        question = Question(rev, base, traits, configcrate)
        call = self.call
        return await previews.of_revision(call.app, call.actor, question, one, other, request_id=call.request_id)
