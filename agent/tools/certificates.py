"""X.509: certificates, keys and requests, by `cryptography`, which is loaded when one is first looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from agent.hosts import HostFault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
    from cryptography.x509 import CertificateSigningRequest, GeneralName, Name

BEGIN: Final = "-----BEGIN CERTIFICATE-----"
END: Final = "-----END CERTIFICATE-----"
_DAY_S: Final = 86_400


def body(pem: str) -> str:
    """The data of the only certificate in a text, without line breaks: what it is known by.

    Raises:
        HostFault: there is none, or more than one.
    """
    _, begun, rest = pem.partition(BEGIN)
    data, ended, more = rest.partition(END)
    if not begun or not ended:
        raise HostFault("it holds no certificate in PEM")
    if BEGIN in more:
        raise HostFault("it holds more than one certificate: a trust store wants each in a file of its own")
    return "".join(data.split())


@lru_cache(maxsize=128)
def ends(pem: bytes) -> datetime:
    """When a certificate ends.

    Raises:
        HostFault: it is none.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError as error:
        raise HostFault(f"it holds no certificate that can be read: {error}") from error


def expiry(pem: bytes, warn_days: int, now: datetime | None = None) -> str:
    """What a report says of a certificate that ends soon; empty when it does not."""
    end = ends(pem)
    left_s = (end - (now or datetime.now(UTC))).total_seconds()
    if left_s > warn_days * _DAY_S:
        return ""
    day = end.date().isoformat()
    return f"has ended on {day}" if left_s <= 0 else f"ends on {day}, in {int(left_s // _DAY_S)} days"


def make_key(algorithm: str) -> bytes:
    """A new private key in PEM (PKCS #8): `ed25519`, `ecdsa-p256`, `ecdsa-p384`, `rsa-2048` ..."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key: CertificateIssuerPrivateKeyTypes
    kind, _, size = algorithm.partition("-")
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65_537, key_size=int(size))
    elif kind == "ecdsa":
        key = ec.generate_private_key(ec.SECP256R1() if size == "p256" else ec.SECP384R1())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def algorithm(pem: bytes) -> str:
    """What kind of key a private key is, in the words of `make_key`.

    Raises:
        HostFault: it cannot be read: it is none, or it is encrypted.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = _key(pem)
    if isinstance(key, rsa.RSAPrivateKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}.get(key.curve.name, key.curve.name)
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else type(key).__name__


def make_request(pem: bytes, *, subject: Sequence[tuple[str, str]], names: Sequence[str]) -> bytes:
    """A signing request in PEM. `subject`: RFC 4514 names (CN, O, OU, C) and values, in order; `names`: DNS and IP.

    Raises:
        HostFault: the key cannot be read.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = _key(pem)
    request = x509.CertificateSigningRequestBuilder().subject_name(_subject(subject))
    if names:
        request = request.add_extension(x509.SubjectAlternativeName(list(map(_name, names))), critical=False)
    signed = request.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def fits(request: bytes, pem: bytes, *, subject: Sequence[tuple[str, str]], names: Sequence[str]) -> bool:
    """Whether a request is by this key, and for this subject and these names. One that cannot be read fits nothing."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        held: CertificateSigningRequest = x509.load_pem_x509_csr(request)
        said: list[GeneralName] = list(held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        said = []
    except ValueError:
        return False
    same = held.public_key().public_bytes(*form) == _key(pem).public_key().public_bytes(*form)
    return same and held.subject == _subject(subject) and said == list(map(_name, names))


def _key(pem: bytes) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise HostFault("the private key cannot be read: it is damaged or encrypted") from error
    return key  # type: ignore[return-value]  # those that cannot sign are not in files of keys for certificates


def _subject(pairs: Sequence[tuple[str, str]]) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    oids = {
        "CN": NameOID.COMMON_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "C": NameOID.COUNTRY_NAME,
    }
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in pairs])


def _name(text: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
