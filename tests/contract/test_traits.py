"""A host and its server, whatever comes between them: the server ends up with the traits that the host has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from agent import effects as fx
from agent.boundary import Collected
from agent.telling import Telling
from agent.traits import Traits as HostTraits
from api.services import traits
from api.services.container import Services
from api.services.work import Actor
from api.storage import envoys as envoy_rows
from api.storage.envoys import Known
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.messages import (
    AGENT_MESSAGE,
    TRAITS_DELTA,
    Ack,
    Traits,
    TraitsDelta,
    TraitsDigests,
    TraitsNeed,
)
from tests.effort import tries

SYSTEM = Actor.system("test")


class Line:
    """One host, one server, and what is under way between them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.envoy = new_id()
        row = Known(
            id=self.envoy, hostname=f"{self.envoy}.example.com", ed25519="e" * 64, x25519="f" * 64, enrolled_at=1
        )
        services.db.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, row))
        self.kept: tuple[str, str] | None = None
        self.telling = Telling(None)
        self.current: Collected | None = None
        self.up: list[str] = []
        self.down: list[Ack | TraitsNeed] = []
        self.open = False
        self.sent: list[Any] = []
        self.moment = 0

    def carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.Send):
                self.up.append(effect.text)
                self.sent.append(AGENT_MESSAGE.validate_json(effect.text))
            elif isinstance(effect, fx.KeepTraits):
                self.kept = (effect.sha256, effect.stable_sha256)

    def collect(self, values: dict[str, Any], errors: dict[str, str] | None = None, *, want: bool = False) -> None:
        self.moment += 1
        found = HostTraits(values, errors or {})
        message = Traits(sha256=found.sha256, collected_at=self.moment, traits=found.values, errors=found.errors)
        self.current = Collected(
            sha256=found.sha256,
            stable_sha256=found.stable_sha256,
            message=message.model_dump_json(),
            collected_at=self.moment,
            digests=found.digests,
            errors=found.errors,
        )
        if want:
            self.telling.want()
        self.carry_out(self.telling.collected(self.current))

    def connect(self, capabilities: list[str] | None = None) -> None:
        self.drop()
        self.open = True
        known = self.telling.acknowledged
        self.carry_out(self.telling.opened([TRAITS_DELTA] if capabilities is None else capabilities))
        if known is not None and self.digest() != known and capabilities is None:
            self.down.append(TraitsNeed(sha256=known, names=[]))

    def drop(self) -> None:
        self.telling.closed()
        self.up.clear()
        self.down.clear()
        self.open = False

    def restart(self) -> None:
        self.drop()
        self.telling = Telling(self.kept)
        if self.current is not None:
            self.telling.collected(self.current)

    def server(self) -> None:
        """The server answers the oldest message on its way."""
        if not self.up:
            return
        message: Any = AGENT_MESSAGE.validate_json(self.up.pop(0))
        lacking = None
        if isinstance(message, TraitsDigests):
            lacking = self.services.read_now(SYSTEM, lambda work: traits.lacking(work, self.envoy, message))
        if lacking is None:
            lacking = self.services.write_now(SYSTEM, lambda work: traits.store(work, self.envoy, message))
        if lacking is None:
            self.down.append(Ack(traits_sha256=message.sha256))
        else:
            self.down.append(TraitsNeed(sha256=message.sha256, names=lacking))

    def agent(self) -> None:
        """The agent takes the oldest answer on its way."""
        if not self.down:
            return
        answer = self.down.pop(0)
        if isinstance(answer, Ack):
            assert answer.traits_sha256 is not None
            self.carry_out(self.telling.kept(answer.traits_sha256))
        else:
            self.carry_out(self.telling.needed(answer))

    def settle(self) -> int:
        rounds = 0
        while self.up or self.down:
            self.server()
            self.agent()
            rounds += 1
            assert rounds < 50
        return rounds

    def digest(self) -> str | None:
        return self.services.read_now(SYSTEM, lambda work: traits.digest(work, self.envoy))

    def at_server(self) -> dict[str, Any]:
        return self.services.read_now(SYSTEM, lambda work: traits.get(work, self.envoy)).traits

    def forget_at_server(self, document: str | None) -> None:
        """The server is restored from a time before, or loses what it has."""
        query = "DELETE FROM traits WHERE envoy_id = :id"
        if document is not None:
            query = "UPDATE traits SET document = :document, sha256 = :digest WHERE envoy_id = :id"
        self.services.db.write_now(
            lambda session: session.execute(
                text(query),
                {"id": self.envoy, "document": document, "digest": "0" * 64} if document else {"id": self.envoy},
            )
        )


NAMES = ("os", "users", "loadavg", "packages")
VALUES = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(st.integers(0, 3), st.dictionaries(st.sampled_from("äz"), st.text(max_size=2)))
).map(lambda values: {name: {"one": value} for name, value in values.items()})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("collect"), VALUES, st.booleans()),
        st.sampled_from([("server",), ("agent",), ("connect",), ("drop",), ("restart",), ("lose",), ("older",)]),
        st.just(("settle",)),
    ),
    max_size=25,
)


@settings(max_examples=tries(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, last=VALUES)
def test_whatever_happens_the_server_ends_up_with_what_the_host_has(
    services: Services, steps: list[Any], last: dict[str, Any]
) -> None:
    line = Line(services)
    for step in steps:
        match step:
            case ("collect", values, want):
                line.collect(values, want=want)
            case ("lose",):
                line.forget_at_server(None)
            case ("older",):
                line.forget_at_server('{"os":{"one":7}}')
            case (act,):
                getattr(line, act)()
    line.connect()
    line.collect(last, want=True)
    line.settle()
    assert line.at_server() == last
    assert line.telling.acknowledged == line.digest()


BIG = {"packages": {f"p{n}": "1.0" for n in range(500)}, "os": {"family": "debian"}, "users": {"root": {"uid": 0}}}


@pytest.fixture
def line(services: Services) -> Line:
    made = Line(services)
    made.connect()
    made.collect(BIG)
    made.settle()
    assert made.at_server() == BIG
    made.sent.clear()
    return made


def test_what_changed_is_sent_and_nothing_else(line: Line) -> None:
    changed = {**BIG, "users": {"root": {"uid": 0}, "ada": {"uid": 1000}}}
    del changed["os"]
    line.collect(changed)
    line.settle()
    digests, delta = line.sent
    assert isinstance(digests, TraitsDigests)
    assert isinstance(delta, TraitsDelta)
    assert set(delta.traits) == {"users"}
    assert delta.kept == ["packages"]
    assert len(delta.model_dump_json()) < 300
    assert line.at_server() == changed


def test_a_new_connection_costs_nothing_where_the_server_has_it_all(line: Line) -> None:
    line.restart()
    line.connect()
    line.settle()
    assert line.sent == []


def test_a_server_that_lost_them_is_told_again_by_digests_first(line: Line) -> None:
    line.forget_at_server(None)
    line.connect()
    line.settle()
    assert [type(message) for message in line.sent] == [TraitsDigests, TraitsDelta]
    assert line.at_server() == BIG


def test_a_copy_that_is_damaged_is_seen_by_its_digest_and_the_whole_is_asked_for(line: Line) -> None:
    changed = {**BIG, "os": {"family": "alpine"}}
    line.collect(changed)
    line.server()
    line.agent()
    assert isinstance(line.sent[-1], TraitsDelta)
    line.forget_at_server('{"packages":{}}')  # between the answer and the delta
    line.settle()
    assert [type(message) for message in line.sent] == [TraitsDigests, TraitsDelta, Traits]
    assert line.at_server() == changed


def test_a_server_of_the_version_before_gets_the_whole(line: Line) -> None:
    line.connect([])
    changed = {**BIG, "os": {"family": "alpine"}}
    line.collect(changed)
    line.settle()
    assert [type(message) for message in line.sent] == [Traits]
    assert line.at_server() == changed


def test_why_a_trait_is_not_there_is_kept_beside_the_traits(line: Line) -> None:
    line.collect(BIG, {"users": "it took 9 s"})
    line.settle()
    found = line.services.read_now(SYSTEM, lambda work: traits.get(work, line.envoy))
    assert (found.traits, found.errors) == (BIG, {"users": "it took 9 s"})
    assert [type(message) for message in line.sent] == [TraitsDigests]  # the values are the same


def test_a_delta_that_is_not_what_it_says_is_refused(line: Line) -> None:
    lie = TraitsDelta(sha256="0" * 64, collected_at=5, traits={"os": {}}, kept=[])
    with pytest.raises(traits.BadTraits):
        line.services.write_now(SYSTEM, lambda work: traits.store(work, line.envoy, lie))
    partial = lie.model_copy(update={"kept": ["none"]})
    assert line.services.write_now(SYSTEM, lambda work: traits.store(work, line.envoy, partial)) == ["none", "os"]
    assert line.at_server() == BIG


def test_what_is_kept_is_canonical_however_the_names_sort(services: Services) -> None:
    line = Line(services)
    line.connect([])
    line.collect({"\U0001f600": 1, "\ufb33": 2, 'a"b': {"x": [1.5, "é"]}, "z": {}})  # by UTF-16, not by code point
    line.settle()
    line.connect([])
    assert json.dumps(line.at_server()) == json.dumps({'a"b': {"x": [1.5, "é"]}, "z": {}, "\U0001f600": 1, "\ufb33": 2})
