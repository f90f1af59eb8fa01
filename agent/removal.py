"""What becomes of a resource that has left the catalog, by its `on_removal`.

`keep`: forgotten. `report`: said in each report for as long as its path is there; of other types, once. `revert`: what
was there before the agent came is put back, or what the agent made is removed. Reverts are for paths (file, directory,
symlink); the compiler refuses them elsewhere, and an agent that is asked all the same only reports.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from agent import origins
from agent.claims import Claims
from agent.hosts import Host, HostFault, Kind
from agent.journal import MAX_ORIGINAL_BYTES, Entry, Journal, JournalFull
from agent.origins import ABSENT, UNKNOWN
from agent.plan import Plan
from agent.reporting import Reporting
from agent.resources.types import Converged, ResourceFailed
from schema.protocol.desired import CompiledResource
from schema.protocol.reports import Outcome
from schema.resources import RESOURCES

POSTPONED: Final = "it is reverted when it is known whether another resource owns its path"


def remember(host: Host, journal: Journal, path: str) -> None:
    """Keep what stands at a path before it is changed for the first time, so that it can be put back.

    Raises:
        ResourceFailed: it cannot be kept.
        OSError: that could not be written down.
    """
    try:
        origin, content = origins.take(host, path, limit=MAX_ORIGINAL_BYTES)
        journal.remember_origin(path, origin, content)
    except (HostFault, JournalFull) as error:
        raise ResourceFailed(f"on_removal: revert cannot be kept: {error}") from error


def claim(host: Host, journal: Journal, resource: str, entry: Entry, path: str, *, there: bool | None) -> None:
    """Write down, before a resource is changed for the first time, that it is ours and whether something stood there.

    Args:
        there: whether it did, as its check has just found; None where that does not say.

    Raises:
        OSError: that could not be written down; the next run tries again.
    """
    journal.reached(resource, entry._replace(digest=""))
    if path in journal.origins:
        return
    try:
        if there is None:
            there = host.lstat(path) is not None
        with suppress(JournalFull):
            journal.remember_origin(path, {"kind": UNKNOWN if there else ABSENT})
    except OSError:
        journal.forget(resource)
        raise


def run(
    plan: Plan,
    host: Host,
    journal: Journal,
    reporting: Reporting,
    claims: Claims,
    *,
    settled: bool,
    dry_run: bool,
) -> None:
    """Deal with all that has left the catalog since the last run.

    Args:
        claims: what the catalog's resources own now: a path that has only changed hands is left alone.
        settled: whether that is all of it. While a resource could not even be rendered, nothing is reverted.
    """
    kept = claims.is_kept
    gone = [(name, entry) for name, entry in journal.entries.items() if not kept(name)]
    if not dry_run:
        for owed in [name for name in journal.owed if name not in plan.by_id and not kept(name)]:
            journal.paid(owed)
    # What is deeper in the tree goes first, so that a directory is empty when its turn comes.
    for name, entry in sorted(gone, key=lambda pair: -pair[1].path.count("/")):
        result = None
        if ("path", entry.path) not in claims.owners():
            whose = host if entry.user is None else host.as_user(entry.user)
            try:
                result = _leave(whose, journal, entry, settled=settled, dry_run=dry_run)
                if whose is not host and not dry_run:
                    whose.sync_pending()
            except (ResourceFailed, HostFault, OSError) as error:
                if isinstance(error, HostFault) and entry.user is not None:
                    # A home may be somebody else's by now, for good: that is no failure of this host.
                    result = Converged(Outcome.SKIPPED, reason=f"has left the catalog; what it made is kept: {error}")
                else:
                    result = Converged(Outcome.FAILED, "revert", error=str(error))
        if result is not None:
            absent = CompiledResource(id=name, type=entry.type, spec={})
            reporting.add(absent, name, result, 0)
        if dry_run or (result is not None and (result.outcome is Outcome.FAILED or _stays(entry, result))):
            continue
        journal.forget(name)
        if entry.path and ("path", entry.path) not in claims.owners():
            journal.forget_origin(entry.path)


def _stays(entry: Entry, result: Converged) -> bool:
    """Whether it is to be said again next time."""
    reported = bool(entry.path) and entry.on_removal == "report"
    return result.outcome is Outcome.SKIPPED and (reported or result.reason.endswith(POSTPONED))


def _leave(host: Host, journal: Journal, entry: Entry, *, settled: bool, dry_run: bool) -> Converged | None:
    """Do as `on_removal` says; None: there is nothing to say."""
    if entry.on_removal == "keep":
        return None
    revertible = entry.type in RESOURCES and RESOURCES[entry.type].REVERTIBLE
    if entry.on_removal == "revert" and revertible and entry.path:
        if not settled:
            return Converged(Outcome.SKIPPED, reason=f"has left the catalog; {POSTPONED}")
        return _revert(host, journal, entry, dry_run=dry_run)
    if entry.path and host.lstat(entry.path) is None:
        return None
    why = "" if entry.on_removal == "report" else f"; a {entry.type} cannot be reverted"
    return Converged(Outcome.SKIPPED, reason=f"has left the catalog; what it made is kept{why}")


def _revert(host: Host, journal: Journal, entry: Entry, *, dry_run: bool) -> Converged | None:
    path, origin = entry.path, journal.origins.get(entry.path, {"kind": UNKNOWN})
    stat = host.lstat(path)
    kind = origin.get("kind")
    if kind == UNKNOWN:
        return Converged(Outcome.SKIPPED, reason=f"has left the catalog; what was at {path} before is not known")
    if kind == ABSENT:
        if stat is None:
            return None
        if stat.kind.value != entry.type:
            return Converged(
                Outcome.SKIPPED, reason=f"has left the catalog; {path} is a {stat.kind} by now: it is kept"
            )
        if stat.kind is Kind.DIRECTORY and host.listdir(path):
            return Converged(Outcome.SKIPPED, reason=f"has left the catalog; {path} is not empty: it is kept")
        if not dry_run:
            origins.remove(host, path, stat.kind)
        return Converged(Outcome.CHANGED, "revert", changed=True, diff=f"state: {stat.kind} → absent")
    if not dry_run:
        origins.put_back(host, path, origin, journal.original)
    return Converged(Outcome.CHANGED, "revert", changed=True, diff=f"state: as it was before ({kind})")
