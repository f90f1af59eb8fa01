"""The committer: git for the one writer of configuration, in a thread and with a repository handle of its own.

What is read, edited and compiled here is in memory until all of it is right; then the commit is stored and the ref
moves, here or at the remote, or nothing has happened.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from api.services import changes
from api.services.changes import (
    COMMITTER,
    MAX_PATHS,
    Change,
    ChangeNotValid,
    ChangesBusy,
    ChangeTooLarge,
    Prepared,
)
from api.services.container import Services
from api.services.pki import keyfiles
from api.services.signers import Judge
from api.workers.enduring import turn
from reconciler import graph as graphs
from reconciler.documents import Kind
from reconciler.graph import Graph
from reconciler.repository import CommitTree, Repository, Tree, drafts, unfinished, write
from reconciler.repository.drafts import Author, Draft
from reconciler.repository.lineages import Step
from reconciler.repository.proofs import Proofs
from reconciler.repository.signing import SigningKey
from schema.diagnostics import Severity
from schema.documents.settings import Settings as Root
from schema.errors import Fault

T = TypeVar("T")

log = logging.getLogger("vigo.changes")

KEY_FILE: Final = "commits.key"
LOOK_S: Final = 10.0
SETTLE_S: Final = 2.0
SETTLE_AGAIN_S: Final = 300.0
WAITING: Final = 64
"""Changes that may wait for their turn."""


@dataclass(frozen=True, slots=True)
class _Edited:
    draft: Draft
    changes: Mapping[str, bytes | None]


class GitCommitter:
    """Fills the `Committer` port of `api.services.changes`. Lives in the event loop's thread.

    Args:
        track: the tracked ref.
        cache: a cache to compile with that nobody else uses; asked for once.
        protected: whether the tracked branch is protected whatever its `vigo.vgo` says.
        reload: has the loop look at the ref now.
        proofs: a child that reads each commit first.
        judge: says whether the policy lets a commit through; for this thread alone.
    """

    def __init__(
        self,
        repository: Repository,
        track: str,
        key: SigningKey,
        cache: Callable[[], graphs.Cache],
        *,
        protected: bool = False,
        reload: Callable[[], Awaitable[None]] | None = None,
        proofs: Proofs | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.key: Final = key
        self.branch: Final = track.removeprefix("refs/heads/")
        self.under_way: Final[set[str]] = set()
        self._repository: Final = repository
        self._fork: Final = cache
        self._cache: graphs.Cache | None = None
        self._protected: Final = protected
        self._reload: Final = reload
        self._proofs: Final = proofs
        self._judge: Final = judge
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="vigo-commit")
        self._lock: Final = asyncio.Lock()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One change at a time."""
        if self._waiting >= WAITING:
            raise ChangesBusy(f"{WAITING} changes wait already", retry_after_s=2.0)
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    async def prepare(self, change: Change, author: Author, message: str) -> Prepared | str:
        """The change on the newest tip."""
        return await self._run(lambda: self._prepare(change, author, message))

    async def publish(self, prepared: Prepared, branch: str) -> None:
        """Make its commit the tip of a branch."""
        await self._run(lambda: self._publish(prepared, branch))

    async def tree(self, commit: str) -> Tree:
        """The files of another commit."""
        return await self._run(lambda: self._tree(commit))

    async def base(self, one: str, other: str) -> str | None:
        """The newest commit that both follow."""
        return await self._run(lambda: self._repository.common_base(one, other))

    async def holds(self, branch: str, commit: str) -> bool:
        """Whether a branch, as it is now, leads to a commit."""
        return await self._run(lambda: self._holds(branch, commit))

    async def descends(self, new: str, old: str) -> bool:
        """Whether one commit is another or follows it."""
        if new == old:
            return True
        try:
            return await self._run(lambda: self._repository.descends(new, old))
        except Fault:  # what cannot be read yet is not known to
            return False

    def poke(self) -> None:
        """Have the loop look at the branch now; asked while it looks, it looks once more."""
        if self._reload is None:
            return
        if self._looking is not None and not self._looking.done():
            self._look_again = True
            return
        self._looking = asyncio.create_task(self._look())

    async def settle(self, services: Services) -> None:
        """Find out what a crash left open, until nothing is; then look now and then."""
        pause = SETTLE_S
        while True:
            with turn(log, "open changes cannot be settled now"):
                await self._run(lambda: unfinished.settle(self._repository))
                left = await changes.settle(services)
                pause = min(pause * 2, SETTLE_AGAIN_S) if left else SETTLE_AGAIN_S
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Begin nothing any more; what is under way in the thread ends with the process."""
        if self._looking is not None:
            self._looking.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self) -> None:
        assert self._reload is not None
        again = True
        while again:
            self._look_again = False
            try:
                # The loop may be at a commit for longer; it has seen this one then, and nobody waits for the rest here.
                await asyncio.wait_for(self._reload(), LOOK_S)
            except TimeoutError:
                pass
            except Fault as fault:
                log.warning("the branch cannot be looked at now: %s", fault.message)
            again = self._look_again

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _tree(self, commit: str) -> CommitTree:
        if self._proofs is not None:
            self._proofs.first(commit)
        return self._repository.tree(commit)

    def _prepare(self, change: Change, author: Author, message: str) -> Prepared | str:
        repository = self._repository
        repository.fetch()
        tip = repository.resolve(write.full_branch(repository, self.branch))
        tree = self._tree(tip)
        edited = dict(change.edit(tree))
        if len(edited) > MAX_PATHS:
            raise ChangeTooLarge(f"{len(edited)} paths; one change may touch {MAX_PATHS}")
        draft = drafts.make(
            repository.objects, tip, tree.id, edited, author, message, committer=COMMITTER, sign=self.key.sign
        )
        if draft is None:
            return tip
        if self._cache is None:
            self._cache = self._fork()
        before = graphs.compile_tree(tree, self._cache).graph
        compiled = graphs.compile_tree(draft.view(repository.objects, tree), self._cache)
        if compiled.graph is None:
            raise ChangeNotValid.of([each for each in compiled.diagnostics if each.severity is Severity.ERROR])
        return Prepared(
            draft.commit, tip, draft.paths, self._review(draft, before, compiled.graph), _Edited(draft, edited)
        )

    def _review(self, draft: Draft, before: Graph | None, after: Graph) -> str:
        """Why this commit is for review only; empty when it is not."""
        if self._protected:
            return "VIGO_PROTECTED says that the branch is protected"
        # Either counts: no change takes the protection away by itself, and none is let through that brings it.
        if _is_protected(after) or (before is not None and _is_protected(before)):
            return "vigo.vgo says that the branch is protected"
        if self._judge is None:
            return ""
        parents = (draft.parent,) if draft.parent is not None else ()
        _, raw = draft.stored[draft.commit]
        step = Step(draft.commit, draft.tree, parents, raw, draft.paths, draft.paths)
        # On the tracked branch it would keep every later commit from coming into force.
        return next((str(complaint) for complaint in self._judge.complaints(step)), "")

    def _publish(self, prepared: Prepared, branch: str) -> None:
        edited = prepared.draft
        assert isinstance(edited, _Edited)
        ref = write.full_branch(self._repository, branch)
        expected = prepared.tip if branch == self.branch else None
        copy = self._repository.copy
        if copy is not None:
            copy.push(edited.draft, ref, expected)
            with suppress(Fault):  # it is there; whoever reads it next brings it here
                self._repository.fetch()
            return
        write.publish(self._repository, ref, edited.draft, expected=expected, changes=edited.changes)

    def _holds(self, branch: str, commit: str) -> bool:
        repository = self._repository
        repository.fetch()
        try:
            tip = repository.resolve(write.full_branch(repository, branch))
        except Fault as fault:
            if fault.status == 404:
                return False
            raise
        return repository.descends(tip, commit)


def open_signing_key(directory: Path) -> SigningKey:
    """The key that this server signs its commits with; made in `directory` at the first start.

    Raises:
        KeyExposed: others can read it.
    """
    return SigningKey.from_seed(
        bytes.fromhex(keyfiles.create(directory / KEY_FILE, secrets.token_hex(32).encode()).decode())
    )


def _is_protected(graph: Graph) -> bool:
    return any(
        isinstance(document.parsed.model, Root) and document.parsed.model.protected
        for document in graph.documents.of(Kind.SETTINGS)
    )
