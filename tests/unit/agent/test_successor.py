"""An update on its way through the protocol core: one at a time, and nothing of it outlives the connection."""

from __future__ import annotations

from agent import effects as fx
from agent.boundary import Standing, Stored, Updated
from agent.core import Core
from agent.effects import Fetch, OfferUpdate
from agent.successor import Successor
from schema.protocol.artifacts import AgentBuild, Kind
from schema.protocol.messages import PROTOCOL, UPDATE, Hello, Update, Welcome
from schema.protocol.signed import Signed

DIGEST = "d" * 64


def update(body: str = "{}") -> Update:
    return Update(manifest=Signed(body=body, key_id="a" * 64, signature="eA=="))


def offered(message: Update) -> bytes:
    return message.manifest.model_dump_json().encode()


def test_it_is_judged_fetched_and_judged_again() -> None:
    way, message = Successor(), update()
    assert way.offered(message) == [OfferUpdate(offered(message))]
    assert way.offered(message) == []
    lacking = Updated(outcome="incomplete", sha256=DIGEST)
    assert way.judged(offered(message), lacking) == [Fetch(DIGEST)]
    assert way.stored(Stored(sha256="e" * 64, ok=True)) is None
    assert way.stored(Stored(sha256=DIGEST, ok=True)) == [OfferUpdate(offered(message))]
    (said,) = way.judged(offered(message), Updated(outcome="switched", version="2.0"))
    assert isinstance(said, fx.Log)
    assert "2.0" in said.text


def test_what_is_still_lacking_after_it_was_stored_is_not_fetched_for_ever() -> None:
    way, message = Successor(), update()
    way.offered(message)
    lacking = Updated(outcome="incomplete", sha256=DIGEST)
    way.judged(offered(message), lacking)
    way.stored(Stored(sha256=DIGEST, ok=True))
    assert [type(each) for each in way.judged(offered(message), lacking)] == [fx.Log]


def test_a_newer_offer_takes_the_place_of_an_older_and_a_lost_connection_of_all() -> None:
    way, first, second = Successor(), update("1"), update("2")
    way.offered(first)
    assert way.offered(second) == [OfferUpdate(offered(second))]
    assert way.judged(offered(first), Updated(outcome="incomplete", sha256=DIGEST)) == []
    way.closed()
    assert way.judged(offered(second), Updated(outcome="incomplete", sha256=DIGEST)) == []
    assert way.offered(second) == [OfferUpdate(offered(second))]
    way.judged(offered(second), Updated(outcome="incomplete", sha256=DIGEST))
    assert [type(each) for each in way.stored(Stored(sha256=DIGEST, ok=False)) or []] == [fx.Log]
    assert way.stored(Stored(sha256=DIGEST, ok=True)) is None


def hello_of(core: Core, standing: Standing) -> Hello:
    core.handle(fx.Started(standing), 0.0)
    (sent,) = [each for each in core.handle(fx.Connected(), 1.0) if isinstance(each, fx.Send)]
    return Hello.model_validate_json(sent.text)


def test_only_an_agent_that_can_be_replaced_says_so() -> None:
    build = AgentBuild(kind=Kind.ZIPAPP, arch="x86_64", libc="glibc", python="3.11", sequence=3)
    able = hello_of(Core(random=lambda: 0.5, version="1"), Standing(build=build))
    assert UPDATE in able.capabilities
    assert able.build == build
    other = hello_of(Core(random=lambda: 0.5, version="1"), Standing())
    assert UPDATE not in other.capabilities
    assert other.build is None


def test_an_update_of_the_server_goes_to_the_executor() -> None:
    core = Core(random=lambda: 0.5, version="1")
    hello_of(core, Standing())
    core.handle(fx.Frame(Welcome(protocol=PROTOCOL, time=1).model_dump_json()), 2.0)
    effects = core.handle(fx.Frame(update().model_dump_json()), 3.0)
    assert OfferUpdate(offered(update())) in effects
    told = core.handle(fx.UpdateJudged(offered(update()), Updated(outcome="incomplete", sha256=DIGEST)), 4.0)
    assert Fetch(DIGEST) in told
    assert OfferUpdate(offered(update())) in core.handle(fx.ObjectStored(Stored(sha256=DIGEST, ok=True)), 5.0)
