"""Preview refs: which there are, what each head would be, and for which hosts. Never in the way of the tracked ref.

One ref at a time is judged, in the archive's thread and only while the loop has nothing to do about a commit; those
that moved last come first. After each there is a pause of several times what it took.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from api.services import previews, sources
from api.services.container import Services
from api.services.graphs import NotValid
from api.services.previews import Question
from api.services.sources import Board
from api.services.work import Actor
from api.workers.archive import Archive
from reconciler.graph import Graph
from reconciler.repository import CommitInfo, Repository
from reconciler.repository.selections import Selection, short
from schema.diagnostics import Diagnostic
from schema.errors import Fault, Next
from schema.previews import RevisionPreview
from schema.sources import MAX_CLASSES, MAX_DIAGNOSTICS, MAX_HOSTS, Outlook, PreviewRef, PreviewState, Touched

log = logging.getLogger("vigo.previews")

LOOK_S: Final = 2.0
"""Between two looks at the refs of a repository of this machine."""
MAX_JUDGED: Final = 100
"""Refs that are compiled; older ones are listed and wait."""
MAX_OUTLOOKS: Final = 20
"""Refs of which it is worked out what they would change for whom."""
PAUSE: Final = 3.0
"""Times what judging one took; no more than a quarter of a core goes there."""
MAX_PAUSE_S: Final = 30.0
AGAIN_S: Final = 20.0
"""After which a ref is tried again that could not be judged for a reason that may pass."""

Moves = dict[str, tuple[str | None, str | None]]


class PreviewWatch:
    """Keeps the board's previews. Lives in the event loop's thread.

    Args:
        repository: with a handle that nobody else uses.
        tracked: the full ref that is desired state.
        idle: returns once the loop has nothing to do about a commit.
    """

    def __init__(
        self,
        services: Services,
        board: Board,
        repository: Repository,
        archive: Archive,
        selection: Selection,
        *,
        tracked: str,
        idle: Callable[[], Awaitable[Any]],
    ) -> None:
        self._services: Final = services
        self._board: Final = board
        self._repository: Final = repository
        self._archive: Final = archive
        self._selection: Final = selection
        self._tracked: Final = tracked
        self._idle: Final = idle
        self._actor: Final = Actor.system("previews")
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="vigo-refs")
        self._poked: Final = asyncio.Event()
        self._moved: Final = asyncio.Event()
        self._cause = ""
        self._not_before: dict[str, float] = {}

    def poke(self, cause: str = "") -> None:
        """Look at the refs now; what has moved is audited where somebody was the cause."""
        self._cause = cause or self._cause
        self._poked.set()

    async def look(self) -> None:
        """Keep the list of refs, until cancelled."""
        while self._selection:
            self._poked.clear()
            try:
                await self._look()
            except Fault as fault:
                log.warning("preview refs cannot be listed: %s", fault.message)
            if self._board.remote:
                await self._poked.wait()
            else:
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._poked.wait()
                except TimeoutError:
                    continue

    async def judge(self) -> None:
        """Judge what waits, one after the other, until cancelled."""
        while self._selection:
            self._moved.clear()
            await self._idle()
            begun = time.monotonic()
            if await self._judge_next():
                await asyncio.sleep(min(MAX_PAUSE_S, PAUSE * (time.monotonic() - begun)))
                continue
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._moved.wait()
            except TimeoutError:
                continue

    def close(self) -> None:
        """Look no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    # the list

    async def _look(self) -> None:
        cause, self._cause = self._cause, ""
        loop = asyncio.get_running_loop()
        found, left_out = await loop.run_in_executor(self._thread, self._refs)
        before = self._board.previews
        moves: Moves = {
            ref: (before[ref].commit if ref in before else None, commit)
            for ref, commit in found.items()
            if ref not in before or before[ref].commit != commit
        }
        moves |= {ref: (known.commit, None) for ref, known in before.items() if ref not in found}
        self._board.left_out = left_out + (self._repository.copy.left_out if self._repository.copy is not None else 0)
        if not moves:
            return
        if cause:
            await self._record(cause, moves)
        now = self._services.clock.now()
        fresh = {
            ref: PreviewRef(name=short(ref), ref=ref, commit=new, state=PreviewState.WAITING, moved_at=now)
            for ref, (_, new) in moves.items()
            if new is not None
        }
        kept = {ref: known for ref, known in before.items() if ref in found and ref not in fresh}
        self._board.previews = fresh | kept
        self._not_before = {ref: at for ref, at in self._not_before.items() if ref in kept}
        self._moved.set()

    async def _record(self, cause: str, moves: Moves) -> None:
        location = self._board.location
        try:
            await self._services.write(
                self._actor, lambda work: sources.record_moves(work, location=location, cause=cause, moves=moves)
            )
        except Fault:
            self._cause = cause  # the moves are found, and recorded, by the next look
            raise

    def _refs(self) -> tuple[dict[str, str], int]:
        return self._repository.refs(self._selection, without=self._tracked)

    # judging

    async def _judge_next(self) -> bool:
        """Judge one ref, or work out what one would change; False where there is nothing to do."""
        known = next((each for each in self._within(MAX_JUDGED) if each.state is PreviewState.WAITING), None)
        if known is not None:
            self._put(known, await self._judged(known))
            return True
        in_force = self._services.graph
        against = in_force.commit if in_force is not None else None
        for each in self._within(MAX_OUTLOOKS):
            stale = each.outlook is None or each.outlook.against != against
            if each.state is PreviewState.VALID and stale and in_force is not None:
                self._put(each, await self._looked_out(each, in_force))
                return True
        return False

    def _within(self, most: int) -> list[PreviewRef]:
        now = time.monotonic()
        newest = list(self._board.previews.values())[:most]
        return [each for each in newest if self._not_before.get(each.ref, now) <= now]

    def _put(self, before: PreviewRef, after: PreviewRef) -> None:
        """Show what was found, unless the ref has moved meanwhile. Its place in the list stays."""
        if self._board.previews.get(before.ref) is before:
            self._board.previews = {**self._board.previews, before.ref: after}

    def _later(self, known: PreviewRef, fault: Fault) -> None:
        if fault.next in (Next.BACK_OFF, Next.AFTER):
            self._not_before[known.ref] = time.monotonic() + AGAIN_S

    async def _judged(self, known: PreviewRef) -> PreviewRef:
        wrong: dict[str, Any] = {"state": PreviewState.VALID, "message": ""}
        try:
            try:
                await self._archive.graph(known.commit)
            except NotValid as invalid:
                found = [Diagnostic.model_validate(each) for each in invalid.details["diagnostics"][:MAX_DIAGNOSTICS]]
                wrong |= {"state": PreviewState.INVALID, "diagnostics": found, "errors": invalid.details["count"]}
            # By now a child has read it first.
            info = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._repository.commit_info, known.commit
            )
        except Fault as fault:
            self._later(known, fault)
            passing = fault.next is Next.AFTER
            state = PreviewState.WAITING if passing or known.ref in self._not_before else PreviewState.UNREADABLE
            return known.model_copy(update={"state": state, "message": fault.message})
        return known.model_copy(update={**_told(info), **wrong})

    async def _looked_out(self, known: PreviewRef, in_force: Graph) -> PreviewRef:
        try:
            other = await self._archive.graph(known.commit)
            question = Question(known.name, None)
            found = await previews.of_revision(self._services, self._actor, question, in_force, other)
        except Fault as fault:
            self._later(known, fault)
            if known.ref not in self._not_before:
                return known.model_copy(update={"state": PreviewState.WAITING})
            return known.model_copy(update={"message": fault.message})
        return known.model_copy(
            update={"outlook": _outlook(found, in_force.commit, self._services.clock.now()), "message": ""}
        )


def _told(info: CommitInfo) -> dict[str, Any]:
    author = f"{info.author} <{info.email}>" if info.email else info.author
    return {"author": author, "summary": info.summary, "committed_at": info.time}


def _outlook(found: RevisionPreview, against: str | None, now: int) -> Outlook:
    left_out = len(found.classes) - MAX_CLASSES + (found.left_out or 0)
    return Outlook(
        against=against,
        at=now,
        summary=found.summary,
        hosts=found.hosts,
        changed=found.changed,
        removing=found.removing,
        classes=[
            Touched(
                id=each.id,
                title=each.title,
                certainty=each.certainty,
                count=each.count,
                hosts=each.hosts[:MAX_HOSTS],
            )
            for each in found.classes[:MAX_CLASSES]
        ],
        left_out=left_out if left_out > 0 else None,
    )
