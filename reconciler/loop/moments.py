"""When something happens: on the wall, to compare with what is written; and monotonic, to wait by."""

from __future__ import annotations

from typing import NamedTuple

from schema.time import SECOND


class Moment(NamedTuple):
    """One reading of both clocks."""

    wall: int
    """Microseconds since 1970 UTC."""
    mono: float
    """Seconds that never go back."""

    def mono_at(self, wall: int) -> float:
        """The monotonic second at which the wall clock will read `wall`, if nobody moves it."""
        return self.mono + (wall - self.wall) / SECOND
