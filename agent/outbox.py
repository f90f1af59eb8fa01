"""The outbox: what is on its way to the server, reports and traits, and when to send it again.

Pure. Reports go in the order they were made, a window of them at a time; each is let go when the server acknowledges
it. One that is not acknowledged is sent again, each time later, and holds up only its own place in the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from agent.boundary import Collected, Spooled
from agent.effects import Effect, ForgetReport, KeepTraits, ReadReports, Send

WINDOW: Final = 16
WINDOW_CHARS: Final = 4 * 1024 * 1024
PATIENCE_S: Final = 60.0
MAX_PATIENCE_S: Final = 3600.0


@dataclass
class _Sent:
    sequence: int
    text: str
    at: float
    patience_s: float = PATIENCE_S


class Outbox:
    """The reports under way on one connection."""

    def __init__(self) -> None:
        self._sent: dict[str, _Sent] = {}
        self._cursor = 0
        self._more = False
        self._reading = False
        self._open = False

    @property
    def empty(self) -> bool:
        """Whether the server has acknowledged every report."""
        return self._open and not (self._sent or self._more or self._reading)

    def opened(self) -> list[Effect]:
        """A connection is ready: begin with the oldest report."""
        self._sent.clear()
        self._cursor, self._more, self._open, self._reading = 0, True, True, False
        return self._pump()

    def closed(self) -> None:
        """The connection is gone; what was not acknowledged will be sent again on the next."""
        self._sent.clear()
        self._open = False

    def spooled(self) -> list[Effect]:
        """There is a new report."""
        self._more = True
        return self._pump()

    def read(self, spooled: Spooled, now: float) -> list[Effect]:
        """The executor has answered a `ReadReports`."""
        if not self._open or spooled.after != self._cursor:
            return []  # asked for on an earlier connection
        self._reading = False
        self._more = self._more or spooled.more  # what was spooled meanwhile is seen by the next read only
        effects: list[Effect] = []
        for each in spooled.reports:
            self._cursor = each.sequence
            text = f'{{"type":"report","report":{each.report}}}'
            self._sent[each.id] = _Sent(each.sequence, text, now)
            effects.append(Send(text))
        return effects + self._pump()

    def acknowledged(self, report_id: str) -> list[Effect]:
        """The server has a report for good."""
        sent = self._sent.pop(report_id, None)
        return [] if sent is None else [ForgetReport(sent.sequence), *self._pump()]

    def due(self) -> float:
        """When the next report has waited too long."""
        return min((sent.at + sent.patience_s for sent in self._sent.values()), default=math.inf)

    def wake(self, now: float) -> list[Effect]:
        """Send again what has waited too long."""
        effects: list[Effect] = []
        for sent in self._sent.values():
            if now >= sent.at + sent.patience_s:
                sent.at = now
                sent.patience_s = min(2 * sent.patience_s, MAX_PATIENCE_S)
                effects.append(Send(sent.text))
        return effects

    def _pump(self) -> list[Effect]:
        if not self._open or self._reading or not self._more:
            return []
        if len(self._sent) >= WINDOW or sum(len(sent.text) for sent in self._sent.values()) > WINDOW_CHARS:
            return []
        self._reading, self._more = True, False
        return [ReadReports(self._cursor)]


class TraitsSlot:
    """The traits as the server knows them, and as they are: sent whole when the two differ in what is not volatile."""

    def __init__(self, kept: tuple[str, str] | None) -> None:
        self._acknowledged = kept
        self._current: Collected | None = None
        self._sent = ""
        self._wanted = False
        self._open = False

    @property
    def acknowledged(self) -> str | None:
        """Digest of the traits message that the server acknowledged last."""
        return self._acknowledged[0] if self._acknowledged else None

    def opened(self) -> list[Effect]:
        """A connection is ready."""
        self._open, self._sent = True, ""
        return self._pump()

    def closed(self) -> None:
        """The connection is gone."""
        self._open = False

    def want(self) -> None:
        """Send what is collected next even if only volatile traits changed."""
        self._wanted = True

    def collected(self, collected: Collected) -> list[Effect]:
        """The traits are these now."""
        self._current = collected
        return self._pump()

    def kept(self, digest: str) -> list[Effect]:
        """The server has the traits of this digest."""
        if self._current is None or digest != self._sent or digest != self._current.sha256:
            return []
        self._acknowledged = (digest, self._current.stable_sha256)
        return [KeepTraits(*self._acknowledged)]

    def _pump(self) -> list[Effect]:
        current = self._current
        if not self._open or current is None or current.sha256 == self._sent:
            return []
        if not self._wanted and self._acknowledged and current.stable_sha256 == self._acknowledged[1]:
            return []
        self._sent, self._wanted = current.sha256, False
        return [Send(current.message)]
