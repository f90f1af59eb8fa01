"""Receipts are checked the quick way as they are the other way: the same signatures, the same bytes, the same digests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.services import vouching
from schema import canonical
from schema.ids import DEFAULT_PROJECT, sha256
from schema.protocol.receipts import FIRST, Receipt, outcomes_digest
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
RECEIPT = Receipt(
    project=DEFAULT_PROJECT, envoy_id="01a20000-0000-7000-8000-000000000001", number=1, previous=FIRST, report_id="one",
    commit="c" * 40, epoch=1, generation=2, assignment_sha256="a" * 64, catalog_sha256="b" * 64, status="converged",
    finished=1_795_300_000_000_000, outcomes_sha256="d" * 64,
)  # fmt: skip
BODY = canonical.dumps(RECEIPT.model_dump(mode="json"))
TORSION = (
    "7767a3242dc9b58bbc68488c1265cc6cc5f26c6f3c88a5d55e901b0734dca572",
    "6999d5cb5126005c325892f1c6eab824b310708befff12fbaf45dda050cb12f0",
    "a0cef4c2485ecbd928dc8a8917732272639e422549d9452bbbb750efcaa63b04",
)
"""A key, and a signature of `hello` that fits but for a point of order 8, computed by the curve's formulas."""


def verdict(check: Any, *arguments: Any) -> object:
    try:
        return check(*arguments)
    except BadSignature:
        return "bad"
    except (canonical.NotCanonical, ValidationError):
        return "unreadable"


@given(
    st.sampled_from(Domain),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 700),
    st.binary(min_size=1, max_size=1),
)
def test_a_signature_is_judged_the_same_either_way(domain: Domain, body: str, place: int, put: bytes) -> None:
    whole = sign(KEY, Domain.RECEIPT, body.encode())
    raw = base64.b64decode(whole.signature)
    bent = raw[:place] + put + raw[place + 1 :]
    for signature in (raw, bent, raw[:-1], raw + put, b""):
        signed = whole.model_copy(update={"signature": base64.b64encode(signature).decode()})
        public = Ed25519PublicKey.from_public_bytes(PUBLIC)
        assert verdict(vouching.signed_body, PUBLIC, domain, signed) == verdict(verify, public, domain, signed)


def test_what_is_no_signature_or_of_another_key_is_refused() -> None:
    signed = sign(KEY, Domain.RECEIPT, b"text")
    assert vouching.signed_body(PUBLIC, Domain.RECEIPT, signed) == b"text"
    for changes in ({"signature": "no base64 é"}, {"key_id": "0" * 64}, {"body": "other"}, {"body": "\ud800"}):
        with pytest.raises(BadSignature):
            vouching.signed_body(PUBLIC, Domain.RECEIPT, signed.model_copy(update=changes))
    with pytest.raises(BadSignature):
        vouching.signed_body(PUBLIC, Domain.CATALOG, signed)
    for key in (PUBLIC[:-1], bytes(32), b""):
        with pytest.raises(BadSignature):
            vouching.signed_body(key, Domain.RECEIPT, signed)


def test_a_point_beside_the_prime_order_is_accepted_by_neither() -> None:
    """The one place where libraries differ: who multiplies by the cofactor takes what a third party refuses."""
    key, *halves = map(bytes.fromhex, TORSION)
    signed = Signed(body="hello", key_id=sha256(key), signature=base64.b64encode(b"".join(halves)).decode())
    public = Ed25519PublicKey.from_public_bytes(key)
    assert verdict(verify, public, Domain.RECEIPT, signed) == "bad"
    assert verdict(vouching.signed_body, key, Domain.RECEIPT, signed) == "bad"


def test_a_receipt_is_read_the_same_either_way() -> None:
    assert vouching._plain(BODY) == canonical.loads(BODY)
    assert vouching.receipt(BODY) == RECEIPT
    value = json.loads(BODY)
    for other in (
        BODY + b" ", BODY.replace(b":1,", b":1.0,", 1), b"[]", b"", b"{}", b"null", b"\xff", b'{"a":1,"a":1}',
        json.dumps(value).encode(), json.dumps(value, separators=(",", ":")).encode() + b"\n",
        *(canonical.dumps(value | changes) for changes in (
            {"number": 0}, {"epoch": 1.5}, {"epoch": 1e20}, {"later": "x"}, {"commit": "x"}, {"status": None},
            {"status": "\u00e9"}, {"status": "\U0001f600"}, {"finished": "today"}, {"project": {"deep": 1}},
        )),
    ):  # fmt: skip
        slow = verdict(lambda data: Receipt.model_validate(canonical.loads(data)), other)
        assert verdict(vouching.receipt, other) == slow, other


VALUE = st.one_of(st.text(max_size=9), st.integers(), st.booleans(), st.floats(), st.none())


@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=5))
def test_what_is_plain_is_canonical(value: dict[str, Any]) -> None:
    raw = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")
    plain = vouching._plain(raw)
    assert plain is None or (plain == canonical.loads(raw) and list(map(type, plain.values())).count(float) == 0)


@given(st.sampled_from(Domain), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_text_has_the_same_signature_either_way(domain: Domain, body: str) -> None:
    assert vouching.Hand(KEY).sign(domain, body.encode()) == sign(KEY, domain, body.encode())


@given(st.dictionaries(st.text("abcxyz_", max_size=5), st.one_of(st.text(max_size=9), st.integers(0, 2**53 - 1))))
def test_a_map_has_the_same_canonical_form_either_way(value: dict[str, str | int]) -> None:
    assert vouching.dumps(value) == canonical.dumps(value)


RESOURCE = st.builds(
    ResourceReport,
    id=st.text(max_size=9), type=st.text(max_size=9), outcome=st.sampled_from(Outcome), changed=st.booleans(),
    corrective=st.booleans(),
)  # fmt: skip


@given(st.lists(RESOURCE, max_size=4))
def test_outcomes_have_the_same_digest_either_way(resources: list[ResourceReport]) -> None:
    report = Report(
        id="one", assignment_sha256="a" * 64, epoch=1, generation=2, commit="c" * 40, catalog_sha256="b" * 64,
        trigger=Trigger.APPLY, started=1, finished=2, status=RunStatus.CONVERGED, resources=resources,
    )  # fmt: skip
    assert verdict(vouching.outcomes, report) == verdict(outcomes_digest, report)
