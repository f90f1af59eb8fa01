"""What was accepted, made so, and reported: the executor as one run by hand needs it.

Owns the state directory while it lives, and the one convergence at a time. It has no clock, network or schedule of its
own, and knows nothing of the link: what that may ask is `agent.executor`, which a run without a server never loads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent import converge, desired, itself, keys, pinning, reverting
from agent.acceptance import Acceptance, Accepted, Floor, Refusal, Trust
from agent.desired import Desired, DesiredUnreadable
from agent.fights import Fights
from agent.hosts import Host
from agent.journal import Journal
from agent.last_run import LastRun
from agent.managed import Watching
from agent.objects import ObjectMissing, ObjectStore
from agent.receipts import Receipts
from agent.reporting import as_sent, fitting
from agent.restoring import Restored
from agent.spool import Spool
from agent.state import State
from agent.undo import Undo
from agent.unmoved import Belief
from agent.witness import KernelWitness
from schema.ids import new_id
from schema.protocol.reports import MAX_MESSAGE_CHARS, Report, RunStatus, Trigger
from schema.time import Clock

if TYPE_CHECKING:
    from agent.traits import Collector

_log: Final = logging.getLogger("vigo.executor")


class Runs:
    """What is in force on a host, and the runs that make it so.

    Args:
        host: what to converge; `traits_host` is read at the same time from other threads.
        watching: what sees drift, if anything does.

    Raises:
        NotEnrolled, KeyUnreadable: the state has no whole identity.
    """

    def __init__(
        self,
        state: State,
        host: Host,
        traits_host: Host,
        *,
        clock: Clock,
        ids: Callable[[], str] = new_id,
        watching: Watching | None = None,
    ) -> None:
        self._state: Final = state
        self._host: Final = host
        self._traits_host: Final = traits_host
        self._clock: Final = clock
        self._ids: Final = ids
        self._watching: Final = watching
        self.identity: Final = state.identity()
        self.spool: Final = Spool(state.file("spool"))
        self._objects: Final = ObjectStore(state.file("objects"))
        self._journal: Final = Journal(state.path)
        self._undo: Final = Undo(state.path)
        self._pinned: Final = pinning.read(state)
        self._receipts: Final = Receipts(state, project=self.identity.project, envoy_id=self.identity.envoy_id)
        self._fights: Final = Fights(clock.monotonic, KernelWitness(Path(self.identity.root)))
        self._absent: set[str] = set()
        self._belief: Final = Belief(clock.monotonic)
        self._desired: tuple[str, Desired] | None = None
        self.problem = ""
        signing, sealing = keys.signing(state.file("signing.pub")), keys.sealing(state.file("x25519.key"))
        self._trust: Final = Trust(self.identity.project, self.identity.envoy_id, signing, sealing)
        self._acceptance: Final = Acceptance(self._trust, self._floor(), pinned=self._pinned)
        self._resume()

    @property
    def held(self) -> Accepted | None:
        """What is in force."""
        return self._acceptance.held

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    @cached_property
    def _traits(self) -> Collector:
        from agent.traits import Collector  # most catalogs look at none

        own = {"host_self": lambda: itself.host_self(self.identity, pinned=self._pinned), "agent_self": self._itself}
        return Collector(self._traits_host, own=own)

    def _itself(self) -> dict[str, Any]:
        held = self.held
        return itself.agent_self(
            self._state, self.spool, stale=held.stale(self._clock.now()) if held is not None else None
        )

    def run(self, trigger: Trigger, *, dry_run: bool = False, touched: frozenset[str] | None = None) -> Report | None:
        """Converge to what is in force, or say what that would change; None when nothing is. Nothing is spooled.

        A target that cannot be read, and a fault of our own, is a run that failed: the report says why.

        Args:
            touched: see `agent.converge`.
        """
        accepted = self.held
        if accepted is None:
            return None
        self._absent.clear()
        started = self._clock.now()
        try:
            return self._converged(accepted, trigger, dry_run=dry_run, touched=touched)
        except (LookupError, DesiredUnreadable) as error:
            problem = f"what is in force cannot be read: {error}"
        except Exception as error:  # noqa: BLE001 - the agent goes on, whatever a run came upon
            _log.exception("a run ended in a way that nobody foresaw")
            problem = f"internal: {type(error).__name__}: {error}"
        return Report(
            id=self._ids(),
            trigger=trigger,
            dry_run=dry_run,
            started=started,
            finished=self._clock.now(),
            status=RunStatus.FAILED,
            error=problem[:MAX_MESSAGE_CHARS],
            stale=accepted.stale(started),
            **accepted.applied.model_dump(),
        )

    def keep(self, report: Report) -> None:
        """Put a report into the spool with its receipt, and what `status` shows of it into the state."""
        self.spool.put(report.id, as_sent(self._receipts.vouch(fitting(report))).encode())
        try:
            self._state.write_model("last-run.json", LastRun.of(report), synced=False)
        except OSError as error:
            _log.warning("the last run is not shown by status: %s", error.strerror or error)

    def _converged(
        self, accepted: Accepted, trigger: Trigger, *, dry_run: bool, touched: frozenset[str] | None
    ) -> Report:
        return converge.run(
            self._read(accepted),
            self._host,
            traits=lambda names: self._traits.recent(names).values if names else {},
            journal=self._journal,
            trigger=trigger,
            ids=self._ids,
            clock=self._clock,
            dry_run=dry_run,
            undo=self._undo,
            fights=self._fights,
            touched=touched,
            believing=touched is None and self._belief.holds(trigger),
            ours=self._watching.ours if self._watching is not None else None,
        )

    def undo(self, run: str, *, force: bool = False) -> list[Restored]:
        """Put back what a run replaced, and hold it. Converge and `reread` afterwards, so that what runs follows.

        Raises:
            LookupError: nothing is known of such a run.
            OSError: it could not be written down that this is to stay so.
        """
        record = self._undo.read(run)
        if record is None:
            raise LookupError(run)
        self._undo.confirm([run])
        return reverting.revert(self._undo, record, self._host, self._journal, why=reverting.UNDONE, force=force)

    def reread(self, names: Iterable[str]) -> None:
        """Make what runs follow what was put back for these resources, as the last run knew them."""
        if self._desired is not None:
            reverting.reread(self._desired[1], names)

    def release(self, names: Iterable[str]) -> list[str]:
        """Let these resources be applied again, all that are held where none is named; those that were held."""
        held = [name for name in names if name in self._journal.holds] or ([] if names else list(self._journal.holds))
        for name in held:
            self._journal.release(name)
        self._journal.flush()
        return held

    def _read(self, accepted: Accepted) -> Desired:
        if self._desired is None or self._desired[0] != accepted.assignment_sha256:
            assert accepted.signed.catalog is not None
            self._desired = None  # the old plan goes before the new one is made: memory for one is enough
            read = desired.read(
                assignment=accepted.signed.assignment.body.encode(),
                catalog=accepted.signed.catalog.body.encode(),
                load=self._load,
                hostname=self.identity.hostname,
                secrets=accepted.secrets,
            )
            self._desired = (accepted.assignment_sha256, read)
        return self._desired[1]

    def _load(self, digest: str) -> bytes:
        try:
            return self._objects.read(digest)
        except ObjectMissing:
            self._absent.add(digest)
            raise

    def _floor(self) -> Floor | None:
        floor = self._state.read_model("floor.json", Floor)
        if floor is None and self._state.file("floor.json").exists():
            self.problem = "floor.json cannot be read: an older target than the last one would not be noticed"
        return floor

    def _resume(self) -> None:
        try:
            if (target := self._state.target()) is not None:
                self._acceptance.resume(target)
        except Refusal as refusal:
            self.problem = f"the target that was kept is not applied ({refusal.code}): {refusal.message}"
