"""Agents enrolled on a server that somebody else runs, over its API: a token and a registration for each."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from schema.ids import new_id
from schema.protocol.enrolment import ED25519_ATTRIBUTE, X25519_ATTRIBUTE, encode_key
from tests.load.hosts import Identity, receipts_key, sealing_key

SAY_EVERY: Final = 250


class Enrolled(NamedTuple):
    """Agents of a server."""

    identities: list[Identity]
    signing_key: str
    gateway_url: str


class Refused(Exception):
    """The server does not do what it was asked for."""


class Remote:
    """A server, by its API."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        at = urlsplit(url)
        context = ssl.create_default_context(cafile=str(ca))
        self._connection = http.client.HTTPSConnection(at.hostname or "localhost", at.port or 443, context=context)
        self._token = token

    def enrol(self, count: int, *, suffix: str, say: Callable[[str], None]) -> Enrolled:
        """So many agents, enrolled one after the other.

        Raises:
            Refused: the token may not, a host of the name is enrolled, or the server limits how many come at once.
        """
        made: list[Identity] = []
        answer: dict[str, Any] = {}
        for number in range(count):
            hostname, seed = f"load-{number}.{suffix}", new_id()
            key = ec.generate_private_key(ec.SECP256R1())
            token = self._post("/api/v1/bootstrap/tokens", {"hostname": hostname}, self._token)["token"]
            answer = self._post("/api/v1/bootstrap/register", {"token": token, "csr": _request(key, seed)}, "")
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            made.append(Identity(answer["envoy_id"], answer["project"], hostname, answer["certificate"], pem, seed))
            if number % SAY_EVERY == SAY_EVERY - 1:
                say(f"{number + 1:,} agents are enrolled")
        return Enrolled(made, answer["signing_key"], answer["gateway_url"])

    def _post(self, path: str, body: dict[str, Any], token: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._connection.request("POST", path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Refused(f"{path}: {answer.status} {text.decode('utf-8', 'replace')[:500]}")
        found: dict[str, Any] = json.loads(text)
        return found


def _request(key: ec.EllipticCurvePrivateKey, seed: str) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for oid, public in (
        (ED25519_ATTRIBUTE, receipts_key(seed).public_key()),
        (X25519_ATTRIBUTE, sealing_key(seed).public_key()),
    ):
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), encode_key(public.public_bytes_raw()))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
