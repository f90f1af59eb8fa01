"""Renewal: when to ask for a new certificate, and what to do about the answer. Pure.

At two thirds of a certificate's life, spread over the next twentieth of it so that a fleet enrolled together does not
come together. What fails is tried again, sooner the less life is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from agent.effects import Effect, InstallCertificate, Level, Log, MakeRequest, Send
from schema.protocol.messages import RENEW, Renew, Renewed

RENEW_AT: Final = 2 / 3
SPREAD: Final = 1 / 20
RETRY_S: Final = 3_600.0
MIN_RETRY_S: Final = 60.0


class Renewal:
    """One certificate, and the next."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self._due = math.inf
        self._again = 0.0
        """Not before this, since it was tried just now."""
        self._ends = math.inf
        self._offered = False
        """Whether the server renews."""
        self._asked = False

    def certified(self, left_s: float, life_s: float, now: float, *, fresh: bool = False) -> None:
        """The agent shows, or with `fresh` is about to show, a certificate with this much of its life left."""
        self._ends = now + left_s
        if fresh:
            self._again = 0.0
        begin = self._ends - life_s * (1 - RENEW_AT)
        self._due = max(now, begin + life_s * SPREAD * self._random())

    def welcomed(self, capabilities: list[str]) -> None:
        """A server has greeted us; it says what it can do."""
        self._offered, self._asked = RENEW in capabilities, False

    def due(self) -> float:
        """When `wake` has something to do, while connected."""
        return max(self._due, self._again) if self._offered else math.inf

    def wake(self, now: float) -> list[Effect]:
        """Ask, if it is time."""
        if now < self.due():
            return []
        self._later(now)  # an answer that never comes is one that failed
        self._asked = True
        return [MakeRequest()]

    def requested(self, csr: str) -> list[Effect]:
        """The request is made; empty where that failed."""
        return [Send(Renew(csr=csr).model_dump_json())] if csr and self._asked else []

    def renewed(self, message: Renewed) -> list[Effect]:
        """The server has answered."""
        if not self._asked:
            return [Log(Level.WARNING, "a certificate came that nobody asked for")]
        self._asked = False
        return [InstallCertificate(message.certificate)]

    def _later(self, now: float) -> None:
        wait = min(RETRY_S, max(MIN_RETRY_S, (self._ends - now) / 20))
        self._again = now + wait * (0.5 + self._random())
