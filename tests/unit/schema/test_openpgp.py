"""Fingerprints of OpenPGP keys: as gpg tells them, and of bytes that are no keys."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import openpgp
from tests import roots
from tests.factories import openpgp as small


@pytest.mark.parametrize("version", [4, 6])
def test_a_key_is_known_by_its_fingerprint_binary_or_armored(version: int) -> None:
    key, fingerprint = small.key(1, version), small.fingerprint(1, version)
    assert openpgp.fingerprints(key) == [fingerprint]
    assert openpgp.fingerprints(small.armored(key).encode()) == [fingerprint]
    assert openpgp.fingerprints(small.armored(key).replace("\n", "\r\n").encode()) == [fingerprint]
    two = small.armored(key) + "and a word\n" + small.armored(small.key(2))
    assert openpgp.fingerprints(two.encode()) == [fingerprint, small.fingerprint(2)]
    assert openpgp.fingerprints(key + small.key(2)) == [fingerprint, small.fingerprint(2)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no public key in it"),
        (b"words", "byte 0 begins no OpenPGP packet"),
        (small.key(1)[:-1], "ends within a packet"),
        (b"\xc5" + small.key(1)[1:], "a secret key among the public ones"),
        (small.key(1, 3), "a key of version 3"),
        (b"\xc6\xe1" + bytes(9), "comes in parts"),
        (b"\x9b" + bytes(9), "has no length"),
        (b"\xcd\x01x", "no public key in it"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "a secret key among the public ones"),
        (b"-----BEGIN CERTIFICATE-----\n", "no PGP PUBLIC KEY BLOCK"),
        (small.armored(small.key(1)).replace("gQ", "").encode()[:-60], "no PGP PUBLIC KEY BLOCK"),
        (bytes(openpgp.MAX_KEYS_BYTES + 1), "bytes of keys"),
    ],
)
def test_what_is_no_public_key_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(openpgp.NoKeys, match=why):
        openpgp.fingerprints(data)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=8).map(lambda each: small.key(1)[:20] + each)))
def test_any_bytes_are_keys_or_are_refused(data: bytes) -> None:
    with suppress(openpgp.NoKeys):
        assert openpgp.fingerprints(data)


@roots.lacking("gpg")
def test_gpg_tells_the_same(tmp_path: Path) -> None:
    home = ["gpg", "--homedir", str(tmp_path), "--batch", "--quiet", "--no-autostart"]
    ring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not ring.exists():
        pytest.skip("needs a keyring of Debian's")
    said = subprocess.run(
        [*home, "--with-colons", "--show-keys", str(ring)], check=True, capture_output=True, text=True
    ).stdout
    theirs, primary = [], False
    for line in said.splitlines():
        kind, *fields = line.split(":")
        primary = kind == "pub" or (primary and kind != "sub")
        if kind == "fpr" and primary:
            theirs.append(fields[8])
            primary = False
    assert openpgp.fingerprints(ring.read_bytes()) == theirs
    armored = subprocess.run(
        ["gpg", "--homedir", str(tmp_path), "--enarmor"], input=ring.read_bytes(), check=True, capture_output=True
    ).stdout
    assert openpgp.fingerprints(armored.replace(b"ARMORED FILE", b"PUBLIC KEY BLOCK")) == theirs
