"""The authority: the CA, what it issues, and the key that signs what agents obey."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from api.services.pki import keyfiles
from api.services.pki.requests import AgentRequest
from schema.errors import Unavailable
from schema.ids import HOSTNAME
from schema.protocol.enrolment import ENVOY_URI
from schema.time import DAY, EPOCH, MINUTE

CA_LIFE: Final = 3650 * DAY
SERVER_LIFE: Final = 90 * DAY
AGENT_LIFE: Final = 30 * DAY
SKEW: Final = 5 * MINUTE
"""How far certificates reach back, for hosts whose clock is behind."""

Endpoint = Literal["api", "gateway"]

_URI: Final = re.compile(r"vigo://([A-Za-z0-9_-]{1,64})/envoys/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class PkiBroken(Unavailable):
    """The authority's files contradict each other or the clock; an operator has to look before anything is signed."""

    code = "pki.broken"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, as it goes to an agent and into the table of those alive."""

    pem: str
    sha256: str
    """Of the DER form: by this a connection's certificate is looked up."""
    serial: str
    """Hex."""
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The server's own certificate; `path` holds key and chain in one file, so that both change at once."""

    path: Path
    not_after: int
    issued_now: bool


class Pki:
    """The authority of one server. Its private keys are reached only through what it issues and signs."""

    def __init__(
        self,
        directory: Path,
        ca: x509.Certificate,
        ca_key: ec.EllipticCurvePrivateKey,
        signing: ed25519.Ed25519PrivateKey,
    ) -> None:
        self._directory = directory
        self._ca = ca
        self._ca_key = ca_key
        self.signing_key: Final = signing
        self.signing_key_hex: Final = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        self.ca_pem: Final = ca.public_bytes(Encoding.PEM).decode("ascii")
        self.ca_sha256: Final = hashlib.sha256(ca.public_bytes(Encoding.DER)).hexdigest()

    @classmethod
    def open(cls, directory: Path, *, now: int) -> Pki:
        """The authority in `directory`, made there on the first start.

        Raises:
            PkiBroken: the key and the certificate of the CA do not belong together, the key is gone, or the clock
                stands outside the CA's life. A CA is never replaced silently: every agent pins it.
            KeyExposed: others can read a private key.
        """
        keyfiles.make_private(directory)
        ca_path, key_path = directory / "ca.pem", directory / "ca.key"
        if ca_path.exists() and not key_path.exists():
            raise PkiBroken(f"{ca_path} is there but its key {key_path} is not; restore it from a backup")
        ca_key = _load_key(key_path, keyfiles.create(key_path, _private_pem(ec.generate_private_key(ec.SECP256R1()))))
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
            raise PkiBroken(f"{key_path} is not a P-256 key")
        pem = ca_path.read_bytes() if ca_path.exists() else keyfiles.create(ca_path, _make_ca(ca_key, now))
        ca = _load_ca(ca_path, pem)
        if ca.public_key() != ca_key.public_key():
            raise PkiBroken(f"{ca_path} and {key_path} do not belong together")
        if not ca.not_valid_before_utc <= _moment(now) < ca.not_valid_after_utc:
            raise PkiBroken(
                f"the clock says {_moment(now):%Y-%m-%d %H:%M}, and the CA is valid from "
                f"{ca.not_valid_before_utc:%Y-%m-%d} to {ca.not_valid_after_utc:%Y-%m-%d}"
            )
        signing_path = directory / "signing.key"
        signing = _load_key(
            signing_path, keyfiles.create(signing_path, _private_pem(ed25519.Ed25519PrivateKey.generate()))
        )
        if not isinstance(signing, ed25519.Ed25519PrivateKey):
            raise PkiBroken(f"{signing_path} is not an Ed25519 key")
        return cls(directory, ca, ca_key, signing)

    def issue(self, request: AgentRequest, *, project: str, envoy_id: str, now: int) -> Issued:
        """A client certificate for one envoy: everything in it but the key is chosen here."""
        uri = ENVOY_URI.format(project=project, envoy_id=envoy_id)
        certificate = self._sign(
            request.tls_key,
            common_name=envoy_id,
            names=[x509.UniformResourceIdentifier(uri)],
            usage=ExtendedKeyUsageOID.CLIENT_AUTH,
            now=now,
            life=AGENT_LIFE,
        )
        return Issued(
            pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
            sha256=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
            serial=f"{certificate.serial_number:x}",
            not_before=_micros(certificate.not_valid_before_utc),
            not_after=_micros(certificate.not_valid_after_utc),
        )

    def server_certificate(self, endpoint: Endpoint, names: Sequence[str], *, now: int) -> ServerCertificate:
        """The server's certificate for one listener and these host names and addresses.

        The one on disk, unless its names differ, a third of its life is left or less, or another CA signed it: then a
        fresh one, with a fresh key.

        Raises:
            PkiBroken: a name is neither a host name nor an address, or there is none.
        """
        wanted = _names(names)
        path = self._directory / f"{endpoint}.pem"
        known = self._read_server(path)
        if known is not None and self._serves(known, wanted, now):
            return ServerCertificate(path, _micros(known.not_valid_after_utc), issued_now=False)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            key.public_key(),
            common_name=f"vigo {endpoint}",
            names=wanted,
            usage=ExtendedKeyUsageOID.SERVER_AUTH,
            now=now,
            life=SERVER_LIFE,
        )
        keyfiles.replace(path, _private_pem(key) + certificate.public_bytes(Encoding.PEM))
        return ServerCertificate(path, _micros(certificate.not_valid_after_utc), issued_now=True)

    def gateway_context(self, certificate: ServerCertificate) -> ssl.SSLContext:
        """TLS of the agents' listener: nobody gets past the handshake without a client certificate of this CA."""
        context = _tls(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=self.ca_pem)
        # No agent resumes a session, and to seal its certificate into two tickets is a third of a handshake.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        return context

    def api_context(self, certificate: ServerCertificate) -> ssl.SSLContext:
        """TLS of the API's listener."""
        return _tls(certificate)

    def _read_server(self, path: Path) -> x509.Certificate | None:
        try:
            return x509.load_pem_x509_certificate(keyfiles.read(path))
        except (FileNotFoundError, ValueError):
            return None

    def _serves(self, known: x509.Certificate, wanted: Sequence[x509.GeneralName], now: int) -> bool:
        try:
            known.verify_directly_issued_by(self._ca)
            names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # noqa: BLE001 - whatever is wrong with the old one, the answer is a new one
            return False
        left = _micros(known.not_valid_after_utc) - now
        begun = _micros(known.not_valid_before_utc) <= now
        return begun and left > SERVER_LIFE // 3 and list(names) == list(wanted)

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        *,
        common_name: str,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        now: int,
        life: int,
    ) -> x509.Certificate:
        starts = max(_moment(now - SKEW), self._ca.not_valid_before_utc)
        ends = min(_moment(now + life), self._ca.not_valid_after_utc)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self._ca.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(_authority_id(self._ca), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )


def read_identity(certificate: bytes) -> tuple[str, str] | None:
    """(project, envoy id) that a client certificate (DER) names, or None when it is not an agent's.

    Says nothing about whether it may be trusted: the TLS handshake checked its chain, and the table of live
    certificates says whether it still counts.
    """
    try:
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (ValueError, x509.ExtensionNotFound):
        return None
    values = list(names.value)
    if len(values) != 1 or not isinstance(values[0], x509.UniformResourceIdentifier):
        return None
    found = _URI.fullmatch(values[0].value)
    return (found[1], found[2]) if found else None


def _tls(certificate: ServerCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate.path)
    return context


def _make_ca(key: ec.EllipticCurvePrivateKey, now: int) -> bytes:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vigo"),
            # Two servers' CAs must not share a name, or a verifier that knows both picks by chance.
            x509.NameAttribute(NameOID.COMMON_NAME, f"Vigo CA {x509.random_serial_number() >> 128:08x}"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - SKEW))
        .not_valid_after(_moment(now + CA_LIFE))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_id(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            if HOSTNAME.fullmatch(name) is None:
                raise PkiBroken(f"{name!r} is neither a host name nor an address to make a certificate for") from None
            found.append(x509.DNSName(name))
    if not found:
        raise PkiBroken("no name to make the server's certificate for")
    return found


def read_signing_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """The key that signs catalogs, assignments and artifacts, of an authority that is there already.

    Raises:
        FileNotFoundError, PermissionError, KeyExposed, PkiBroken
    """
    key = _load_key(path, keyfiles.read(path))
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PkiBroken(f"{path} is not an Ed25519 key")
    return key


def _load_key(path: Path, pem: bytes) -> object:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise PkiBroken(f"{path} cannot be read as a private key") from error


def _load_ca(path: Path, pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise PkiBroken(f"{path} cannot be read as a certificate") from error


def _private_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _moment(micros: int) -> datetime:
    return (EPOCH + timedelta(microseconds=micros)).astimezone(UTC).replace(microsecond=0)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
