"""Enrolment tokens: one form, never repeated in an error, and never the same twice."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schema.protocol.enrolment import MAX_CSR_BYTES, Enrol, EnrolmentToken, decode_key, encode_key

CA = "a1" * 32


def test_a_token_comes_back_from_its_text() -> None:
    token = EnrolmentToken.make(CA)
    assert EnrolmentToken.parse(str(token)) == token
    assert EnrolmentToken.parse(f"  {token}\n") == token
    assert (len(token.id), len(token.secret), token.ca_sha256) == (12, 43, CA)
    assert str(token).startswith("vget_")


def test_tokens_are_never_the_same() -> None:
    made = [EnrolmentToken.make(CA) for _ in range(200)]
    assert len({token.id for token in made}) == len({token.secret for token in made}) == 200


def test_the_secret_is_not_in_what_a_debugger_shows() -> None:
    token = EnrolmentToken.make(CA)
    assert token.secret not in repr(token)
    assert token.secret in str(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vget_",
        "vgot_" + "a" * 12 + "_" + "b" * 43 + "_" + CA,
        "vget_" + "a" * 11 + "_" + "b" * 43 + "_" + CA,
        "vget_" + "a" * 12 + "_" + "b" * 42 + "_" + CA,
        "vget_" + "a" * 12 + "_" + "b" * 43 + "_" + CA[:-1],
        "vget_" + "a" * 12 + "_" + "b" * 43 + "_" + CA.upper(),
        "vget_" + "a" * 12 + "_" + "b" * 42 + "!_" + CA,
        "vget_" + "a" * 12 + "_" + "b" * 43 + "_" + CA + "_x",
        "vget_" + "a" * 12 + "_" + "b" * 43 + "_" + CA + "\nx",
    ],
)
def test_what_is_no_token_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        EnrolmentToken.parse(text)
    assert "b" * 42 not in str(caught.value)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_attribute(raw: bytes) -> None:
    assert decode_key(encode_key(raw)) == raw


@pytest.mark.parametrize(
    "value",
    [b"", b"x", b"!" * 44, base64.b64encode(bytes(31)), base64.b64encode(bytes(33)), "é".encode(), b"\xff" * 44],
)
def test_what_is_no_key_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode_key(value)


@pytest.mark.parametrize("change", [{"token": "x" * 257}, {"csr": "x" * (MAX_CSR_BYTES + 1)}, {"hostname": "web01"}])
def test_a_request_is_bounded_and_claims_nothing(change: dict[str, str]) -> None:
    Enrol.model_validate({"token": "t", "csr": "c"})
    with pytest.raises(ValidationError):
        Enrol.model_validate({"token": "t", "csr": "c", **change})
