"""What a trait may cost. One that costs more is told, and left alone for a while, each time longer.

Processor time is that of the collector's own thread; programs that it waits for count by the clock on the wall.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schema.traits import SECTIONS, Section, TraitClass

FIRST_PAUSE_S: Final = 600.0
MAX_PAUSE_S: Final = 86_400.0

MAX_AGES_S: Final = {TraitClass.VOLATILE: 0.0, TraitClass.PERIODIC: 600.0, TraitClass.STABLE: 3600.0}
"""How old a trait may be when all are collected."""
_FRESH_S: Final = {TraitClass.VOLATILE: 0.0, TraitClass.PERIODIC: 60.0, TraitClass.STABLE: 600.0}
"""How old a trait may be when a run asks, where its section says nothing else."""


class Cost(NamedTuple):
    """Of one reading, in seconds."""

    wall_s: float = 0.0
    processor_s: float = 0.0


BUDGETS: Final = {
    TraitClass.VOLATILE: Cost(2.0, 0.5),
    TraitClass.PERIODIC: Cost(6.0, 1.5),
    TraitClass.STABLE: Cost(8.0, 3.0),
}
_UNKNOWN: Final = Section(TraitClass.VOLATILE, "")


def section(name: str) -> Section:
    """What is declared of a trait; one that is not is read each time."""
    return SECTIONS.get(name, _UNKNOWN)


def fresh_s(name: str) -> float:
    """How old a trait may be when a run asks for it, in seconds."""
    found = section(name)
    return _FRESH_S[found.cls] if found.fresh_s is None else found.fresh_s


class Pauses:
    """Which traits are left alone, and until when."""

    def __init__(self) -> None:
        self._until: Final[dict[str, tuple[float, int]]] = {}

    def holds(self, name: str, now: float) -> bool:
        """Whether it is left alone now."""
        return name in self._until and now < self._until[name][0]

    def judge(self, name: str, cost: Cost, now: float) -> str:
        """What to tell of a reading that cost this; empty where it was within its budget."""
        allowed = BUDGETS[section(name).cls]
        if cost.processor_s > allowed.processor_s:
            said = f"it took {cost.processor_s:.1f} s of processor time, more than {allowed.processor_s:g} s"
        elif cost.wall_s > allowed.wall_s:
            said = f"it took {cost.wall_s:.1f} s, more than {allowed.wall_s:g} s"
        else:
            self._until.pop(name, None)
            return ""
        return f"{said}: read again in {shown(self.pause(name, now))}"

    def pause(self, name: str, now: float) -> float:
        """Leave it alone from now on. Returns for how long, in seconds."""
        times = self._until.get(name, (0.0, 0))[1]
        pause = min(FIRST_PAUSE_S * 2.0 ** min(times, 16), MAX_PAUSE_S)
        self._until[name] = (now + pause, times + 1)
        return pause


def shown(seconds: float) -> str:
    """A pause, for a person."""
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"
