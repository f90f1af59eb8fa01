"""A one-time token becomes an identity, and only the server that the token names gets to see it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent import keys
from agent.clock import SystemClock
from agent.enrol import (
    AlreadyEnrolled,
    AnswerUnusable,
    EnrolmentRefused,
    ServerNotTrusted,
    TokenUnreadable,
    enrol,
    read_token,
)
from agent.https import NoAnswer, UrlRefused
from agent.state import IDENTITY_FILES, NotEnrolled, State
from schema.protocol.enrolment import EnrolmentToken
from tests.factories.gateway import Api, Authority
from tests.factories.targets import Signer

HOSTNAME = "web01.example.com"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def api(authority: Authority, tmp_path: Path) -> Iterator[Api]:
    made = Api(authority, Signer(), tmp_path, gateway_url="wss://localhost:1530/agent/v1", hostname=HOSTNAME)
    yield made
    made.close()


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state")


def refused(state: State, api: Api, kind: type[Exception], match: str, token: EnrolmentToken | None = None) -> None:
    with pytest.raises(kind, match=match):
        enrol(state, api.url, token or api.token, clock=SystemClock())
    assert not state.enrolled()
    assert not any(state.file(name).exists() for name in IDENTITY_FILES)


def test_a_host_becomes_the_envoy_that_the_token_is_for(state: State, api: Api, authority: Authority) -> None:
    identity = enrol(state, api.url, api.token, clock=SystemClock(), root="/srv/root")
    assert identity == state.identity()
    assert (identity.hostname, identity.envoy_id) == (HOSTNAME, api.signer.envoy_id)
    assert (identity.root, identity.gateway_url) == ("/srv/root", "wss://localhost:1530/agent/v1")
    assert state.file("ca.pem").read_text() == authority.pem
    assert keys.signing(state.file("signing.pub")).public_bytes_raw().hex() == api.signer.public_hex
    assert keys.sealing(state.file("x25519.key")).public_key() == api.sealing_key
    certificate = x509.load_pem_x509_certificate(state.file("cert.pem").read_bytes())
    private = load_pem_private_key(state.file("tls.key").read_bytes(), None)
    assert certificate.public_key() == private.public_key()
    for name in IDENTITY_FILES:
        assert state.file(name).stat().st_mode & 0o777 == 0o600


def test_a_token_works_once(state: State, api: Api, tmp_path: Path) -> None:
    enrol(state, api.url, api.token, clock=SystemClock())
    refused(State.open(tmp_path / "other"), api, EnrolmentRefused, "403.*the token is not valid")


def test_an_identity_is_replaced_only_when_told_to(state: State, api: Api) -> None:
    first = enrol(state, api.url, api.token, clock=SystemClock())
    api.used = False
    with pytest.raises(AlreadyEnrolled):
        enrol(state, api.url, api.token, clock=SystemClock())
    assert state.identity() == first
    assert len(api.requests) == 1
    state.save_target(b"old")
    (state.path / "spool" / "x").write_bytes(b"old")
    (state.path / "objects" / "y").write_bytes(b"old")
    (state.path / "journal.jsonl").write_bytes(b"kept")
    second = enrol(state, api.url, api.token, clock=SystemClock(), replace=True)
    assert second.files != first.files
    assert state.target() is None
    assert not list((state.path / "spool").iterdir())
    assert not list((state.path / "objects").iterdir())
    assert (state.path / "journal.jsonl").read_bytes() == b"kept"


def test_a_server_with_another_ca_never_sees_the_token(state: State, api: Api) -> None:
    other = EnrolmentToken.make(Authority("other").fingerprint)
    refused(state, api, ServerNotTrusted, "not the one that the token names", other)
    assert api.requests == []


def test_a_ca_that_is_shown_but_did_not_issue_the_servers_certificate_is_not_enough(state: State, api: Api) -> None:
    elsewhere = Authority("the right one")
    api.shown = elsewhere.pem  # somebody in between shows the public CA of the real server
    refused(state, api, NoAnswer, "certificate is not trusted", EnrolmentToken.make(elsewhere.fingerprint))
    assert api.requests == []


def test_a_name_that_the_certificate_does_not_have_is_refused(
    state: State, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "server", lambda: Authority.server(authority, names=("elsewhere.example.com",)))
    api = Api(authority, Signer(), tmp_path, gateway_url="wss://localhost:1/agent/v1", hostname=HOSTNAME)
    try:
        refused(state, api, NoAnswer, "not trusted.*localhost")
    finally:
        api.close()


@pytest.mark.parametrize(
    "shown", ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_ca_is_refused(state: State, api: Api, shown: str) -> None:
    api.shown = shown
    refused(state, api, ServerNotTrusted, "ca.pem is no certificate|not the one")


def test_an_answer_that_is_too_long_is_cut_off(state: State, api: Api) -> None:
    api.shown = "x" * 100_000
    refused(state, api, NoAnswer, "more than 65536 bytes")


@pytest.mark.parametrize(
    ("raw", "kind", "match"),
    [
        ((201, b"{}"), AnswerUnusable, "cannot be read: envoy_id"),
        ((201, b"not json"), AnswerUnusable, "cannot be read"),
        ((500, b"\x00\xff<html>"), EnrolmentRefused, "500"),
        ((302, b""), EnrolmentRefused, "302"),
        ((400, b'{"message":["a"]}'), EnrolmentRefused, r"400.*\['a'\]"),
        ((400, b'["message"]'), EnrolmentRefused, "400"),
    ],
)
def test_an_answer_that_is_none_leaves_nothing(
    state: State, api: Api, raw: tuple[int, bytes], kind: type[Exception], match: str
) -> None:
    api.raw = raw
    refused(state, api, kind, match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"gateway_url": "ws://localhost:1/agent/v1"}, "not a URL"),
        ({"gateway_url": "wss://user@localhost:1/"}, "not a URL"),
        ({"signing_key": "00"}, "cannot be used"),
        ({"signing_key": "zz"}, "cannot be used"),
        ({"certificate": "none"}, "cannot be used"),
        ({"ca": "none"}, "cannot be used"),
        ({"project": "another"}, "does not name"),
        ({"hostname": "UPPER"}, "cannot be read"),
        ({"hostname": "../../etc"}, "cannot be read"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(state: State, api: Api, change: dict[str, str], match: str) -> None:
    api.change = change
    refused(state, api, Exception, match)


def test_a_certificate_for_another_key_is_refused(state: State, api: Api, authority: Authority) -> None:
    signer = api.signer
    api.change = {"certificate": authority.agent(authority.key.public_key(), signer.project, signer.envoy_id)}
    refused(state, api, AnswerUnusable, "for another key")


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "localhost", "https://", "https://localhost:99999", "file:///etc"]
)
def test_only_https_is_spoken(state: State, url: str) -> None:
    with pytest.raises(UrlRefused):
        enrol(state, url, EnrolmentToken.make("0" * 64), clock=SystemClock())


def test_a_server_that_is_not_there_is_said_so(state: State) -> None:
    with pytest.raises(NoAnswer, match="localhost:1: Connection refused"):
        enrol(state, "https://localhost:1", EnrolmentToken.make("0" * 64), clock=SystemClock())


@pytest.mark.parametrize("wanted", [True, False], ids=["a certificate is asked for", "no TLS"])
def test_a_port_that_is_not_the_apis_is_said_to_be_another(
    state: State, authority: Authority, tmp_path: Path, wanted: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def hang_up() -> None:
            accepted, _ = listening.accept()
            with accepted, contextlib.suppress(OSError):
                accepted.settimeout(10)
                if wanted:
                    authority.context(tmp_path, mutual=True).wrap_socket(accepted, server_side=True).close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"https://localhost:{listening.getsockname()[1]}"
        with pytest.raises(NoAnswer, match="is this the API's address, not the gateway's"):
            enrol(state, url, EnrolmentToken.make("0" * 64), clock=SystemClock())
        thread.join()


@pytest.mark.parametrize("text", ["", "vget_", "x" * 900])
def test_what_is_no_token_is_not_repeated(text: str) -> None:
    with pytest.raises(TokenUnreadable) as caught:
        read_token(text)
    assert len(str(caught.value)) < 120


def test_an_enrolment_that_was_cut_short_has_not_happened(state: State, api: Api, tmp_path: Path) -> None:
    enrol(state, api.url, api.token, clock=SystemClock())
    for name in IDENTITY_FILES:
        copy = tmp_path / f"without-{name}"
        shutil.copytree(state.path, copy)
        (copy / name).unlink()
        with pytest.raises(NotEnrolled, match=name):
            State.open(copy).identity()
        (copy / name).write_bytes(b"damaged")
        with pytest.raises(NotEnrolled, match=name):
            State.open(copy).identity()
