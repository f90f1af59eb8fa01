"""Renewal: when an agent asks for a new certificate, what it takes, and that no interruption costs it its identity."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from agent import durable, tls
from agent import effects as fx
from agent.credentials import Credentials
from agent.enrol import AnswerUnusable
from agent.renewal import RENEW_AT, RETRY_S, SPREAD, Renewal
from agent.state import IDENTITY_FILES, State
from schema.protocol.messages import RENEW, Renewed
from tests.factories.agents import Agent, enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

LIFE = 30 * 86_400.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def state(authority: Authority, signer: Signer, tmp_path: Path) -> State:
    return enrolled(tmp_path / "state", authority, signer, gateway_url="wss://localhost:1/agent/v1", root=tmp_path)


@given(random=st.floats(0, 1, exclude_max=True), left=st.floats(0, LIFE))
def test_it_is_due_at_two_thirds_of_life_and_a_little_later_for_some(random: float, left: float) -> None:
    renewal = Renewal(lambda: random)
    renewal.certified(left, LIFE, 1000.0)
    renewal.welcomed([RENEW])
    age_when_due = (LIFE - left) + (renewal.due() - 1000.0)
    assert renewal.due() >= 1000.0
    if LIFE - left <= RENEW_AT * LIFE:
        assert RENEW_AT * LIFE - 1 <= age_when_due <= (RENEW_AT + SPREAD) * LIFE + 1
    else:
        assert renewal.due() <= 1000.0 + SPREAD * LIFE
    assert renewal.wake(renewal.due() - 1) == []


def test_a_server_that_cannot_is_not_asked() -> None:
    renewal = Renewal(lambda: 0.5)
    renewal.certified(0.0, LIFE, 1000.0)
    renewal.welcomed(["something else"])
    assert renewal.wake(1e12) == []
    assert renewal.due() == float("inf")


def test_a_connection_that_comes_and_goes_does_not_ask_each_time() -> None:
    renewal = Renewal(lambda: 0.5)
    now = 1000.0
    asked = 0
    for _ in range(100):
        renewal.welcomed([RENEW])
        renewal.certified(5 * 86_400.0, LIFE, now)
        asked += len(renewal.wake(now))
        now += 10.0
    assert asked == 1
    renewal.certified(29.99 * 86_400.0, LIFE, now, fresh=True)
    assert renewal.due() > now + 15 * 86_400.0


def test_what_is_not_answered_is_asked_again_and_what_was_not_asked_for_is_not_taken() -> None:
    renewal = Renewal(lambda: 0.5)
    renewal.certified(5 * 86_400.0, LIFE, 1000.0)
    renewal.welcomed([RENEW])
    assert isinstance(renewal.renewed(Renewed(certificate="x"))[0], fx.Log)
    now = renewal.due()
    assert renewal.wake(now) == [fx.MakeRequest()]
    assert renewal.wake(now + 1) == []
    assert 0 < renewal.due() - now <= 1.5 * RETRY_S
    assert isinstance(renewal.requested("csr")[0], fx.Send)
    assert renewal.renewed(Renewed(certificate="x")) == [fx.InstallCertificate("x")]
    assert isinstance(renewal.renewed(Renewed(certificate="x"))[0], fx.Log)


def test_a_fresh_pair_is_taken_and_the_other_keys_stay(authority: Authority, signer: Signer, state: State) -> None:
    before = {name: state.file(name).read_bytes() for name in IDENTITY_FILES}
    credentials = Credentials(state, state.identity())
    request = x509.load_pem_x509_csr(credentials.request().encode())
    assert request.is_signature_valid
    assert request.public_key() != x509.load_pem_x509_certificate(before["cert.pem"]).public_key()
    credentials.install(authority.agent(request.public_key(), signer.project, signer.envoy_id))
    after = {name: state.file(name).read_bytes() for name in IDENTITY_FILES}
    assert {name for name in IDENTITY_FILES if before[name] != after[name]} == {"cert.pem", "tls.key"}
    assert (
        state.identity().expires
        == x509.load_pem_x509_certificate(after["cert.pem"]).not_valid_after_utc.timestamp() * 1e6
    )


def test_a_certificate_of_another_authority_is_not_taken(signer: Signer, state: State) -> None:
    credentials = Credentials(state, state.identity())
    before = state.file("cert.pem").read_bytes()
    ours = x509.load_pem_x509_csr(credentials.request().encode()).public_key()
    with pytest.raises(AnswerUnusable, match="not signed by the CA"):
        credentials.install(Authority().agent(ours, signer.project, signer.envoy_id))
    assert state.file("cert.pem").read_bytes() == before


def test_a_certificate_for_another_key_or_envoy_is_not_taken(
    authority: Authority, signer: Signer, state: State
) -> None:
    credentials = Credentials(state, state.identity())
    before = state.file("cert.pem").read_bytes()
    ours = x509.load_pem_x509_csr(credentials.request().encode()).public_key()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    for key, envoy in ((other, signer.envoy_id), (ours, "0198c0de-0000-7000-8000-000000000000")):
        credentials.request()
        with pytest.raises(AnswerUnusable):
            credentials.install(authority.agent(key, signer.project, envoy))
    with pytest.raises(AnswerUnusable, match="asked for"):
        credentials.install(authority.agent(ours, signer.project, signer.envoy_id))
    assert state.file("cert.pem").read_bytes() == before
    state.identity()


@pytest.mark.parametrize("nth", range(1, 9))
def test_interrupted_anywhere_the_identity_is_whole(
    authority: Authority, signer: Signer, state: State, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    class Killed(BaseException):
        pass

    credentials = Credentials(state, state.identity())
    request = x509.load_pem_x509_csr(credentials.request().encode())
    made = authority.agent(request.public_key(), signer.project, signer.envoy_id)
    count = 0

    def counted(act: Any) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == nth:
                raise Killed
            return act(*arguments, **options)

        return wrapped

    with monkeypatch.context() as patched:
        patched.setattr(durable, "write", counted(durable.write))
        patched.setattr(durable, "remove", counted(durable.remove))
        try:
            credentials.install(made)
            assert count < nth
        except Killed:
            pass
    reopened = State.open(state.path)
    identity = reopened.identity()  # as `vigo-agent status` reads it, beside a running agent
    reopened.settle(identity)
    tls.of_agent(*(reopened.file(name).read_text() for name in ("ca.pem", "cert.pem", "tls.key")))
    assert reopened.identity() == identity
    assert not list(state.path.glob("*.next"))


def test_an_agent_renews_reconnects_and_goes_on(authority: Authority, signer: Signer, tmp_path: Path) -> None:
    gateway = Gateway(authority, signer, tmp_path, capabilities=[RENEW])
    state = enrolled(
        tmp_path / "state", authority, signer, gateway_url=gateway.url, root=tmp_path, left=timedelta(days=9)
    )
    (tmp_path / "etc").mkdir()
    agent = Agent(state, tmp_path)
    honest = gateway.issue
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    gateway.issue = lambda csr: authority.agent(other, signer.project, signer.envoy_id)
    try:
        agent.core._renewal._later = lambda now: setattr(agent.core._renewal, "_again", now + 0.05)  # type: ignore[method-assign]
        agent.start()
        gateway.until(lambda: len(gateway.renewals) > 2)
        assert len(gateway.shown) == 1, "what cannot be used changes nothing"
        gateway.issue = honest
        gateway.until(lambda: len(gateway.shown) == 2)
        assert gateway.shown[0] != gateway.shown[1]
        gateway.until(lambda: len(gateway.hellos) == 2)
        target = signer.target(
            [signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": "x"}])],
            expires=4 * 10**15,
        )
        gateway.publish(target)
        gateway.until(lambda: (tmp_path / "etc/motd").exists())
        asked = len(gateway.renewals)
        gateway.cut()
        gateway.until(lambda: len(gateway.shown) == 3)
        assert gateway.shown[2] == gateway.shown[1]
        assert len(gateway.renewals) == asked
    finally:
        agent.stop()
        gateway.close()
