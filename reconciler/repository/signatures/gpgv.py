"""OpenPGP signatures, verified by `gpgv` against a keyring made for this one look.

gpgv alone: it has no agent, no configuration, no trust and no network. It does not judge whether a key has expired or
was revoked; the table of signers does. Its words come over a descriptor of their own, where no user id can speak
(CVE-2018-12020). Source of those words: doc/DETAILS of GnuPG.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconciler.repository.signatures.commits import SignatureRefused
from schema import openpgp

TIME_LIMIT_S: Final = 10.0
MAX_STATUS_BYTES: Final = 32 * 1024
"""Less than a pipe holds, so that gpgv never waits for us."""

_HASHES: Final = {"8": "SHA256", "9": "SHA384", "10": "SHA512"}
_BINARY: Final = "00"
_SIGNATURE: Final = 2
_ARMOUR: Final = re.compile(
    rb"-----BEGIN PGP SIGNATURE-----\n(?:[A-Za-z]+: [^\n]*\n)*\n"
    rb"(?P<body>[A-Za-z0-9+/=\n]+?)\n(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP SIGNATURE-----\n"
)
_PREFIX: Final = "[GNUPG:] "
_FINGERPRINT: Final = re.compile(r"[0-9A-F]{40}")


class Gpgv:
    """Verifies OpenPGP signatures under some public keys.

    Args:
        keys: each in binary or armored form.
        program: its path; found where this process finds programs when not said.
    """

    def __init__(self, keys: Iterable[bytes], program: str | None = None) -> None:
        self._keys: Final = tuple(keys)
        self._program: Final = program if program is not None else shutil.which("gpgv")

    def verify(self, armoured: bytes, payload: bytes) -> str:
        """The fingerprint (40 digits, capitals) of the primary key that signed `payload`.

        Raises:
            SignatureRefused: no key of ours did, or not so that it counts; or there is no gpgv to ask.
        """
        signature = _one_signature(armoured)
        if self._program is None:
            raise SignatureRefused("gpgv is not installed on this server, so OpenPGP signatures cannot be verified")
        with tempfile.TemporaryDirectory(prefix="vigo-gpgv-") as name:
            place = Path(name)
            (place / "keys").write_bytes(b"".join(openpgp.binary(key) for key in self._keys))
            (place / "signature").write_bytes(signature)
            (place / "payload").write_bytes(payload)
            return _judged(self._status(self._program, place))

    def _status(self, program: str, place: Path) -> list[str]:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as status:
            try:
                ended = subprocess.run(
                    [
                        program,
                        *("--homedir", str(place), "--keyring", str(place / "keys"), "--status-fd", str(writing)),
                        *("--weak-digest", "SHA1", "--weak-digest", "RIPEMD160", "--"),
                        *(str(place / "signature"), str(place / "payload")),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={"LC_ALL": "C", "PATH": os.defpath},
                    pass_fds=(writing,),
                    timeout=TIME_LIMIT_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise SignatureRefused(f"gpgv did not answer: {error}") from error
            finally:
                os.close(writing)
            said = status.read(MAX_STATUS_BYTES + 1)
        if ended.returncode != 0 or len(said) > MAX_STATUS_BYTES:
            raise SignatureRefused(_why(said.decode("utf-8", "replace").splitlines()))
        return said.decode("utf-8", "replace").splitlines()


def _judged(lines: list[str]) -> str:
    """The fingerprint, where gpgv says one good signature and nothing else that matters."""
    if not all(line.startswith(_PREFIX) for line in lines):
        raise SignatureRefused("gpgv answered in another form than it has")
    words = [line.removeprefix(_PREFIX).split(" ") for line in lines]
    count = Counter(each[0] for each in words)
    if count["GOODSIG"] != 1 or count["VALIDSIG"] != 1 or count["NEWSIG"] > 1:
        raise SignatureRefused(_why(lines))
    if any(count[bad] for bad in ("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "FAILURE", "NODATA")):
        raise SignatureRefused(_why(lines))
    valid = next(each for each in words if each[0] == "VALIDSIG")
    if len(valid) < 11 or not _FINGERPRINT.fullmatch(valid[10]):
        raise SignatureRefused("gpgv names no primary key of 40 digits")
    if valid[8] not in _HASHES:
        raise SignatureRefused(f"the signature is over a weak digest; {', '.join(_HASHES.values())} count")
    if valid[9] != _BINARY:
        raise SignatureRefused("the signature is none of a document")
    return valid[10]


def _why(lines: list[str]) -> str:
    words = {line.removeprefix(_PREFIX).split(" ")[0] for line in lines if line.startswith(_PREFIX)}
    if "NO_PUBKEY" in words:
        return "the OpenPGP signature is by a key that is not among the signers"
    if "BADSIG" in words:
        return "the OpenPGP signature is not of this commit"
    if words & {"EXPKEYSIG", "REVKEYSIG", "EXPSIG"}:
        return "the OpenPGP signature, or its key, says itself that it has expired or was revoked"
    return "gpgv does not verify the OpenPGP signature: " + (", ".join(sorted(words)) or "it says nothing")


def _one_signature(armoured: bytes) -> bytes:
    """The binary form, once it is known to be one signature and nothing beside it."""
    found = _ARMOUR.fullmatch(armoured)
    if found is None:
        raise SignatureRefused("the OpenPGP signature is not armoured as it should be")
    try:
        raw = base64.b64decode(found["body"].replace(b"\n", b""), validate=True)
        tags = [tag for tag, _ in openpgp.packets(raw)]
    except (binascii.Error, openpgp.NoKeys) as error:
        raise SignatureRefused(f"the OpenPGP signature is damaged: {error}") from error
    if tags != [_SIGNATURE]:
        raise SignatureRefused(f"{len(tags)} OpenPGP packets where one signature should be")
    return raw
