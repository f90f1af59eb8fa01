"""A small server for agents, in threads: real TLS on loopback with a CA of its own, the schema's messages, no database.

`Gateway` listens for WebSockets and object fetches, `Api` for bootstrap requests. Both belong to one `Authority`.
"""

from __future__ import annotations

import asyncio
import base64
import http.server
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from websockets.asyncio.server import Request, Response, Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from schema.ids import sha256
from schema.protocol.enrolment import (
    ED25519_ATTRIBUTE,
    ENVOY_URI,
    X25519_ATTRIBUTE,
    Enrol,
    Enrolled,
    EnrolmentToken,
    decode_key,
)
from schema.protocol.messages import (
    AGENT_MESSAGE,
    INLINE_OBJECT_BYTES,
    MAX_FRAME_BYTES,
    PATH,
    Ack,
    Apply,
    Hello,
    Need,
    ObjectData,
    Objects,
    Refused,
    Renew,
    Renewed,
    ReportMessage,
    Target,
    Traits,
    Welcome,
)
from schema.protocol.reports import Report
from tests import ports
from tests.factories.targets import Signer


class Authority:
    """A CA with what it issues, in memory."""

    def __init__(self, name: str = "test CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(subject, subject, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return sha256(self.certificate.public_bytes(Encoding.DER))

    def server(
        self, *, names: tuple[str, ...] = ("localhost",), usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    ) -> tuple[str, str]:
        """Certificate and key (PEM) of a server on loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        if "localhost" in names:
            alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        certificate = (
            self._builder(x509.Name([]), self.certificate.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode(), key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()

    def agent(self, key: Any, project: str, envoy_id: str, *, left: timedelta = timedelta(days=30)) -> str:
        """Certificate (PEM) of an agent for its public key, of which so much of its 30 days is left."""
        uri = x509.UniformResourceIdentifier(ENVOY_URI.format(project=project, envoy_id=envoy_id))
        certificate = (
            self._builder(x509.Name([]), self.certificate.subject, key, left)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()

    def context(self, folder: Path, *, mutual: bool, pair: tuple[str, str] | None = None) -> ssl.SSLContext:
        """A server's context; `folder` holds the files that OpenSSL insists on."""
        certificate, key = pair or self.server()
        (folder / "server.pem").write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        if mutual:
            context.load_verify_locations(cadata=self.pem)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: Any, left: timedelta = timedelta(days=30)
    ) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + left
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=30, minutes=5))
            .not_valid_after(end)
        )


class Gateway:
    """The agent channel. Everything that agents say is kept in lists; `publish` changes what they are told."""

    def __init__(self, authority: Authority, signer: Signer, folder: Path, **welcome: Any) -> None:
        self.authority, self.signer = authority, signer
        self.welcome = {"interval_s": 3600.0, "heartbeat_s": 30.0, **welcome}
        self.target: Target | None = None
        self.hellos: list[Hello] = []
        self.reports: list[Report] = []
        self.traits: list[Traits] = []
        self.refused: list[Refused] = []
        self.fetched: list[str] = []
        self.renewals: list[str] = []
        self.issue = self._issue
        self.shown: list[int] = []
        """Serial numbers of the certificates that agents have shown, connection by connection."""
        self.received = 0
        self.acknowledges = True
        self.refuses_with: int | None = None
        self.greets = True
        self._folder = folder
        self._sockets: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        self.port = ports.lasting()
        self.start()

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}{PATH}"

    @property
    def connected(self) -> int:
        return len(self._sockets)

    def start(self, pair: tuple[str, str] | None = None) -> None:
        """Listen; after `stop`, on the same port again."""
        context = self.authority.context(self._folder, mutual=True, pair=pair)

        async def listen() -> Server:
            return await serve(
                self._converse,
                "127.0.0.1",
                self.port,
                ssl=context,
                compression=None,
                max_size=MAX_FRAME_BYTES,
                process_request=self._request,
            )

        self._server = self.call(listen())

    def stop(self) -> None:
        """Close every connection and listen no more."""

        async def close() -> None:
            if self._server is not None:
                # What asyncio has accepted in the turn in which a server closes, it neither serves nor closes
                # (python/cpython#109564): the agent would wait for its whole open timeout. So accept no more first.
                for listener in self._server.sockets:
                    self._loop.remove_reader(listener.fileno())
                for _ in range(2):
                    await asyncio.sleep(0)
                self._server.close()
                await self._server.wait_closed()

        self.call(close())
        self._server = None

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def publish(self, target: Target) -> None:
        """The newest target, to those who are connected and to those who will be."""
        self.target = target
        self.send(Apply(target=target).model_dump_json())

    def send(self, text: str) -> None:
        async def out() -> None:
            for socket in list(self._sockets):
                with suppress(ConnectionClosed):
                    await socket.send(text)

        self.call(out())

    def cut(self) -> None:
        """Break every connection off without a word."""

        async def abort() -> None:
            for socket in list(self._sockets):
                socket.transport.abort()

        self.call(abort())

    def hang_up(self, code: int) -> None:
        """Close every connection with a word."""

        async def close() -> None:
            for socket in list(self._sockets):
                await socket.close(code, "for a reason")

        self.call(close())

    def until(self, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not in {timeout_s} s; refused: {self.refused}"
            time.sleep(0.005)

    def _request(self, _: ServerConnection, request: Request) -> Response | None:
        if self.refuses_with is not None:
            return Response(self.refuses_with, "no", Headers({"Retry-After": "0.1", "Content-Length": "0"}), b"")
        if not request.path.startswith(f"{PATH}/objects/"):
            return None
        digest = request.path.rpartition("/")[2]
        self.fetched.append(digest)
        data = self.signer.objects.get(digest)
        status = 404 if data is None else 200
        return Response(
            status, "", Headers({"Content-Length": str(len(data or b"")), "Connection": "close"}), data or b""
        )

    async def _converse(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        shown = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.shown.append(x509.load_der_x509_certificate(shown).serial_number)
        try:
            async for text in socket:
                for answer in self._answer(text):
                    await socket.send(answer)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)

    def _answer(self, text: str | bytes) -> list[str]:
        message = AGENT_MESSAGE.validate_json(text)
        match message:
            case Hello():
                self.hellos.append(message)
                if not self.greets:
                    return []
                held = message.applied.assignment_sha256 if message.applied else None
                target = self.target if self.target and self.target.assignment.sha256 != held else None
                now = time.time_ns() // 1000
                return [Welcome(protocol=1, time=now, target=target, **self.welcome).model_dump_json()]
            case Need():
                had = [each for each in message.sha256 if each in self.signer.objects]
                unknown = [each for each in message.sha256 if each not in self.signer.objects]
                return [Objects(objects=[self._object(each) for each in had], unknown=unknown).model_dump_json()]
            case ReportMessage(report=report):
                self.received += 1
                if not self.acknowledges:
                    return []
                if all(report.id != known.id for known in self.reports):
                    self.reports.append(report)
                return [Ack(report_id=report.id).model_dump_json()]
            case Traits():
                self.traits.append(message)
                return [Ack(traits_sha256=message.sha256).model_dump_json()]
            case Refused():
                self.refused.append(message)
            case Renew(csr=csr):
                self.renewals.append(csr)
                return [Renewed(certificate=self.issue(csr)).model_dump_json()]
        return []

    def _issue(self, csr: str) -> str:
        key = x509.load_pem_x509_csr(csr.encode()).public_key()
        return self.authority.agent(key, self.signer.project, self.signer.envoy_id)

    def _object(self, digest: str) -> ObjectData:
        data = self.signer.objects[digest]
        inline = len(data) <= INLINE_OBJECT_BYTES
        return ObjectData(sha256=digest, data=base64.b64encode(data).decode() if inline else None)


class Api:
    """The two bootstrap endpoints that enrolment needs."""

    def __init__(self, authority: Authority, signer: Signer, folder: Path, *, gateway_url: str, hostname: str) -> None:
        self.authority, self.signer = authority, signer
        self.gateway_url, self.hostname = gateway_url, hostname
        self.token = EnrolmentToken.make(authority.fingerprint)
        self.used = False
        self.requests: list[Enrol] = []
        self.shown = authority.pem
        self.change: dict[str, Any] = {}
        self.raw: tuple[int, bytes] | None = None
        api = self

        class Requests(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(200 if self.path == "/bootstrap/ca.pem" else 404, api.shown.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*(api.raw or api.register(body)))

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._server.daemon_threads = True
        context = authority.context(folder, mutual=False)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="api", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def register(self, body: bytes) -> tuple[int, bytes]:
        enrol = Enrol.model_validate_json(body)
        self.requests.append(enrol)
        if self.used or enrol.token != str(self.token):
            return 403, b'{"message":"the token is not valid","error":"Forbidden","statusCode":403,"code":403}'
        self.used = True
        csr = x509.load_pem_x509_csr(enrol.csr.encode())
        assert csr.is_signature_valid
        assert not csr.subject.rdns
        assert not list(csr.extensions)
        keys = {
            name: decode_key(csr.attributes.get_attribute_for_oid(x509.ObjectIdentifier(name)).value)
            for name in (ED25519_ATTRIBUTE, X25519_ATTRIBUTE)
        }
        self.sealing_key = X25519PublicKey.from_public_bytes(keys[X25519_ATTRIBUTE])
        certificate = self.authority.agent(csr.public_key(), self.signer.project, self.signer.envoy_id)
        answer = {
            "envoy_id": self.signer.envoy_id,
            "project": self.signer.project,
            "hostname": self.hostname,
            "certificate": certificate,
            "ca": self.authority.pem,
            "signing_key": self.signer.public_hex,
            "gateway_url": self.gateway_url,
            "expires": 1_900_000_000_000_000,
            **self.change,
        }
        return 201, Enrolled.model_construct(**answer).model_dump_json(warnings=False).encode()
