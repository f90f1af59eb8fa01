"""Gathering: fetch the objects that a verified target lacks, then offer it again.

Pure. Owns one target at a time, the newest that was found good but incomplete. Digests are asked for in batches; what
the server does not have, or the disk does not take, is asked for again, each time later, for as long as it is wanted.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable
from typing import Final

from agent.boundary import Stored, Verdict
from agent.effects import Effect, Fetch, Level, Log, Offer, Send, Store
from schema.protocol.messages import MAX_NEED, Need, Objects

RETRY_BASE_S: Final = 2.0
RETRY_CAP_S: Final = 300.0
PATIENCE_S: Final = 120.0
"""How long a batch may make no progress before it is asked for again."""


class Gathering:
    """What one target lacks. With no target it mends what is in force: objects that were damaged on disk."""

    def __init__(self, target: bytes | None, verdict: Verdict, random: Callable[[], float]) -> None:
        self.target: Final = target
        self.order: Final = verdict.order
        self.assignment_sha256: Final = verdict.assignment_sha256
        self._random: Final = random
        self._need: dict[str, None] = {}
        self._asked: set[str] = set()
        self._failed: dict[str, str] = {}
        self._attempts = 0
        self._wake = math.inf
        self.complete = False
        """Nothing is lacking: the target has been offered again, or what is in force can be applied again."""

    @property
    def trouble(self) -> str:
        """What the last attempt could not get, for a person; empty while there is hope."""
        if not self._failed:
            return ""
        digest, message = next(iter(self._failed.items()))
        return f"{len(self._failed)} objects are not to be had; {digest}: {message}"

    def due(self) -> float:
        """When `wake` has something to do."""
        return self._wake

    def lacks(self, need: Iterable[str], now: float) -> list[Effect]:
        """The executor says that these are lacking. If it says so after all was fetched, wait before asking again."""
        self._need = dict.fromkeys(need)
        if not self.complete:
            return self.ask(now)
        self.complete = False
        self.later(now)
        return []

    def ask(self, now: float) -> list[Effect]:
        """Ask for the next batch; with nothing lacking, offer the target again."""
        self._failed.clear()
        self._asked = set(list(self._need)[:MAX_NEED])
        if self._asked:
            self._wake = now + PATIENCE_S
            return [Send(Need(sha256=sorted(self._asked)).model_dump_json())]
        self.complete = True
        self._wake = math.inf
        return [] if self.target is None else [Offer(self.target)]

    def pause(self) -> None:
        """The channel is gone: nothing that was asked for will come."""
        self._asked.clear()
        self._wake = math.inf

    def later(self, now: float) -> None:
        """Ask again after a while, each time longer."""
        self._wake = now + min(RETRY_CAP_S, RETRY_BASE_S * 2.0**self._attempts) * self._random()
        self._attempts = min(self._attempts + 1, 16)

    def again(self, now: float) -> list[Effect]:
        """Begin again: the executor says what of it is still wanted and lacking."""
        if self.target is None:
            return self.ask(now)
        self._failed.clear()
        self._wake = now + PATIENCE_S
        return [Offer(self.target)]

    def wake(self, now: float) -> list[Effect]:
        """Begin again, when it is time."""
        return self.again(now) if now >= self._wake else []

    def received(self, message: Objects, now: float) -> list[Effect]:
        """What came of a batch: inline objects go to the executor, big ones are fetched."""
        effects: list[Effect] = []
        for each in message.objects:
            if each.sha256 not in self._asked:
                continue
            if each.data is None:
                effects.append(Fetch(each.sha256))
                continue
            try:
                effects.append(Store(each.sha256, base64.b64decode(each.data, validate=True)))
            except (binascii.Error, ValueError):
                effects += self._settle(each.sha256, "what came is not base64", now)
        for digest in message.unknown:
            effects += self._settle(digest, "the server does not have it", now)
        return effects

    def stored(self, stored: Stored, now: float) -> list[Effect]:
        """An object is durable with the executor, or is not."""
        if stored.ok:
            self._need.pop(stored.sha256, None)  # also what was asked for on an earlier connection
        return self._settle(stored.sha256, "" if stored.ok else stored.message or "not stored", now)

    def _settle(self, digest: str, trouble: str, now: float) -> list[Effect]:
        if digest not in self._asked:
            return []
        self._asked.discard(digest)
        if trouble:
            self._failed[digest] = trouble
        if self._asked:
            self._wake = now + PATIENCE_S
            return []
        if not self._failed:
            return self.ask(now)
        self.later(now)
        return [Log(Level.WARNING, self.trouble)]
