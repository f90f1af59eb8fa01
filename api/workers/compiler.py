"""The compiler's thread: one commit at a time becomes a plan. Git is read and all computed there, not in the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler import graph as graphs
from reconciler.graph import Graph
from reconciler.loop import effects, events
from reconciler.ports import Desired
from reconciler.repository import CommitInfo, Repository
from schema.diagnostics import Diagnostic


@dataclass(frozen=True, eq=False)
class GraphPlan:
    """A compiled commit, as the loop looks at it."""

    graph: Graph
    commit: str
    info: CommitInfo
    diagnostics: tuple[Diagnostic, ...]
    compiled_ms: float
    _desired: dict[str, Desired] = field(default_factory=dict)

    @property
    def plan_root(self) -> str:
        """Digest over what all hosts are to be."""
        return self.graph.plan_root

    def desired(self, hostnames: Iterable[str], /) -> Mapping[str, Desired | None]:
        """What hosts are to be."""
        return {
            hostname: None if profile is None else self._of(profile)
            for hostname, profile in self.graph.assign(hostnames).items()
        }

    def _of(self, profile_id: str) -> Desired:
        known = self._desired.get(profile_id)
        if known is None:
            profile = self.graph.profiles[profile_id]
            known = Desired(profile_id, profile.catalog_sha256, tuple(sorted(profile.catalog.secrets)))
            self._desired[profile_id] = known
        return known


class Compiler:
    """Compiles commits of one repository, one after the other, in a thread of its own."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._cache = graphs.Cache()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vigo-compile")

    async def compile(self, effect: effects.Compile) -> events.Event:
        """Compile a commit.

        Raises:
            Fault: git cannot give it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._compile, effect)

    async def info(self, commit: str) -> CommitInfo:
        """Who made a commit, when and why.

        Raises:
            Fault: git cannot give it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._repository.commit_info, commit)

    def fork(self) -> graphs.Cache:
        """A copy of what is kept between compiles, for another thread; waits for a compile that is under way."""
        return self._cache.fork()

    def close(self) -> None:
        """Begin no other compile. One that is under way ends with the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compile(self, effect: effects.Compile) -> events.Event:
        commit = effect.commit
        if effect.base is not None and not self._repository.descends(commit, effect.base):
            return events.Diverged(commit, effect.base)
        info = self._repository.commit_info(commit)
        begun = time.perf_counter()
        compiled = graphs.compile_tree(self._repository.tree(commit), self._cache)
        if compiled.graph is None:
            return events.CompileFailed(commit, tuple(compiled.diagnostics))
        # Made here, in this thread: what a profile's catalog is has to be computed once.
        for profile in compiled.graph.profiles.values():
            _ = profile.catalog_sha256
        took_ms = (time.perf_counter() - begun) * 1000
        return events.Compiled(GraphPlan(compiled.graph, commit, info, tuple(compiled.diagnostics), took_ms))
