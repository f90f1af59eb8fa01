"""The archive: graphs of revisions other than the one in force, compiled when somebody asks, in a thread of its own.

Each is compiled with a copy of the compiler's own cache, so a branch costs what it changes and the commit that comes
meanwhile costs no more than ever. A few are kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from api.services.graphs import ArchiveBusy, NotValid, Trial
from reconciler import graph as graphs
from reconciler.authoring.trees import Overlaid
from reconciler.explanations.blaming import Wanted, look_up
from reconciler.graph import Graph
from reconciler.repository import Difference, Repository
from reconciler.repository.proofs import Proofs
from schema.diagnostics import Severity
from schema.errors import Fault
from schema.explanations import Blamed

T = TypeVar("T")

KEPT: Final = 4
"""Graphs; they share what is alike with the one in force."""
WAITING: Final = 8
"""Revisions that wait to be compiled."""
TRIALS: Final = 4
"""Trials of edits that are under way or wait."""
BLAME_S: Final = 3.0
"""How long an answer waits for the commits behind its lines."""


class Archive:
    """Fills the `Archive` port of `api.services.graphs`. Lives in the event loop's thread.

    Args:
        cache: a cache to compile with that nobody else uses; asked for each revision.
        proofs: a child that reads each commit first.
    """

    def __init__(self, repository: Repository, cache: Callable[[], graphs.Cache], proofs: Proofs | None = None) -> None:
        self._repository: Final = repository
        self._proofs: Final = proofs
        self._cache: Final = cache
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="vigo-archive")
        self._kept: Final[OrderedDict[str, Graph]] = OrderedDict()
        self._coming: Final[dict[str, asyncio.Future[Graph]]] = {}
        self._trials = 0

    async def resolve(self, rev: str) -> str:
        """The commit that a revision names.

        Raises:
            Fault: none, or several.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._repository.resolve, rev)

    async def graph(self, commit: str) -> Graph:
        """The graph of a commit; who asks for one that is being compiled waits for that.

        Raises:
            NotValid, ArchiveBusy; Fault: git cannot give it.
        """
        found = self._kept.get(commit)
        if found is not None:
            self._kept.move_to_end(commit)
            return found
        coming = self._coming.get(commit)
        if coming is None:
            if len(self._coming) >= WAITING:
                raise ArchiveBusy(f"{WAITING} revisions are waiting to be compiled", retry_after_s=2.0)
            loop = asyncio.get_running_loop()
            coming = self._coming[commit] = loop.run_in_executor(self._thread, self._compiled, commit)
            coming.add_done_callback(lambda done: self._done(commit, done))
        return await asyncio.shield(coming)

    async def blame(self, wanted: Sequence[Wanted]) -> list[Blamed | None]:
        """Who last changed each of some lines; None where that is not known, or would take too long."""
        looked_up = asyncio.get_running_loop().run_in_executor(self._thread, look_up, self._repository, wanted)
        try:
            return await asyncio.wait_for(looked_up, BLAME_S)
        except TimeoutError:  # behind a revision that is being compiled
            return [None] * len(wanted)

    async def differences(self, pairs: Sequence[tuple[str | None, str]], *, max_bytes: int = 0) -> list[Difference]:
        """What each commit changed of another; of one that cannot be read, nothing is told.

        Raises:
            Fault: git cannot give the only one that was asked for.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._differences, pairs, max_bytes)

    async def trial(self, commit: str, work: Trial[T]) -> T:
        """What `work` makes of a commit's graph, and of what edits of its files would mean: in the archive's thread.

        Raises:
            NotValid, ArchiveBusy; Fault: git cannot give it. And whatever `work` raises.
        """
        if self._trials >= TRIALS:
            raise ArchiveBusy(f"{TRIALS} trials of edits wait already", retry_after_s=2.0)
        self._trials += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._tried, commit, work)
        finally:
            self._trials -= 1

    def close(self) -> None:
        """Compile no more; what is under way ends with the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _differences(self, pairs: Sequence[tuple[str | None, str]], max_bytes: int) -> list[Difference]:
        found = []
        for old, new in pairs:
            try:
                found.append(self._repository.compared(old, new, max_bytes=max_bytes))
            except Fault:
                if len(pairs) == 1:
                    raise
                found.append(Difference((), (), ""))
        return found

    def _compiled(self, commit: str) -> Graph:
        if self._proofs is not None:
            self._proofs.first(commit)
        compiled = graphs.compile_tree(self._repository.tree(commit), self._cache())
        if compiled.graph is None:
            raise NotValid.of(commit, [each for each in compiled.diagnostics if each.severity is Severity.ERROR])
        return compiled.graph

    def _tried(self, commit: str, work: Trial[T]) -> T:
        tree, cache = self._repository.tree(commit), self._cache()
        compiled = graphs.compile_tree(tree, cache)
        if compiled.graph is None:
            raise NotValid.of(commit, [each for each in compiled.diagnostics if each.severity is Severity.ERROR])

        def compile_(files: Mapping[str, bytes]) -> Graph | None:
            return graphs.compile_tree(Overlaid(tree, files), cache).graph

        return work(compiled.graph, compile_, lambda path: tree.read(tree.entries()[path].oid))

    def _done(self, commit: str, done: asyncio.Future[Graph]) -> None:
        del self._coming[commit]
        if done.cancelled() or done.exception() is not None:
            return  # told to those who wait; the next who asks has it tried again
        self._kept[commit] = done.result()
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
