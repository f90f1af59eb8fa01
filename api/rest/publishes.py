"""Publishes over REST: what came into force, the versions one can go back to, and going there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.http.writes import KEY, answered
from api.services import publishes
from api.services.graphs import NoArchive
from api.services.work import Work
from reconciler.repository.faults import RepositoryDamaged, RevisionNotFound, RevisionRefused, TreeRefused
from schema.access import Permission
from schema.changes import Written
from schema.publishes import Promotion, Publish, PublishCreate, PublishDetail, PublishList, Rollback, VersionList

area = Area("publishes")

_GIT = (RepositoryDamaged, RevisionNotFound, RevisionRefused, TreeRefused)
_NO_REASON = Rollback()
_WRITES = (*publishes.WRITES, *_GIT, publishes.NothingToChange)


@area("GET", "/api/v1/config/publishes", Permission.FLEET_READ)
async def list_publishes(call: Call, limit: Annotated[int, Field(ge=1, le=publishes.MAX_LIMIT)] = 20) -> PublishList:
    """What came into force, and what others told of, newest first, with the files of each.

    Args:
        limit: how many at most.
    """
    return await publishes.page(call.app, call.actor, limit=limit, request_id=call.request_id)


@area("POST", "/api/v1/config/publishes", Permission.CONFIG_PUBLISH, status=201)
def record_publish(work: Work, body: PublishCreate) -> Publish:
    """Put a publish on record for the audit trail.

    It changes no configuration: what comes into force here is on record by itself. `operator` is a label; who sends
    the record stands beside it.
    """
    return publishes.record(work, body)


@area(
    "GET",
    "/api/v1/config/publishes/{id}",
    Permission.FLEET_READ,
    raises=[publishes.PublishNotFound, NoArchive, *_GIT],
)
async def get_publish(call: Call, id: str) -> PublishDetail:  # noqa: A002 - the name in the path
    """One publish with the diff of what it changed. The id of a commit's is its version.

    Args:
        id: of the publish: its version, or a commit.
    """
    return await publishes.get(call.app, call.actor, id, request_id=call.request_id)


@area("GET", "/api/v1/config/versions", Permission.FLEET_READ)
def list_versions(
    work: Work, before: int | None = None, limit: Annotated[int, Field(ge=1, le=200)] = 50
) -> VersionList:
    """Versions that were in force, newest first: times, and of each its sequence and commit.

    Args:
        before: a sequence: versions of a lower one.
        limit: how many at most.
    """
    return publishes.versions(work, before=before, limit=limit)


@area(
    "POST",
    "/api/v1/config/rollback/{version}",
    Permission.CONFIG_ROLLBACK,
    also=[202],
    raises=[*_WRITES, publishes.AmbiguousVersion, publishes.NoSuchVersion],
)
async def roll_back(call: Call, version: str, body: Rollback = _NO_REASON) -> Written:
    """Go back to a version: a commit on top of the tip restores its files, and hosts follow it.

    Answers when that commit is in force; with 202 after 30 s, while it goes on, and where it became a proposal.

    Args:
        version: a sequence, a time as `versions` lists it, or a commit.
    """
    written = await publishes.rollback(
        call.app,
        call.actor,
        version,
        reason=body.reason,
        propose=body.propose,
        key=call.request.headers.get(KEY, ""),
        request_id=call.request_id,
    )
    return answered(call, written)


@area(
    "POST",
    "/api/v1/config/promote",
    Permission.CONFIG_PUBLISH,
    also=[202],
    raises=[*_WRITES, publishes.Unrelated, publishes.PathsMoved],
)
async def promote(call: Call, body: Promotion) -> Written:
    """Bring what a branch changes into the tracked one, as one commit of yours.

    What both changed since they parted is refused, never merged. Answers as a rollback does.
    """
    written = await publishes.promote(
        call.app,
        call.actor,
        body.ref,
        reason=body.reason,
        propose=body.propose,
        key=call.request.headers.get(KEY, ""),
        request_id=call.request_id,
    )
    return answered(call, written)
