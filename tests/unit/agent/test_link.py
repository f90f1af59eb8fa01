"""The whole agent against a server with real TLS: targets in, files changed, reports out, whatever happens between."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent import fights, probation
from agent.clock import SystemClock
from agent.core import Phase
from agent.state import State
from agent.witness import FanotifyWitness
from schema.protocol.messages import INLINE_OBJECT_BYTES, Apply
from schema.protocol.reports import Outcome, RunStatus, Trigger
from schema.protocol.signing import Domain
from schema.time import DAY, HOUR
from tests.factories.agents import Agent, enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

FOREVER = 4_000_000_000_000_000
Start = Callable[[], Agent]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def gateway(authority: Authority, signer: Signer, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(authority, signer, tmp_path)
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    return made


@pytest.fixture
def state(authority: Authority, signer: Signer, gateway: Gateway, root: Path, tmp_path: Path) -> State:
    return enrolled(tmp_path / "state", authority, signer, gateway_url=gateway.url, root=root)


@pytest.fixture
def start(state: State, root: Path) -> Iterator[Start]:
    agents: list[Agent] = []

    def begin() -> Agent:
        agents.append(Agent(state, root).start())
        return agents[-1]

    yield begin
    for agent in agents:
        if agent._thread.is_alive():
            agent.stop()


def motd(signer: Signer, text: str, generation: int, **more: Any) -> Any:
    crate = signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": text}])
    return signer.target([crate], generation=generation, **{"expires": FOREVER, **more})


def test_a_target_becomes_a_file_and_a_report(gateway: Gateway, signer: Signer, start: Start, root: Path) -> None:
    gateway.target = motd(signer, "hello\n", 1)
    start()
    gateway.until(lambda: gateway.reports)
    assert (root / "etc/motd").read_text() == "hello\n"
    report = gateway.reports[0]
    assert report.assignment_sha256 == gateway.target.assignment.sha256
    assert (report.epoch, report.generation, report.trigger) == (1, 1, Trigger.APPLY)
    assert report.status is RunStatus.CONVERGED
    assert [(each.id, each.outcome) for each in report.resources] == [("base/motd", Outcome.CHANGED)]
    gateway.until(lambda: gateway.traits)
    assert gateway.traits[0].traits["agent_self"]["confined"] is True
    assert gateway.hellos[0].applied is None


def test_an_apply_converges_at_once(gateway: Gateway, signer: Signer, start: Start, root: Path) -> None:
    gateway.target = motd(signer, "one", 1)
    start()
    gateway.until(lambda: gateway.reports)
    gateway.publish(motd(signer, "two", 2))
    gateway.until(lambda: len(gateway.reports) > 1)
    assert (root / "etc/motd").read_text() == "two"
    assert gateway.reports[1].generation == 2


def test_only_lacking_objects_are_asked_for_and_big_ones_come_by_https(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    big = signer.object(b"B" * (INLINE_OBJECT_BYTES + 1))
    small = signer.object(b"S" * 100)
    files = [
        {"name": "big", "type": "file", "path": "/etc/big", "source": "files/big"},
        {"name": "small", "type": "file", "path": "/etc/small", "source": "files/small"},
    ]
    content = {"files/big": big, "files/small": small}
    gateway.target = signer.target([signer.crate("a", files)], expires=FOREVER, catalog={"content": content})
    start()
    gateway.until(lambda: gateway.reports)
    assert (root / "etc/big").stat().st_size == big["size"]
    assert (root / "etc/small").read_bytes() == b"S" * 100
    assert gateway.fetched == [big["sha256"]]
    crate = signer.crate("a", [*files, {"name": "x", "type": "file", "path": "/etc/x", "content": "x"}])
    gateway.publish(signer.target([crate], generation=2, expires=FOREVER, catalog={"content": content}))
    gateway.until(lambda: len(gateway.reports) > 1)
    assert gateway.fetched == [big["sha256"]]


def test_secrets_arrive_sealed_and_leave_masked(gateway: Gateway, signer: Signer, start: Start, root: Path) -> None:
    crate = signer.crate(
        "db", [{"name": "conf", "type": "file", "path": "/etc/db", "content": "password=secret:db/password\n"}]
    )
    gateway.target = signer.target([crate], expires=FOREVER, secrets={"db/password": "VIGOCANARY-hunter2"})
    start()
    gateway.until(lambda: gateway.reports)
    assert (root / "etc/db").read_text() == "password=VIGOCANARY-hunter2\n"
    assert "VIGOCANARY" not in gateway.reports[0].model_dump_json()


def put(root: Path, name: str, text: str) -> None:
    """Have a content in a file in one step: a file that is emptied first is drift twice."""
    new = root.with_name("new")
    new.write_text(text)
    new.replace(root / name)


def test_drift_is_repaired_and_reported_as_corrective(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    gateway.target = motd(signer, "good", 1)
    start()
    gateway.until(lambda: gateway.reports)
    time.sleep(0.2)
    assert len(gateway.reports) == 1  # its own write was no drift
    for round_, damage in enumerate(("bad", None, "worse"), start=2):
        if damage is None:
            (root / "etc/motd").unlink()
        else:
            put(root, "etc/motd", damage)
        gateway.until(lambda wanted=round_: len(gateway.reports) >= wanted)
        assert (root / "etc/motd").read_text() == "good"
        report = gateway.reports[-1]
        assert report.trigger is Trigger.DRIFT
        assert report.resources[0].corrective
    time.sleep(0.2)
    assert len(gateway.reports) == 4


def witnessed() -> bool:
    """Whether this kernel tells us who writes."""
    try:
        FanotifyWitness()
    except OSError:
        return False
    return True


def test_a_file_that_is_rewritten_in_a_loop_is_a_fight_and_makes_no_other_wait(
    gateway: Gateway, signer: Signer, start: Start, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fights, "FREE_REPAIRS", 3)
    crate = signer.crate(
        "base",
        [{"name": name, "type": "file", "path": f"/etc/{name}", "content": "good"} for name in ("motd", "issue")],
    )
    gateway.target = signer.target([crate], generation=1, expires=FOREVER)
    start()
    gateway.until(lambda: gateway.reports)
    with subprocess.Popen(["/bin/sh", "-c", f"while :; do echo bad > {root}/etc/motd; sleep 0.02; done"]) as other:
        try:
            gateway.until(lambda: "fight: " in "".join(each.model_dump_json() for each in gateway.reports))
            for _ in range(3):  # while the other one waits for seconds, and seconds more
                (root / "etc/issue").write_text("bad")
                while (root / "etc/issue").read_text() != "good":
                    time.sleep(0.005)
        finally:
            other.kill()
    said = {each.error for report in gateway.reports for each in report.resources if each.error}
    assert all(each.startswith(("fight: changed back by ", "was applied, but still")) for each in said), said
    if witnessed():
        assert any(f"by process {other.pid} sh" in each for each in said), said
    assert len(gateway.reports) < 20  # not as often as it was rewritten


def test_what_is_only_watched_is_told_when_it_drifts(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    (root / "etc/motd").write_text("good")
    motd = {"name": "motd", "type": "file", "path": "/etc/motd", "content": "good", "audit": True}
    gateway.target = signer.target([signer.crate("base", [motd])], expires=FOREVER)
    start()
    gateway.until(lambda: gateway.reports)
    put(root, "etc/motd", "bad")
    gateway.until(lambda: len(gateway.reports) > 1)
    (told,) = gateway.reports[1].resources
    assert (told.outcome, told.reason) == (Outcome.SKIPPED, "audit only: would update")
    assert gateway.reports[1].trigger is Trigger.DRIFT
    assert (root / "etc/motd").read_text() == "bad"


def test_what_comes_into_a_swept_directory_is_drift_of_it(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    resources = [
        {"name": "d", "type": "directory", "path": "/srv/d", "purge": True},
        {"name": "f", "type": "file", "path": "/srv/d/f", "content": "ours"},
    ]
    gateway.target = signer.target([signer.crate("base", resources)], expires=FOREVER)
    start()
    gateway.until(lambda: gateway.reports)
    time.sleep(0.2)
    assert len(gateway.reports) == 1  # its own file was no drift
    put(root, "srv/d/evil", "x")
    gateway.until(lambda: len(gateway.reports) > 1)
    assert [each.name for each in (root / "srv/d").iterdir()] == ["f"]
    report = gateway.reports[1]
    assert report.trigger is Trigger.DRIFT
    assert [(each.outcome, each.corrective) for each in report.resources] == [
        (Outcome.CHANGED, True),
        (Outcome.UNCHANGED, False),
    ]
    time.sleep(0.2)
    assert len(gateway.reports) == 2  # nor was its own removal


def test_a_touch_that_changes_nothing_is_not_reported(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    gateway.target = motd(signer, "good", 1)
    agent = start()
    gateway.until(lambda: gateway.reports)
    put(root, "etc/motd", "good")
    (root / "etc/unmanaged").write_text("x")
    time.sleep(0.3)
    assert len(gateway.reports) == 1
    assert agent.core.phase is Phase.OPEN


def test_what_is_rewritten_again_and_again_is_repaired_less_and_less(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    gateway.target = motd(signer, "good", 1)
    start()
    gateway.until(lambda: gateway.reports)
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        (root / "etc/motd").write_text(f"bad {time.monotonic()}")
        time.sleep(0.03)
    assert len(gateway.reports) <= 7


def test_a_hostile_target_is_refused_reported_and_changes_nothing(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    gateway.target = motd(signer, "good", 5)
    start()
    gateway.until(lambda: gateway.reports)
    good = motd(signer, "evil", 6)
    hostile = {
        "rollback": motd(signer, "evil", 4),
        "foreign": motd(signer, "evil", 6, envoy_id="0198f000-0000-7000-8000-0000000000ff"),
        "signature": motd(Signer(), "evil", 6),
        "expired": motd(signer, "evil", 6, expires=DAY),
        "mixed": good.model_copy(update={"catalog": signer.catalog(environment="other")}),
        "format": good.model_copy(
            update={"assignment": signer.sign(Domain.ASSIGNMENT, {**json.loads(good.assignment.body), "extra": 1})}
        ),
    }
    for code, target in hostile.items():
        gateway.send(Apply(target=target).model_dump_json())
        gateway.until(lambda wanted=code: gateway.refused and gateway.refused[-1].code == wanted)
        assert gateway.refused[-1].assignment_sha256 == target.assignment.sha256
    assert (root / "etc/motd").read_text() == "good"
    assert len(gateway.reports) == 1
    gateway.publish(motd(signer, "better", 6))
    gateway.until(lambda: len(gateway.reports) > 1)
    assert (root / "etc/motd").read_text() == "better"


def test_objects_that_are_not_to_be_had_are_reported_and_fetched_when_they_are(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    target = motd(signer, "late", 1)
    objects = dict(signer.objects)
    signer.objects.clear()
    gateway.target = target
    start()
    gateway.until(lambda: any(each.code == "incomplete" for each in gateway.refused))
    assert not gateway.reports
    signer.objects.update(objects)
    gateway.until(lambda: gateway.reports)
    assert (root / "etc/motd").read_text() == "late"


def test_without_the_server_it_works_on_and_tells_afterwards(
    gateway: Gateway, signer: Signer, start: Start, root: Path, state: State
) -> None:
    gateway.target = motd(signer, "good", 1)
    agent = start()
    gateway.until(lambda: gateway.reports)
    gateway.stop()
    for number in range(2):
        (root / "etc/motd").write_text(f"bad {number}")
        gateway.until(lambda: (root / "etc/motd").read_text() == "good")
        gateway.until(lambda wanted=number: len(agent.executor.spool) > wanted)
    gateway.start()
    gateway.until(lambda: len(gateway.reports) == 3)
    assert [each.trigger for each in gateway.reports[1:]] == [Trigger.DRIFT, Trigger.DRIFT]
    gateway.until(lambda: len(agent.executor.spool) == 0)


def test_a_report_that_is_not_acknowledged_is_sent_again_on_the_next_connection(
    gateway: Gateway, signer: Signer, start: Start
) -> None:
    gateway.target = motd(signer, "good", 1)
    gateway.acknowledges = False
    agent = start()
    gateway.until(lambda: gateway.received)
    assert not gateway.reports
    gateway.acknowledges = True
    gateway.cut()
    gateway.until(lambda: gateway.reports)
    gateway.until(lambda: len(agent.executor.spool) == 0)
    assert len(gateway.hellos) >= 2


def test_a_new_life_goes_on_where_the_last_one_ended(
    gateway: Gateway, signer: Signer, start: Start, root: Path
) -> None:
    gateway.target = motd(signer, "good", 3)
    first = start()
    gateway.until(lambda: gateway.reports)
    first.stop()
    (root / "etc/motd").write_text("damaged while it did not run")
    start()
    gateway.until(lambda: len(gateway.reports) == 2)
    assert gateway.reports[1].trigger is Trigger.START
    assert (root / "etc/motd").read_text() == "good"
    assert gateway.hellos[-1].applied is not None
    assert gateway.hellos[-1].applied.generation == 3
    gateway.send(Apply(target=motd(signer, "old", 2)).model_dump_json())
    gateway.until(lambda: gateway.refused)
    assert gateway.refused[0].code == "rollback"


def test_a_target_that_was_tampered_with_on_disk_is_not_applied(
    gateway: Gateway, signer: Signer, start: Start, root: Path, state: State
) -> None:
    gateway.target = motd(signer, "good", 3)
    first = start()
    gateway.until(lambda: gateway.reports)
    first.stop()
    kept = state.target()
    assert kept is not None
    state.save_target(kept.replace(b"test", b"tost"))
    (root / "etc/motd").write_text("as it is")
    gateway.target = None
    agent = start()
    gateway.until(lambda: len(gateway.hellos) == 2)
    assert agent.executor.held is None
    assert "signature" in agent.executor.problem
    assert (root / "etc/motd").read_text() == "as it is"
    gateway.publish(motd(signer, "better", 4))  # the server's next word heals it
    gateway.until(lambda: len(gateway.reports) == 2)
    assert (root / "etc/motd").read_text() == "better"


def test_an_object_that_was_damaged_on_disk_is_fetched_again(
    gateway: Gateway, signer: Signer, start: Start, root: Path, state: State
) -> None:
    content = signer.object(b"precious")
    crate = signer.crate("a", [{"name": "f", "type": "file", "path": "/etc/f", "source": "files/f"}])
    gateway.target = signer.target([crate], expires=FOREVER, catalog={"content": {"files/f": content}})
    first = start()
    gateway.until(lambda: gateway.reports)
    first.stop()
    for digest in (content["sha256"], crate["sha256"]):
        path = state.file("objects") / digest
        path.write_bytes(b"damaged!" + path.read_bytes()[8:])
    (root / "etc/f").unlink()
    start()
    gateway.until(lambda: (root / "etc/f").exists())
    assert (root / "etc/f").read_bytes() == b"precious"
    gateway.until(lambda: gateway.reports[-1].status is RunStatus.CONVERGED)


def test_objects_that_nothing_names_any_more_are_removed(
    gateway: Gateway, signer: Signer, start: Start, state: State
) -> None:
    gateway.target = motd(signer, "one", 1)
    start()
    gateway.until(lambda: gateway.reports)
    before = {path.name for path in state.file("objects").iterdir()}
    gateway.publish(motd(signer, "two", 2))
    gateway.until(lambda: len(gateway.reports) > 1)
    gateway.until(lambda: before.isdisjoint(path.name for path in state.file("objects").iterdir()))


def test_an_expired_assignment_is_enforced_and_called_stale(
    gateway: Gateway, signer: Signer, start: Start, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = [0]
    monkeypatch.setattr(SystemClock, "now", lambda _: time.time_ns() // 1_000 + ahead[-1])
    gateway.target = motd(signer, "good", 1, expires=time.time_ns() // 1_000 + HOUR)
    start()
    gateway.until(lambda: gateway.reports)
    ahead.append(2 * HOUR)
    put(root, "etc/motd", "bad")
    gateway.until(lambda: len(gateway.reports) > 1)
    assert (root / "etc/motd").read_text() == "good"
    assert gateway.reports[-1].stale


@pytest.mark.parametrize(
    "frame", ["", "{}", "[]", "nonsense", '{"type":"ack","report_id":7}', '{"type":"run"}', "\x00"]
)
def test_whatever_the_server_says_the_agent_stays(gateway: Gateway, signer: Signer, start: Start, frame: str) -> None:
    agent = start()
    gateway.until(lambda: gateway.connected)
    gateway.until(lambda: agent.core.phase is Phase.OPEN)
    gateway.send(frame)
    gateway.publish(motd(signer, "good", 1))
    gateway.until(lambda: gateway.reports)


def test_a_server_that_does_not_greet_or_says_no_is_tried_again(gateway: Gateway, start: Start) -> None:
    gateway.refuses_with = 503
    agent = start()
    time.sleep(0.3)
    assert agent.core.phase is not Phase.OPEN
    gateway.refuses_with = None
    gateway.until(lambda: agent.core.phase is Phase.OPEN)


@pytest.mark.parametrize(("code", "waited_s"), [(1001, 300), (1013, 300), (1008, 1), (None, 1)])
def test_only_a_server_that_says_goodbye_is_waited_for_as_the_fleet_is(
    gateway: Gateway, start: Start, monkeypatch: pytest.MonkeyPatch, code: int | None, waited_s: float
) -> None:
    gateway.welcome["return_s"] = 300.0
    agent = start()
    gateway.until(lambda: agent.core.phase is Phase.OPEN)
    waits: list[float] = []
    disconnected = agent.core._channel.disconnected

    def lost(reason: str, now: float, **how: Any) -> Any:
        monkeypatch.setattr(agent.core._channel, "_random", lambda: 1.0)
        effects = disconnected(reason, now, **how)
        waits.append(agent.core._channel.due() - now)
        return effects

    monkeypatch.setattr(agent.core._channel, "disconnected", lost)
    gateway.cut() if code is None else gateway.hang_up(code)
    gateway.until(lambda: waits)
    assert waits[0] == pytest.approx(waited_s)


def _untrusted(gateway: Gateway, authority: Authority, kind: str) -> tuple[str, str]:
    if kind == "another name":
        return authority.server(names=("elsewhere.example.com",))
    if kind == "an agent's certificate":
        return authority.server(usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return Authority("another CA").server()


@pytest.mark.parametrize("kind", ["another name", "an agent's certificate", "another CA"])
def test_a_server_that_is_not_ours_gets_no_word(
    gateway: Gateway, authority: Authority, start: Start, kind: str, state: State
) -> None:
    gateway.stop()
    gateway.start(_untrusted(gateway, authority, kind))
    agent = start()
    gateway.until(
        lambda: "not trusted" in (state.file("link.json").read_text() if state.file("link.json").exists() else "")
    )
    assert agent.core.phase is not Phase.OPEN
    assert not gateway.hellos
    gateway.stop()
    gateway.start()
    gateway.until(lambda: gateway.hellos)


def test_a_full_disk_does_not_stop_it(
    gateway: Gateway, signer: Signer, start: Start, root: Path, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    gateway.target = motd(signer, "good", 1)
    agent = start()
    gateway.until(lambda: gateway.reports)
    real = os.open
    full = [True]

    def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if full[0] and flags & os.O_CREAT and str(path).startswith(str(state.path)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", opened)
    gateway.stop()
    (root / "etc/motd").write_text("bad")
    gateway.until(lambda: (root / "etc/motd").read_text() == "good")
    gateway.until(lambda: len(agent.executor.spool) == 1)
    assert "No space left" in agent.executor.spool.problem
    gateway.start()
    gateway.until(lambda: len(gateway.reports) == 2)
    gateway.publish(motd(signer, "two", 2))
    gateway.until(lambda: any(each.code in ("storage", "incomplete") for each in gateway.refused))
    full[0] = False
    gateway.until(lambda: (root / "etc/motd").read_text() == "two")
    gateway.until(lambda: gateway.reports[-1].generation == 2)


def test_stopping_ends_everything_and_says_so(gateway: Gateway, signer: Signer, start: Start, state: State) -> None:
    gateway.target = motd(signer, "good", 1)
    agent = start()
    gateway.until(lambda: gateway.reports)
    agent.stop()
    assert json.loads(state.file("link.json").read_text())["connected"] is False


# confirm or revert


def hosts(signer: Signer, text: str, generation: int) -> Any:
    crate = signer.crate("base", [{"name": "hosts", "type": "file", "path": "/etc/hosts", "content": text}])
    return signer.target([crate], generation=generation, expires=FOREVER)


def test_what_could_cut_the_host_off_is_confirmed_over_a_new_connection(
    gateway: Gateway, signer: Signer, start: Start, root: Path, state: State
) -> None:
    (root / "etc/hosts").write_text("before\n")
    gateway.target = hosts(signer, "after\n", 1)
    agent = start()
    gateway.until(lambda: gateway.reports and len(gateway.hellos) > 1 and agent.core.phase is Phase.OPEN)
    gateway.until(lambda: not list((state.path / "undo").glob("*/unconfirmed")))
    assert (root / "etc/hosts").read_text() == "after\n"


def test_what_cut_the_host_off_is_put_back_reported_and_not_done_again(
    gateway: Gateway, signer: Signer, start: Start, root: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probation, "WINDOW_S", 1.0)
    (root / "etc/hosts").write_text("before\n")
    gateway.target = hosts(signer, "before\n", 1)
    start()
    gateway.until(lambda: gateway.reports)
    gateway.refuses_with = 503  # whoever comes anew is refused; who is there stays
    gateway.publish(hosts(signer, "cuts us off\n", 2))
    gateway.until(lambda: (root / "etc/hosts").read_text() == "cuts us off\n")
    gateway.until(lambda: (root / "etc/hosts").read_text() == "before\n")
    gateway.refuses_with = None
    gateway.until(lambda: gateway.reports and gateway.reports[-1].trigger is Trigger.REVERT)
    (one,) = gateway.reports[-1].resources
    assert one.outcome is Outcome.FAILED
    assert one.error.startswith("put back: the server could not be reached after it was changed")
    assert not list((state.path / "undo").glob("*/unconfirmed"))
    count = len(gateway.reports)
    gateway.publish(hosts(signer, "better\n", 3))
    gateway.until(lambda: len(gateway.reports) > count and (root / "etc/hosts").read_text() == "better\n")
    assert gateway.reports[-1].status is RunStatus.CONVERGED
