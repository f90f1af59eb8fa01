"""Probes: the commands of health checks, run when the server signs that they are to be, and never twice for one order.

An order is judged by `agent.acceptance`, like a target, and written down before it is carried out: that is what keeps
it from being carried out again, whoever repeats it. Of orders the newest is kept, with its answer; an older one is
refused. One that was begun when the agent ended is not begun again: what came of it, nobody knows.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.acceptance import Acceptance, Refusal
from agent.hosts import Host, HostFault, Ran, reach
from agent.masking import Mask
from agent.state import State
from schema.protocol.messages import MAX_OUTPUT_CHARS, Probe, Probed, ProbeOutcome
from schema.time import Clock, Instant

if TYPE_CHECKING:
    from schema.protocol.probes import ProbeOrder

MAX_LINES: Final = 10
"""Of what a command said that are told."""
NOT_SHOWN: Final = "not shown: a secret of this host is too short to be masked"
_FILE: Final = "probe.json"
_NOTHING: Final = ("", 0)

_log: Final = logging.getLogger("vigo.probes")


class Begun(BaseModel):
    """The newest order that was carried out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    created: Instant
    answer: Probed | None = None
    """What came of it; None while it is under way."""


class Probes:
    """The probes of one agent.

    Args:
        host: to run them on; used from the thread that asks.
    """

    def __init__(self, state: State, host: Host, acceptance: Acceptance, clock: Clock) -> None:
        self._state: Final = state
        self._host: Final = host
        self._acceptance: Final = acceptance
        self._clock: Final = clock
        self._turn: Final = Lock()

    def answer(self, probe: bytes, /) -> bytes:
        """See `agent.boundary.Executor`."""
        try:
            asked = Probe.model_validate_json(probe)
        except ValidationError as error:
            said = Probed(id="", outcome="refused", output=f"format: {error.error_count()} complaints")
        else:
            with self._turn:
                said = self._answered(asked)
        return said.model_dump_json().encode()

    def _answered(self, asked: Probe) -> Probed:
        newest = self._state.read_model(_FILE, Begun)
        try:
            order = self._acceptance.judge_order(
                asked, (newest.id, newest.created) if newest is not None else _NOTHING, self._clock.now()
            )
        except Refusal as refusal:
            _log.error("a health check is not carried out (%s): %s", refusal.code, refusal.message)
            return _said(asked.id, "refused", f"{refusal.code}: {refusal.message}")
        if newest is not None and newest.id == order.id:
            return newest.answer or _said(order.id, "interrupted", "the agent ended while it ran")
        begun = Begun(id=order.id, created=order.created)
        try:
            self._state.write_model(_FILE, begun)
        except OSError as error:
            return _said(order.id, "failed", f"it cannot be written down: {error.strerror or error}")
        answer = self._run(order)
        try:
            self._state.write_model(_FILE, begun.model_copy(update={"answer": answer}))
        except OSError as error:
            _log.warning("what a health check said is not kept: %s", error.strerror or error)
        return answer

    def _run(self, order: ProbeOrder) -> Probed:
        try:
            with reach.declared(True):  # noqa: FBT003
                ran = self._host.run(order.command, timeout_s=order.timeout_s)
        except (HostFault, OSError) as error:
            return _said(order.id, "failed", self._shown(str(error)))
        output = self._shown(_tail(ran))
        if ran.timed_out:
            return _said(order.id, "timed_out", output)
        return _said(order.id, "passed" if ran.code in order.returns else "failed", output, ran.code)

    def _shown(self, text: str) -> str:
        """The text without the secrets that this host has."""
        held = self._acceptance.held
        if held is None or not held.secrets:
            return text
        mask = Mask(held.secrets)
        return NOT_SHOWN if mask.has_short(held.secrets) else mask(text)


def _tail(ran: Ran) -> str:
    said = (ran.stderr.strip() or ran.stdout.strip()).decode("utf-8", "replace")
    return "\n".join(said.splitlines()[-MAX_LINES:])


def _said(id_: str, outcome: ProbeOutcome, output: str, code: int | None = None) -> Probed:
    return Probed(id=id_, outcome=outcome, code=code, output=output[-MAX_OUTPUT_CHARS:])
