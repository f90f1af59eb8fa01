"""Keys as they lie in the state directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from agent import keys
from agent.enrol import Keys
from agent.keys import KeyUnreadable

FORM = (Encoding.PEM, PrivateFormat.PKCS8)


@pytest.fixture
def made() -> Keys:
    return Keys()


def test_keys_are_read_as_they_were_made(made: Keys, tmp_path: Path) -> None:
    for name, data in made.files().items():
        (tmp_path / name).write_bytes(data)
    receipts, sealing = keys.receipts(tmp_path / "ed25519.key"), keys.sealing(tmp_path / "x25519.key")
    assert receipts.private_bytes_raw() == made.receipts.private_bytes_raw()
    assert sealing.private_bytes_raw() == made.sealing.private_bytes_raw()


def test_what_is_no_such_key_is_refused(made: Keys, tmp_path: Path) -> None:
    path = tmp_path / "key"
    good = made.receipts.private_bytes(*FORM, NoEncryption())
    for data in (
        made.sealing.private_bytes(*FORM, NoEncryption()),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(*FORM, NoEncryption()),
        made.receipts.private_bytes(*FORM, BestAvailableEncryption(b"word")),
        good.replace(b"PRIVATE", b"PUBLIC"),
        good[:-40],
        good.replace(b"\n", b""),
        b"",
        b"\xff",
    ):
        path.write_bytes(data)
        with pytest.raises(KeyUnreadable, match="key"):
            keys.receipts(path)
    with pytest.raises(KeyUnreadable):
        keys.sealing(tmp_path / "none")
