"""Extents: how far the fleet reaches, remembered from one enrolment or revocation to the next.

Counting a hundred thousand envoys takes fifteen milliseconds, passing over as many to a page at the end eight; neither
has to be done for each page. What was learnt is kept apart for each moment: whoever still looked at the fleet as it
was before somebody came notes it down where nobody reads it any more.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from api.storage.envoys import Place

if TYPE_CHECKING:
    from api.services.container import Services
    from api.services.events import Event

MIN_TOTAL: Final = 2_000
"""A smaller fleet is counted each time."""
MAX_PLACES: Final = 1_000
MAX_AGE_S: Final = 60.0
"""After so long it is all learnt anew, whatever was told: another server may share the database."""
_OWN: Final = "extents"


class Kind(NamedTuple):
    """Of which envoys."""

    project_id: str
    include_revoked: bool


class Extent:
    """What has been learnt since the fleet last changed. Used by several readers at once."""

    def __init__(self) -> None:
        self._totals: Final[dict[Kind, int]] = {}
        self._places: Final[OrderedDict[tuple[Kind, int], Place]] = OrderedDict()

    def total(self, kind: Kind) -> int | None:
        """How many there are; None where nobody has counted."""
        return self._totals.get(kind)

    def before(self, kind: Kind, offset: int) -> Place | None:
        """Where the envoy before this offset stands by hostname; None where no page has ended there."""
        return self._places.get((kind, offset))

    def learn(self, kind: Kind, total: int, offset: int, last: Place | None) -> None:
        """Remember how many there are, and that the one before `offset` stands there."""
        if total < MIN_TOTAL:
            return
        self._totals[kind] = total
        if last is not None:
            self._places[kind, offset] = last
            if len(self._places) > MAX_PLACES:
                self._places.popitem(last=False)


class Extents:
    """The extent of the moment."""

    def __init__(self, services: Services) -> None:
        self._clock: Final = services.clock
        self._listening: Final = ExitStack()
        self._listening.enter_context(services.events.tap(self._changed, "envoy.enrolled", "envoy.revoked"))
        self._now, self._since = Extent(), self._clock.monotonic()

    def now(self) -> Extent:
        """What is known now: to be taken before the reading begins."""
        if self._clock.monotonic() - self._since >= MAX_AGE_S:
            self._begin()
        return self._now

    def _changed(self, event: Event) -> None:  # noqa: ARG002 - whoever it was
        self._begin()

    def _begin(self) -> None:
        self._now, self._since = Extent(), self._clock.monotonic()


def now(services: Services) -> Extent:
    """The extent of this server's fleet. Called in the event loop's thread, before the reading begins."""
    held = services.own.get(_OWN)
    if not isinstance(held, Extents):
        held = services.own[_OWN] = Extents(services)
    return held.now()
