"""An executor whose link has been taken over: it answers everything, believes nothing unsigned, and does not grow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boundary import Installed, LinkStatus, Ran, Remembered, Stored, Verdict
from agent.clock import SystemClock
from agent.crossing import CALLS
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.state import State
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import Signer, raw

FOREVER = 4_000_000_000_000_000


class Bench:
    """An executor with one accepted target, and another that is signed and not offered yet."""

    def __init__(self, place: Path) -> None:
        self.signer = Signer()
        self.root = place / "root"
        (self.root / "etc").mkdir(parents=True)
        self.state: State = enrolled(
            place / "state", Authority(), self.signer, gateway_url="wss://localhost:1/agent/v1", root=self.root
        )
        self.executor = LocalExecutor(self.state, RealHost(self.root), RealHost(self.root), clock=SystemClock())
        first = raw(self.target("good", 1))
        for digest in Verdict.model_validate_json(self.executor.offer(first)).need:
            self.executor.store(self.signer.objects[digest])
        assert Verdict.model_validate_json(self.executor.offer(first)).outcome == "accepted"
        self.executor.converge(b"apply")
        self.next = raw(self.target("better", 2))
        self.kept = self.kept_now()

    def target(self, text: str, generation: int) -> Any:
        crate = self.signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": text}])
        return self.signer.target([crate], generation=generation, expires=FOREVER)

    def kept_now(self) -> dict[str, bytes]:
        names = ("target.json", "floor.json", "identity.json", "tls.key", "cert.pem", "ed25519.key", "x25519.key")
        objects = {each.name: b"" for each in (self.state.path / "objects").iterdir()}
        return objects | {name: self.state.file(name).read_bytes() for name in names}

    def untouched(self) -> None:
        assert self.kept_now() == self.kept
        assert (self.root / "etc/motd").read_text() == "good"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("hostile"))
    yield made
    made.executor.close()


calls = st.sampled_from(sorted(CALLS))


@given(said=st.lists(st.tuples(calls, st.one_of(st.binary(max_size=300), st.text(max_size=60).map(str.encode)))))
def test_no_argument_makes_it_raise_or_changes_what_is_in_force(bench: Bench, said: list[tuple[str, bytes]]) -> None:
    for name, argument in said:
        answer = getattr(bench.executor, name)(argument[: CALLS[name].limit])
        assert isinstance(answer, bytes)
    bench.untouched()


@given(at=st.floats(0, 1, exclude_max=True), xor=st.integers(1, 255), cut=st.integers(0, 40))
def test_no_change_to_a_signed_target_is_taken(bench: Bench, at: float, xor: int, cut: int) -> None:
    data = bytearray(bench.next)
    place = int(at * len(data))
    data[place] ^= xor
    changed = bytes(data[: len(data) - cut])
    if _same(changed, bench.next):
        return
    verdict = Verdict.model_validate_json(bench.executor.offer(changed))
    assert verdict.outcome == "refused"
    bench.untouched()


def _same(one: bytes, other: bytes) -> bool:
    """Whether two wrappers hold the same signed texts: the wrapper itself is not signed, its parts are."""
    try:
        left, right = json.loads(one), json.loads(other)
    except ValueError:
        return False
    if not isinstance(left, dict):
        return False
    known = set(right)
    return {name: left.get(name) for name in known} == right


def test_an_object_is_kept_only_while_a_verified_target_lacks_it(bench: Bench) -> None:
    for data in (b"", b"x", b"x" * 4096):
        assert not Stored.model_validate_json(bench.executor.store(data)).ok
    bench.untouched()


def test_no_certificate_is_taken_that_was_not_asked_for(bench: Bench) -> None:
    for text in (b"", b"\xff\x00", bench.kept["cert.pem"]):
        assert not Installed.model_validate_json(bench.executor.install(text)).ok
    assert bench.executor.request(b"").startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    assert not Installed.model_validate_json(bench.executor.install(bench.kept["cert.pem"])).ok
    bench.untouched()


def test_a_run_begins_for_a_reason_that_there_is_and_no_other(bench: Bench) -> None:
    for words in (b"", b"now", b"apply; rm -rf /", b"\xff"):
        ran = Ran.model_validate_json(bench.executor.converge(words))
        assert not ran.reported
    bench.untouched()


def test_of_its_own_state_it_may_have_little_kept(bench: Bench) -> None:
    status = LinkStatus(connected=True, since=1, server="wss://elsewhere", reason="because")
    bench.executor.remember(Remembered(link=status).model_dump_json().encode())
    assert bench.state.read_model("link.json", LinkStatus) == status
    for told in ({"link": {"connected": True, "since": 1, "server": "x" * 5000}}, {"target": {}}, [], 7):
        bench.executor.remember(json.dumps(told).encode())
    assert bench.state.read_model("link.json", LinkStatus) == status
    bench.untouched()
