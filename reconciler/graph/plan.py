"""The plan root: one digest over what every profile of a revision is to be.

An approval that names it binds exactly what was reviewed. It is the root of a Merkle tree (RFC 6962, 2.1) over the
profiles in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from reconciler.late import Late

EMPTY: Final = sha256(b"").digest()

_Node = tuple[bytes, Any, Any]
"""Hash, left, right; None below a leaf."""


@dataclass(frozen=True, slots=True)
class Plan(Late):
    """A tree that never changes: one that differs in few leaves shares all that is not above them."""

    size: int
    root: bytes
    """The root's hash."""
    top: _Node | None


def build(leaves: Sequence[bytes]) -> Plan:
    """The tree over leaf hashes."""
    row: list[_Node] = [(leaf, None, None) for leaf in leaves]
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)  # the odd one is carried on: that gives RFC 6962's tree
        above = [(sha256(b"\1" + left[0] + right[0]).digest(), left, right) for left, right in pairs]
        row = [*above, row[-1]] if len(row) % 2 else above
    return Plan(len(leaves), row[0][0] if row else EMPTY, row[0] if row else None)


def leaves(plan: Plan) -> list[bytes]:
    """The leaf hashes of a tree, in order."""
    found: list[bytes] = []
    waiting = [plan.top] if plan.top is not None else []
    while waiting:
        hash_, left, right = waiting.pop()
        if left is None:
            found.append(hash_)
        else:
            waiting.append(right)
            waiting.append(left)
    return found


def change(before: Plan, leaves: Mapping[int, bytes]) -> Plan:
    """The tree with other hashes at some places: only what lies above those is hashed again."""
    top = before.top
    for at, leaf in leaves.items():
        assert top is not None
        top = _changed(top, before.size, at, leaf)
    return Plan(before.size, top[0] if top is not None else EMPTY, top)


def _changed(node: _Node, size: int, at: int, leaf: bytes) -> _Node:
    if size == 1:
        return (leaf, None, None)
    split = 1 << (size - 1).bit_length() - 1  # the largest power of two that is smaller
    left, right = node[1], node[2]
    if at < split:
        left = _changed(left, split, at, leaf)
    else:
        right = _changed(right, size - split, at - split, leaf)
    return (sha256(b"\1" + left[0] + right[0]).digest(), left, right)
