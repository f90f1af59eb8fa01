"""The channel: the phases of the one connection, its back-off and its heartbeat.

Pure. A connection that fails or ends is tried again after `min(cap, base · 2ⁿ) · U(0, 1)` seconds: full jitter, so
that a fleet that lost its server together does not come back together.

A connection that breaks is most often one alone: a firewall forgot it, a cable was pulled. So the first attempt after
it comes within a second, and finds a server that has time. When it is not welcomed, or the server said goodbye, others
were cut too. How long they all take to come back, only the server knows: it says so in its welcome, and from then on
each attempt is spread over at least that time, until it is welcomed again. An attempt that is refused, or turned away
before TLS, costs a server next to nothing; few come before it is their turn, and nobody waits when it has none left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Final

from agent.effects import Close, Connect, Effect, Level, Log, Ping

BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 60.0
REFUSED_CAP_S: Final = 15.0
"""The cap while no connection comes about, for a fleet that was told how long its return takes: refusing costs a server
that is not there nothing, and one that restarts is to have its fleet back soon, however long it was away."""
MAX_RETRY_AFTER_S: Final = 600.0
MAX_RETURN_S: Final = 300.0
"""Longest time over which a server may have its agents spread their return."""
GOODBYES: Final = frozenset({1001, 1011, 1012, 1013})
"""Codes with which a server closes that goes, or cannot serve (RFC 6455 7.4.1, and its registry at IANA): it goes away,
has an error of its own, restarts, is overloaded. Others concern the one whom they are told."""
SETTLED_S: Final = 10.0
"""A connection that was open this long was a good one: the next back-off begins from the base again."""
GREETING_S: Final = 30.0
DEFAULT_HEARTBEAT_S: Final = 60.0
MIN_HEARTBEAT_S: Final = 1.0
MAX_HEARTBEAT_S: Final = 3600.0
QUIET_BEATS: Final = 1.2
"""After this many heartbeats without a word the agent asks whether the server is there; where all is well the server's
own ping has come before, and the two together cost it half as much as an exchange that the agent begins."""
QUIET_SPREAD: Final = 0.2
"""Of a heartbeat, so that a fleet whose server is stuck does not ask all at once."""
SILENCE_BEATS: Final = 2.5
"""After this many heartbeats without a word the other end is gone, whatever TCP says."""


class Phase(Enum):
    """Of the connection."""

    DOWN = "down"
    CONNECTING = "connecting"
    GREETING = "greeting"
    OPEN = "open"
    CLOSING = "closing"


class Channel:
    """One connection at a time, opened again for ever."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self.phase = Phase.DOWN
        self._attempts = 0
        self._connect_at = math.inf
        self._since = 0.0
        self._heard = 0.0
        self._ping_at = math.inf
        self._heartbeat_s = DEFAULT_HEARTBEAT_S
        self._return_s = 0.0
        self._spread_s = 0.0
        """`_return_s` once this agent is known not to be the only one on its way back."""
        self._alone = False
        """Whether it certainly is: it wanted a fresh connection."""

    def start(self, now: float) -> None:
        """Connect at once."""
        self._connect_at = now

    def connected(self, now: float) -> None:
        """The handshakes are done; the server is to greet us."""
        self.phase, self._since, self._heard = Phase.GREETING, now, now

    def set_heartbeat(self, heartbeat_s: float) -> None:
        """How often the server is to be heard; out of bounds it is brought into them."""
        self._heartbeat_s = min(max(heartbeat_s, MIN_HEARTBEAT_S), MAX_HEARTBEAT_S)

    def set_return(self, return_s: float) -> None:
        """Over how many seconds the return of the fleet is spread; brought into its bounds."""
        self._return_s = min(max(return_s, 0.0), MAX_RETURN_S)

    def welcomed(self, now: float) -> None:
        """The server has greeted us."""
        self.phase, self._since, self._spread_s, self._alone = Phase.OPEN, now, 0.0, False
        self.heard(now)

    def heard(self, now: float) -> None:
        """The server has said something, be it a ping."""
        self._heard = now
        self._ping_at = now + self._heartbeat_s * (QUIET_BEATS + QUIET_SPREAD * self._random())

    def close(self, reason: str) -> list[Effect]:
        """End the connection."""
        if self.phase not in (Phase.GREETING, Phase.OPEN):
            return []
        if self.phase is Phase.OPEN and self._heard - self._since >= SETTLED_S:
            self._attempts = 0
        self.phase = Phase.CLOSING
        return [Close(reason)]

    def again(self, reason: str, now: float) -> list[Effect]:
        """Have a fresh connection soon: one that is good is ended for it, and one that is waited for comes earlier.
        Nobody failed, so no attempt is spread until it is welcomed. What waits for that has a deadline of its own."""
        self._spread_s, self._alone = 0.0, True
        if self.phase is Phase.OPEN:
            self._attempts = 0
        elif self.phase is Phase.DOWN:
            self._connect_at = min(self._connect_at, now + BACKOFF_BASE_S * self._random())
        return self.close(reason)

    def disconnected(
        self, reason: str, now: float, *, retry_after_s: float = 0.0, goodbye: bool = False
    ) -> list[Effect]:
        """The connection is gone, or was never made: wait, then try again."""
        if self.phase is Phase.OPEN and now - self._since >= SETTLED_S:
            self._attempts = 0
        if goodbye:
            self._spread_s = self._return_s
        refused = self.phase is Phase.CONNECTING and self._return_s > 0
        cap = REFUSED_CAP_S if refused else BACKOFF_CAP_S
        self.phase = Phase.DOWN
        delay = max(self._spread_s, min(cap, BACKOFF_BASE_S * 2.0**self._attempts)) * self._random()
        if retry_after_s > 0:
            delay = min(retry_after_s, MAX_RETRY_AFTER_S) * (1 + self._random())
        self._attempts = min(self._attempts + 1, 16)
        self._connect_at = now + delay
        return [Log(Level.WARNING, f"not connected ({reason}); next attempt in {delay:.1f} s")]

    def due(self) -> float:
        """When `wake` has something to do."""
        match self.phase:
            case Phase.DOWN:
                return self._connect_at
            case Phase.GREETING:
                return self._since + GREETING_S
            case Phase.OPEN:
                return min(self._ping_at, self._heard + SILENCE_BEATS * self._heartbeat_s)
        return math.inf

    def wake(self, now: float) -> list[Effect]:
        """Connect, ping, or give a silent server up."""
        if now < self.due():
            return []
        match self.phase:
            case Phase.DOWN:
                self.phase, self._connect_at = Phase.CONNECTING, math.inf
                self._spread_s = 0.0 if self._alone else self._return_s  # until it is welcomed
                return [Connect()]
            case Phase.GREETING:
                return self.close("the server does not greet")
        if now >= self._heard + SILENCE_BEATS * self._heartbeat_s:
            return self.close("the server is silent")
        self._ping_at = now + self._heartbeat_s
        return [Ping()]
