"""The authority: what it makes, what it refuses to issue, what it never replaces."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from api.services import pki
from api.services.pki import BadRequest, Pki, PkiBroken, keyfiles
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.enrolment import ED25519_ATTRIBUTE, X25519_ATTRIBUTE, encode_key
from schema.time import DAY, EPOCH

NOW = (datetime.now(UTC).replace(microsecond=0) - EPOCH) // timedelta(microseconds=1)

ED = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
X = x25519.X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

Tweak = Callable[[x509.CertificateSigningRequestBuilder], x509.CertificateSigningRequestBuilder]


@pytest.fixture
def authority(tmp_path: Path) -> Pki:
    return Pki.open(tmp_path / "pki", now=NOW - 60 * DAY)


def request(
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    subject: x509.Name | None = None,
    attributes: list[tuple[str, bytes]] | None = None,
    tweak: Tweak = lambda builder: builder,
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    keys = [(ED25519_ATTRIBUTE, encode_key(ED)), (X25519_ATTRIBUTE, encode_key(X))]
    for oid, value in keys if attributes is None else attributes:
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), value)
    signed = tweak(builder).sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def name(oid: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value)])


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


# The directory.


def test_the_first_start_makes_keys_that_their_owner_alone_can_read(tmp_path: Path) -> None:
    authority = Pki.open(tmp_path / "pki", now=NOW)
    authority.server_certificate("api", ["localhost"], now=NOW)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "pki").iterdir()}
    assert files == dict.fromkeys(("api.pem", "ca.key", "ca.pem", "signing.key"), 0o600)
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700


def test_a_second_start_finds_the_same_authority(tmp_path: Path) -> None:
    first, second = (Pki.open(tmp_path / "pki", now=NOW) for _ in range(2))
    assert (first.ca_pem, first.signing_key_hex) == (second.ca_pem, second.signing_key_hex)


def test_a_start_that_was_cut_between_key_and_certificate_is_finished_by_the_next(tmp_path: Path) -> None:
    Pki.open(tmp_path / "pki", now=NOW)
    (tmp_path / "pki" / "ca.pem").unlink()
    key = serialization.load_pem_private_key((tmp_path / "pki" / "ca.key").read_bytes(), None)
    again = Pki.open(tmp_path / "pki", now=NOW)
    assert certificate(again.ca_pem).public_key() == key.public_key()  # type: ignore[union-attr]


def test_a_lost_ca_key_is_not_replaced_silently(tmp_path: Path) -> None:
    before = Pki.open(tmp_path / "pki", now=NOW).ca_pem
    (tmp_path / "pki" / "ca.key").unlink()
    with pytest.raises(PkiBroken, match="restore it from a backup"):
        Pki.open(tmp_path / "pki", now=NOW)
    assert (tmp_path / "pki" / "ca.pem").read_text() == before
    assert not (tmp_path / "pki" / "ca.key").exists()


def test_a_foreign_ca_certificate_is_refused(tmp_path: Path) -> None:
    Pki.open(tmp_path / "pki", now=NOW)
    other = Pki.open(tmp_path / "other", now=NOW)
    (tmp_path / "pki" / "ca.pem").write_text(other.ca_pem)
    with pytest.raises(PkiBroken, match="do not belong together"):
        Pki.open(tmp_path / "pki", now=NOW)


@pytest.mark.parametrize("away", [-3660 * DAY, 3660 * DAY])
def test_a_clock_outside_the_life_of_the_ca_is_refused(tmp_path: Path, away: int) -> None:
    Pki.open(tmp_path / "pki", now=NOW)
    with pytest.raises(PkiBroken, match="the clock says"):
        Pki.open(tmp_path / "pki", now=NOW + away)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Pki.open(tmp_path / "pki", now=NOW)
    (tmp_path / "pki" / "signing.key").chmod(0o640)
    with pytest.raises(keyfiles.KeyExposed, match="0640"):
        Pki.open(tmp_path / "pki", now=NOW)


def test_a_key_file_is_created_once_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert keyfiles.create(tmp_path / "k", b"first") == b"first"
    assert keyfiles.create(tmp_path / "k", b"second") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


# The server's own certificates.


def test_a_server_certificate_is_kept_until_its_names_change_or_its_time_comes(authority: Pki) -> None:
    first = authority.server_certificate("api", ["vigo.example.com", "127.0.0.1"], now=NOW)
    assert first.issued_now
    assert not authority.server_certificate("api", ["vigo.example.com", "127.0.0.1"], now=NOW + 59 * DAY).issued_now
    assert authority.server_certificate("api", ["vigo.example.com", "127.0.0.1"], now=NOW + 61 * DAY).issued_now
    assert authority.server_certificate("api", ["vigo.example.com"], now=NOW + 61 * DAY).issued_now


def test_a_server_certificate_that_another_ca_signed_is_replaced(tmp_path: Path, authority: Pki) -> None:
    other = Pki.open(tmp_path / "other", now=NOW)
    foreign = other.server_certificate("api", ["localhost"], now=NOW).path.read_bytes()
    keyfiles.replace(tmp_path / "pki" / "api.pem", foreign)
    assert authority.server_certificate("api", ["localhost"], now=NOW).issued_now


@pytest.mark.parametrize("names", [[], ["*.example.com"], ["a b"], ["localhost\n"], ["x" * 254]])
def test_a_name_that_no_certificate_can_carry_is_refused(authority: Pki, names: list[str]) -> None:
    with pytest.raises(PkiBroken):
        authority.server_certificate("api", names, now=NOW)


def test_a_server_certificate_serves_and_nothing_else(authority: Pki) -> None:
    made = x509.load_pem_x509_certificate(
        authority.server_certificate("gateway", ["::1", "vigo"], now=NOW).path.read_bytes()
    )
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


# What an agent gets.


def test_an_agents_certificate_says_only_what_the_server_chose(authority: Pki) -> None:
    envoy = new_id()
    asked = pki.read_request(request(subject=name(NameOID.COMMON_NAME, "web01.example.com")))
    issued = authority.issue(asked, project=DEFAULT_PROJECT, envoy_id=envoy, now=NOW)
    made = certificate(issued.pem)
    assert made.subject == name(NameOID.COMMON_NAME, envoy)
    assert [uri.value for uri in made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value] == [
        f"vigo://{DEFAULT_PROJECT}/envoys/{envoy}"
    ]
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made.public_key() == asked.tls_key
    assert issued.not_after == NOW + 30 * DAY
    assert issued.sha256 == made.fingerprint(hashes.SHA256()).hex()
    assert issued.serial == f"{made.serial_number:x}"
    assert pki.read_identity(made.public_bytes(Encoding.DER)) == (DEFAULT_PROJECT, envoy)
    assert (asked.ed25519, asked.x25519) == (ED, X)


def test_a_server_certificate_is_nobodys_identity(authority: Pki) -> None:
    made = x509.load_pem_x509_certificate(authority.server_certificate("api", ["localhost"], now=NOW).path.read_bytes())
    assert pki.read_identity(made.public_bytes(Encoding.DER)) is None
    assert pki.read_identity(b"nonsense") is None


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (name(NameOID.COMMON_NAME, "web01\nadmin"), "newline"),
        (name(NameOID.COMMON_NAME, "web01\x1b[31m"), "escape"),
        (name(NameOID.COMMON_NAME, "web01\u202egpj"), "right-to-left override"),
        (name(NameOID.COMMON_NAME, "../../etc/passwd"), "path"),
        (name(NameOID.COMMON_NAME, "a..b"), "dots"),
        (name(NameOID.ORGANIZATION_NAME, "Example"), "another field"),
        (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.COMMON_NAME, "b")]),
            "two",
        ),
    ],
)
def test_a_request_that_names_more_than_a_plain_subject_is_refused(subject: x509.Name, why: str) -> None:
    with pytest.raises(BadRequest, match="names a subject"):
        pki.read_request(request(subject=subject))


def test_a_request_that_asks_for_an_extension_is_refused() -> None:
    def names(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
        return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("other.example.com")]), critical=False)

    with pytest.raises(BadRequest, match="asks for more"):
        pki.read_request(request(tweak=names))


def test_a_request_that_asks_to_be_a_ca_is_refused() -> None:
    def ca(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
        return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)

    with pytest.raises(BadRequest, match="asks for more"):
        pki.read_request(request(tweak=ca))


def test_a_request_with_another_attribute_is_refused() -> None:
    def password(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
        return builder.add_attribute(x509.ObjectIdentifier("1.2.840.113549.1.9.7"), b"secret")

    with pytest.raises(BadRequest, match="asks for more"):
        pki.read_request(request(tweak=password))


@pytest.mark.parametrize(
    "attributes",
    [
        [],
        [(ED25519_ATTRIBUTE, encode_key(ED))],
        [(X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, encode_key(ED[:31])), (X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, b"(" * 44), (X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, encode_key(ED)), (X25519_ATTRIBUTE, encode_key(bytes(32)))],
        [(ED25519_ATTRIBUTE, encode_key(bytes(32))), (X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, encode_key(b"\x01" + bytes(31))), (X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, encode_key(b"\xff" * 32)), (X25519_ATTRIBUTE, encode_key(X))],
        [(ED25519_ATTRIBUTE, encode_key(b"\x02" + bytes(31))), (X25519_ATTRIBUTE, encode_key(X))],
    ],
    ids=["none", "one", "other one", "short", "not base64", "low X", "low Ed", "neutral", "not canonical", "off curve"],
)
def test_a_request_without_both_keys_in_order_is_refused(attributes: list[tuple[str, bytes]]) -> None:
    with pytest.raises(BadRequest):
        pki.read_request(request(attributes=attributes))


def test_another_kind_of_key_is_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(BadRequest, match="another kind of key"):
            pki.read_request(request(key=key))


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER))
    der[der.index(encode_key(ED)[:20])] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(BadRequest, match="not signed by the key"):
        pki.read_request(broken)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 20_000,
        "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        pki.read_request(text)


def test_text_around_a_request_is_refused() -> None:
    good = request()
    for text in (f"look: {good}", good + good, good + "\x00", good.replace("\n", "\u2028", 1)):
        with pytest.raises(BadRequest, match="not one PEM block"):
            pki.read_request(text)


# TLS, as both sides see it.


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """`ok`, or why the two could not talk."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ok")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    try:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        try:
            return (await asyncio.wait_for(reader.read(), 5)).decode() or "closed"
        finally:
            writer.close()
    except (ssl.SSLError, ConnectionError) as error:
        return type(error).__name__
    finally:
        listener.close()


def client_of(tmp_path: Path, ca: str, chain: bytes | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca)
    if chain is not None:
        path = tmp_path / f"{new_id()}.pem"
        path.write_bytes(chain)
        context.load_cert_chain(path)
    return context


def agent_chain(authority: Pki, now: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(pki.read_request(request(key=key)), project=DEFAULT_PROJECT, envoy_id=new_id(), now=now)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + issued.pem.encode()


def test_the_gateway_talks_to_agents_of_its_ca_and_to_nobody_else(tmp_path: Path, authority: Pki) -> None:
    served = authority.server_certificate("gateway", ["localhost"], now=NOW)
    gateway = authority.gateway_context(served)
    other = Pki.open(tmp_path / "other", now=NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    self_signed = (
        x509.CertificateBuilder()
        .subject_name(name(NameOID.COMMON_NAME, "me"))
        .issuer_name(name(NameOID.COMMON_NAME, "me"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    chains = {
        "enrolled": agent_chain(authority, NOW),
        "none": None,
        "expired": agent_chain(authority, NOW - 31 * DAY),
        "not yet valid": agent_chain(authority, NOW + DAY),
        "of another CA": agent_chain(other, NOW),
        "self-signed": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + self_signed,
        "the server's": served.path.read_bytes(),
    }
    told = {
        who: asyncio.run(handshake(gateway, client_of(tmp_path, authority.ca_pem, chain)))
        for who, chain in chains.items()
    }
    assert told.pop("enrolled") == "ok"
    assert "ok" not in told.values()


def test_an_agents_certificate_serves_nobody(tmp_path: Path, authority: Pki) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    path = tmp_path / "agent.pem"
    path.write_bytes(agent_chain(authority, NOW))
    context.load_cert_chain(path)
    client = ssl.create_default_context(cadata=authority.ca_pem)
    client.check_hostname = False
    assert asyncio.run(handshake(context, client)) == "SSLCertVerificationError"
