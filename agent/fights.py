"""Fights: something else on the host changes a resource back as often as the agent repairs it.

Pure but for the witness that it asks. The first repairs come at once, as drift should be repaired; when one resource
needed too many in a short while, the agent steps back, says so in each report, names the opponent where the kernel
tells, and tries again after a pause that doubles. A resource that stays as it is for a while has no fight any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

FREE_REPAIRS: Final = 5
"""Repairs of one resource within `WINDOW_S` that are no fight yet."""
WINDOW_S: Final = 600.0
FIRST_PAUSE_S: Final = 60.0
MAX_PAUSE_S: Final = 3600.0
MAX_FIGHTS: Final = 1_000
_COUNTED: Final = 99


class Witness(Protocol):
    """Sees who writes."""

    def attend(self, path: str) -> None:
        """Note who changes this path next."""
        ...

    def seen(self, path: str) -> str:
        """Who changed it last, for a person; empty where that is not known."""
        ...

    def dismiss(self, path: str) -> None:
        """It is of no more interest."""
        ...


class NoWitness:
    """A host on which nobody sees who writes."""

    def attend(self, path: str) -> None:
        """Nothing can be seen."""

    def seen(self, path: str) -> str:  # noqa: ARG002
        """Nobody knows."""
        return ""

    def dismiss(self, path: str) -> None:
        """Nothing was seen."""


@dataclass(slots=True)
class _Bout:
    path: str
    repairs: list[float] = field(default_factory=list)
    """When, within the window."""
    pause_s: float = 0.0
    again_at: float = 0.0


class Fights:
    """All fights of one agent, by resource.

    Args:
        monotonic: seconds.
        witness: asked at each repair, once a fight is about to begin.
    """

    def __init__(self, monotonic: Callable[[], float], witness: Witness | None = None) -> None:
        self._monotonic: Final = monotonic
        self._witness: Final[Witness] = witness or NoWitness()
        self._bouts: Final[dict[str, _Bout]] = {}
        self._again_at = math.inf

    def due_s(self) -> float:
        """Seconds until something is repaired again that stood back since this was last asked; infinity for nothing."""
        again_at, self._again_at = self._again_at, math.inf
        return max(0.0, again_at - self._monotonic())

    def stands_back(self, resource: str) -> str:
        """Why this resource is not repaired now, for a person; empty when it may be."""
        bout = self._bouts.get(resource)
        if bout is None or (now := self._monotonic()) >= bout.again_at:
            return ""
        self._again_at = min(self._again_at, bout.again_at)
        who = self._witness.seen(bout.path)
        by = f"by {who}" if who else "by something else"
        return (
            f"fight: changed back {by} after each of {len(bout.repairs)} repairs; the next comes in"
            f" {bout.again_at - now:.0f} s"
        )

    def repaired(self, resource: str, path: str) -> None:
        """What somebody else had changed was put right; `path` where it has one."""
        now = self._monotonic()
        bout = self._bouts.get(resource)
        if bout is None:
            self._make_room(now)
            bout = self._bouts[resource] = _Bout(path)
        if bout.repairs and now - bout.repairs[-1] >= _memory(bout):
            bout.repairs, bout.pause_s = [], 0.0
        bout.repairs = [at for at in bout.repairs if bout.pause_s or now - at < WINDOW_S][-_COUNTED:]
        bout.repairs.append(now)
        if path and len(bout.repairs) >= FREE_REPAIRS - 1:
            self._witness.attend(path)
        if len(bout.repairs) >= FREE_REPAIRS:
            bout.pause_s = min(max(FIRST_PAUSE_S, 2 * bout.pause_s), MAX_PAUSE_S)
            bout.again_at = now + bout.pause_s

    def _make_room(self, now: float) -> None:
        """Forget what has calmed down; of too many, those that began first."""
        calm = [name for name, bout in self._bouts.items() if now - bout.repairs[-1] >= max(WINDOW_S, 2 * bout.pause_s)]
        for name in calm or list(self._bouts)[: len(self._bouts) - MAX_FIGHTS + 1]:
            self._witness.dismiss(self._bouts.pop(name).path)


def _memory(bout: _Bout) -> float:
    """Seconds after its last repair until it has calmed down."""
    return max(WINDOW_S, 2 * bout.pause_s)
