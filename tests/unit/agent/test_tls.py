"""What a link reads of a certificate is what all of a certificate says."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent import tls
from tests.factories.gateway import Authority

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(begins: datetime, ends: datetime, *, issuer: str = "a") -> str:
    names = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]), x509.Name([]))
    builder = x509.CertificateBuilder(*names, KEY.public_key(), x509.random_serial_number(), begins, ends)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("issuer", ["a", "x" * 60])
@pytest.mark.parametrize(
    "begins",
    [
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC),
        datetime(2049, 12, 31, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("life", [timedelta(days=30), timedelta(days=365 * 40)])
def test_its_life(begins: datetime, life: timedelta, issuer: str) -> None:
    ends = begins + life
    expected = tuple(round(each.timestamp() * 1e6) for each in (begins, ends))
    assert tls.validity(certificate(begins, ends, issuer=issuer)) == expected


@pytest.mark.parametrize(
    "text", ["", "nothing", ssl.DER_cert_to_PEM_cert(b""), ssl.DER_cert_to_PEM_cert(b"\x30\x03abc")]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        tls.validity(text)


def test_a_context_is_made_of_texts_and_the_key_must_be_the_certificates() -> None:
    authority = Authority()
    shown = authority.agent(KEY.public_key(), "p", "0198c0de-0000-7000-8000-000000000000")
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert tls.of_agent(authority.pem, shown, key).verify_mode is ssl.CERT_REQUIRED
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ssl.SSLError):
        tls.of_agent(authority.pem, shown, other.decode())
