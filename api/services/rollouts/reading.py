"""Reading: rollouts as they are on record, what is announced of them, and what cannot be done with them."""

from __future__ import annotations

from typing import Final

from api.services.work import Work
from api.storage import rollouts as rows
from schema.errors import Conflict, Forbidden, Invalid, NotFound
from schema.progress import MAX_PAGE, Rollout, RolloutList

ASKED: Final = "rollout.asked"
"""Announced when people have asked something of a rollout: the loop reads it."""
CHANGED: Final = "rollout.changed"
"""Announced when a rollout is further than it was."""
MAX_DIGITS: Final = 15


class RolloutNotFound(NotFound):
    """There is no such rollout."""

    code = "rollouts.not_found"


class RolloutOver(Conflict):
    """The rollout is over, or not where this could be done with it."""

    code = "rollouts.over"


class NothingToApprove(Conflict):
    """Nobody has to approve that."""

    code = "rollouts.nothing_to_approve"


class OtherPlan(Conflict):
    """What was to be approved is not what would be rolled out now."""

    code = "rollouts.other_plan"


class OwnCommit(Forbidden):
    """Nobody approves what is their own."""

    code = "rollouts.own_commit"


class NoAccount(Forbidden):
    """An approval is of somebody with an account: of anybody else it is not known who they are."""

    code = "rollouts.no_account"


class NoSuchWave(Invalid):
    """The rollout has no such wave."""

    code = "rollouts.no_such_wave"


def page(work: Work, *, before: int | None = None, limit: int = 50) -> RolloutList:
    """Rollouts, newest first; with `before`, those of a lower id."""
    limit = max(1, min(limit, MAX_PAGE))
    found = rows.page(work.session, work.project_id, before=before, limit=limit + 1)
    return RolloutList(rollouts=found[:limit], next_before=found[limit - 1].id if len(found) > limit else None)


def numbered(text: str) -> int:
    """The rollout that a path names.

    Raises:
        RolloutNotFound: it is no number.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise RolloutNotFound("there is no such rollout")
    return int(text)


def get(work: Work, rollout_id: int) -> Rollout:
    """One rollout, with its plan and how far it is.

    Raises:
        RolloutNotFound
    """
    found = rows.find(work.session, work.project_id, rollout_id)
    if found is None:
        raise RolloutNotFound(f"there is no rollout {rollout_id}")
    return found


def current(work: Work) -> Rollout | None:
    """The rollout of the commit in force; None before the first."""
    return rows.newest(work.session, work.project_id)
