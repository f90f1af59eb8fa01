"""Approved plans, as they travel: that a catalog is under a plan root, and that people have approved that root.

The tree is that of docs/decisions/0011. A proof holds the other leaves of the bucket and, for each level above it, the
fifteen other nodes; where our own stands among them follows from the leaf. Each kind of node is hashed behind a byte of
its own, and a bucket is 32·n bytes where a branch is 512: none passes for another.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from schema import canonical
from schema.ids import Commit, Sha256
from schema.protocol.desired import SignedShape
from schema.protocol.reports import Wire
from schema.protocol.signed import Signed
from schema.time import Instant

APPROVAL_FORMAT: Final = 1
MAX_APPROVERS: Final = 50
"""That an approval names; it tells how many there were."""
MAX_COMMANDS: Final = 600
"""As many as a plan can have."""
MAX_DEPTH: Final = 64
"""Levels of branches: as many as a digest has hex digits."""
MAX_NAME_CHARS: Final = 8192
BUCKET: Final = 64
BRANCHES: Final = 16


class NotProven(Exception):
    """The proof does not show that the catalog is under the plan root."""


class PlanProof(Wire):
    """That a profile with a catalog is under a plan root. Unsigned: it proves itself."""

    file: str = Field(max_length=MAX_NAME_CHARS)
    pattern: str = Field(max_length=MAX_NAME_CHARS)
    """As in the leaf: behind a second one of its file with the same text stands `#2`."""
    bucket: list[Sha256] = Field(min_length=1, max_length=BUCKET)
    """The leaves beside which it stands, and itself, ascending."""
    branches: list[Annotated[list[Sha256], Field(min_length=BRANCHES - 1, max_length=BRANCHES - 1)]] = Field(
        default=[], max_length=MAX_DEPTH
    )
    """From the root down: the other fifteen nodes of each branch."""


class Approver(SignedShape):
    """Somebody who approved a plan."""

    id: str = Field(max_length=64)
    name: str = Field(max_length=256)


class PlanApproval(SignedShape):
    """The signed word that as many people as were asked for have approved what every host is to be."""

    format: Literal[1] = APPROVAL_FORMAT
    project: str
    commit: Commit
    plan_root: Sha256
    approvers: list[Approver] = Field(max_length=MAX_APPROVERS)
    count: int = Field(ge=1)
    """People who approved."""
    approved: Instant
    """When the last of them did."""
    expires: Instant
    commands: list[Sha256] = Field(default=[], max_length=MAX_COMMANDS)
    """What the plan's health checks run on hosts, by `probes.digest_of`. In the statement only where there is any:
    agents that know no such commands know no such key."""


class Approved(Wire):
    """What goes with a target to an agent that asks for approvals."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    statement: Signed
    """A `PlanApproval`, signed for `vigo-plan-approval-v1`."""
    proof: PlanProof


def leaf_hash(file: str, pattern: str, catalog_sha256: str) -> bytes:
    """The leaf of one profile.

    Raises:
        NotCanonical: a name is no text.
    """
    return hashlib.sha256(b"\0" + canonical.dumps([file, pattern, catalog_sha256])).digest()


def digit(leaf: bytes, depth: int) -> int:
    """The hex digit of a leaf that says where it stands in the branch so many levels below the root."""
    return leaf[depth >> 1] & 15 if depth & 1 else leaf[depth >> 1] >> 4


def check(proof: PlanProof, plan_root: str, catalog_sha256: str) -> None:
    """That a catalog is under a plan root.

    Raises:
        NotProven: it is not, or this does not show it.
    """
    try:
        leaf = leaf_hash(proof.file, proof.pattern, catalog_sha256)
    except canonical.NotCanonical as error:
        raise NotProven("the proof names what is no text") from error
    depth = len(proof.branches)
    if any(one >= other for one, other in zip(proof.bucket, proof.bucket[1:], strict=False)):
        raise NotProven("the leaves of the proof are not in order")
    if any(each[:depth] != leaf.hex()[:depth] for each in proof.bucket):
        raise NotProven("a leaf of the proof stands elsewhere in the tree")
    if leaf.hex() not in proof.bucket:
        raise NotProven("the proof is of another catalog")
    node = hashlib.sha256(b"\1" + bytes.fromhex("".join(proof.bucket))).digest()
    for level in reversed(range(depth)):
        others = [bytes.fromhex(each) for each in proof.branches[level]]
        place = digit(leaf, level)
        node = hashlib.sha256(b"\2" + b"".join([*others[:place], node, *others[place:]])).digest()
    if node.hex() != plan_root:
        raise NotProven("the proof is of another plan")
