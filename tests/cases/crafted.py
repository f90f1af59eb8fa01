"""Repositories that git would not write: crafted packs with indexes that fit them, trees, and loose objects.

Formats: gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.repository import write

COMMIT, TREE, BLOB, NAMED_DELTA = 1, 2, 3, 7
KINDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
MIB = 1024 * 1024


class Stored(NamedTuple):
    """One object as a pack holds it."""

    name: bytes
    entry: bytes


def name_of(kind: int, data: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0%b" % (KINDS[kind], len(data), data)).digest()


def whole(kind: int, data: bytes) -> Stored:
    return Stored(name_of(kind, data), _head(kind, len(data)) + zlib.compress(data))


def zeros(size: int) -> Stored:
    """A blob of so many zeros, times 1 MiB; made without holding or hashing them, so its name is not its own."""
    packer = zlib.compressobj(9)
    begin = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    chunk = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    # Each chunk begins afresh, so it is the same bytes again; an Adler-32 of zeros counts them.
    packed = begin + chunk * (size // MIB) + b"\3\0" + struct.pack(">HH", size % 65521, 1)
    return Stored(b"\x30" * 20, _head(BLOB, size) + packed)


def delta(name: bytes, base: bytes, base_size: int, size: int, *, copied: bytes = b"\x90\x04") -> Stored:
    """An object told as a difference from another."""
    data = _number(base_size) + _number(size) + copied
    return Stored(name, _head(NAMED_DELTA, len(data)) + base + zlib.compress(data))


def tree(rows: Iterable[tuple[bytes, bytes, bytes]]) -> Stored:
    """Rows are mode, name, id; in this order, whatever it is."""
    return whole(TREE, b"".join(b"%b %b\0%b" % row for row in rows))


def commit(tree_name: bytes, *parents: bytes) -> Stored:
    who = b"Jane <jane@example.com> 1700000000 +0000"
    lines = [b"tree " + tree_name.hex().encode(), *(b"parent " + each.hex().encode() for each in parents)]
    return whole(COMMIT, b"\n".join([*lines, b"author " + who, b"committer " + who]) + b"\n\nmessage\n")


def repository(
    place: Path, objects: Sequence[Stored], *, file: bytes | None = None, root: Stored | None = None
) -> Path:
    """A bare repository of which `main` is a commit with `a.vgo` as `file`, or with this `root`.

    All objects are in one pack; its index says of each what is true.
    """
    write.init(place, bare=True)
    if root is None:
        assert file is not None
        root = tree([(b"100644", b"a.vgo", file)])
    made = commit(root.name)
    pack(place, [root, made, *objects])
    (place / "refs/heads/main").write_bytes(made.name.hex().encode() + b"\n")
    return place


def pack(place: Path, objects: Sequence[Stored]) -> Path:
    """Put a pack and its index into a repository; the path of the index."""
    body = bytearray(b"PACK" + struct.pack(">II", 2, len(objects)))
    rows = []
    for each in objects:
        rows.append((each.name, zlib.crc32(each.entry), len(body)))
        body += each.entry
    digest = hashlib.sha1(body).digest()
    rows.sort()
    index = b"\xfftOc" + struct.pack(">I", 2)
    index += struct.pack(">256I", *(sum(row[0][0] <= first for row in rows) for first in range(256)))
    index += b"".join(row[0] for row in rows)
    index += b"".join(struct.pack(">I", row[1]) for row in rows) + b"".join(struct.pack(">I", row[2]) for row in rows)
    index += digest
    stem = place / "objects/pack" / f"pack-{digest.hex()}"
    stem.with_suffix(".pack").write_bytes(bytes(body) + digest)
    stem.with_suffix(".idx").write_bytes(index + hashlib.sha1(index).digest())
    return stem.with_suffix(".idx")


def loose(place: Path, name: bytes, content: bytes) -> Path:
    """Put these bytes where a loose object of this name stands."""
    path = place / "objects" / name.hex()[:2] / name.hex()[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def _head(kind: int, size: int) -> bytes:
    head = bytearray([(kind << 4) | (size & 15)])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head)


def _number(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(0x80 | (number & 0x7F))
        number >>= 7
    return bytes([*out, number])
