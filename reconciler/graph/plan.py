"""The plan root: one digest over what every profile of a revision is to be.

An approval that names it binds exactly what was reviewed. It is the root of a Merkle tree (RFC 6962, 2.1) over the
profiles in the order of their ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()

Rows = list[list[bytes]]
"""Leaf hashes first; each row pairs up the one before, the odd one carried on: that gives RFC 6962's tree."""


def build(leaves: Sequence[bytes], before: Rows | None = None) -> Rows:
    """The tree over leaf hashes; of one of the same size, only what lies above leaves that differ is hashed again."""
    if before is None or len(before[0]) != len(leaves):
        rows = [list(leaves)]
        while len(rows[-1]) > 1:
            below = rows[-1]
            rows.append([_above(below, at) for at in range((len(below) + 1) // 2)])
        return rows
    rows = [list(leaves)]
    stale = {at // 2 for at, (one, other) in enumerate(zip(leaves, before[0], strict=True)) if one != other}
    for old in before[1:]:
        row = list(old)
        for at in stale:
            row[at] = _above(rows[-1], at)
        rows.append(row)
        stale = {at // 2 for at in stale}
    return rows


def root(rows: Rows) -> bytes:
    """The root of a tree."""
    return rows[-1][0] if rows[-1] else EMPTY


def _above(row: Sequence[bytes], at: int) -> bytes:
    left = row[2 * at]
    return hashlib.sha256(b"\1" + left + row[2 * at + 1]).digest() if 2 * at + 1 < len(row) else left
