"""The protocol core, event by event: what it sends, when it waits, and what it does not let the server do to it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from agent import effects as fx
from agent.boundary import Collected, Ran, Spooled, SpooledReport, Standing, Stored, Verdict
from agent.channel import Phase
from agent.core import Core
from agent.schedule import DRIFT_CREDIT_S, DRIFT_RUN_S, DRIFT_SHARE, MAX_DRIFT_DELAY_S, NoRuns, Schedule
from schema.protocol.messages import (
    AGENT_MESSAGE,
    MAX_FRAME_BYTES,
    MAX_NEED,
    TRAITS_DELTA,
    Applied,
    Apply,
    Check,
    Hello,
    Traits,
    TraitsNeed,
    Welcome,
)
from schema.protocol.reports import Trigger
from tests.factories.targets import NOW, Signer, raw

SIGNER = Signer()
TARGET = SIGNER.target(generation=1)
OTHER = SIGNER.target(generation=2)
DIGESTS = [f"{number:064x}" for number in range(2500)]


def applied(generation: int = 1) -> Applied:
    return Applied(epoch=1, generation=generation, commit="c" * 40, assignment_sha256="a" * 64, catalog_sha256="b" * 64)


def verdict(outcome: Any, target: Any = TARGET, **more: Any) -> fx.Offered:
    generation = json.loads(target.assignment.body)["generation"]
    return fx.Offered(
        raw(target),
        Verdict(outcome=outcome, assignment_sha256=target.assignment.sha256, epoch=1, generation=generation, **more),
    )


class Driver:
    """A core with a clock to turn."""

    def __init__(self, random: float = 0.5, standing: Standing | None = None, **options: Any) -> None:
        self.now = 1000.0
        self.core = Core(random=lambda: random, version="1.2.3", **options)
        self.first = self.do(fx.Started(standing or Standing()))

    def do(self, event: fx.Event, after: float = 0.0) -> list[fx.Effect]:
        self.now += after
        return self.core.handle(event, self.now)

    def open(self, **welcome: Any) -> list[fx.Effect]:
        self.do(fx.Connected())
        message = Welcome(**{"protocol": 1, "time": NOW, **welcome})
        return self.do(fx.Frame(message.model_dump_json()))

    def wait(self) -> list[fx.Effect]:
        """Until something is due, which it then is."""
        assert self.now <= self.core.due() < math.inf
        self.now = self.core.due()
        return self.do(fx.Tick())


def sent(effects: list[fx.Effect]) -> list[Any]:
    return [AGENT_MESSAGE.validate_json(each.text) for each in effects if isinstance(each, fx.Send)]


def kinds(effects: list[fx.Effect]) -> set[str]:
    return {type(each).__name__ for each in effects if not isinstance(each, fx.Log)}


# the connection


def test_it_starts_by_connecting_and_collecting_traits() -> None:
    assert kinds(Driver().first) == {"Connect", "CollectTraits"}
    assert kinds(Driver(standing=Standing(applied=applied())).first) == {"Connect", "CollectTraits", "Converge"}


def test_what_is_wrong_at_the_start_is_said() -> None:
    assert fx.Log(fx.Level.ERROR, "damaged") in Driver(standing=Standing(problem="damaged")).first


def test_hello_says_what_is_held() -> None:
    driver = Driver(standing=Standing(applied=applied(), dropped_reports=3), kept_traits=("d" * 64, "e" * 64))
    (hello,) = sent(driver.do(fx.Connected()))
    assert isinstance(hello, Hello)
    assert hello.applied == applied()
    assert (hello.dropped_reports, hello.traits_sha256, hello.agent_version) == (3, "d" * 64, "1.2.3")
    assert hello.protocols == [1]


@pytest.mark.parametrize(("attempt", "cap"), [(0, 1), (1, 2), (3, 8), (6, 60), (30, 60)])
def test_backing_off_is_full_jitter_with_a_cap(attempt: int, cap: float) -> None:
    for random in (0.001, 0.25, 0.999):
        driver = Driver(random)
        for _ in range(attempt):
            driver.do(fx.Disconnected("refused"))
            driver.wait()
        driver.do(fx.Disconnected("refused"))
        assert driver.core.due() - driver.now == pytest.approx(cap * random)


def test_a_connection_that_lasted_forgets_the_failures_before_it() -> None:
    driver = Driver(standing=Standing())
    for _ in range(6):
        driver.do(fx.Disconnected("refused"))
        driver.wait()
    driver.open()
    driver.do(fx.Disconnected("gone"), after=11)
    assert driver.core.due() - driver.now == pytest.approx(0.5)


@pytest.mark.parametrize(("told", "spread"), [("20.0", 20.0), ("1e999", 1.0), ("-1", 1.0)])
def test_who_is_hung_up_on_comes_back_in_the_time_that_the_server_named(told: str, spread: float) -> None:
    driver = Driver()
    driver.wait()
    driver.do(fx.Connected())
    driver.do(fx.Frame(f'{{"type":"welcome","protocol":1,"time":"2026-01-01T00:00:00Z","return_s":{told}}}'))
    driver.do(fx.Disconnected("the server stops", goodbye=True), after=11)
    assert driver.core.due() - driver.now == pytest.approx(spread * 0.5)


def test_a_server_that_greets_and_hangs_up_is_not_hammered() -> None:
    driver = Driver()
    delays = []
    for _ in range(7):
        driver.open()
        driver.do(fx.Disconnected("go away"), after=0.1)
        delays.append(driver.core.due() - driver.now)
        driver.wait()
    assert delays == pytest.approx([0.5, 1, 2, 4, 8, 16, 30])


@pytest.mark.parametrize(("asked", "waited"), [(10.0, 15.0), (1e9, 900.0)])
def test_a_server_may_ask_for_patience_within_reason(asked: float, waited: float) -> None:
    driver = Driver()
    driver.do(fx.Disconnected("503", asked))
    assert driver.core.due() - driver.now == pytest.approx(waited)


def test_a_server_that_does_not_greet_is_left() -> None:
    driver = Driver()
    driver.do(fx.Connected())
    assert driver.do(fx.Tick(), after=29) == []
    assert fx.Close("the server does not greet") in driver.do(fx.Tick(), after=1)


def test_a_half_open_connection_is_noticed_by_its_silence() -> None:
    driver = Driver()
    driver.open(heartbeat_s=10)
    assert kinds(driver.wait()) == {"Ping"}
    driver.do(fx.Ponged())
    seen: list[fx.Effect] = []
    while not any(isinstance(each, fx.Close) for each in seen):
        seen += driver.wait()
    assert driver.now - 1000 < 14 + 25 + 1
    assert sum(isinstance(each, fx.Ping) for each in seen) == 2
    driver.do(fx.Disconnected("closed"))
    assert driver.core.phase is Phase.DOWN


def test_another_protocol_is_not_spoken() -> None:
    driver = Driver()
    assert kinds(driver.open(protocol=2)) == {"Close"}


@pytest.mark.parametrize("value", [-1.0, 0.0, 1e300, math.inf, -math.inf, math.nan])
def test_no_interval_of_the_server_makes_it_spin_or_sleep_for_ever(value: float) -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran()))
    driver.do(fx.Connected())
    text = '{"type":"welcome","protocol":1,"time":"2026-01-01T00:00:00Z","interval_s":%s,"heartbeat_s":%s}'
    name = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN" if math.isnan(value) else repr(value))
    driver.do(fx.Frame(text % (name, name)))
    assert driver.core.phase is Phase.OPEN
    assert driver.now + 0.4 < driver.core.due() < driver.now + 86_400


# frames


@pytest.mark.parametrize("frame", ["", "{", "[]", "7", '{"type":7}', '{"type":"ack","report_id":{}}', b"\xff", "null"])
def test_what_cannot_be_read_is_ignored_and_soon_too_much(frame: Any) -> None:
    driver = Driver()
    driver.open()
    for _ in range(20):
        assert kinds(driver.do(fx.Frame(frame))) == set()
    unknown = isinstance(frame, str) and '"type":7' in frame
    assert kinds(driver.do(fx.Frame(frame))) == (set() if unknown else {"Close"})


def test_a_message_of_a_later_protocol_is_ignored_for_ever() -> None:
    driver = Driver()
    driver.open()
    for _ in range(100):
        assert driver.do(fx.Frame('{"type":"checkpoint","size":1}')) == []


def test_a_frame_that_is_too_long_is_not_parsed() -> None:
    driver = Driver()
    driver.open()
    assert kinds(driver.do(fx.Frame(b" " * (MAX_FRAME_BYTES + 1)))) == set()


def test_the_server_greets_once_and_first() -> None:
    driver = Driver()
    driver.do(fx.Connected())
    assert kinds(driver.do(fx.Frame(Apply(target=TARGET).model_dump_json()))) == {"Close"}
    driver = Driver()
    driver.open()
    assert kinds(driver.do(fx.Frame(Welcome(protocol=1, time=NOW).model_dump_json()))) == {"Close"}


def test_frames_of_a_connection_that_is_closing_mean_nothing() -> None:
    driver = Driver()
    driver.open(protocol=2)
    assert driver.do(fx.Frame(Apply(target=TARGET).model_dump_json())) == []


def test_an_error_of_the_server_is_logged_and_survived() -> None:
    driver = Driver()
    driver.open()
    said = driver.do(fx.Frame('{"type":"error","code":"rate","message":"slower","fatal":true}'))
    assert said == [fx.Log(fx.Level.ERROR, "the server says rate: slower")]


def test_fields_nobody_knows_are_ignored() -> None:
    driver = Driver()
    driver.do(fx.Connected())
    driver.do(fx.Frame('{"type":"welcome","protocol":1,"time":"2026-01-01T00:00:00Z","surprise":[1]}'))
    assert driver.core.phase is Phase.OPEN


# targets and objects


def test_a_target_crosses_to_the_executor_with_its_signed_text_untouched() -> None:
    driver = Driver()
    (offer,) = [each for each in driver.open(target=TARGET) if isinstance(each, fx.Offer)]
    assert json.loads(offer.target)["assignment"]["body"] == TARGET.assignment.body
    (offer,) = driver.do(fx.Frame(Apply(target=OTHER).model_dump_json()))
    assert isinstance(offer, fx.Offer)


def test_an_accepted_target_is_converged_to_and_named_in_the_next_hello() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    assert fx.Converge(Trigger.APPLY, connected=True) in driver.do(verdict("accepted", applied=applied()))
    driver.do(fx.Disconnected("gone"))
    driver.wait()
    (hello,) = sent(driver.do(fx.Connected()))
    assert hello.applied == applied()


def test_a_target_that_is_held_already_changes_nothing() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    assert driver.do(verdict("held", applied=applied())) == []


def test_a_refusal_is_told_with_its_code() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    (told,) = sent(driver.do(verdict("refused", code="rollback", message="x" * 9999)))
    assert (told.type, told.code, told.assignment_sha256) == ("refused", "rollback", TARGET.assignment.sha256)
    assert len(told.message) == 4096


def test_objects_are_asked_for_a_thousand_at_a_time() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    asked: list[str] = []
    effects = driver.do(verdict("incomplete", need=DIGESTS))
    rounds = 0
    while needs := sent(effects):
        (need,) = needs
        assert len(need.sha256) <= MAX_NEED
        asked += need.sha256
        rounds += 1
        answer = {"type": "objects", "objects": [{"sha256": each, "data": "QQ=="} for each in need.sha256]}
        stores = driver.do(fx.Frame(json.dumps(answer)))
        assert stores == [fx.Store(each, b"A") for each in need.sha256]
        for each in need.sha256:
            effects = driver.do(fx.ObjectStored(Stored(sha256=each, ok=True)))
    assert rounds == 3
    assert asked == DIGESTS
    assert effects == [fx.Offer(raw(TARGET))]


def test_big_objects_are_fetched_and_those_nobody_asked_for_are_dropped() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    driver.do(verdict("incomplete", need=DIGESTS[:2]))
    answer = {
        "type": "objects",
        "objects": [{"sha256": DIGESTS[0], "data": None}, {"sha256": DIGESTS[9], "data": "QQ=="}],
        "unknown": [DIGESTS[8]],
    }
    assert driver.do(fx.Frame(json.dumps(answer))) == [fx.Fetch(DIGESTS[0])]


@pytest.mark.parametrize("how", ["unknown", "no base64", "not stored"])
def test_what_is_not_to_be_had_is_told_once_and_asked_for_later(how: str) -> None:
    driver = Driver()
    driver.open(target=TARGET, heartbeat_s=3600)

    def fail() -> list[fx.Effect]:
        if how == "not stored":
            return driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=False, message="no space")))
        answer: dict[str, Any] = {"type": "objects", "objects": [], "unknown": [DIGESTS[0]]}
        if how == "no base64":
            answer = {"type": "objects", "objects": [{"sha256": DIGESTS[0], "data": "*"}]}
        return driver.do(fx.Frame(json.dumps(answer)))

    driver.do(verdict("incomplete", need=DIGESTS[:1]))
    (told,) = sent(fail())
    assert (told.code, told.assignment_sha256) == ("incomplete", TARGET.assignment.sha256)
    waits = []
    for _ in range(4):
        begin = driver.now
        assert fx.Offer(raw(TARGET)) in driver.wait()
        waits.append(driver.now - begin)
        assert len(sent(driver.do(verdict("incomplete", need=DIGESTS[:1])))) == 1  # it asks again
        assert sent(fail()) == []  # and does not repeat itself
    assert waits == pytest.approx([1, 2, 4, 8])


def test_a_newer_target_is_not_pushed_aside_by_an_older_one() -> None:
    driver = Driver()
    driver.open(target=OTHER)
    driver.do(verdict("incomplete", OTHER, need=DIGESTS[:1]))
    assert driver.do(verdict("incomplete", TARGET, need=DIGESTS[1:2])) == []
    driver.do(verdict("accepted", TARGET, applied=applied()))
    effects = driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True)))
    assert fx.Offer(raw(OTHER)) in effects


def test_a_newer_target_takes_the_place_of_an_older_one() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    driver.do(verdict("incomplete", TARGET, need=DIGESTS[:1]))
    (need,) = sent(driver.do(verdict("incomplete", OTHER, need=DIGESTS[1:2])))
    assert need.sha256 == DIGESTS[1:2]
    assert driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True))) == []


def test_a_target_that_cannot_be_kept_is_offered_again_later() -> None:
    driver = Driver()
    driver.open(target=TARGET, heartbeat_s=3600)
    (told,) = sent(driver.do(verdict("failed", message="no space")))
    assert told.code == "storage"
    assert driver.wait() == [fx.Offer(raw(TARGET))]


def test_an_executor_that_wants_ever_more_is_not_served_in_a_loop() -> None:
    driver = Driver()
    driver.open(target=TARGET, heartbeat_s=3600)
    driver.do(verdict("incomplete", need=DIGESTS[:1]))
    assert driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True))) == [fx.Offer(raw(TARGET))]
    assert driver.do(verdict("incomplete", need=DIGESTS[:1])) == []
    assert driver.core.due() > driver.now


def test_what_was_lacking_when_the_connection_broke_is_asked_for_on_the_next() -> None:
    driver = Driver()
    driver.open(target=TARGET)
    driver.do(verdict("incomplete", need=DIGESTS[:2]))
    driver.do(fx.Disconnected("gone"))
    driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True)))
    driver.wait()
    assert fx.Offer(raw(TARGET)) in driver.open()
    (need,) = sent(driver.do(verdict("incomplete", need=DIGESTS[1:2])))
    assert need.sha256 == DIGESTS[1:2]


def test_a_batch_that_is_never_answered_is_asked_for_again() -> None:
    driver = Driver()
    driver.open(target=TARGET, heartbeat_s=3600)
    driver.do(verdict("incomplete", need=DIGESTS[:1]))
    assert driver.do(fx.Tick(), after=119) == []
    assert driver.do(fx.Tick(), after=1) == [fx.Offer(raw(TARGET))]


def test_objects_damaged_on_disk_are_fetched_and_what_is_in_force_applied_again() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.open(heartbeat_s=3600)
    (need,) = sent(driver.do(fx.Converged(Ran(status="failed", failed=1, missing=DIGESTS[:1]))))
    assert need.sha256 == DIGESTS[:1]
    assert fx.Converge(Trigger.APPLY, connected=True) in driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True)))


# reports


def spooled(after: int, *sequences: int, more: bool = False, dropped: int = 0) -> fx.ReportsRead:
    reports = [SpooledReport(sequence=each, id=f"r{each}", report=REPORT % each) for each in sequences]
    return fx.ReportsRead(Spooled(after=after, reports=reports, more=more, dropped=dropped))


REPORT = (
    '{"id":"r%d","assignment_sha256":"' + "a" * 64 + '","epoch":1,"generation":1,"commit":"' + "c" * 40 + '",'
    '"catalog_sha256":"' + "b" * 64 + '","trigger":"apply","started":"2026-01-01T00:00:00Z",'
    '"finished":"2026-01-01T00:00:00Z","status":"converged"}'
)


def ack(number: int) -> fx.Frame:
    return fx.Frame(json.dumps({"type": "ack", "report_id": f"r{number}"}))


def test_reports_go_in_order_and_are_forgotten_when_acknowledged() -> None:
    driver = Driver()
    assert fx.ReadReports(0) in driver.open()
    effects = driver.do(spooled(0, 4, 7, more=True))
    assert [each.report.id for each in sent(effects)] == ["r4", "r7"]
    assert fx.ReadReports(7) in effects
    assert driver.do(ack(7)) == [fx.ForgetReport(7)]
    assert driver.do(ack(7)) == []
    assert driver.do(ack(99)) == []
    assert driver.do(ack(4)) == [fx.ForgetReport(4)]


def test_the_window_is_bounded() -> None:
    driver = Driver()
    driver.open()
    cursor = 0
    effects: list[fx.Effect] = [fx.ReadReports(0)]
    while fx.ReadReports(cursor) in effects:
        effects = driver.do(spooled(cursor, cursor + 1, cursor + 2, more=True))
        cursor += 2
    assert cursor == 16
    assert driver.do(ack(1)) == [fx.ForgetReport(1), fx.ReadReports(16)]


def test_a_report_made_while_the_spool_was_read_is_read_too() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.open()
    assert driver.do(fx.Converged(Ran(status="converged", reported=True))) == [
        fx.Log(fx.Level.DEBUG, "run converged: 0 changed, 0 failed ")
    ]
    assert driver.do(spooled(0)) == [fx.ReadReports(0)]


def test_an_answer_meant_for_an_earlier_connection_is_not_taken() -> None:
    driver = Driver()
    driver.open()
    driver.do(spooled(0, 1, more=True))
    driver.do(fx.Disconnected("gone"))
    driver.wait()
    driver.open()
    assert driver.do(spooled(1, 2)) == []
    assert [each.report.id for each in sent(driver.do(spooled(0, 1, 2)))] == ["r1", "r2"]


def test_an_answer_that_comes_while_there_is_no_connection_is_dropped() -> None:
    driver = Driver()
    driver.open()
    driver.do(fx.Disconnected("gone"))
    assert driver.do(spooled(0, 1)) == []


def test_a_report_that_is_never_acknowledged_holds_up_only_itself() -> None:
    driver = Driver()
    driver.open(heartbeat_s=3600)
    driver.do(spooled(0, 1, 2))
    driver.do(ack(2))
    waits, times = [], 0
    while times < 3:
        begin = driver.now
        again = sent(driver.wait())
        driver.do(fx.Ponged())
        if again:
            assert [each.report.id for each in again] == ["r1"]
            times += 1
            waits.append(driver.now - begin)
    assert waits == pytest.approx([60, 120, 240])
    assert driver.core.phase is Phase.OPEN


def test_dropped_reports_are_told_in_the_next_hello() -> None:
    driver = Driver()
    driver.open()
    driver.do(spooled(0, dropped=12))
    driver.do(fx.Disconnected("gone"))
    driver.wait()
    assert sent(driver.do(fx.Connected()))[0].dropped_reports == 12


# traits


def collected(whole: str, stable: str) -> fx.TraitsCollected:
    message = json.dumps(
        {"type": "traits", "sha256": whole * 64, "collected_at": "2026-01-01T00:00:00Z", "traits": {"a": 1}}
    )
    return fx.TraitsCollected(Collected(sha256=whole * 64, stable_sha256=stable * 64, message=message))


def traits_ack(whole: str) -> fx.Frame:
    return fx.Frame(json.dumps({"type": "ack", "traits_sha256": whole * 64}))


def test_traits_are_sent_when_a_stable_one_differs_from_what_was_acknowledged() -> None:
    driver = Driver()
    driver.do(collected("1", "a"))
    assert [each.type for each in sent(driver.open())] == ["traits"]
    assert driver.do(traits_ack("9")) == []
    assert driver.do(traits_ack("1")) == [fx.KeepTraits("1" * 64, "a" * 64)]
    assert driver.do(collected("2", "a")) == []
    assert len(sent(driver.do(collected("3", "b")))) == 1


def test_traits_acknowledged_in_an_earlier_life_are_not_sent_again() -> None:
    driver = Driver(kept_traits=("1" * 64, "a" * 64))
    driver.open()
    assert driver.do(collected("2", "a")) == []
    assert len(sent(driver.do(collected("3", "b")))) == 1


def test_traits_that_were_not_acknowledged_are_sent_on_the_next_connection() -> None:
    driver = Driver()
    driver.open()
    assert len(sent(driver.do(collected("1", "a")))) == 1
    driver.do(fx.Disconnected("gone"))
    driver.wait()
    assert [each.type for each in sent(driver.open())] == ["traits"]


def test_a_server_that_takes_less_gets_digests_then_what_it_asks_for() -> None:
    driver = Driver()
    value = {"os": {"family": "debian"}, "cpu": {"count": 2}}
    message = Traits(sha256="1" * 64, collected_at=NOW, traits=value, errors={"ports": "root's"})
    whole = Collected(
        sha256="1" * 64,
        stable_sha256="a" * 64,
        message=message.model_dump_json(),
        collected_at=NOW,
        digests={"os": "c" * 64, "cpu": "d" * 64},
        errors=message.errors,
    )
    driver.do(fx.TraitsCollected(whole))
    (digests,) = sent(driver.open(capabilities=[TRAITS_DELTA]))
    assert (digests.type, digests.digests, digests.errors) == ("traits_digests", whole.digests, {"ports": "root's"})
    assert sent(driver.do(fx.Frame(TraitsNeed(sha256="9" * 64, names=["os"]).model_dump_json()))) == []
    need = fx.Frame(TraitsNeed(sha256="1" * 64, names=["os"]).model_dump_json())
    (delta,) = sent(driver.do(need))
    assert (delta.type, delta.traits, delta.kept) == ("traits_delta", {"os": {"family": "debian"}}, ["cpu"])
    assert [each.type for each in sent(driver.do(need))] == ["traits"]
    assert sent(driver.do(need)) == []
    assert driver.do(traits_ack("1")) == [fx.KeepTraits("1" * 64, "a" * 64)]


def test_volatile_traits_go_with_each_full_check() -> None:
    driver = Driver(standing=Standing(applied=applied()), kept_traits=("1" * 64, "a" * 64))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open(heartbeat_s=3600, interval_s=600)
    driver.do(collected("2", "a"))
    effects: list[fx.Effect] = []
    while fx.Converge(Trigger.INTERVAL, connected=True) not in effects:
        effects = driver.wait()
    assert fx.CollectTraits() in effects
    assert len(sent(driver.do(collected("3", "a")))) == 1
    assert driver.do(collected("4", "a")) == []


# the schedule of runs


def test_runs_come_one_at_a_time_and_a_new_target_goes_next() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.open(target=TARGET)
    assert "Converge" not in kinds(driver.do(fx.Drifted()))  # the run at the start is under way
    assert "Converge" not in kinds(driver.do(verdict("accepted", applied=applied())))
    assert fx.Converge(Trigger.APPLY, connected=True) in driver.do(fx.Converged(Ran(status="converged", changed=1)))
    assert "Converge" not in kinds(driver.do(fx.Converged(Ran(status="converged"))))  # it served the drift as well


def check(within_s: float = 0.0) -> fx.Frame:
    return fx.Frame(Check(within_s=within_s).model_dump_json())


def test_a_check_that_is_asked_for_begins_at_once_and_tells_traits_too() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open()
    effects = driver.do(check())
    assert fx.Converge(Trigger.ASKED, connected=True) in effects
    assert fx.CollectTraits() in effects
    assert "Converge" not in kinds(driver.do(check()))  # one runs already: the next comes behind it
    assert fx.Converge(Trigger.ASKED, connected=True) in driver.do(fx.Converged(Ran(status="converged")))


def test_a_check_of_a_fleet_begins_at_a_moment_of_the_agents_own() -> None:
    driver = Driver(0.5, standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open(interval_s=86_400)
    assert "Converge" not in kinds(driver.do(check(60.0)))
    driver.do(check(600.0))  # a later wish does not put off an earlier one
    assert driver.core.due() == driver.now + 30.0
    assert fx.Converge(Trigger.DRIFT, connected=True) in driver.do(fx.Drifted())
    driver.do(fx.Converged(Ran(status="converged")))
    assert fx.Converge(Trigger.ASKED, connected=True) in driver.do(fx.Tick(), after=30.0)


def test_a_check_of_an_agent_that_holds_nothing_is_no_run() -> None:
    driver = Driver()
    driver.open()
    assert kinds(driver.do(check())) == set()


@pytest.mark.parametrize("text", ["-1", "1e9", "NaN", '"now"'])
def test_a_check_that_is_out_of_bounds_is_ignored(text: str) -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open()
    effects = driver.do(fx.Frame(f'{{"type":"check","within_s":{text}}}'))
    assert kinds(effects) == set()
    assert [each for each in effects if isinstance(each, fx.Log)]


def test_nothing_runs_while_nothing_is_in_force() -> None:
    driver = Driver()
    assert kinds(driver.do(fx.Drifted())) == set()


def test_traits_are_collected_again_after_a_run_that_changed_something() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    assert fx.CollectTraits() in driver.do(fx.Converged(Ran(status="converged", changed=1)))
    assert fx.CollectTraits() not in driver.do(fx.Converged(Ran(status="converged")))


def look(schedule: Schedule, now: float, took_s: float) -> tuple[float, float]:
    """One run for drift that is seen now: how long it waited, and when it ended."""
    schedule.request(Trigger.DRIFT, now)
    begun = schedule.due()
    assert schedule.begin(begun) is Trigger.DRIFT
    schedule.finished(begun + took_s)
    return begun - now, begun + took_s


def test_one_thing_that_drifts_now_and_then_makes_nothing_else_wait() -> None:
    schedule = Schedule(lambda: 0.5)
    for number in range(1_000):
        assert look(schedule, number * 3.0, 0.05)[0] == 0.0


@pytest.mark.parametrize("took_s", [0.01, 0.5])
def test_all_looks_at_drift_together_have_a_share_of_the_time_however_much_drifts(took_s: float) -> None:
    schedule = Schedule(lambda: 0.5)
    now, busy, waits = 0.0, 0.0, []
    while now < 3_600:
        waited, now = look(schedule, now, took_s)
        waits.append(waited)
        busy += took_s + DRIFT_RUN_S
    assert waits[: int(DRIFT_CREDIT_S // (took_s + DRIFT_RUN_S))].count(0.0) >= 40  # what comes all at once
    assert busy <= DRIFT_CREDIT_S + DRIFT_SHARE * now + 1.0
    assert max(waits) <= (took_s + DRIFT_RUN_S) / DRIFT_SHARE  # and no more: other drift waits behind it
    assert look(schedule, now + DRIFT_CREDIT_S / DRIFT_SHARE, took_s)[0] == 0.0


def test_however_long_one_look_took_other_drift_waits_no_longer_than_this() -> None:
    schedule = Schedule(lambda: 0.5)
    _, now = look(schedule, 0.0, 600.0)
    assert look(schedule, now, 0.1)[0] == MAX_DRIFT_DELAY_S


def test_what_drifts_during_a_long_look_waits_behind_it_as_well() -> None:
    schedule = Schedule(lambda: 0.5)
    schedule.request(Trigger.DRIFT, 0.0)
    schedule.begin(0.0)
    schedule.request(Trigger.DRIFT, 1.0)
    schedule.finished(600.0)
    assert schedule.due() == 600.0 + MAX_DRIFT_DELAY_S


def test_a_target_does_not_wait_for_drift_to_calm_down() -> None:
    schedule = Schedule(lambda: 0.5)
    _, now = look(schedule, 0.0, 600.0)
    schedule.request(Trigger.DRIFT, now)
    schedule.request(Trigger.APPLY, now)
    assert schedule.begin(now) is Trigger.APPLY


def test_what_stood_back_in_a_fight_is_looked_at_again_when_its_pause_is_over() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open(interval_s=86_400)
    driver.do(fx.Drifted())
    driver.do(fx.Converged(Ran(status="failed", failed=1, again_s=60.0)))
    assert driver.core.due() <= driver.now + 60.0
    assert fx.Converge(Trigger.DRIFT, connected=True) not in driver.do(fx.Tick(), after=59.0)
    assert fx.Converge(Trigger.DRIFT, connected=True) in driver.do(fx.Tick(), after=1.0)


def test_what_is_put_right_again_and_again_has_traits_collected_now_and_then() -> None:
    driver = Driver(standing=Standing(applied=applied()))
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open()
    collections = 0
    for _ in range(20):
        driver.do(fx.Drifted(), after=3.0)
        collections += fx.CollectTraits() in driver.do(fx.Converged(Ran(status="converged", changed=1)), after=1.0)
    assert collections == 2


@pytest.mark.parametrize("random", [0.0, 0.5, 0.999])
def test_full_checks_come_with_jitter(random: float) -> None:
    schedule = Schedule(lambda: random)
    schedule.start(0.0)
    schedule.set_interval(600, 0.0)
    assert schedule.due() == pytest.approx(600 * random)
    assert schedule.begin(600.0) is Trigger.INTERVAL
    assert schedule.due() == math.inf
    schedule.finished(600.0)
    assert schedule.due() - 600 == pytest.approx(600 * (0.9 + 0.2 * random))


def test_an_agent_that_only_talks_never_runs() -> None:
    schedule = NoRuns(lambda: 0.5)
    schedule.request(Trigger.APPLY, 0.0)
    schedule.start(0.0)
    assert schedule.due() == math.inf
    assert schedule.begin(1e9) is None


def test_it_is_at_rest_when_nothing_is_left_to_say() -> None:
    driver = Driver(schedule=NoRuns(lambda: 0.5))
    assert not driver.core.at_rest
    driver.open(target=TARGET)
    assert not driver.core.at_rest
    driver.do(spooled(0))
    assert not driver.core.at_rest
    driver.do(verdict("incomplete", need=DIGESTS[:1]))
    assert not driver.core.at_rest
    driver.do(fx.ObjectStored(Stored(sha256=DIGESTS[0], ok=True)))
    assert not driver.core.at_rest
    driver.do(verdict("accepted", applied=applied()))
    assert driver.core.at_rest
    driver.do(fx.Disconnected("gone"))
    assert not driver.core.at_rest
