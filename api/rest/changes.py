"""Changes over REST: what the server committed for those who asked it to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import changes
from api.services.revisions import NoRepository
from api.services.work import Work
from schema.access import Permission
from schema.changes import ChangeList, ChangeRecord, CommitSigner

area = Area("changes")


@area("GET", "/api/v1/changes", Permission.FLEET_READ)
def list_changes(work: Work, before: str | None = None, limit: Annotated[int, Field(ge=1, le=200)] = 50) -> ChangeList:
    """What the server was asked to commit, newest first.

    Args:
        before: the id of a change: those made before it.
        limit: how many at most.
    """
    return changes.page(work, before=before, limit=limit)


@area("GET", "/api/v1/changes/{change_id}", Permission.FLEET_READ, raises=[changes.ChangeNotFound])
def get_change(work: Work, change_id: str) -> ChangeRecord:
    """One change, and whether it is in the repository.

    Args:
        change_id: as its making answered.
    """
    return changes.get(work, change_id)


@area("GET", "/api/v1/config/signer", Permission.FLEET_READ, raises=[NoRepository])
async def commit_signer(call: Call) -> CommitSigner:
    """The public half of the key by which this server signs its commits, also as a line of allowed signers."""
    return changes.signer(call.app)
