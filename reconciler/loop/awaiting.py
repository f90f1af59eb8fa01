"""Effects that are to be performed once, and again when they cannot be: one of each name at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.loop.effects import Effect, KeepRollout
from reconciler.loop.limits import Limits, wait_s
from reconciler.loop.moments import Moment
from schema.errors import Next


@dataclass(slots=True)
class Waiting:
    """An effect that is to be performed once, and again when it cannot be."""

    effect: Effect
    under_way: bool = False
    attempts: int = 0
    at: float = 0.0
    """When it is tried, or was to be answered (monotonic seconds)."""


class Awaiting(dict[str, Waiting]):
    """What is awaited, by name. Bounded by the names there are."""

    def __init__(self, *, limits: Limits, random: Callable[[], float]) -> None:
        super().__init__()
        self._limits: Final = limits
        self._random: Final = random

    def ask(self, waiting: Waiting, now: Moment) -> Sequence[Effect]:
        """The effect, where its time has come and nobody is at it."""
        if now.mono < waiting.at:
            return ()
        if waiting.under_way:
            waiting.under_way = False
            self.put_off(waiting, Next.BACK_OFF, None, now)
            return ()
        waiting.under_way = True
        waiting.at = now.mono + self._limits.record_s * (10 if not isinstance(waiting.effect, KeepRollout) else 1)
        return (waiting.effect,)

    def put_off(self, waiting: Waiting, kind: Next, retry_after_s: float | None, now: Moment) -> None:
        """It could not be performed: later again."""
        waiting.under_way = False
        waiting.attempts += 1
        wait = wait_s(
            kind if kind in {Next.AFTER, Next.BACK_OFF} else Next.BACK_OFF,
            retry_after_s,
            waiting.attempts,
            base_s=self._limits.back_off_s,
            cap_s=self._limits.envoy_back_off_cap_s,
            random=self._random,
        )
        waiting.at = now.mono + (wait or 0.0)
