"""Restoring: what the record of a run says that it replaced, put back; or why one of it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agent import origins, states
from agent.hosts import Host, HostFault
from agent.origins import UNKNOWN
from agent.resources.types import ResourceFailed
from agent.states import STATE
from agent.undo import Record, Replaced, Undo


class Restored(NamedTuple):
    """What became of one path: put back when `error` is empty."""

    path: str
    error: str = ""


def restore(
    undo: Undo,
    record: Record,
    host: Host,
    *,
    only: Callable[[str], bool] = lambda _: True,
    force: bool = False,
    dry_run: bool = False,
) -> list[Restored]:
    """Put back what a run replaced, the last change first.

    Args:
        only: which resources' paths, by id.
        force: also a path that has changed since the run.
    """

    def one(each: Replaced) -> Restored:
        try:
            whose = host if each.user is None else host.as_user(each.user)
            now = undo.fingerprint(whose, each)
            error = _objection(each, None if force else record.left.get(each.path), now)
            if not error and not dry_run:
                error = _put_back(whose, each, lambda digest: undo.content(record.run, digest))
        except (ResourceFailed, HostFault, OSError) as fault:
            refused.add(each.path)
            error = str(fault)
        return Restored(each.path, error)

    refused: set[str] = set()
    wanted = [each for each in reversed(record.replaced) if only(each.resource)]
    done = [one(each) for each in wanted]
    # What one resource changed at once depends on each other in an order that nobody took down (a package, a group).
    for number, each in enumerate(wanted):
        if each.path in refused and each.origin["kind"] == STATE:
            done[number] = one(each)
    return done


def _put_back(host: Host, replaced: Replaced, load: Callable[[str], bytes | None]) -> str:
    if replaced.origin["kind"] == STATE:
        return states.put_back(host, replaced.origin, load)
    origins.put_back(host, replaced.path, replaced.origin, load)
    return ""


def _objection(replaced: Replaced, left: tuple[Any, ...] | None, now: tuple[Any, ...] | None) -> str:
    """Why a path is not put back, that the run left so and that is so now."""
    if left is not None and now != left:
        return "it has changed since that run: it is kept (--force puts it back all the same)"
    if replaced.origin.get("kind") == UNKNOWN:
        return "what was there before was not kept: it was too large, or no file"
    return ""
