"""A real git server on loopback: `git http-backend` behind TLS, and everything a bad one could do instead."""

from __future__ import annotations

import datetime
import http.server
import os
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority made for one test session."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)
        self.path = place / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(self, host: str) -> Path:
        """A key and certificate for one host name, in one PEM file."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(name, key.public_key(), ca=False, host=host)
        path = self.place / f"{host}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        return path

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool, host: str = "") -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if host:
            names = [x509.DNSName(host)] if not host[0].isdigit() else [x509.IPAddress(ip_address(host))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())


class GitServer:
    """What to serve, and how to misbehave. `seen` are the requests, each with its Authorization header."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self.token = ""
        self.garbage = False
        self.hang_s = 0.0
        self.redirect = ""
        self.crafted: tuple[str, bytes] | None = None
        """A commit to announce as `main`, and the pack to send for it."""
        self.between: Callable[[], None] | None = None
        """Done once, after refs were announced and before what is asked for is sent."""
        self.seen: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @contextmanager
    def serving(self, certificate: Path) -> Iterator[None]:
        server = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        class Handler(_Handler):
            git = server

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that breaks off is what many of these tests are about."""

        with Server(("127.0.0.1", 0), Handler) as httpd:
            # The handshake belongs to the connection's thread: a client that refuses it must not stop the server.
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
            self.port = httpd.server_address[1]
            thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                httpd.shutdown()
                thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    git: GitServer
    timeout = 20

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _serve(self, body: bytes) -> None:
        git = self.git
        authorization = self.headers.get("Authorization") or ""
        git.seen.append((self.path, authorization))
        if git.hang_s:
            time.sleep(git.hang_s)
            return
        if git.redirect:
            self._answer(302, {"Location": git.redirect + self.path}, b"")
        elif git.garbage:
            self._answer(200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"\x00garbage" * 100)
        elif git.crafted is not None:
            self._craft(*git.crafted)
        elif git.token and authorization != git.token:
            self._answer(401, {"WWW-Authenticate": "Basic realm=git"}, b"")
        else:
            self._backend(body)

    def _craft(self, oid: str, pack: bytes) -> None:
        kind = "advertisement" if self.command == "GET" else "result"
        lines = _line(b"# service=git-upload-pack\n") + b"0000" + _line(f"{oid} refs/heads/main\0\n".encode()) + b"0000"
        content = lines if self.command == "GET" else _line(b"NAK\n") + pack
        self._answer(200, {"Content-Type": f"application/x-git-upload-pack-{kind}"}, content)

    def _backend(self, body: bytes) -> None:
        if self.command == "POST" and self.git.between is not None:
            between, self.git.between = self.git.between, None
            between()
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.git.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, timeout=30)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _line(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data
