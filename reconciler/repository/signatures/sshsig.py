"""SSHSIG, the signature that `ssh-keygen -Y sign` makes. Source: PROTOCOL.sshsig of OpenSSH."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from reconciler.repository.signatures.commits import SignatureRefused
from reconciler.repository.signatures.sshkeys import SshKey
from reconciler.repository.signatures.wire import Reader

NAMESPACE: Final = "git"
"""A signature for a file, a login or another program is none for a commit."""
HASHES: Final = ("sha256", "sha512")

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
_END: Final = b"-----END SSH SIGNATURE-----"


def verify(armoured: bytes, payload: bytes, *, namespace: str = NAMESPACE) -> SshKey:
    """The key that signed `payload`, as the signature itself names it. Whose it is, and whether it may, is not judged.

    Raises:
        SignatureRefused: malformed, for another namespace, with a weak hash, or not of these bytes.
    """
    reader = Reader(_dearmoured(armoured), "the signature")
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != _VERSION:
        raise SignatureRefused("the signature is no SSHSIG of version 1")
    key = SshKey.of(reader.string())
    named, reserved, hash_name = reader.text(), reader.string(), reader.text()
    signature = reader.string()
    reader.end()
    if named != namespace:
        raise SignatureRefused(f"the signature is for {named!r}, not for {namespace!r}")
    if reserved:
        raise SignatureRefused("the signature uses what SSHSIG reserves")
    if hash_name not in HASHES:
        raise SignatureRefused(f"the signature is over a {hash_name} digest; {' or '.join(HASHES)} is needed")
    digest = hashlib.new(hash_name, payload).digest()
    parts = (namespace.encode("ascii"), b"", hash_name.encode("ascii"), digest)
    key.verify(signature, _MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in parts))
    return key


def _dearmoured(armoured: bytes) -> bytes:
    lines = armoured.rstrip(b"\n").split(b"\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise SignatureRefused("the signature is not armoured as SSH does it")
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("the signature is not base64") from error
