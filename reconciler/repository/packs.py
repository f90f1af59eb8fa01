"""What stands in the packs of a repository, looked through once each before libgit2 is let at them.

libgit2 trusts a pack: it follows deltas in a circle for ever, and makes a base of 3 GiB to read ten bytes that differ
from it. What a remote sends is unpacked by a child with limits; a pack that was pushed to, or put into, a repository of
this machine is not. Offsets and sizes are read here, never content: some microseconds an object, once a pack.

Formats: gitformat-pack(5).
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import threading
import time
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.repository.faults import RepositoryDamaged
from reconciler.repository.libgit2 import MAX_PACK_OBJECTS
from reconciler.repository.names import printable

MAX_PACKS: Final = 10_000
MAX_CHAIN_BYTES: Final = 128 * 1024 * 1024
"""What reading one object may have made on the way, all its bases together. Git makes no difference between files of
which one is 32 times the other: a file of 1 MiB stays far below it."""
MAX_CHAIN: Final = 4095
"""Git's own bound (`pack.depth`)."""
MAX_HISTORY_BYTES: Final = 16 * 1024 * 1024
"""Of a commit or tag: libgit2 reads those of a history by itself."""

_TICK_NS: Final = 100_000_000
_HEAD: Final = 8 + 4 * 256
_COMMIT, _TAG, _OFFSET_DELTA, _NAMED_DELTA = 1, 4, 6, 7
_HASH: Final = 20
_SIZES_BYTES: Final = 24
"""Two sizes of at most ten bytes stand at the beginning of a delta."""
_UNKNOWN: Final = 2**64 - 1
_Key = tuple[str, int, int]
"""Name, size and time of a pack's index."""


class Packs:
    """The packs of one object directory. Safe from several threads."""

    def __init__(self, objects: Path) -> None:
        self._place: Final = objects / "pack"
        self._lock: Final = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._known: dict[_Key, frozenset[str]] = {}
        self.heavy: frozenset[str] = frozenset()
        """Objects (hex) that cannot be read within the limits."""

    def check(self) -> None:
        """Look through the packs that have come since the last time; one `stat` where none has.

        Raises:
            RepositoryDamaged: a pack or index that git would not have written.
        """
        try:
            found = self._place.stat()
        except OSError:
            return
        if (found.st_mtime_ns, found.st_ino) == self._seen:
            return
        with self._lock:
            self._look_through()
            # A change within the clock's tick of the last one leaves no trace: what is so new is looked at again.
            settled = time.time_ns() - found.st_mtime_ns > _TICK_NS
            self._seen = (found.st_mtime_ns, found.st_ino) if settled else None

    def _look_through(self) -> None:
        known: dict[_Key, frozenset[str]] = {}
        try:
            places = sorted(self._place.glob("*.idx"))
            if len(places) > MAX_PACKS:
                raise RepositoryDamaged(f"more than {MAX_PACKS} packs; `git gc` makes them one")
            for place in places:
                found = place.stat()
                key = (place.name, found.st_size, found.st_mtime_ns)
                kept = self._known.get(key)
                known[key] = _heavy(place) if kept is None else kept
            _check_shared_index(self._place)
        except OSError as error:
            # Git removes packs while it makes them one: the directory has changed again, so this is done again.
            if isinstance(error, FileNotFoundError):
                return
            raise RepositoryDamaged(f"its packs cannot be read: {error.strerror}") from error
        self._known = known
        self.heavy = frozenset().union(*known.values())


class _Flaw(Exception):
    """What git would not have written."""


def _heavy(index: Path) -> frozenset[str]:
    """Objects of one pack that cannot be read within the limits."""
    pack = index.with_suffix(".pack")
    if not pack.exists():
        return frozenset()
    try:
        with _mapped(index) as table, _mapped(pack) as data:
            return frozenset(_Pack(table, data).heavy())
    except (_Flaw, IndexError, struct.error, zlib.error, ValueError) as error:
        raise RepositoryDamaged(f"the pack {printable(pack.name.encode())} is malformed: {error}") from error


def _mapped(place: Path) -> mmap.mmap:
    # Without O_NONBLOCK a pipe would hold us until somebody writes to it; it cannot be mapped.
    fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(fd)


class _Pack:
    """One pack, by its index: offsets in order, and beside each what reading it costs."""

    def __init__(self, table: mmap.mmap, data: mmap.mmap) -> None:
        self._table: Final = table
        self._data: Final = data
        self._count: Final = _count(table)
        self._by_name: Final = _offsets(table, self._count)
        version, count = struct.unpack_from(">4xII", data)
        if data[:4] != b"PACK" or version not in (2, 3) or count != self._count:
            raise _Flaw("its head is not a pack's, or its index is another's")
        self._order: Final = array("Q", sorted(self._by_name))
        if self._count and not (self._order[0] >= 12 and self._order[-1] < len(data) - _HASH):
            raise _Flaw("its index leads out of it")
        self._cost: Final = array("Q", [_UNKNOWN]) * self._count
        self._depth: Final = array("H", [0]) * self._count
        self._kind: Final = bytearray(self._count)

    def heavy(self) -> Iterator[str]:
        """Hex of what costs more than it may."""
        waiting = self._measure()
        while waiting:
            still = {at: base for at, base in waiting.items() if not self._derive(at, *base)}
            if len(still) == len(waiting):
                raise _Flaw("its deltas stand on each other in a circle")
            waiting = still
        if max(self._cost, default=0) <= MAX_CHAIN_BYTES and max(self._depth, default=0) < MAX_CHAIN:
            return
        for at in range(self._count):
            place = bisect_left(self._order, self._by_name[at])
            if self._cost[place] > MAX_CHAIN_BYTES or self._depth[place] >= MAX_CHAIN:
                yield self._name(at).hex()

    def _measure(self) -> dict[int, tuple[int, int]]:
        """Cost of all that stands on what was measured before it; else place → where its base is, and its size."""
        data, order, waiting = self._data, self._order, {}
        for at, offset in enumerate(order):
            byte = data[offset]
            kind, size, shift, start = (byte >> 4) & 7, byte & 15, 4, offset
            while byte & 0x80:
                offset += 1
                byte = data[offset]
                size |= (byte & 0x7F) << shift
                shift += 7
                if shift > 70:
                    raise _Flaw("an object's size has no end")
            self._kind[at] = kind
            if kind not in (_OFFSET_DELTA, _NAMED_DELTA):
                self._set(at, kind, size, 0)
                continue
            base, offset = self._base(kind, start, offset + 1)
            size = max(size, _result(data, offset))
            if base is None:
                self._set(at, kind, size, 0)  # stands on what is not in the pack: libgit2 refuses to read it
            elif base >= at or self._cost[base] == _UNKNOWN:
                waiting[at] = (base, size)
            else:
                self._derive(at, base, size)
        return waiting

    def _derive(self, at: int, base: int, size: int) -> bool:
        """Measure a delta, if what it stands on is."""
        if self._cost[base] == _UNKNOWN:
            return False
        self._set(at, self._kind[base], size + self._cost[base], min(self._depth[base] + 1, MAX_CHAIN))
        return True

    def _set(self, at: int, kind: int, cost: int, depth: int) -> None:
        if kind in (_COMMIT, _TAG) and (cost > MAX_HISTORY_BYTES or depth >= MAX_CHAIN):
            raise _Flaw("a commit or tag in it is larger than any that somebody wrote")
        self._kind[at], self._cost[at], self._depth[at] = kind, min(cost, _UNKNOWN - 1), depth

    def _base(self, kind: int, start: int, offset: int) -> tuple[int | None, int]:
        """Place of what a delta stands on, None where it is not in this pack; and where its data begins."""
        data = self._data
        if kind == _NAMED_DELTA:
            at = self._find(data[offset : offset + _HASH])
            place = bisect_left(self._order, self._by_name[at]) if at is not None else None
            return place, offset + _HASH
        byte = data[offset]
        back = byte & 0x7F
        while byte & 0x80:
            offset += 1
            byte = data[offset]
            back = ((back + 1) << 7) | (byte & 0x7F)
            if back > start:
                break
        place = bisect_left(self._order, start - back) if back <= start else self._count
        if place >= self._count or self._order[place] != start - back or not back:
            raise _Flaw("a delta stands on no object")
        return place, offset + 1

    def _name(self, at: int) -> bytes:
        start = _HEAD + _HASH * at
        return self._table[start : start + _HASH]

    def _find(self, name: bytes) -> int | None:
        first, last = 0, self._count
        while first < last:
            middle = (first + last) // 2
            found = self._name(middle)
            if found == name:
                return middle
            first, last = (middle + 1, last) if found < name else (first, middle)
        return None


def _count(table: mmap.mmap) -> int:
    """How many objects an index has; its form is checked."""
    if table[:8] != b"\xfftOc\0\0\0\2":
        raise _Flaw("its index is of another version than 2")
    fan: tuple[int, ...] = struct.unpack_from(">256I", table, 8)
    if list(fan) != sorted(fan) or fan[-1] > MAX_PACK_OBJECTS:
        raise _Flaw(f"its index is out of order or of more than {MAX_PACK_OBJECTS} objects")
    rest = len(table) - _HEAD - fan[-1] * (_HASH + 8) - 2 * _HASH
    if rest < 0 or rest % 8 or rest // 8 > fan[-1]:
        raise _Flaw("its index is cut")
    return fan[-1]


def _offsets(table: mmap.mmap, count: int) -> array[int]:
    """Where each object begins, in the order of names."""
    small = array("I", table[_HEAD + count * (_HASH + 4) : _HEAD + count * (_HASH + 8)])
    large = array("Q", table[_HEAD + count * (_HASH + 8) : len(table) - 2 * _HASH])
    if sys.byteorder == "little":
        small.byteswap()
        large.byteswap()
    if not large and (not small or max(small) < 0x80000000):
        return array("Q", small)
    return array("Q", (large[at & 0x7FFFFFFF] if at & 0x80000000 else at for at in small))


def _result(data: mmap.mmap, offset: int) -> int:
    """The size of what a delta gives, which its first bytes say."""
    inflate = zlib.decompressobj()
    head = inflate.decompress(data[offset : offset + 64], _SIZES_BYTES)
    if len(head) < _SIZES_BYTES and not inflate.eof:  # tables of codes come before the first byte
        head += inflate.decompress(data[offset + 64 : offset + 1024], _SIZES_BYTES)
    _, at = _number(head, 0)
    size, _ = _number(head, at)
    return size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the least first; and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at


def _check_shared_index(packs: Path) -> None:
    """Refuse an index over all packs (`multi-pack-index`) that leads elsewhere than their own indexes do."""
    place = packs / "multi-pack-index"
    if not place.exists():
        return
    try:
        with _mapped(place) as table:
            _compare(table, packs)
    except (_Flaw, IndexError, struct.error, ValueError) as error:
        raise RepositoryDamaged(f"the multi-pack-index is malformed: {error}") from error


def _compare(table: mmap.mmap, packs: Path) -> None:
    magic, version, _, chunks, _, count = struct.unpack_from(">4sBBBBI", table)
    if magic != b"MIDX" or version != 1 or count > MAX_PACKS:
        raise _Flaw("it is of another version than 1")
    rows = [struct.unpack_from(">4sQ", table, 12 + 12 * at) for at in range(chunks + 1)]
    ends = {name: (start, rows[at + 1][1]) for at, (name, start) in enumerate(rows[:-1])}
    if any(not 0 <= start <= end <= len(table) for start, end in ends.values()):
        raise _Flaw("its parts lead out of it")
    start, end = ends.get(b"PNAM", (0, 0))
    names = [name for name in table[start:end].split(b"\0") if name]
    known: list[array[int]] = []
    for name in names:
        own = packs / name.decode()
        if own.parent != packs or own.suffix != ".idx":
            raise _Flaw("it names what is no pack")
        if not own.exists():  # git has made one of them meanwhile: libgit2 reads nothing through it then
            return
        with _mapped(own) as index:
            known.append(array("Q", sorted(_offsets(index, _count(index)))))
    start, end = ends.get(b"OOFF", (0, 0))
    first, last = ends.get(b"LOFF", (0, 0))
    large = struct.unpack(f">{(last - first) // 8}Q", table[first : first + (last - first) // 8 * 8])
    for pack, offset in struct.iter_unpack(">II", table[start:end]):
        offset = large[offset & 0x7FFFFFFF] if large and offset & 0x80000000 else offset
        at = bisect_left(known[pack], offset)
        if at >= len(known[pack]) or known[pack][at] != offset:
            raise _Flaw("it leads elsewhere than the indexes of its packs")
