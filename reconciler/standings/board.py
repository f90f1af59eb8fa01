"""The board: every host of the fleet on its spot as to one revision, and how many there are on each.

A report, a connection or a hold moves one host; whoever asks finds the counts made. What concerns all of them, as a
newer revision does, is swept stretch by stretch, so that nobody waits for a hundred thousand at once.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from reconciler.standings.classes import Course, Facts, Spot, named, spot
from schema.standings import StandingClass

_DENSE: Final = 16
"""A class that one in so many hosts is in is found by walking all of them in order."""


class Entry:
    """What the board keeps of one host."""

    __slots__ = ("desired", "failed", "hostname", "id", "ran", "spot")

    def __init__(self, envoy_id: str, hostname: str, ran: str = "", *, failed: bool = False) -> None:
        self.id = envoy_id
        self.hostname = hostname
        self.ran = ran
        self.failed = failed
        self.desired: str | None = None
        self.spot: Spot | None = None
        """None until it was looked at."""


Judge = Callable[[Entry], Facts]
"""Tells what is known of a host beside its last run."""


class Board:
    """All hosts, by id and by name. Used from one thread."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: Final[dict[str, Entry]] = {entry.id: entry for entry in entries}
        self._names: Final = sorted((entry.hostname, entry.id) for entry in self._entries.values())
        self._on: Final[dict[Spot, dict[str, Entry]]] = {}
        self._digests: Final[dict[str, str]] = {}
        """Each digest once: hosts share few."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, envoy_id: str) -> Entry | None:
        """What is kept of a host."""
        return self._entries.get(envoy_id)

    def ids(self) -> list[str]:
        """Of all hosts, by name."""
        return [envoy_id for _, envoy_id in self._names]

    def ids_on(self, names: Collection[StandingClass]) -> list[str]:
        """Of the hosts whose spot is one of these."""
        return [envoy_id for place, there in self._on.items() if place.name in names for envoy_id in there]

    def add(self, entry: Entry) -> None:
        """A host has come; one that is there already stays as it is."""
        if entry.id not in self._entries:
            self._entries[entry.id] = entry
            insort(self._names, (entry.hostname, entry.id))

    def remove(self, envoy_id: str) -> None:
        """A host is no more."""
        entry = self._entries.pop(envoy_id, None)
        if entry is None:
            return
        del self._names[bisect_left(self._names, (entry.hostname, envoy_id))]
        self._take_off(entry)

    def ran(self, envoy_id: str, catalog: str, *, failed: bool) -> bool:
        """A host has run; whether the host is there."""
        entry = self._entries.get(envoy_id)
        if entry is None:
            return False
        entry.ran, entry.failed = self.shared(catalog), failed
        return True

    def shared(self, digest: str) -> str:
        """The same text, of which the board keeps one."""
        return self._digests.setdefault(digest, digest)

    def forget_digests(self) -> None:
        """Let go of digests that no host has any more."""
        used = {digest for entry in self._entries.values() for digest in (entry.ran, entry.desired) if digest}
        for digest in self._digests.keys() - used:
            del self._digests[digest]

    def judge(self, envoy_ids: Iterable[str], judge: Judge) -> bool:
        """Put hosts where they stand now; whether any of them moved."""
        moved = False
        for envoy_id in envoy_ids:
            entry = self._entries.get(envoy_id)
            if entry is None:
                continue
            place = spot(judge(entry))
            if place != entry.spot:
                self._take_off(entry)
                entry.spot = place
                self._on.setdefault(place, {})[envoy_id] = entry
                moved = True
        return moved

    def counts(self, course: Course) -> Counter[tuple[StandingClass, int | None]]:
        """How many hosts there are of each class and wave. Hosts that were not looked at yet are not counted."""
        found: Counter[tuple[StandingClass, int | None]] = Counter()
        for place, there in self._on.items():
            found[named(place, course)] += len(there)
        return found

    def hosts(
        self,
        name: StandingClass,
        course: Course,
        *,
        wave: int | None = None,
        every_wave: bool = True,
        after: str = "",
        limit: int,
    ) -> list[Entry]:
        """Hosts of a class by name, from behind `after` on; of one wave unless of every one."""

        def is_it(place: Spot) -> bool:
            found, of_wave = named(place, course)
            return found is name and (every_wave or of_wave == wave)

        chosen = {place: there for place, there in self._on.items() if is_it(place)}
        count = sum(map(len, chosen.values()))
        if count * _DENSE >= len(self._entries):
            return self._walked(chosen.keys(), after, limit)
        behind = (entry for there in chosen.values() for entry in there.values() if entry.hostname > after)
        return heapq.nsmallest(limit, behind, key=lambda entry: entry.hostname)

    def _walked(self, places: Collection[Spot], after: str, limit: int) -> list[Entry]:
        found: list[Entry] = []
        for entry in self._behind(after):
            if len(found) == limit:
                break
            if entry.spot in places:
                found.append(entry)
        return found

    def _behind(self, after: str) -> Iterator[Entry]:
        names: Sequence[tuple[str, str]] = self._names
        for index in range(bisect_right(names, (after, "\U0010ffff")), len(names)):
            yield self._entries[names[index][1]]

    def _take_off(self, entry: Entry) -> None:
        if entry.spot is None:
            return
        there = self._on[entry.spot]
        del there[entry.id]
        if not there:
            del self._on[entry.spot]
        entry.spot = None
