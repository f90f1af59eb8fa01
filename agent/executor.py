"""The executor: holds what was accepted, makes the host so, and keeps the reports. Everything it is told is bytes.

It verifies each target and object itself; see `agent.boundary` for what the link may ask, and `agent.runs` for what it
does by itself.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from agent import reverting
from agent.acceptance import Refusal, along, digest_of
from agent.boundary import (
    CONNECTED,
    Installed,
    KeptTraits,
    Presented,
    Ran,
    Remembered,
    Spooled,
    SpooledReport,
    Standing,
    Stored,
    Verdict,
)
from agent.hosts import Host
from agent.managed import Watching, followed
from agent.places import EVERYTHING
from agent.probes import Probes
from agent.replacing import Replacing
from agent.reporting import gist, notable
from agent.runs import Runs
from agent.spool import place_of
from agent.state import State
from schema.errors import Fault
from schema.ids import new_id, sha256
from schema.protocol.reports import MAX_MESSAGE_CHARS, Outcome, Report, RunStatus, Trigger, Wire
from schema.time import Clock

if TYPE_CHECKING:
    from agent.credentials import Credentials
    from agent.installation import Installation

READ_REPORTS: Final = 8
READ_BYTES: Final = 1024 * 1024

_log: Final = logging.getLogger("vigo.executor")


class LocalExecutor(Runs):
    """The executor of this process. `offer`, `store`, `reports` and `forget` may be called while `converge` runs.

    Args:
        installation: what this agent can be replaced in, if it can; `begin_anew` ends it in favour of another.
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
        installation: Installation | None = None,
        begin_anew: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(state, host, traits_host, clock=clock, ids=ids, watching=watching)
        self._lock: Final = Lock()
        self._touched: set[str] = set()
        """Managed paths that changed since the last run."""
        self._wanted: dict[str, int] = {}
        self._swept = ""
        self._last: tuple[object, ...] = ()
        self.probe: Final = Probes(state, traits_host, self._acceptance, clock).answer
        signing, doubt = self._trust.signing, self._undo.doubt
        self._replacing: Final = Replacing(installation, self._objects, signing, begin_anew, doubt)

    @cached_property
    def _credentials(self) -> Credentials:
        from agent.credentials import Credentials  # TLS and X.509: seldom

        return Credentials(self._state, self.identity)

    # the boundary

    def standing(self, _: bytes = b"") -> bytes:
        """See `Executor`."""
        held = self.held
        standing = Standing(
            applied=held.applied if held else None,
            dropped_reports=self.spool.dropped,
            problem="; ".join(filter(None, (self.problem, self.spool.problem))),
            traits=self._state.read_model("traits.json", KeptTraits),
            unconfirmed=self._undo.doubt(),
            build=self._replacing.build,
            pinned=self._pinned,
        )
        return _encoded(standing)

    def offer(self, target: bytes) -> bytes:
        """See `Executor`."""
        try:
            accepted = self._acceptance.judge(target, self._clock.now())
        except Refusal as refusal:
            named = digest_of(target)
            return _encoded(
                Verdict(outcome="refused", assignment_sha256=named, code=refusal.code, message=refusal.message)
            )
        verdict = Verdict(
            outcome="held",
            assignment_sha256=accepted.assignment_sha256,
            epoch=accepted.assignment.epoch,
            generation=accepted.assignment.generation,
            applied=accepted.applied,
        )
        if accepted is self.held:
            return _encoded(verdict)
        verdict = verdict.model_copy(update={"applied": None})
        try:
            missing = self._objects.missing(accepted.objects)
            kept = {self._objects.write(data) for data in along(target, accepted.objects, missing)}
            if missing := [each for each in missing if each not in kept]:
                with self._lock:
                    self._wanted = {each: accepted.objects[each] for each in missing}
                return _encoded(verdict.model_copy(update={"outcome": "incomplete", "need": missing}))
            self._state.save_target(accepted.target)
            self._state.write_model("floor.json", self._acceptance.floor_of(accepted))
        except OSError as error:
            message = f"the target cannot be kept: {error.strerror or error}"
            return _encoded(verdict.model_copy(update={"outcome": "failed", "message": message}))
        self._acceptance.admit(accepted)
        self.problem = ""
        with self._lock:
            self._wanted = {each: size for each, size in self._wanted.items() if each not in accepted.objects}
        return _encoded(verdict.model_copy(update={"outcome": "accepted", "applied": accepted.applied}))

    def store(self, data: bytes) -> bytes:
        """See `Executor`."""
        digest = sha256(data)
        with self._lock:
            size = (self._wanted | self._replacing.wanted).get(digest)
        if size != len(data):
            here = not self._objects.missing({digest: len(data)})
            return _encoded(Stored(sha256=digest, ok=here, message="" if here else "nothing lacks these bytes"))
        try:
            self._objects.write(data)
        except OSError as error:
            return _encoded(Stored(sha256=digest, ok=False, message=f"it cannot be kept: {error.strerror or error}"))
        return _encoded(Stored(sha256=digest, ok=True))

    def converge(self, trigger: bytes) -> bytes:
        """See `Executor`."""
        word, _, how = trigger.decode("ascii", "replace").partition(" ")
        try:
            reason = Trigger(word)
        except ValueError as error:
            return _encoded(Ran(status=RunStatus.FAILED, error=f"no reason to run: {error}"))
        self._undo.connected = how == CONNECTED
        return self._concluded(lambda: self._ran(reason))

    def confirm(self, _: bytes = b"") -> bytes:
        """See `Executor`."""
        try:
            self._undo.confirm(self._undo.unconfirmed())
        except OSError as error:
            _log.error("the last change stays unconfirmed: %s", error.strerror or error)
        return self.standing()

    def put_back(self, _: bytes = b"") -> bytes:
        """See `Executor`."""

        def act() -> Ran:
            names = reverting.unconfirmed(self._undo, self._host, self._journal)
            ran = self._ran(Trigger.REVERT)
            self.reread(names)
            return ran

        return self._concluded(act)

    def update(self, manifest: bytes) -> bytes:
        """See `Executor`."""
        return _encoded(self._replacing.update(manifest))

    def collect(self, _: bytes = b"") -> bytes:
        """See `Executor`."""
        return _encoded(self._traits.collect().told(self._clock.now()))

    def reports(self, after: bytes) -> bytes:
        """See `Executor`."""
        place = place_of(after)
        entries, more = self.spool.read(place, limit=READ_REPORTS, limit_bytes=READ_BYTES)
        reports = [SpooledReport(sequence=each.sequence, id=each.id, report=each.data.decode()) for each in entries]
        return _encoded(Spooled(after=place, reports=reports, more=more, dropped=self.spool.dropped))

    def forget(self, sequence: bytes) -> bytes:
        """See `Executor`."""
        self.spool.forget(place_of(sequence))
        return self.standing()

    def present(self, _: bytes = b"") -> bytes:
        """See `Executor`."""
        self._state.settle(self._state.identity())
        ca, certificate, key = (self._state.file(name).read_text("ascii") for name in ("ca.pem", "cert.pem", "tls.key"))
        return _encoded(Presented(gateway_url=self.identity.gateway_url, ca=ca, certificate=certificate, key=key))

    def request(self, _: bytes = b"") -> bytes:
        """See `Executor`."""
        try:
            return self._credentials.request().encode()
        except Fault as fault:
            _log.error("no certificate can be asked for: %s", fault.message)
            return b""

    def install(self, certificate: bytes) -> bytes:
        """See `Executor`."""
        try:
            self._credentials.install(certificate.decode("ascii"))
        except (Fault, OSError, ValueError) as error:
            return _encoded(Installed(ok=False, message=str(error)[:MAX_MESSAGE_CHARS]))
        return _encoded(Installed(ok=True))

    def remember(self, remembered: bytes) -> bytes:
        """See `Executor`."""
        try:
            told = Remembered.model_validate_json(remembered)
            if told.link is not None:
                self._replacing.heard(connected=told.link.connected)
                self._state.write_model("link.json", told.link, synced=False)
            if told.traits is not None:
                self._state.write_model("traits.json", told.traits, synced=False)
        except (ValidationError, OSError) as error:
            _log.warning("what the link would remember is not kept: %s", error)
        return b""

    # runs

    def touch(self, paths: frozenset[str]) -> None:
        """These managed paths and places have changed, by another hand than ours."""
        with self._lock:
            self._touched |= paths

    def _concluded(self, act: Callable[[], Ran]) -> bytes:
        try:
            return _encoded(act() if not self._replacing.leaving else Ran())
        except OSError as error:
            _log.exception("a run could not be concluded")
            return _encoded(Ran(status=RunStatus.FAILED, error=str(error), missing=self._mend()))

    def _ran(self, trigger: Trigger) -> Ran:
        with self._lock:
            touched, self._touched = self._touched, set()
        known = touched and EVERYTHING not in touched
        only = frozenset(touched) if known and trigger is Trigger.DRIFT else None
        report = self.run(trigger, touched=only)
        if report is None:
            return Ran()
        changed = sum(each.outcome is Outcome.CHANGED for each in report.resources)
        failed = sum(each.outcome is Outcome.FAILED for each in report.resources)
        told = trigger is not Trigger.DRIFT or not self._same(report)
        if told:
            self.keep(report)
            self._last = gist(report)
        if changed:
            self._traits.forget()
        self._settle(report)
        return Ran(
            status=report.status,
            reported=told,
            changed=changed,
            failed=failed,
            error=report.error,
            missing=self._mend(),
            unconfirmed=self._undo.doubt(),
            again_s=due_s if (due_s := self._fights.due_s()) < math.inf else None,
        )

    def _same(self, report: Report) -> bool:
        """Whether a look at drift found all just as the last report says: then there is nothing to tell."""
        return self._last == gist(report) and not any(notable(each.outcome) for each in report.resources)

    def _settle(self, report: Report) -> None:
        """After a run: watch what is managed now, and let go of objects that nothing names any more."""
        accepted, read = self.held, self._desired
        if read is not None and self._watching is not None:
            self._watching.follow(*followed(read[1]))
        if accepted is None or accepted.assignment_sha256 != report.assignment_sha256:
            return
        if self._swept != accepted.assignment_sha256:
            with self._lock:
                keep = accepted.objects.keys() | self._wanted.keys() | self._replacing.wanted.keys()
            self._objects.collect(keep)
            self._swept = accepted.assignment_sha256

    def _mend(self) -> list[str]:
        """Objects that the run found missing or damaged: wanted from now on."""
        held = self.held
        if not self._absent or held is None:
            return []
        absent = sorted(self._absent & held.objects.keys())
        with self._lock:
            self._wanted |= {each: held.objects[each] for each in absent}
        return absent


def _encoded(answer: Wire) -> bytes:
    return answer.model_dump_json().encode()
