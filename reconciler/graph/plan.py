"""The plan root: one digest over what every profile of a revision is to be.

An approval that names it binds exactly what was reviewed. It is the root of a Merkle tree (RFC 6962, 2.1) over the
profiles in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

EMPTY: Final = sha256(b"").digest()

Rows = list[list[bytes]]
"""Leaf hashes first; each row pairs up the one before, the odd one carried on: that gives RFC 6962's tree."""


def build(leaves: Sequence[bytes], before: Rows | None = None, same: int = 0) -> Rows:
    """The tree over leaf hashes.

    Args:
        before: another tree, of which the first `same` leaves are these, too.
    """
    rows = [list(leaves)]
    while len(rows[-1]) > 1:
        below = rows[-1]
        same //= 2  # what lies above leaves that are all the same is the same
        kept = before[len(rows)][:same] if before is not None and same and len(before) > len(rows) else []
        first = 2 * len(kept)
        pairs = zip(below[first::2], below[first + 1 :: 2], strict=False)  # the odd one is carried on
        fresh = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        rows.append([*kept, *fresh, *below[len(below) - len(below) % 2 :]])
    return rows


def change(before: Rows, leaves: Mapping[int, bytes]) -> Rows:
    """The tree with other hashes at some places: only what lies above those is hashed again."""
    rows: Rows = []
    stale = set(leaves)
    for old in before:
        row = list(old)
        for at in stale:
            row[at] = _above(rows[-1], at) if rows else leaves[at]
        rows.append(row)
        stale = {at // 2 for at in stale}
    return rows


def root(rows: Rows) -> bytes:
    """The root of a tree."""
    return rows[-1][0] if rows[-1] else EMPTY


def _above(row: Sequence[bytes], at: int) -> bytes:
    left = row[2 * at]
    return sha256(b"\1" + left + row[2 * at + 1]).digest() if 2 * at + 1 < len(row) else left
