"""The spool: reports that the server has not acknowledged yet, in the order they were made.

Owns `spool/` of the state directory: one file a report, `<sequence>-<report id>.json`, synced before `put` returns. A
full disk never stops the agent: what cannot be written is kept in memory, in small measure, and written when there is
room.

Invariant: a report leaves in two ways only: `forget`, after the server's word that it is durable there, or dropped as
the oldest when the spool is full, and then it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from agent import durable

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_REPORTS: Final = 50_000
MAX_MEMORY_BYTES: Final = 4 * 1024 * 1024

_DIGITS: Final = 20
_NAME: Final = re.compile(r"(\d{20})-([0-9a-zA-Z-]{1,64})\.json")


class Entry(NamedTuple):
    """One report that is waiting."""

    sequence: int
    id: str
    data: bytes


class _Place(NamedTuple):
    id: str
    size: int
    data: bytes | None
    """The report itself while it is in memory only."""


class Spool:
    """Reports waiting for the server. May be used from several threads."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES, max_reports: int = MAX_REPORTS) -> None:
        self._directory: Final = directory
        self._max_bytes: Final = max_bytes
        self._max_reports: Final = max_reports
        self._lock: Final = Lock()
        self._places: Final = dict(sorted(self._found()))
        self._unwritten: Final[dict[int, None]] = {}
        self._bytes = sum(place.size for place in self._places.values())
        self._next = max(self._places, default=0) + 1
        self._dropped = int(durable.read(directory / "dropped", 32) or b"0")
        self.problem = ""
        """Why the last report could not be written; empty when it could."""

    @property
    def dropped(self) -> int:
        """How many reports a full spool has cost since enrolment."""
        return self._dropped

    @property
    def size_bytes(self) -> int:
        """How much is waiting."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._places)

    def put(self, report_id: str, data: bytes) -> int:
        """Keep a report until it is forgotten; the answer is its place in the order. Never raises for want of space."""
        if not _NAME.fullmatch(f"{0:020d}-{report_id}.json"):
            raise ValueError(f"{report_id!r} is not the id of a report")
        with self._lock:
            self._retry()
            self._make_room(len(data))
            sequence, self._next = self._next, self._next + 1
            kept = self._write(sequence, report_id, data)
            self._places[sequence] = _Place(report_id, len(data), None if kept else data)
            if not kept:
                self._unwritten[sequence] = None
            self._bytes += len(data)
            return sequence

    def read(self, after: int, *, limit: int, limit_bytes: int) -> tuple[list[Entry], bool]:
        """The oldest reports behind place `after`, at least one if there is any; and whether there are more."""
        entries: list[Entry] = []
        size = 0
        with self._lock:
            waiting = list(islice((sequence for sequence in self._places if sequence > after), limit + 1))
            for sequence in waiting:
                place = self._places[sequence]
                if len(entries) == limit or (entries and size + place.size > limit_bytes):
                    return entries, True
                data = place.data or durable.read(self._path(sequence, place.id), self._max_bytes)
                if data is None:
                    self._lose(sequence)  # somebody else removed it
                    continue
                entries.append(Entry(sequence, place.id, data))
                size += place.size
            return entries, len(waiting) > limit

    def forget(self, sequence: int) -> None:
        """Let go of a report that is durable on the server; one that is not here is no error."""
        with self._lock:
            self._lose(sequence)
            self._retry()

    def _found(self) -> Iterator[tuple[int, _Place]]:
        for path in self._directory.iterdir():
            if name := _NAME.fullmatch(path.name):
                yield int(name[1]), _Place(name[2], path.lstat().st_size, None)

    def _path(self, sequence: int, report_id: str) -> Path:
        return self._directory / f"{sequence:020d}-{report_id}.json"

    def _write(self, sequence: int, report_id: str, data: bytes) -> bool:
        try:
            durable.write(self._path(sequence, report_id), data)
        except OSError as error:
            self.problem = f"reports are kept in memory only: {error.strerror or error}"
            return False
        self.problem = ""
        return True

    def _retry(self) -> None:
        """Write what is in memory only, oldest first, until the disk refuses again."""
        for sequence in list(self._unwritten):
            place = self._places[sequence]
            if not self._write(sequence, place.id, place.data or b""):
                return
            self._places[sequence] = place._replace(data=None)
            del self._unwritten[sequence]

    def _make_room(self, size: int) -> None:
        before = self._dropped
        while self._places and (self._bytes + size > self._max_bytes or len(self._places) >= self._max_reports):
            self._lose(next(iter(self._places)))
            self._dropped += 1
        held = sum(self._places[sequence].size for sequence in self._unwritten)
        for sequence in list(self._unwritten):
            if held + size <= MAX_MEMORY_BYTES:
                break
            held -= self._places[sequence].size
            self._lose(sequence)
            self._dropped += 1
        if self._dropped != before:
            try:
                durable.write(self._directory / "dropped", str(self._dropped).encode())
            except OSError as error:
                self.problem = f"the count of dropped reports is not kept: {error.strerror or error}"

    def _lose(self, sequence: int) -> None:
        place = self._places.pop(sequence, None)
        if place is None:
            return
        self._bytes -= place.size
        if sequence in self._unwritten:
            del self._unwritten[sequence]
        else:
            durable.remove(self._path(sequence, place.id))


def place_of(text: bytes) -> int:
    """A place in the spool, from its digits; before all of them, where the text is none."""
    return int(text) if text.isdigit() and len(text) <= _DIGITS else 0
