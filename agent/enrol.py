"""Enrolment: a one-time token becomes an identity.

The token names the server's CA by its fingerprint. So: fetch the CA without trusting anybody, compare, then speak to
the server with that CA pinned, and only then show it the token. The keys are made here and never leave; the server
chooses hostname, envoy id and project. `agent.credentials` has what comes after: the certificate is renewed.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import ValidationError

from agent import https, tls
from agent.state import Identity, State
from schema.errors import Conflict, Fault, Forbidden, Invalid
from schema.ids import sha256
from schema.protocol.enrolment import (
    ED25519_ATTRIBUTE,
    ENVOY_URI,
    X25519_ATTRIBUTE,
    Enrol,
    Enrolled,
    EnrolmentToken,
    encode_key,
)
from schema.time import Clock

CA_PATH: Final = "/bootstrap/ca.pem"
REGISTER_PATH: Final = "/api/v1/bootstrap/register"
MAX_CA_BYTES: Final = 64 * 1024
MAX_ANSWER_BYTES: Final = 256 * 1024
_HUNG_UP: Final = (http.client.HTTPException, ssl.SSLError, ConnectionResetError, BrokenPipeError)
"""Somebody is there and does not speak HTTPS with just anybody: the gateway, which asks for a certificate first."""
_OTHER_PORT: Final = "is this the API's address, not the gateway's? Unless set otherwise it has port 8443"


class AlreadyEnrolled(Conflict):
    """This state has an identity."""

    code = "agent.already_enrolled"


class ServerNotTrusted(Forbidden):
    """The server does not show the CA that the token names."""

    code = "agent.server_not_trusted"


class EnrolmentRefused(Forbidden):
    """The server does not take the token or the request."""

    code = "agent.enrolment_refused"


class AnswerUnusable(Fault):
    """The server's answer does not fit what was asked."""

    code = "agent.answer_unusable"


class Keys:
    """The three keys of a new identity."""

    def __init__(self) -> None:
        self.tls: Final = ec.generate_private_key(ec.SECP256R1())
        self.receipts: Final = Ed25519PrivateKey.generate()
        self.sealing: Final = X25519PrivateKey.generate()

    def request(self) -> str:
        """A CSR (PEM) that proves possession of the TLS key, binds the other two and asks for nothing."""
        return request(self.tls, self.receipts.public_key(), self.sealing.public_key())

    def files(self) -> dict[str, bytes]:
        """PKCS #8 PEM, by name in the state directory."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return {
            "tls.key": self.tls.private_bytes(*form),
            "ed25519.key": self.receipts.private_bytes(*form),
            "x25519.key": self.sealing.private_bytes(*form),
        }


def request(key: ec.EllipticCurvePrivateKey, receipts: Ed25519PublicKey, sealing: X25519PublicKey) -> str:
    """A CSR (PEM) for a TLS key, that binds the public keys of the same identity."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    bindings: tuple[tuple[str, Ed25519PublicKey | X25519PublicKey], ...] = (
        (ED25519_ATTRIBUTE, receipts),
        (X25519_ATTRIBUTE, sealing),
    )
    for name, bound in bindings:
        builder = builder.add_attribute(x509.ObjectIdentifier(name), encode_key(bound.public_bytes_raw()))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def enrol(
    state: State, server_url: str, token: EnrolmentToken, *, clock: Clock, root: str = "/", replace: bool = False
) -> Identity:
    """Become the envoy that the token is for. Nothing of an earlier identity is touched before the server has answered.

    Args:
        server_url: `https://HOST[:PORT]` of the API.
        root: what stands for the host from now on.
        replace: whether an identity that is there may go.

    Raises:
        AlreadyEnrolled: there is an identity, and it may not be replaced.
        ServerNotTrusted: the server's CA is not the token's.
        EnrolmentRefused: the server does not take the token.
        AnswerUnusable: the answer does not fit our keys.
        UrlRefused, NoAnswer: the server cannot be spoken to.
    """
    if state.enrolled() and not replace:
        raise AlreadyEnrolled(f"{state.path} has an identity already; --replace takes another one")
    server_url = server_url.rstrip("/")
    ca = trusted_ca(server_url, token.ca_sha256)
    keys = Keys()
    enrolled = _register(server_url, tls.pinned(ca), token, keys.request())
    _check(enrolled, keys)
    files = {
        **keys.files(),
        "cert.pem": enrolled.certificate.encode(),
        "ca.pem": enrolled.ca.encode(),
        "signing.pub": enrolled.signing_key.encode(),
    }
    identity = Identity(
        envoy_id=enrolled.envoy_id,
        project=enrolled.project,
        hostname=enrolled.hostname,
        gateway_url=enrolled.gateway_url,
        server_url=server_url,
        enrolled_at=clock.now(),
        expires=enrolled.expires,
        root=root,
        files={name: sha256(data) for name, data in files.items()},
    )
    state.save_enrolment(files, identity)
    return identity


def trusted_ca(server_url: str, ca_sha256: str) -> str:
    """The server's CA certificate (PEM), if it is the one with this fingerprint (SHA-256 of its DER).

    Raises:
        ServerNotTrusted: it is another one, or none.
    """
    # Nothing secret goes over this connection, and what comes is compared with the token before it is believed.
    try:
        answer = https.request(f"{server_url}{CA_PATH}", tls.trusting_nobody(), limit=MAX_CA_BYTES)
    except https.NoAnswer as error:
        if isinstance(error.__cause__, _HUNG_UP):
            raise https.NoAnswer(f"{error.message}: {_OTHER_PORT}") from error
        raise
    if answer.status != 200:
        raise ServerNotTrusted(f"{server_url}{CA_PATH} answers {answer.status}: is this the server's API address?")
    try:
        found = x509.load_pem_x509_certificates(answer.body)
    except ValueError as error:
        raise ServerNotTrusted(f"{server_url}{CA_PATH} is no certificate") from error
    for certificate in found:
        if sha256(certificate.public_bytes(Encoding.DER)) == ca_sha256:
            return certificate.public_bytes(Encoding.PEM).decode()
    raise ServerNotTrusted(
        f"the CA of {server_url} is not the one that the token names: another server, or somebody in between"
    )


def _register(server_url: str, context: ssl.SSLContext, token: EnrolmentToken, csr: str) -> Enrolled:
    body = Enrol(token=str(token), csr=csr).model_dump_json().encode()
    answer = https.request(f"{server_url}{REGISTER_PATH}", context, limit=MAX_ANSWER_BYTES, body=body)
    if answer.status not in (200, 201):
        raise EnrolmentRefused(f"the server does not enrol this host ({answer.status}): {_message(answer.body)}")
    try:
        return Enrolled.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AnswerUnusable(f"the server's answer cannot be read: {where}: {first['msg']}") from error


def _message(body: bytes) -> str:
    """What an error answer says, for a person."""
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        said = body[:200].decode("utf-8", "replace")
    return str(said)[:500]


def _check(enrolled: Enrolled, keys: Keys) -> None:
    """That the certificate is for our key and names us as the answer does, and that the rest can be used."""
    https.split(enrolled.gateway_url, ("wss",))
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(enrolled.signing_key))
        tls.pinned(enrolled.ca)
    except ValueError as error:
        raise AnswerUnusable(f"the server's answer cannot be used: {error}") from error
    certificate_for(enrolled.certificate, keys.tls.public_key(), enrolled.project, enrolled.envoy_id)


def certificate_for(pem: str, key: ec.EllipticCurvePublicKey, project: str, envoy_id: str) -> x509.Certificate:
    """The agent's certificate in what a server answered.

    Raises:
        AnswerUnusable: there is none, it is for another key, or it names another envoy.
    """
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise AnswerUnusable(f"the server's answer cannot be used: {error}") from error
    if _spki(certificate.public_key()) != _spki(key):
        raise AnswerUnusable("the certificate is for another key")
    uri = ENVOY_URI.format(project=project, envoy_id=envoy_id)
    if names.get_values_for_type(x509.UniformResourceIdentifier) != [uri]:
        raise AnswerUnusable(f"the certificate does not name {uri}")
    return certificate


def _spki(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class TokenUnreadable(Invalid):
    """Not an enrolment token."""

    code = "agent.token_unreadable"


def read_token(text: str) -> EnrolmentToken:
    """The token in a text.

    Raises:
        TokenUnreadable: there is none.
    """
    try:
        return EnrolmentToken.parse(text)
    except ValueError as error:
        raise TokenUnreadable(str(error)) from error
