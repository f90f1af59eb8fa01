"""Hostile cases, group A: who talks to whom. What each is about, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent import tls
from tests.factories.gateway import Authority

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)

# A13


def served(
    folder: Path, authority: Authority, begins: datetime, ends: datetime, *, itself: bool = False
) -> ssl.SSLContext:
    """A server's context with a certificate of this life, of the authority or of nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if itself else authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key if itself else authority.key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "served.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "served.pem")
    return context


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """What the client says of a handshake in memory; nothing where it is done."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        try:
            one.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        else:
            return ""
        with contextlib.suppress(ssl.SSLWantReadError):
            other.do_handshake()
    raise AssertionError("no end of it")


@pytest.mark.parametrize(
    ("begins", "ends", "itself", "said"),
    [
        (-DAY, DAY, False, ""),
        (-3 * DAY, -2 * DAY, False, "certificate has expired"),
        (DAY, 2 * DAY, False, "certificate is not yet valid"),
        (-DAY, DAY, True, "self-signed certificate"),
    ],
)
def test_a13_an_agent_talks_to_no_server_whose_certificate_is_not_valid_now(
    tmp_path: Path, begins: timedelta, ends: timedelta, itself: bool, said: str
) -> None:
    authority = Authority()
    server = served(tmp_path, authority, NOW + begins, NOW + ends, itself=itself)
    assert shaken(server, tls.pinned(authority.pem)).replace("self signed", "self-signed") == said


# A18

PLANTED = ("agent", "schema", "argparse", "json", "pydantic", "ssl", "site", "sitecustomize", "usercustomize", "venv")


def test_a18_nothing_is_loaded_from_where_one_stands(tmp_path: Path) -> None:
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    program = Path(sys.executable).with_name("vigo-agent")
    ran = subprocess.run(
        [program, "status", "--state", str(tmp_path / "none")], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 2, ran.stderr
    assert "enrol" in ran.stderr
    assert not (tmp_path / "canary").exists()


def test_a18_the_script_that_installs_loads_nothing_from_where_it_is_run() -> None:
    """Python looks for modules where one stands, unless it is told to be isolated (`-I`)."""
    script = (ROOT / "api/services/bootstrap/install.sh").read_text()
    runs = re.findall(r'"\$(?:python|prefix/bin/python|place/bin/python)" (-\S+|"\S+")', script)
    assert len(runs) >= 5
    assert set(runs) == {"-I"}
