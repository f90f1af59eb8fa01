"""The executor believes nothing that it is handed, keeps what it accepted through any end, and always reports."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.boundary import Collected, Ran, Spooled, Standing, Stored, Verdict
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.places import EVERYTHING
from agent.reporting import MAX_REPORT_BYTES
from agent.state import State
from schema.ids import sha256
from schema.protocol.messages import ObjectData, Traits
from schema.protocol.reports import MAX_DIFF_CHARS, Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.time import DAY
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import NOW, Signer, raw


def carried(data: bytes) -> ObjectData:
    return ObjectData(sha256=sha256(data), data=base64.b64encode(data).decode())


class FixedClock:
    """A clock to set."""

    def __init__(self) -> None:
        self.wall = NOW

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.wall / 1e6


class Bench:
    """An executor that can be ended and begun again, with typed answers."""

    def __init__(self, tmp_path: Path, authority: Authority) -> None:
        self.signer, self.clock = Signer(), FixedClock()
        self.root = tmp_path / "root"
        (self.root / "etc").mkdir(parents=True)
        self.state = enrolled(
            tmp_path / "state", authority, self.signer, gateway_url="wss://localhost:1/agent/v1", root=self.root
        )
        self.followed: list[frozenset[str]] = []
        self.begin()

    def follow(self, paths: Iterable[str], places: frozenset[str] = frozenset()) -> None:
        assert not places
        self.followed.append(frozenset(paths))

    def ours(self, _: frozenset[str]) -> Callable[[], None]:
        return lambda: None

    def begin(self, state: State | None = None) -> LocalExecutor:
        self.executor = LocalExecutor(
            state or self.state,
            RealHost(self.root),
            RealHost(self.root),
            clock=self.clock,
            watching=self,
        )
        return self.executor

    def offer(self, target: Any) -> Verdict:
        return Verdict.model_validate_json(self.executor.offer(target if isinstance(target, bytes) else raw(target)))

    def store(self, data: bytes) -> Stored:
        return Stored.model_validate_json(self.executor.store(data))

    def accept(self, target: Any) -> Verdict:
        verdict = self.offer(target)
        for digest in verdict.need:
            assert self.store(self.signer.objects[digest]).ok
        return self.offer(target) if verdict.need else verdict

    def converge(self, trigger: Trigger = Trigger.APPLY) -> Ran:
        return Ran.model_validate_json(self.executor.converge(trigger.encode()))

    def standing(self) -> Standing:
        return Standing.model_validate_json(self.executor.standing(b""))

    def reports(self) -> list[Report]:
        spooled = Spooled.model_validate_json(self.executor.reports(b"0"))
        return [Report.model_validate_json(each.report) for each in spooled.reports]

    def motd(self, text: str, generation: int = 1, **more: Any) -> Any:
        crate = self.signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": text}])
        return self.signer.target([crate], generation=generation, **more)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def bench(tmp_path: Path, authority: Authority) -> Iterator[Bench]:
    made = Bench(tmp_path, authority)
    yield made
    made.executor.close()


def test_a_target_is_incomplete_until_its_objects_are_here(bench: Bench) -> None:
    target = bench.motd("hello")
    verdict = bench.offer(target)
    (digest,) = verdict.need
    assert verdict.outcome == "incomplete"
    assert verdict.applied is None
    assert bench.standing().applied is None
    assert bench.state.target() is None
    assert bench.store(bench.signer.objects[digest]) == Stored(sha256=digest, ok=True)
    verdict = bench.offer(target)
    assert (verdict.outcome, verdict.order) == ("accepted", (1, 1))
    assert verdict.applied == bench.standing().applied
    assert bench.offer(target).outcome == "held"


def test_objects_that_came_along_are_not_asked_for(bench: Bench) -> None:
    target = bench.motd("hello")
    objects = bench.signer.objects
    everything = [carried(data) for data in (*objects.values(), b"nothing names this")]
    assert bench.offer(target.model_copy(update={"along": everything})).outcome == "accepted"
    assert {path.name for path in (bench.state.path / "objects").iterdir()} == objects.keys()


@pytest.mark.parametrize("data", ["", "AAAA", "no base64", None, "A" * 4_000])
def test_what_came_along_and_is_not_what_is_named_is_asked_for(bench: Bench, data: str | None) -> None:
    target = bench.motd("hello")
    along = [ObjectData(sha256=digest, data=data) for digest in bench.signer.objects]
    verdict = bench.offer(target.model_copy(update={"along": along}))
    assert (verdict.outcome, set(verdict.need)) == ("incomplete", bench.signer.objects.keys())


def test_bytes_that_nothing_lacks_are_not_kept(bench: Bench) -> None:
    assert not bench.store(b"anything").ok
    bench.offer(bench.motd("hello"))
    assert not bench.store(b"something else").ok
    assert not list(bench.state.file("objects").iterdir())


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff", b"[]", b'{"assignment":{}}'])
def test_what_is_no_target_is_refused_by_a_name_of_its_own(bench: Bench, junk: bytes) -> None:
    verdict = bench.offer(junk)
    assert (verdict.outcome, verdict.code) == ("refused", "format")
    assert bench.state.target() is None


def test_a_run_makes_it_so_and_reports(bench: Bench) -> None:
    bench.accept(bench.motd("hello"))
    ran = bench.converge()
    assert (ran.status, ran.changed, ran.failed, ran.reported) == ("converged", 1, 0, True)
    assert (bench.root / "etc/motd").read_text() == "hello"
    (report,) = bench.reports()
    assert report.trigger is Trigger.APPLY
    assert bench.followed == [frozenset({"/etc/motd"})]
    bench.executor.forget(str(1).encode())
    assert bench.reports() == []


def test_nothing_in_force_is_nothing_to_do(bench: Bench) -> None:
    assert bench.converge() == Ran()
    assert bench.reports() == []


def test_a_look_at_drift_that_found_nothing_is_not_told(bench: Bench) -> None:
    bench.accept(bench.motd("hello"))
    bench.converge()
    assert bench.converge(Trigger.DRIFT).reported is False
    (bench.root / "etc/motd").write_text("bad")
    assert bench.converge(Trigger.DRIFT).reported is True
    assert bench.converge(Trigger.INTERVAL).reported is True
    assert [each.trigger for each in bench.reports()] == [Trigger.APPLY, Trigger.DRIFT, Trigger.INTERVAL]
    bench.clock.wall += 2 * DAY  # expired since: that is news
    assert bench.converge(Trigger.DRIFT).reported is True
    assert bench.reports()[-1].stale


def test_drift_of_what_is_only_watched_is_told_once_and_so_is_its_end(bench: Bench) -> None:
    (bench.root / "etc/motd").write_text("good")
    motd = {"name": "motd", "type": "file", "path": "/etc/motd", "content": "good", "audit": True}
    bench.accept(bench.signer.target([bench.signer.crate("base", [motd])], generation=1))
    bench.converge()
    told = []
    for content in ("bad", "bad", "worse", "good", "good"):
        (bench.root / "etc/motd").write_text(content)
        bench.executor.touch(frozenset({"/etc/motd"}))
        told.append(bench.converge(Trigger.DRIFT).reported)
    assert told == [True, False, True, True, False]
    assert [each.resources[0].outcome for each in bench.reports()[1:]] == ["skipped", "skipped", "unchanged"]
    assert (bench.root / "etc/motd").read_text() == "good"


def test_where_it_is_not_known_what_has_changed_everything_is_looked_at(bench: Bench) -> None:
    bench.accept(bench.motd("hello"))
    bench.converge()
    (bench.root / "etc/motd").write_text("bad")
    bench.executor.touch(frozenset({"/etc/other"}))
    assert bench.converge(Trigger.DRIFT).changed == 0
    bench.executor.touch(frozenset({"/etc/other", EVERYTHING}))
    assert bench.converge(Trigger.DRIFT).changed == 1


@pytest.mark.parametrize("years", [-56, -10, 10, 70])
def test_no_clock_ends_it(bench: Bench, years: int) -> None:
    bench.accept(bench.motd("hello"))
    bench.clock.wall += years * 365 * DAY
    assert bench.converge(Trigger.INTERVAL).status == "converged"
    assert bench.reports()[-1].stale is (years > 0)
    verdict = bench.offer(bench.motd("next", 2))
    assert (verdict.outcome, verdict.code) == (("refused", "expired") if years > 0 else ("incomplete", ""))
    bench.executor.close()
    bench.begin()
    assert bench.standing().problem == ""
    assert bench.converge(Trigger.START).status == "converged"


def test_what_was_accepted_is_in_force_in_the_next_life(bench: Bench) -> None:
    bench.accept(bench.motd("hello", 5))
    bench.executor.close()
    bench.begin()
    applied = bench.standing().applied
    assert applied is not None
    assert applied.generation == 5
    assert bench.offer(bench.motd("old", 4)).code == "rollback"
    assert bench.converge(Trigger.START).status == "converged"


def test_an_end_between_target_and_floor_loses_nothing(bench: Bench) -> None:
    bench.accept(bench.motd("one", 1))
    floor = bench.state.file("floor.json").read_bytes()
    bench.accept(bench.motd("two", 2))
    bench.state.file("floor.json").write_bytes(floor)
    bench.executor.close()
    bench.begin()
    assert bench.standing().applied is not None
    assert bench.offer(bench.motd("one", 1)).code == "rollback"


def test_an_older_target_put_back_on_disk_is_not_applied(bench: Bench) -> None:
    bench.accept(bench.motd("one", 1))
    old = bench.state.file("target.json").read_bytes()
    bench.accept(bench.motd("two", 2))
    bench.state.file("target.json").write_bytes(old)
    bench.executor.close()
    bench.begin()
    assert bench.standing().applied is None
    assert "rollback" in bench.standing().problem
    assert bench.converge() == Ran()
    assert bench.offer(bench.motd("two", 2, commit="d" * 40)).code == "rollback"
    assert bench.accept(bench.motd("two", 2)).outcome == "accepted"  # the very same, again
    assert bench.standing().problem == ""


def test_a_lost_target_still_keeps_older_ones_out(bench: Bench) -> None:
    bench.accept(bench.motd("two", 2))
    bench.state.file("target.json").unlink()
    bench.executor.close()
    bench.begin()
    assert bench.offer(bench.motd("one", 1)).code == "rollback"


def test_a_floor_that_cannot_be_read_is_said(bench: Bench) -> None:
    bench.accept(bench.motd("two", 2))
    bench.state.file("floor.json").write_bytes(b"\0")
    bench.executor.close()
    bench.begin()
    assert "floor.json" in bench.standing().problem
    assert bench.offer(bench.motd("one", 1)).code == "rollback"  # the target itself still says


def test_a_target_of_another_envoy_copied_here_is_not_applied(
    bench: Bench, tmp_path: Path, authority: Authority
) -> None:
    bench.accept(bench.motd("hello"))
    other = Bench(tmp_path / "other", authority)
    for name in ("target.json", "floor.json"):
        shutil.copy(bench.state.file(name), other.state.file(name))
    other.executor.close()
    other.begin()
    assert other.standing().applied is None
    assert "signature" in other.standing().problem
    other.executor.close()


def test_a_damaged_crate_is_a_failed_run_and_named_as_missing(bench: Bench) -> None:
    bench.accept(bench.motd("hello"))
    (path,) = bench.state.file("objects").iterdir()
    path.write_bytes(b"x" * path.stat().st_size)
    ran = bench.converge()
    assert (ran.status, ran.missing) == ("failed", [path.name])
    assert "cannot be read" in bench.reports()[0].error
    assert bench.store(bench.signer.objects[path.name]).ok
    assert bench.converge().status == "converged"


def test_damaged_content_fails_its_resource_and_is_named_as_missing(bench: Bench) -> None:
    content = bench.signer.object(b"precious")
    crate = bench.signer.crate("a", [{"name": "f", "type": "file", "path": "/etc/f", "source": "files/f"}])
    bench.accept(bench.signer.target([crate], catalog={"content": {"files/f": content}}))
    (bench.state.file("objects") / content["sha256"]).unlink()
    ran = bench.converge()
    assert (ran.failed, ran.missing) == (1, [content["sha256"]])
    assert bench.store(b"precious").ok
    assert bench.converge().failed == 0


def test_objects_of_the_last_target_go_when_the_next_has_run(bench: Bench) -> None:
    bench.accept(bench.motd("one", 1))
    bench.converge()
    (one,) = bench.state.file("objects").iterdir()
    bench.accept(bench.motd("two", 2))
    assert one.exists()
    bench.converge()
    assert not one.exists()
    assert len(list(bench.state.file("objects").iterdir())) == 1


def test_a_fault_of_our_own_is_a_failed_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: frozenset[str]) -> None:
        raise OSError(28, "No space left on device")

    bench.accept(bench.motd("hello"))
    monkeypatch.setattr(bench, "follow", broken)
    ran = bench.converge()
    assert ran.status == "failed"
    assert "No space" in ran.error
    assert (bench.root / "etc/motd").read_text() == "hello"


def test_traits_are_a_message_ready_to_send(bench: Bench) -> None:
    collected = Collected.model_validate_json(bench.executor.collect(b""))
    message = Traits.model_validate_json(collected.message)
    assert message.sha256 == collected.sha256
    assert message.traits["agent_self"]["confined"] is True
    assert message.errors == {}


def huge(error: str = "") -> Report:
    resource = ResourceReport(
        id="a/b", type="file", outcome=Outcome.CHANGED, diff="x" * MAX_DIFF_CHARS, reason="y" * 4000
    )
    return Report(
        id="r1",
        assignment_sha256="a" * 64,
        epoch=1,
        generation=1,
        commit="c" * 40,
        catalog_sha256="b" * 64,
        trigger=Trigger.APPLY,
        started=NOW,
        finished=NOW,
        status=RunStatus.CONVERGED,
        error=error,
        resources=[resource] * 2000,
    )


def test_a_report_always_fits_a_frame(bench: Bench) -> None:
    bench.executor.keep(huge())
    (entry,), _ = bench.executor.spool.read(0, limit=1, limit_bytes=1)
    assert len(entry.data) <= MAX_REPORT_BYTES
    found = json.loads(entry.data)
    assert len(found["resources"]) == 2000
    assert "left out" in found["error"]
    wide = huge().resources[0].model_copy(update={"id": "i" * 4000})
    bench.executor.keep(huge().model_copy(update={"resources": [wide] * 3000}))
    entries, _ = bench.executor.spool.read(entry.sequence, limit=1, limit_bytes=1)
    assert len(entries[0].data) <= MAX_REPORT_BYTES
    assert 0 < len(json.loads(entries[0].data)["resources"]) < 3000
