"""OpenSSH's file of allowed signers: taken over as ssh-keygen means it, or not at all."""

from __future__ import annotations

import pytest

from reconciler.repository.signatures import allowed
from tests.factories.commits import ecdsa_key, ed25519_key

KEY = ed25519_key().line


def test_a_file_of_allowed_signers_is_read() -> None:
    found = allowed.read(
        f"# our team\n\njane@example.com {KEY} jane@laptop\n"
        f'bob@example.com namespaces="file,git",valid-after="20260101",valid-before="202612312359Z" {ecdsa_key().line}\n'
        f'"eve@example.com" namespaces="file" {KEY}\n'
    )
    assert [(one.principal, one.key.fingerprint, one.valid_after, one.valid_before) for one in found] == [
        ("jane@example.com", ed25519_key().fingerprint, None, None),
        ("bob@example.com", ecdsa_key().fingerprint, 1_767_225_600_000_000, 1_798_761_540_000_000),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"*@example.com {KEY}", "names more than one person"),
        (f"a@example.com,b@example.com {KEY}", "names more than one person"),
        (f"jane@example.com cert-authority {KEY}", "certificates are not verified"),
        (f'jane@example.com no-touch-required="x" {KEY}', "unknown"),
        (f'jane@example.com valid-after="20260101",valid-after="20260102" {KEY}', "stands twice"),
        (f'jane@example.com valid-after="tomorrow" {KEY}', "is not a time"),
        (f'jane@example.com valid-after="20261301" {KEY}', "line 1"),
        ("jane@example.com", "KIND BASE64"),
        ("jane@example.com ssh-ed25519 !", "not base64"),
    ],
)
def test_a_line_that_means_something_else_here_is_refused_with_its_number(line: str, why: str) -> None:
    with pytest.raises(allowed.AllowedSignersRefused, match=why) as caught:
        allowed.read(f"{line}\njane@example.com {KEY}\n")
    assert "line 1" in caught.value.message


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(allowed.AllowedSignersRefused, match="more than"):
        allowed.read("#\n" * (allowed.MAX_LINES + 1))
    with pytest.raises(allowed.AllowedSignersRefused, match="and 30 more"):
        allowed.read("x\n" * 50)
