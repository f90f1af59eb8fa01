"""The outbox: the reports that are on their way to the server, and when to send them again.

Pure. Reports go in the order they were made, a window of them at a time; each is let go when the server acknowledges
it. One that is not acknowledged is sent again, each time later, and holds up only its own place in the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from agent.boundary import Spooled
from agent.effects import Effect, ForgetReport, ReadReports, Send

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
