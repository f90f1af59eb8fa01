"""The compiler's thread: one commit at a time becomes a plan. Git is read and all computed there, not in the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from api.services.makers import Makers
from api.services.signers import Judge
from reconciler import graph as graphs
from reconciler.documents import Kind
from reconciler.graph import Graph, storing
from reconciler.loop import effects, events
from reconciler.ports import Desired
from reconciler.repository import CommitInfo, Repository
from reconciler.repository.faults import ReadingLimit
from reconciler.repository.proofs import Proofs
from reconciler.rollout import planning
from reconciler.rollout.facts import HostFacts
from schema.diagnostics import Diagnostic
from schema.rollouts import RolloutPlan
from schema.signers import Judgement

STAGING: Final = (Kind.ROLLOUT, Kind.INVARIANTS)
STORE_EVERY_S: Final = 60.0
SLICE_S: Final = 0.01


@dataclass(frozen=True, eq=False)
class GraphPlan:
    """A compiled commit, as the loop looks at it."""

    graph: Graph
    commit: str
    info: CommitInfo | None
    """Who made it; None of one that is only recalled."""
    diagnostics: tuple[Diagnostic, ...]
    compiled_ms: float
    trust_version: int | None = None
    """Of the policy and keys that it was judged by; None where nobody judged it."""
    _desired: dict[str, Desired] = field(default_factory=dict)

    @property
    def plan_root(self) -> str:
        """Digest over what all hosts are to be."""
        return self.graph.plan_root

    @property
    def staged(self) -> bool:
        """Whether it says how it is rolled out, or what must hold meanwhile."""
        documents = self.graph.documents
        return any(True for kind in STAGING for _ in documents.of(kind))

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
            known = Desired(profile_id, profile.catalog_sha256, profile.secrets)
            self._desired[profile_id] = known
        return known


class Compiler:
    """Compiles commits of one repository, one after the other, in a thread of its own.

    Args:
        kept: a file for what was compiled, from which the next process begins.
        proofs: a child that reads each commit first.
        judge: says whether commits are signed and approved as the policy asks.
    """

    def __init__(
        self,
        repository: Repository,
        kept: Path | None = None,
        proofs: Proofs | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._repository = repository
        self._proofs = proofs
        self._judge = judge
        self._cache = graphs.Cache()
        self._begun = False
        self._kept = kept
        self._stored = -STORE_EVERY_S
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
        if self._proofs is not None and self._proofs.refuses(commit):
            raise ReadingLimit(f"commit {commit[:12]} is not read")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._repository.commit_info, commit)

    async def plan(
        self, target: graphs.Graph, hosts: Sequence[HostFacts], bases: Mapping[str, graphs.Graph]
    ) -> RolloutPlan:
        """How a commit is to reach these hosts."""
        make = partial(planning.plan, target, hosts, bases, classes=True)
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    async def judgement(self, commit: str) -> Judgement:
        """What the policy says of a commit on top of the one in force.

        Raises:
            Fault: git cannot give it.
        """
        judge = self._judge
        assert judge is not None

        def judged() -> Judgement:
            if self._proofs is not None:
                self._proofs.first(commit)
            return judge.judge(self._repository, commit, judge.base())

        return await asyncio.get_running_loop().run_in_executor(self._thread, judged)

    async def makers(self, commit: str, base: str | None) -> Makers:
        """Whose the commits from `base` up to this one are.

        Raises:
            Fault: git cannot give them.
        """
        judge = self._judge
        assert judge is not None
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, judge.makers, self._repository, commit, base
        )

    def fork(self) -> graphs.Cache:
        """A copy of what is kept between compiles, for another thread; waits for a compile that is under way."""
        return self._cache.fork()

    def close(self) -> None:
        """Begin no other compile. One that is under way ends with the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compile(self, effect: effects.Compile) -> events.Event:
        commit = effect.commit
        if self._proofs is not None:
            self._proofs.first(commit, effect.base, restore=effect.restore)
        if effect.base is not None and not self._repository.descends(commit, effect.base):
            return events.Diverged(commit, effect.base)
        judged = self._judged(effect)
        if isinstance(judged, events.Diverged | events.Untrusted):
            return judged
        info = self._repository.commit_info(commit)
        begun = time.perf_counter()
        tree = self._repository.tree(commit)
        if not self._begun and self._kept is not None:
            self._cache = storing.restore(self._kept, tree) or self._cache
        self._begun = True
        compiled = graphs.compile_tree(tree, self._cache)
        if compiled.graph is None:
            return events.CompileFailed(commit, tuple(compiled.diagnostics))
        took_ms = (time.perf_counter() - begun) * 1000
        self._later(partial(self._store, time.monotonic()))
        self._later(partial(self._complete, iter(compiled.graph.order)))
        return events.Compiled(GraphPlan(compiled.graph, commit, info, tuple(compiled.diagnostics), took_ms, judged))

    def _judged(self, effect: effects.Compile) -> events.Diverged | events.Untrusted | int | None:
        """The version that a commit is trusted by; else why it is not. What was in force before is not judged again."""
        if self._judge is None or effect.restore:
            return None
        base = self._judge.base()
        if effect.base is None and base not in (None, effect.commit) and self._judge.accepted() != effect.commit:
            return events.Diverged(effect.commit, base or "")  # it was accepted on top of another
        judgement = self._judge.judge(self._repository, effect.commit, base)
        if not judgement.trusted:
            return events.Untrusted(effect.commit, tuple(judgement.diagnostics))
        self._judge.tell_use(judgement)
        return judgement.version

    def _later(self, work: Callable[[], None]) -> None:
        """Do something in this thread when no commit waits."""
        with suppress(RuntimeError):  # closed meanwhile
            self._thread.submit(work)

    def _store(self, now: float) -> None:
        if self._kept is not None and now - self._stored >= STORE_EVERY_S:
            self._stored = now
            storing.store(self._kept, self._cache)

    def _complete(self, profiles: Iterator[graphs.Profile]) -> None:
        """Compute what a restored graph left open, a slice at a time: a commit that comes does not wait for it."""
        until = time.monotonic() + SLICE_S
        for profile in profiles:
            try:
                _ = profile.catalog_body
            except storing.StoreUnfitError:
                self._forget()
                raise
            if time.monotonic() > until:
                self._later(partial(self._complete, profiles))
                return

    def _forget(self) -> None:
        """Compile all anew next time: what was kept is not of this repository as it is."""
        self._cache = graphs.Cache()
        if self._kept is not None:
            self._kept.unlink(missing_ok=True)
