"""Redaction: no secret gets into a payload, by whatever name, type or looks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from api.services.redaction import REDACTED, redact, redact_text
from schema import canonical
from schema.access import Role
from schema.tokens import TokenText

CANARY = "VIGOCANARY7f3a"


class Account(BaseModel):
    name: str
    password: SecretStr
    api_key: str


@pytest.mark.parametrize(
    "key",
    [
        "password", "Passwd", "new_password", "PASSPHRASE", "secret", "client_secret", "token", "accessToken",
        "authorization", "Cookie", "set-cookie", "api_key", "apikey", "private_key", "privateKey", "credentials",
        "totp", "recovery_codes", "sealed", "pin",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [CANARY, 31337, 3.14, True, [CANARY], {"x": CANARY}, CANARY.encode()])
def test_a_value_under_a_telling_name_is_taken_out(key: str, value: Any) -> None:
    assert redact({"a": [{key: value}]}) == {"a": [{key: REDACTED}]}


@pytest.mark.parametrize(
    "key", ["token_id", "secret_names", "token_count", "tokens_created_at", "key", "monkey", "passenger"]
)
def test_a_name_about_a_secret_keeps_its_value(key: str) -> None:
    assert redact({key: "x1"}) == {key: "x1"}


def test_nothing_is_still_told_as_nothing() -> None:
    assert redact({"password": None}) == {"password": None}


@pytest.mark.parametrize(
    "text",
    [
        f"token {TokenText.make()} was used", f"vget_{'A' * 12}_{'B' * 43}_{'c' * 64}", f"Authorization: Bearer {CANARY}",
        f"https://user:{CANARY}@git.example.com/x.git", f"mysql -u x password={CANARY} -h y",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----", f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}",
        f"GET /?token={CANARY}&x=1", "Basic YWRtaW46VklHT0NBTkFSWTdmM2E=",
    ],
    ids=["API token", "enrolment token", "header", "URL", "argument", "private key", "EC private key", "query", "basic"],
)  # fmt: skip
def test_what_looks_like_a_secret_is_taken_out_of_any_text(text: str) -> None:
    for told in (redact_text(text), str(redact({"line": text})), str(redact([text])), str(redact({text: 1}))):
        assert REDACTED in told
        assert CANARY not in told
        assert "B" * 43 not in told
        assert "VklHT0" not in told


def test_types_made_for_secrets_and_raw_bytes_are_taken_out() -> None:
    values = [SecretStr(CANARY), SecretBytes(CANARY.encode()), CANARY.encode(), bytearray(CANARY.encode())]
    assert redact(values) == [REDACTED] * 4
    account = redact(Account(name="ann", password=SecretStr(CANARY), api_key=CANARY))
    assert account == {"name": "ann", "password": REDACTED, "api_key": REDACTED}


def test_what_is_too_deep_is_taken_out() -> None:
    value: Any = CANARY
    for _ in range(100):
        value = [value]
    assert CANARY not in str(redact(value))


def test_plain_data_stays_and_has_a_canonical_form() -> None:
    value = {"a": [1, 2.5, None, True, "ä"], "role": Role.ADMIN, "set": {3}, "when": object}
    plain = redact(value)
    assert plain["a"] == [1, 2.5, None, True, "ä"]
    assert plain["role"] == "admin"
    assert plain["set"] == [3]
    canonical.dumps(plain)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.binary() | st.just(SecretStr(CANARY)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
        max_leaves=20,
    )
)
def test_redacted_data_is_plain_and_stays_as_it_is(value: Any) -> None:
    once = redact(value)
    assert CANARY not in str(once)
    assert redact(once) == once
