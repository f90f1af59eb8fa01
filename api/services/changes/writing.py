"""Writing: from a change to its commit in force, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from api.services.changes import records
from api.services.changes.ports import COMMITTER, Change, OutcomeUnknown, TipMoves
from api.services.revisions import NoRepository
from api.services.work import Actor, Work
from api.storage import changes as rows
from api.storage import revisions as revision_rows
from reconciler.repository.faults import BranchProtected, RefMoved
from reconciler.repository.signing import SERVER
from schema.changes import ChangeRecord, ChangeState, CommitSigner, WriteStatus, Written
from schema.errors import Fault, Unavailable
from schema.ids import new_id
from schema.revisions import Revision, RevisionState

if TYPE_CHECKING:
    from api.services.container import Services

log = logging.getLogger("vigo.changes")

WAIT_S: Final = 30.0
"""How long an answer waits for its commit to be in force; the write goes on after that."""
GRACE_S: Final = 0.5
MAX_ATTEMPTS: Final = 40
"""How often an edit is called again because somebody else was first."""
PAUSE_S: Final = 0.05
"""At most, after the first attempt; it grows with each, up to twenty times that."""
RECOVERY: Final = Actor.system("recovery")


async def write(
    services: Services,
    actor: Actor,
    change: Change,
    *,
    request_id: str = "",
    wait_s: float = WAIT_S,
    propose: bool = False,
    key: str = "",
) -> Written:
    """Change configuration by a commit; answers when it is in force, or after `wait_s` that it goes on.

    Args:
        propose: on a branch of its own, even where the tracked one is not protected.
        key: whoever asks again for the same under the same one gets the outcome of the first time that did not fail,
            and no second commit. Another change under it is refused.

    Raises:
        Those of `FAULTS`, of the edit, and of the repository. Nothing was written then, `OutcomeUnknown` aside.
    """
    committer = services.committer
    if committer is None:
        raise NoRepository("this server follows no config repository; set VIGO_REPO")
    until = asyncio.get_running_loop().time() + wait_s
    if (before := await _asked_before(services, actor, change, key)) is not None:
        before = await _ended(services, actor, before, until)
        if before.state is not ChangeState.FAILED:
            return await _told(services, actor, before, until)
    change_id = new_id()

    async def run() -> Written:
        record = await _commit(services, actor, change, change_id, request_id, key, propose=propose)
        if isinstance(record, str):
            return await _unchanged(services, actor, record)
        try:
            return await _told(services, actor, record, until)
        except Fault as fault:  # it is committed, whatever keeps us from seeing what follows
            status = WriteStatus.PROPOSED if record.state is ChangeState.PROPOSED else WriteStatus.ACCEPTED
            return Written(
                status=status, commit=record.commit, branch=record.branch, change_id=change_id, message=fault.message
            )

    running = asyncio.ensure_future(run())
    services.keep(running)  # whoever asked may go: what is begun is ended
    running.add_done_callback(_log_failure)
    # A moment longer than it waits itself: then it knows the commit at least.
    done, _ = await asyncio.wait({running}, timeout=wait_s + GRACE_S)
    if done:
        return running.result()
    return Written(status=WriteStatus.ACCEPTED, branch=committer.branch, change_id=change_id)


async def settle(services: Services) -> int:
    """Find out what became of changes whose outcome nobody recorded, as after a crash; how many are still open."""
    committer = services.committer
    if committer is None:
        return 0
    left = 0
    for record in await services.read(RECOVERY, lambda work: rows.begun(work.session, work.project_id)):
        if record.id in committer.under_way:
            continue
        try:
            held = await committer.holds(record.branch, record.commit)
        except Fault as fault:
            log.warning("change %s: %s cannot be asked for it: %s", record.id, record.branch, fault.message)
            left += 1
            continue
        why = "" if held else "the server ended before the commit was in the repository"
        await services.write(RECOVERY, partial(records.end, record=record, why=why))
    return left


def signer(services: Services) -> CommitSigner:
    """The key by which the server signs its commits.

    Raises:
        NoRepository: it makes none.
    """
    if services.committer is None:
        raise NoRepository("this server follows no config repository, so it commits to none")
    key = services.committer.key
    return CommitSigner(
        principal=SERVER,
        name=COMMITTER.name,
        email=COMMITTER.email,
        public_key=key.public,
        fingerprint=key.fingerprint,
        allowed_signers=key.allowed_signers(),
    )


async def _commit(
    services: Services, actor: Actor, change: Change, change_id: str, request_id: str, key: str, *, propose: bool
) -> ChangeRecord | str:
    """The record of a change that is committed or proposed; the tip where there was nothing to change."""
    committer = services.committer
    assert committer is not None
    author = await services.read(actor, records.author_of, request_id=request_id)
    message = records.message(change, change_id, actor)

    async def record(use_case: Callable[[Work], ChangeRecord]) -> ChangeRecord:
        return await services.write(actor, use_case, request_id=request_id)

    committer.under_way.add(change_id)
    try:
        async with committer.turn():
            if (before := await _asked_before(services, actor, change, key)) is not None:
                return before  # asked again while it waited for its turn
            for attempt in range(MAX_ATTEMPTS):
                prepared = await committer.prepare(change, author, message)
                if isinstance(prepared, str):
                    return prepared
                begun = records.record(change, change_id, actor, author, prepared, services.clock.now())
                proposal = f"{records.PROPOSALS}{records.slug(change.summary)}-{change_id[-8:]}"
                begun.branch = proposal if propose or prepared.review else committer.branch
                begun.message = prepared.review
                await record(partial(records.begin, record=begun, key=key))
                try:
                    try:
                        await committer.publish(prepared, begun.branch)
                    except BranchProtected as protected:
                        if begun.branch == proposal:
                            raise
                        begun.branch, begun.message = proposal, protected.message
                        await record(partial(records.begin, record=begun, key=key))
                        await committer.publish(prepared, proposal)
                except RefMoved:
                    await asyncio.sleep(random.random() * PAUSE_S * min(attempt + 1, 20))  # noqa: S311 - no secret
                    continue
                except Unavailable as fault:
                    if not fault.details.get("sent", True):
                        await record(partial(records.end, record=begun, why=fault.message))
                        raise
                    await _ask(services, begun, fault)
                except Fault as fault:
                    await record(partial(records.end, record=begun, why=fault.message))
                    raise
                return await record(partial(records.end, record=begun, why=""))
            reason = f"others committed first, {MAX_ATTEMPTS} times"
            await record(partial(records.end, record=begun, why=reason))
            raise TipMoves(f"{reason}; nothing was written", retry_after_s=2.0)
    finally:
        committer.under_way.discard(change_id)


async def _asked_before(services: Services, actor: Actor, change: Change, key: str) -> ChangeRecord | None:
    """The same change, if it was asked for under this key and has not failed.

    Raises:
        AlreadyAsked: the key stands for another.
    """
    before = await services.read(actor, lambda work: records.asked_before(work, key)) if key else None
    if before is None or before.state is ChangeState.FAILED:
        return None
    records.require_same(before, change)
    return before


async def _ask(services: Services, begun: ChangeRecord, fault: Unavailable) -> None:
    """Returns where the commit is in the repository after all.

    Raises:
        Unavailable: it is not. OutcomeUnknown: nobody knows.
    """
    committer = services.committer
    assert committer is not None
    try:
        held = await committer.holds(begun.branch, begun.commit)
    except Fault:
        raise OutcomeUnknown(
            f"whether the commit was made is not known yet ({fault.message}); /api/v1/changes/{begun.id} will say"
        ) from fault
    if not held:
        await services.write(RECOVERY, partial(records.end, record=begun, why=fault.message))
        raise fault


async def _ended(services: Services, actor: Actor, record: ChangeRecord, until: float) -> ChangeRecord:
    """The record once it says what came of the change, or as it is when time is up: after a crash nobody knows for a
    moment."""
    loop = asyncio.get_running_loop()
    with services.events.listen("change.") as listener:
        while True:
            record = await services.read(actor, partial(records.get, change_id=record.id))
            left = until - loop.time()
            if record.state is not ChangeState.BEGUN or left <= 0:
                return record
            with suppress(TimeoutError):
                await asyncio.wait_for(anext(listener), min(left, 1.0))


async def _told(services: Services, actor: Actor, record: ChangeRecord, until: float) -> Written:
    """What is known of a change, once its commit is in force or time is up."""
    told = Written(status=WriteStatus.ACCEPTED, commit=record.commit, branch=record.branch, change_id=record.id)
    if record.state is ChangeState.COMMITTED:
        return await _in_force(services, actor, told, until)
    if record.state is not ChangeState.BEGUN:
        told.status = WriteStatus.PROPOSED if record.state is ChangeState.PROPOSED else WriteStatus.FAILED
    told.message = record.message
    current, _ = await services.read(actor, _judged)
    told.version = current.sequence if current is not None else 0
    return told


async def _in_force(services: Services, actor: Actor, told: Written, until: float) -> Written:
    """Wait for the commit, or one that follows it, to be judged."""
    committer = services.committer
    assert committer is not None
    assert told.commit is not None
    loop = asyncio.get_running_loop()
    with services.events.listen("revision.") as listener:
        committer.poke()
        while True:
            current, newest = await services.read(actor, _judged)
            told.version = current.sequence if current is not None else 0
            if current is not None and await committer.descends(current.commit, told.commit):
                told.status = WriteStatus.IN_FORCE
                return told
            if newest is not None and newest is not current and newest.commit == told.commit:
                told.status, told.message = WriteStatus.FAILED, _reason(newest)
                return told
            left = until - loop.time()
            if left <= 0:
                return told
            try:
                await asyncio.wait_for(anext(listener), min(left, 1.0))
            except TimeoutError:
                continue


async def _unchanged(services: Services, actor: Actor, tip: str) -> Written:
    assert services.committer is not None
    current, _ = await services.read(actor, _judged)
    version = current.sequence if current is not None else 0
    return Written(status=WriteStatus.UNCHANGED, commit=tip, branch=services.committer.branch, version=version)


def _judged(work: Work) -> tuple[Revision | None, Revision | None]:
    """In force, and judged last."""
    return revision_rows.in_force(work.session, work.project_id), revision_rows.newest(work.session, work.project_id)


def _reason(revision: Revision) -> str:
    if revision.state is RevisionState.DIVERGED:
        return "it does not descend from the commit in force"
    return str(revision.diagnostics[0]) if revision.diagnostics else f"it is {revision.state.value}"


def _log_failure(done: asyncio.Future[Written]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None and not isinstance(error, Fault):
        log.error("a change failed", exc_info=error)
