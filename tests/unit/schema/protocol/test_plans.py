"""Proofs that a catalog is under a plan root: every leaf has one, nothing else has, and no forged one is taken."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.graph import plan
from reconciler.graph.plan import Plan
from schema.protocol.plans import MAX_DEPTH, NotProven, PlanProof, check, leaf_hash
from tests.effort import tries

SIZES = (1, 2, 63, 64, 65, 700, 5_000)


def catalog(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def leaf(number: int) -> bytes:
    return leaf_hash(f"envoys/{number % 7}.vgo", f"web{number}.*", catalog(number))


@lru_cache
def tree(size: int) -> Plan:
    return plan.build(leaf(number) for number in range(size))


def proof_of(size: int, number: int) -> PlanProof:
    found = plan.proof(tree(size), leaf(number))
    assert found is not None
    bucket, branches = found
    return PlanProof(
        file=f"envoys/{number % 7}.vgo",
        pattern=f"web{number}.*",
        bucket=[each.hex() for each in bucket],
        branches=[[each.hex() for each in others] for others in branches],
    )


def forged(bucket: list[bytes], branches: list[list[bytes]], number: int) -> PlanProof:
    return proof_of(1, 0).model_copy(
        update={
            "file": f"envoys/{number % 7}.vgo",
            "pattern": f"web{number}.*",
            "bucket": [each.hex() for each in bucket],
            "branches": [[each.hex() for each in others] for others in branches],
        }
    )


@given(size=st.sampled_from(SIZES), at=st.integers(0, 10**6))
def test_every_leaf_proves_and_under_no_other_root(size: int, at: int) -> None:
    number = at % size
    proof = proof_of(size, number)
    check(proof, tree(size).root.hex(), catalog(number))
    for other in SIZES:
        if other != size:
            with pytest.raises(NotProven):
                check(proof, tree(other).root.hex(), catalog(number))


@given(size=st.sampled_from(SIZES), at=st.integers(0, 10**6), other=st.integers(0, 10**6))
def test_no_other_leaf_proves(size: int, at: int, other: int) -> None:
    number = at % size
    assert plan.proof(tree(size), leaf(size + other)) is None
    proof = proof_of(size, number)
    changes: tuple[dict[str, str], ...] = ({}, {"file": "x"}, {"pattern": "*"})
    for change in changes:
        named = catalog(number) if change else catalog(size + other)
        with pytest.raises(NotProven):
            check(proof.model_copy(update=change), tree(size).root.hex(), named)


@settings(max_examples=tries(70))
@given(size=st.sampled_from(SIZES), at=st.integers(0, 10**6), data=st.data())
def test_no_mutated_proof_is_taken(size: int, at: int, data: st.DataObject) -> None:
    number = at % size
    proof = proof_of(size, number)
    rows = [list(proof.bucket), *(list(others) for others in proof.branches)]
    row = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(0, len(rows[row]) - 1))
    match data.draw(st.sampled_from(["flip", "drop", "double", "swap", "zero"])):
        case "flip":
            digits = bytearray.fromhex(rows[row][place])
            digits[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
            rows[row][place] = digits.hex()
        case "drop":
            del rows[row][place]
        case "double":
            rows[row].insert(place, rows[row][place])
        case "swap":
            other = data.draw(st.integers(0, len(rows[row]) - 1))
            rows[row][place], rows[row][other] = rows[row][other], rows[row][place]
        case "zero":
            rows[row][place] = "0" * 64
    if rows == [proof.bucket, *proof.branches]:
        return
    mutated = proof.model_dump() | {"bucket": rows[0], "branches": rows[1:]}
    with pytest.raises((NotProven, ValidationError)):
        check(PlanProof.model_validate(mutated), tree(size).root.hex(), catalog(number))


@given(size=st.sampled_from((65, 700, 5_000)), at=st.integers(0, 10**6), up=st.booleans())
def test_levels_cannot_be_left_out_or_added(size: int, at: int, up: bool) -> None:
    number = at % size
    proof = proof_of(size, number)
    branches = proof.branches[:-1] if up else [*proof.branches, proof.branches[-1]]
    with pytest.raises(NotProven):
        check(proof.model_copy(update={"branches": branches}), tree(size).root.hex(), catalog(number))


def test_a_node_passes_for_no_leaf_and_a_leaf_for_no_node() -> None:
    """Second preimages between the kinds: the bytes of one, given as those of another."""
    size = 700
    root = tree(size).root.hex()
    top = [node[0] for node in tree(size).top[2]]
    number = next(n for n in range(size, 10**6) if leaf(n).hex()[0] == "0")
    fitting = sorted([leaf(number), *(node for node in top if node.hex()[0] == "0")])
    place = 0
    attempts = [
        forged(sorted(top), [], number),  # the hashes of a branch as the leaves of a bucket
        forged(fitting, [[node for at, node in enumerate(top) if at != place]], number),
        forged([leaf(number)], [], number),
        forged([leaf(number)], [top[1:]], number),
        forged([tree(size).root], [], number),
    ]
    for attempt in attempts:
        with pytest.raises(NotProven):
            check(attempt, root, catalog(number))
    # A bucket of sixteen holds the bytes of a branch: under its own prefix it is another node.
    sixteen = sorted(leaf(n) for n in range(16))
    assert hashlib.sha256(b"\2" + b"".join(sixteen)).digest() != plan.build(sixteen).root


def test_a_leaf_stands_only_where_its_digits_say() -> None:
    size = 5_000
    proof = proof_of(size, 3)
    stranger = next(n for n in range(size) if leaf(n).hex()[0] != leaf(3).hex()[0])
    moved = sorted([*proof.bucket, leaf(stranger).hex()])
    with pytest.raises(NotProven, match="elsewhere"):
        check(proof.model_copy(update={"bucket": moved[:64]}), tree(size).root.hex(), catalog(3))


def test_a_proof_has_a_size() -> None:
    many = "a" * 64
    good = proof_of(65, 1).model_dump()
    for change in (
        {"bucket": [many] * 65},
        {"bucket": []},
        {"branches": [[many] * 15] * (MAX_DEPTH + 1)},
        {"branches": [[many] * 14]},
        {"branches": [[many] * 16]},
        {"bucket": ["A" * 64]},
        {"pattern": "x" * 10_000},
    ):
        with pytest.raises(ValidationError):
            PlanProof.model_validate(good | change)
    deepest = PlanProof.model_validate(good | {"branches": [[many] * 15] * MAX_DEPTH, "bucket": [leaf(1).hex()]})
    with pytest.raises(NotProven, match="another plan"):
        check(deepest, many, catalog(1))
