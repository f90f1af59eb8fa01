"""Publishes: what came into force and what it changed, the versions one can go back to, and going there.

Going back is a commit on top of the tip that restores a version's files, never a ref that moves back: history keeps
what was, and hosts follow it as they follow any commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from api.services import changes
from api.services.changes import Change, Edit
from api.services.graphs import NoArchive
from api.services.revisions import NoRepository
from api.services.work import Actor, Work
from api.storage import publishes as rows
from api.storage import revisions as revision_rows
from schema.changes import WriteStatus, Written
from schema.errors import Conflict, Fault, Invalid, NotFound
from schema.ids import new_id
from schema.publishes import (
    Publish,
    PublishCreate,
    PublishDetail,
    PublishList,
    PublishSource,
    Version,
    VersionList,
)
from schema.revisions import Revision, RevisionState
from schema.time import SECOND, from_rfc3339, to_rfc3339

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.repository import Difference, Tree

MAX_LIMIT: Final = 100
KEPT_FILES: Final = 200
MAX_DIFF_BYTES: Final = 256 * 1024
MAX_SEQUENCE_DIGITS: Final = 6
"""Seven digits and more are a commit's."""

_STAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")


class PublishNotFound(NotFound):
    """There is no such publish."""

    code = "publishes.not_found"


class NoSuchVersion(NotFound):
    """No version of that sequence or time came into force here, and no such commit is in the branch's history."""

    code = "publishes.no_such_version"


class AmbiguousVersion(Invalid):
    """Several versions came into force within that second: their sequences tell them apart."""

    code = "publishes.ambiguous_version"


class NothingToChange(Conflict):
    """The branch has those files already: nothing was committed."""

    code = "publishes.nothing_to_change"


class PathsMoved(Conflict):
    """What the branch changes was changed on the tracked branch as well; `details.paths` says where."""

    code = "publishes.paths_moved"


class Unrelated(Conflict):
    """The branch and the tracked one have no commit in common."""

    code = "publishes.unrelated"


WRITES: Final = (*changes.FAULTS, changes.NotInForce)


async def page(services: Services, actor: Actor, *, limit: int = 20, request_id: str = "") -> PublishList:
    """What came into force here, and what others told of, newest first."""
    limit = min(limit, MAX_LIMIT)
    found, told = await services.read(
        actor,
        lambda work: (
            revision_rows.came_into_force(work.session, work.project_id, limit=limit + 1),
            rows.page(work.session, work.project_id, limit=limit),
        ),
        request_id=request_id,
    )
    pairs = [(found[at + 1].commit if at + 1 < len(found) else None, one.commit) for at, one in enumerate(found)]
    differences: list[Difference | None] = [None] * len(found)
    if services.archive is not None and found:
        try:
            differences = list(await services.archive.differences(pairs[:limit]))
        except Fault:  # of the only one: it is listed all the same
            differences = [None]
    came = [_published(one, difference) for one, difference in zip(found[:limit], differences, strict=False)]
    return PublishList(publishes=sorted([*came, *told], key=lambda each: each.timestamp, reverse=True)[:limit])


async def get(services: Services, actor: Actor, publish_id: str, *, request_id: str = "") -> PublishDetail:
    """One publish, with its diff.

    Raises:
        PublishNotFound; NoArchive: this server has no repository to read the diff from.
    """
    if not _is_sequence(publish_id):
        told = await services.read(
            actor, lambda work: rows.find(work.session, work.project_id, publish_id), request_id=request_id
        )
        if told is None:
            raise PublishNotFound("there is no such publish")
        return PublishDetail(**told[0].model_dump(), diff_summary=told[1])
    sequence = int(publish_id)

    def read(work: Work) -> list[Revision]:
        return revision_rows.came_into_force(work.session, work.project_id, before=sequence + 1, limit=2)

    found = await services.read(actor, read, request_id=request_id)
    if not found or found[0].sequence != sequence:
        raise PublishNotFound(f"no commit came into force as version {sequence}")
    if services.archive is None:
        raise NoArchive("this server follows no config repository, so it has no diff")
    before = found[1].commit if len(found) > 1 else None
    (difference,) = await services.archive.differences([(before, found[0].commit)], max_bytes=MAX_DIFF_BYTES)
    return PublishDetail(**_published(found[0], difference).model_dump(), diff_summary=difference.text)


def record(work: Work, new: PublishCreate) -> Publish:
    """Put a publish on record that somebody tells of. It changes nothing else."""
    current = revision_rows.in_force(work.session, work.project_id)
    publish = Publish(
        id=new_id(),
        source=PublishSource.RECORDED,
        operator=new.operator or work.actor.name,
        recorded_by=work.actor.name[:256],
        timestamp=work.now,
        version=current.sequence if current is not None else 0,
        commit=current.commit if current is not None else None,
        changed_files=new.changed_files,
        removed_files=new.removed_files,
    )
    rows.add(work.session, work.project_id, publish, new.diff_summary)
    work.audit(
        "config.publish_record",
        "publish",
        publish.id,
        payload={
            "operator": publish.operator,
            "changed": len(new.changed_files),
            "removed": len(new.removed_files),
            "first": (new.changed_files + new.removed_files)[:KEPT_FILES],
        },
    )
    return publish


def versions(work: Work, *, before: int | None = None, limit: int = 50) -> VersionList:
    """Versions that were in force, newest first; with `before`, those of a lower sequence."""
    found = revision_rows.came_into_force(work.session, work.project_id, before=before, limit=limit)
    details = [
        Version(
            version=_stamp(each),
            sequence=each.sequence,
            commit=each.commit,
            author=each.author,
            summary=each.summary,
            in_force=each.state is RevisionState.IN_FORCE,
        )
        for each in found
    ]
    return VersionList(versions=[each.version for each in details], details=details)


async def rollback(
    services: Services,
    actor: Actor,
    version: str,
    *,
    reason: str = "",
    propose: bool = False,
    key: str = "",
    request_id: str = "",
) -> Written:
    """Restore the files of a version by a commit on top of the tip.

    Args:
        version: a sequence, a time as `versions` lists it, or a commit (7 digits or more) of the branch's history.

    Raises:
        NoSuchVersion, AmbiguousVersion, NothingToChange, NoRepository; and those of `changes.write`.
    """
    text, committer = version.strip(), services.committer
    found = await services.read(actor, lambda work: _find(work, text), request_id=request_id)
    if committer is None or services.archive is None:
        raise NoRepository("this server follows no config repository; set VIGO_REPO")
    if found is None:
        commit = await services.archive.resolve(text.lower())
        found = await services.read(
            actor, lambda work: revision_rows.of_commit(work.session, work.project_id, commit), request_id=request_id
        )
        if found is None and not await committer.holds(committer.branch, commit):
            raise NoSuchVersion(f"commit {commit[:12]} is not in the history of {committer.branch}")
    else:
        commit = found.commit
    called = f"version {found.sequence} ({commit[:12]})" if found is not None else f"commit {commit[:12]}"
    change = Change(f"Go back to {called}", restoring(await committer.tree(commit)), reason=reason, kind="rollback")
    written = await changes.write(services, actor, change, request_id=request_id, propose=propose, key=key)
    if written.status is WriteStatus.UNCHANGED:
        raise NothingToChange(f"{committer.branch} has the files of {called} already")
    return written


async def promote(
    services: Services,
    actor: Actor,
    ref: str,
    *,
    reason: str = "",
    propose: bool = False,
    key: str = "",
    request_id: str = "",
) -> Written:
    """Bring what a branch changes into the tracked one, as one commit of whoever asks.

    What both changed since they parted is not merged: it is refused.

    Raises:
        Unrelated, PathsMoved, NothingToChange, NoRepository; and those of `changes.write`.
    """
    committer = services.committer
    if committer is None or services.archive is None:
        raise NoRepository("this server follows no config repository; set VIGO_REPO")
    commit = await services.archive.resolve(ref)
    tip = await services.archive.resolve(f"refs/heads/{committer.branch}")
    base = await committer.base(tip, commit)
    if base is None:
        raise Unrelated(f"{ref} and {committer.branch} have no commit in common")
    edit = bringing(await committer.tree(base), await committer.tree(commit), ref)
    why = "\n\n".join(part for part in (reason, f"What {ref} changes, as of {commit}.") if part)
    change = Change(f"Promote {ref}", edit, reason=why, kind="promote")
    written = await changes.write(services, actor, change, request_id=request_id, propose=propose, key=key)
    if written.status is WriteStatus.UNCHANGED:
        raise NothingToChange(f"{committer.branch} has all that {ref} changes already")
    return written


def restoring(then: Tree) -> Edit:
    """The edit that gives a tree the files of another. Modes of files stay, links are left alone."""

    def edit(tree: Tree) -> Mapping[str, bytes | None]:
        now, target = tree.entries(), then.entries()
        gone: dict[str, bytes | None] = {path: None for path in now if path not in target}
        other = {path: then.read(entry.oid) for path, entry in target.items() if _oid(now, path) != entry.oid}
        return gone | other

    return edit


def bringing(base: Tree, theirs: Tree, name: str) -> Edit:
    """The edit that makes the changes between two trees, file by file.

    The edit raises:
        PathsMoved: a file is neither as it was in the one nor as it is in the other.
    """

    def edit(tree: Tree) -> Mapping[str, bytes | None]:
        was, wanted, now = base.entries(), theirs.entries(), tree.entries()
        differing = sorted(path for path in was.keys() | wanted.keys() if _oid(was, path) != _oid(wanted, path))
        left = [path for path in differing if _oid(now, path) != _oid(wanted, path)]
        moved = [path for path in left if _oid(now, path) != _oid(was, path)]
        if moved:
            raise PathsMoved(
                f"{moved[0]}{f' and {len(moved) - 1} more files' if len(moved) > 1 else ''} changed since {name} parted"
                f" from here; bring {name} up to date first",
                paths=moved[:KEPT_FILES],
                count=len(moved),
            )
        return {path: theirs.read(wanted[path].oid) if path in wanted else None for path in left}

    return edit


def _oid(entries: Mapping[str, object], path: str) -> str | None:
    return getattr(entries.get(path), "oid", None)


def _is_sequence(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_SEQUENCE_DIGITS


def _find(work: Work, text: str) -> Revision | None:
    """The version that a text names; None where only git can tell."""
    if _is_sequence(text):
        found = revision_rows.find(work.session, work.project_id, int(text))
        if found is None or found.in_force_at is None:
            raise NoSuchVersion(f"no commit came into force as version {text}")
        return found
    if stamp := _STAMP.fullmatch(text):
        year, month, day, hour, minute, second = stamp.groups()
        try:
            since = from_rfc3339(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
        except (ValueError, OverflowError) as error:
            raise NoSuchVersion(f"{text} is no time: {error}") from error
        came = revision_rows.in_force_within(work.session, work.project_id, since, since + SECOND)
        if not came:
            raise NoSuchVersion(f"nothing came into force at {text}")
        if len(came) > 1:
            several = ", ".join(str(each.sequence) for each in came)
            raise AmbiguousVersion(f"versions {several} came into force at {text}: write one of these numbers")
        return came[0]
    if not _COMMIT.fullmatch(text.lower()):
        raise NoSuchVersion("a version is a sequence (12), a time (20260313T143000Z) or 7 to 40 digits of a commit")
    return None


def _published(revision: Revision, difference: Difference | None) -> Publish:
    changed, removed = (difference.changed, difference.removed) if difference is not None else ((), ())
    left = max(0, len(changed) - KEPT_FILES) + max(0, len(removed) - KEPT_FILES)
    return Publish(
        id=str(revision.sequence),
        source=PublishSource.COMMIT,
        operator=revision.author,
        timestamp=revision.in_force_at or revision.seen_at,
        version=revision.sequence,
        commit=revision.commit,
        summary=revision.summary,
        changed_files=list(changed[:KEPT_FILES]),
        removed_files=list(removed[:KEPT_FILES]),
        left_out=left or None,
        note=None if difference is not None else "the repository cannot be read here, so the files are not known",
    )


def _stamp(revision: Revision) -> str:
    moment = to_rfc3339((revision.in_force_at or revision.seen_at) // SECOND * SECOND)
    return moment.replace("-", "").replace(":", "")
