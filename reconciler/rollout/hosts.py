"""The hosts of one wave while a rollout is under way: who waits, who is at it, and what became of the others.

Counts are kept, not counted: one answer of one host costs the same in a wave of ten and of a hundred thousand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from reconciler.ports import Order
from schema.rollouts import PlannedWave, WaveState


class HostState(StrEnum):
    """What a host of a rollout is at."""

    ABSENT = "absent"  # not connected, and not released
    WAITING = "waiting"  # for its wave, or for a place
    HELD = "held"  # frozen, in maintenance or in quarantine
    RELEASED = "released"  # told, and not answered yet
    CHECKING = "checking"  # its run was good; the commands of health checks are under way
    HEALTHY = "healthy"
    FAILED = "failed"
    SILENT = "silent"  # released, and no answer in time
    LOST = "lost"  # released, and gone before it answered


RELEASED: Final = frozenset(HostState) - {HostState.ABSENT, HostState.WAITING, HostState.HELD}
"""Those that were told to take the new revision."""


_UNHEARD: Final = (HostState.RELEASED, HostState.CHECKING, HostState.HEALTHY)
"""What those in quarantine may say is not heard."""


@dataclass(slots=True)
class Host:
    """One host of a rollout that is connected, or that was told something."""

    hostname: str
    envoy_id: str
    wave: int
    state: HostState
    connected: bool = True
    order: Order | None = None
    """Of the first assignment that it was given in this rollout: what it reported under an older one does not count."""
    place: bool = False
    """Whether it takes a place of its wave's."""
    since: float = 0.0
    """When it was released, or went away (monotonic seconds)."""
    apart: bool = False
    """In quarantine: healthy nowhere, whatever it said; asked nothing, and not waited for."""


@dataclass(slots=True)
class Wave:
    """One wave under way."""

    planned: PlannedWave
    size: int
    """Hosts in it; grows with those that join where everybody is in the wave."""
    state: WaveState = WaveState.WAITING
    why: str = ""
    began_at: int | None = None
    ended_at: int | None = None
    pause_until: int | None = None
    absent_until: float = 0.0
    """Until when hosts that are not there are waited for (monotonic seconds)."""
    counts: dict[HostState, int] = field(default_factory=lambda: dict.fromkeys(HostState, 0))
    queue: dict[str, None] = field(default_factory=dict)
    """Hosts that wait for a place; a dictionary as an ordered set."""
    opened: int = 0
    """Places that answers have opened."""
    taken: int = 0
    placed: deque[tuple[float, str]] = field(default_factory=deque)
    """When each that was released was, in order."""
    ramp: deque[tuple[float, str]] = field(default_factory=deque)
    """The same, of those that give their place back after a while."""
    gone: deque[tuple[float, str]] = field(default_factory=deque)
    """When those went away that had not answered, in order."""
    asking: bool = False
    """The server asks whether all is well."""
    probes: int = 0
    """How often its hosts began to be asked."""
    probing: bool = False
    """They are, since its beginning or the last retry."""
    apart: dict[HostState, int] = field(default_factory=lambda: dict.fromkeys(HostState, 0))
    """Of `counts`, those that are in quarantine by now."""

    @property
    def begun(self) -> bool:
        """Whether it reaches hosts, or did."""
        return self.began_at is not None

    @property
    def answered(self) -> int:
        """Hosts that said how it went, and are believed."""
        return self.trusted(HostState.HEALTHY) + self.counts[HostState.FAILED]

    @property
    def awaited(self) -> int:
        """Hosts that have yet to say how it went, or whether they are well."""
        return self.trusted(HostState.RELEASED) + self.trusted(HostState.CHECKING)

    def trusted(self, state: HostState) -> int:
        """Hosts that are at this and not in quarantine."""
        return self.counts[state] - self.apart[state]

    @property
    def held(self) -> int:
        """Hosts that nothing new reaches, or that nobody trusts."""
        return self.counts[HostState.HELD] + sum(self.apart[state] for state in _UNHEARD)

    @property
    def absent(self) -> int:
        """Hosts that were never there since the wave began."""
        seen = sum(self.counts.values()) - self.counts[HostState.ABSENT]
        return max(0, self.size - seen)

    @property
    def absent_or_lost(self) -> int:
        """Hosts that are not there, released or not."""
        return self.absent + self.counts[HostState.LOST]
