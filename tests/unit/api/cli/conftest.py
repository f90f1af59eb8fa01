"""A REST server on loopback that answers what a test tells it to, and a way to run `vigo` in this process."""

from __future__ import annotations

import datetime
import io
import ipaddress
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.cli.main import run


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Request(NamedTuple):
    method: str
    target: str
    token: str | None
    body: Any


@dataclass
class Server:
    url: str
    ca: Path
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """`GET /path` → status and body; the query is not part of it."""
    requests: list[Request] = field(default_factory=list)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    pem, secret = certificate

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            _, _, token = (self.headers.get("authorization") or "").partition(" ")
            found.requests.append(Request(self.command, self.path, token or None, body))
            path = self.path.partition("?")[0]
            status, answer = found.answers.get(f"{self.command} {path}", (404, {"message": "there is nothing here"}))
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode() if answer is not None else b""
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server calls these

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    found = Server(f"https://127.0.0.1:{listener.server_port}", pem)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def vigo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `vigo` with arguments; `stdin` is piped in. Sees nothing of the user's own set-up."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIGO_DATA_DIR", str(tmp_path / "no-data"))
    for name in ("VIGO_SERVER", "VIGO_TOKEN", "VIGO_CA", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def connected(vigo: Callable[..., Ran], server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`vigo` with the test's server as its own."""
    monkeypatch.setenv("VIGO_SERVER", server.url)
    monkeypatch.setenv("VIGO_CA", str(server.ca))
    monkeypatch.setenv("VIGO_TOKEN", "vgot_test")
    return vigo
