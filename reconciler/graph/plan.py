"""The plan root: one digest over what every profile of a revision is to be.

An approval that names it binds exactly what was reviewed. It is the root of a Merkle tree over a set of leaves. Each
has its place by its own hash, so that one that comes or goes moves no other (docs/decisions/0011):

    leaf     SHA-256(0x00, canonical JSON of [file, pattern, SHA-256 of the profile's catalog])
    bucket   of 64 leaves or fewer: SHA-256(0x01, leaves, ascending)
    branch   of more: SHA-256(0x02, 16 hashes): of what those leaves make of which the hex digit here is 0, 1 … f

The digit is the first at the root, the second below it, and so on. The root of no leaves is that of an empty bucket.
File and pattern are those of the profile's id: behind the pattern of a second block with one stands `#2`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from reconciler.late import Late

BUCKET: Final = 64
_LEAF_BYTES: Final = 32
_DIGITS: Final = "0123456789abcdef"

_Node = tuple[bytes, int, Any]
"""Hash; how many leaves; of a bucket their bytes, of a branch its 16 nodes."""


def _bucket(leaves: Sequence[bytes]) -> _Node:
    content = b"".join(leaves)
    return sha256(b"\1" + content).digest(), len(leaves), content


_NONE: Final = _bucket(())


@dataclass(frozen=True, slots=True)
class Plan(Late):
    """A tree that never changes: one that differs in few leaves shares all that is not above them."""

    root: bytes
    """The root's hash."""
    top: _Node


def build(leaves: Iterable[bytes]) -> Plan:
    """The tree over distinct leaf hashes, in any order."""
    ordered = sorted(leaves)
    return _plan(_built(ordered, 0, len(ordered), ""))


def change(before: Plan, gone: Collection[bytes], came: Collection[bytes]) -> Plan:
    """The tree without some leaves that it has, and with some that it has not. Only what lies above those is made."""
    if not gone and not came:
        return before
    return _plan(_changed(before.top, 0, gone, came))


def leaves(plan: Plan) -> list[bytes]:
    """The leaf hashes of a tree, ascending."""
    return _leaves(plan.top)


def proof(plan: Plan, leaf: bytes) -> tuple[list[bytes], list[list[bytes]]] | None:
    """That a leaf is in the tree: the leaves of its bucket, ascending, and from the root down the other fifteen nodes
    of each branch above it. None where it is not in it. `schema.protocol.plans.check` is the other side."""
    node = plan.top
    branches: list[list[bytes]] = []
    while node[1] > BUCKET:
        place = _digit(leaf, len(branches))
        branches.append([each[0] for at, each in enumerate(node[2]) if at != place])
        node = node[2][place]
    bucket = _leaves(node)
    return (bucket, branches) if leaf in bucket else None


def _digit(leaf: bytes, depth: int) -> int:
    return leaf[depth >> 1] & 15 if depth & 1 else leaf[depth >> 1] >> 4


def _plan(top: _Node) -> Plan:
    return Plan(top[0], top)


def _branch(nodes: tuple[_Node, ...]) -> _Node:
    hashes = b"".join([node[0] for node in nodes])
    return sha256(b"\2" + hashes).digest(), sum([node[1] for node in nodes]), nodes


def _built(ordered: Sequence[bytes], start: int, stop: int, prefix: str) -> _Node:
    """The node of sorted leaves from one place to another, of which all begin with these digits."""
    if stop - start <= BUCKET:
        return _bucket(ordered[start:stop]) if start < stop else _NONE
    places = [start]
    for digit in _DIGITS[1:]:
        least = f"{prefix}{digit}"
        places.append(bisect_left(ordered, bytes.fromhex(least if len(least) % 2 == 0 else least + "0"), start, stop))
    places.append(stop)
    return _branch(
        tuple(_built(ordered, places[at], places[at + 1], prefix + digit) for at, digit in enumerate(_DIGITS))
    )


def _changed(node: _Node, depth: int, gone: Collection[bytes], came: Collection[bytes]) -> _Node:
    size = node[1] - len(gone) + len(came)
    if node[1] <= BUCKET or size <= BUCKET:
        left = sorted({*_leaves(node)}.difference(gone).union(came))
        return _built(left, 0, len(left), left[0].hex()[:depth]) if left else _NONE
    parts: dict[int, tuple[list[bytes], list[bytes]]] = {}
    for side, part in enumerate((gone, came)):
        for leaf in part:
            parts.setdefault(_digit(leaf, depth), ([], []))[side].append(leaf)
    nodes = list(node[2])
    for digit, (without, more) in parts.items():
        nodes[digit] = _changed(nodes[digit], depth + 1, without, more)
    return _branch(tuple(nodes))


def _leaves(node: _Node) -> list[bytes]:
    _, size, content = node
    if size > BUCKET:
        return [leaf for each in content for leaf in _leaves(each)]
    return [content[at : at + _LEAF_BYTES] for at in range(0, len(content), _LEAF_BYTES)]
