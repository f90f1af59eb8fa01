"""A signature holds for its key, its purpose and its bytes, and for nothing else."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schema.ids import sha256
from schema.protocol.signing import MAX_SIGNED_BYTES, BadSignature, Domain, Signed, key_id, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, st.sampled_from(Domain))
def test_what_was_signed_is_verified_and_given_back_as_it_was(text: str, domain: Domain) -> None:
    signed = sign(KEY, domain, text.encode())
    assert verify(KEY.public_key(), domain, signed) == text.encode()
    assert signed.sha256 == sha256(text.encode())
    assert signed.key_id == key_id(KEY.public_key())
    assert verify(KEY.public_key(), domain, Signed.model_validate_json(signed.model_dump_json())) == text.encode()


@given(TEXT, TEXT)
def test_other_bytes_are_refused(text: str, other: str) -> None:
    signed = sign(KEY, Domain.CATALOG, text.encode()).model_copy(update={"body": other})
    if text == other:
        return
    with pytest.raises(BadSignature):
        verify(KEY.public_key(), Domain.CATALOG, signed)


@pytest.mark.parametrize("made", Domain)
@pytest.mark.parametrize("used", Domain)
def test_a_signature_for_one_purpose_never_passes_for_another(made: Domain, used: Domain) -> None:
    signed = sign(KEY, made, b"{}")
    if made is used:
        assert verify(KEY.public_key(), used, signed) == b"{}"
    else:
        with pytest.raises(BadSignature, match=str(used)):
            verify(KEY.public_key(), used, signed)


def test_no_domain_is_the_beginning_of_another() -> None:
    names = [str(domain) for domain in Domain]
    assert len(set(names)) == len(names)
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]
    assert not [name for name in names if "\n" in name]


def test_another_key_is_refused_even_where_it_claims_to_be_the_right_one() -> None:
    signed = sign(OTHER, Domain.CATALOG, b"{}")
    with pytest.raises(BadSignature, match="signed by key"):
        verify(KEY.public_key(), Domain.CATALOG, signed)
    with pytest.raises(BadSignature, match="does not match"):
        verify(KEY.public_key(), Domain.CATALOG, signed.model_copy(update={"key_id": key_id(KEY.public_key())}))


@pytest.mark.parametrize(
    "change", ["flip", "cut", "longer", "empty", "not base64", "not ascii", "url-safe", "newline", "surrogate body"]
)
def test_a_damaged_signature_is_refused_as_such(change: str) -> None:
    signed = sign(KEY, Domain.ASSIGNMENT, b'{"a":1}')
    raw = base64.b64decode(signed.signature)
    body, signature = signed.body, signed.signature
    match change:
        case "flip":
            signature = base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()
        case "cut":
            signature = base64.b64encode(raw[:-1]).decode()
        case "longer":
            signature = base64.b64encode(raw + b"\0").decode()
        case "empty":
            signature = ""
        case "not base64":
            signature = "!" * 88
        case "not ascii":
            signature = "é" * 88
        case "url-safe":
            signature = "-_" * 44
        case "newline":
            signature = signature + "\n"
        case _:
            body = "\ud800"
    with pytest.raises(BadSignature):
        verify(KEY.public_key(), Domain.ASSIGNMENT, signed.model_copy(update={"body": body, "signature": signature}))


@pytest.mark.parametrize(
    "change",
    [
        {"body": "x" * (MAX_SIGNED_BYTES + 1)},
        {"signature": "x" * 129},
        {"key_id": "0" * 63},
        {"key_id": "G" * 64},
        {"body": None},
        {"body": "\ud800"},
    ],
)
def test_what_is_no_signed_text_is_refused_before_any_key_is_used(change: dict[str, object]) -> None:
    signed = sign(KEY, Domain.CATALOG, b"{}").model_dump()
    with pytest.raises(ValidationError):
        Signed.model_validate(signed | change)


def test_the_signature_is_over_the_domain_a_newline_and_the_bytes() -> None:
    """Fixed for ever: agents in the field check it."""
    signed = sign(KEY, Domain.CATALOG, b'{"a":1}')
    KEY.public_key().verify(base64.b64decode(signed.signature), b'vigo-catalog-v1\n{"a":1}')
    assert signed.key_id == sha256(KEY.public_key().public_bytes_raw())
