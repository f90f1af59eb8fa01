"""Credentials: the certificate that this agent shows, the key behind it, and the pair that comes after them.

The other two keys of an identity stay: what is sealed to one, and what the other has signed, must go on being of use.
"""

from __future__ import annotations

import contextlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent import keys
from agent.enrol import AnswerUnusable, certificate_for, request
from agent.state import Identity, State
from schema.ids import sha256


class Credentials:
    """The TLS identity of an enrolled agent. For one thread at a time."""

    def __init__(self, state: State, identity: Identity) -> None:
        self._state: Final = state
        self._identity = identity
        self._next: ec.EllipticCurvePrivateKey | None = None

    def request(self) -> str:
        """A certificate request (PEM) for a fresh TLS key, with the two keys that stay.

        Raises:
            KeyUnreadable
        """
        receipts = keys.receipts(self._state.file("ed25519.key"))
        sealing = keys.sealing(self._state.file("x25519.key"))
        self._next = ec.generate_private_key(ec.SECP256R1())
        return request(self._next, receipts.public_key(), sealing.public_key())

    def install(self, certificate: str) -> Identity:
        """Present this certificate (PEM) from now on; the identity with it. Interrupted anywhere, it is old or new.

        Raises:
            AnswerUnusable: it is not for the key that was asked for, names somebody else, or is not of the pinned CA.
            OSError: it cannot be kept.
        """
        key, self._next = self._next, None
        if key is None:
            raise AnswerUnusable("no certificate was asked for")
        found = certificate_for(certificate, key.public_key(), self._identity.project, self._identity.envoy_id)
        if not self._issued(found):
            raise AnswerUnusable("the certificate is not signed by the CA that this agent trusts")
        files = {
            "tls.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "cert.pem": certificate.encode(),
        }
        identity = self._identity.model_copy(
            update={
                "files": {**self._identity.files, **{name: sha256(data) for name, data in files.items()}},
                "expires": int(found.not_valid_after_utc.timestamp() * 1_000_000),
            }
        )
        self._state.save_renewal(files, identity)
        self._identity = identity
        return identity

    def _issued(self, certificate: x509.Certificate) -> bool:
        for authority in x509.load_pem_x509_certificates(self._state.file("ca.pem").read_bytes()):
            with contextlib.suppress(ValueError, TypeError, InvalidSignature):
                certificate.verify_directly_issued_by(authority)
                return True
        return False
