"""Confirm or revert: a change that could cut the host off stands only when the server is reached after it. Pure.

The connection that is open when such a run ends proves nothing: what is established outlives a firewall that refuses
the next one. So it is closed, and the change is confirmed when a new one was greeted; when none was within the window,
what the run replaced is put back. A server that was silent before the change is no witness against it: then the change
waits for the next greeting, without a deadline.
"""

from __future__ import annotations

import math
from typing import Final

from agent.effects import Confirm, Effect, Level, Log, PutBack

WINDOW_S: Final = 90.0
AFTER_START_S: Final = 300.0
"""Where the agent was started anew meanwhile: the host may have been, and its network takes its time."""


class Probation:
    """One unconfirmed change, or none."""

    def __init__(self) -> None:
        self._until = math.inf
        self.pending = False
        self._tried = False
        """Whether a connection was begun since the change."""

    def begin(self, now: float, *, reachable: bool, window_s: float | None = None) -> None:
        """A run has changed what could cut the host off.

        Args:
            reachable: whether the server was, when the run began.
            window_s: how long to wait; `WINDOW_S` where nothing else is said.
        """
        if self.pending:
            return  # the first one's window counts
        self.pending, self._tried = True, False
        self._until = now + (WINDOW_S if window_s is None else window_s) if reachable else math.inf

    def connecting(self) -> None:
        """A new connection is begun."""
        self._tried = True

    @property
    def doubtful(self) -> bool:
        """Whether the connection that there is proves nothing: it is older than the change."""
        return self.pending and not self._tried

    def greeted(self) -> list[Effect]:
        """A server has greeted us, over a connection that is not doubtful."""
        if not self.pending:
            return []
        self.pending, self._until = False, math.inf
        return [Confirm()]

    def due(self) -> float:
        """When `wake` has something to do."""
        return self._until

    def wake(self, now: float) -> list[Effect]:
        """Put the change back, if the time is over."""
        if now < self._until:
            return []
        self.pending, self._until = False, math.inf
        return [Log(Level.ERROR, "the server was not reached after the last change: it is put back"), PutBack()]
