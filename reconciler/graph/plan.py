"""The plan root: one digest over what every profile of a revision is to be.

An approval that names it binds exactly what was reviewed. It is the root of a Merkle tree (RFC 6962, 2.1) over the
profiles in the order of their ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes. Pairing up row by row, the odd one carried on, gives RFC 6962's tree."""
    if not leaves:
        return EMPTY
    row = list(leaves)
    sha256 = hashlib.sha256
    while len(row) > 1:
        paired = [sha256(b"\1" + row[at] + row[at + 1]).digest() for at in range(0, len(row) - 1, 2)]
        if len(row) % 2:
            paired.append(row[-1])
        row = paired
    return row[0]
