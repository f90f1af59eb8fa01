"""Laws of what is kept of drift, of words over time, of tags and of keys: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from api.services import assignments, drifts, enrolment, envoys, runs, tags, traits, verdicts
from api.services.assignments import Stored, Wish
from api.services.container import Services
from api.services.pki import Pki
from api.services.secrets import Vault
from api.services.work import Actor
from api.storage import drifts as rows
from api.storage import envoys as envoy_rows
from api.storage import verdicts as verdict_rows
from api.storage.envoys import Known
from api.workers.chronicle import Chronicle
from reconciler.convergence import learnt
from schema import canonical
from schema.drifts import How
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.messages import Traits
from schema.protocol.reports import ObservedAttribute, Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.tags import TagsUpdate
from schema.time import DAY, HOUR, SECOND
from tests.server import FakeClock

SYSTEM = Actor.system("test")
OPERATOR = Actor("user", "u1", "jane", "token:x", None)
SIGNING = Ed25519PrivateKey.generate()
MIDNIGHT = 1_795_392_000_000_000
"""2026-11-23T00:00:00Z"""


class Fleet:
    """Some envoys that report."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.clock = FakeClock()
        services.clock = self.clock
        services.pki = Pki.open(folder / "pki", now=self.clock.now())
        services.own["vault"] = Vault.open(folder / "pki")
        self.assigned: dict[str, Stored] = {}
        self.ids: dict[str, str] = {}
        self.chronicle = Chronicle(services)

    def known(self, name: str = "web01") -> str:
        """A live envoy with an assignment."""
        envoy_id = new_id()
        sealing = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()
        envoy = Known(
            id=envoy_id, hostname=f"{name}.example.com", ed25519="e" * 64, x25519=sealing, enrolled_at=self.clock.now()
        )
        self.services.db.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, envoy))
        wish = Wish(envoy_id, "d" * 40, "f" * 64, "web", "production", "c" * 64, (), "")
        vault = self.services.own["vault"]
        (made,) = self.write(lambda work: assignments.make(work, [wish], key=SIGNING, vault=vault))
        assert isinstance(made, Stored)
        self.assigned[envoy_id], self.ids[name] = made, envoy_id
        return envoy_id

    def write(self, use_case: Any, actor: Actor = SYSTEM) -> Any:
        return self.services.write_now(actor, use_case)

    def read(self, query: Any) -> Any:
        return self.services.read_now(SYSTEM, query)

    def report(self, envoy_id: str, *resources: ResourceReport, **more: Any) -> str:
        """A run of this envoy; its id."""
        made = self.assigned[envoy_id]
        failed = any(each.outcome is Outcome.FAILED for each in resources)
        report = Report(
            **{
                "id": new_id(),
                "assignment_sha256": made.sha256,
                "epoch": made.epoch,
                "generation": made.generation,
                "commit": "d" * 40,
                "catalog_sha256": "c" * 64,
                "trigger": Trigger.INTERVAL,
                "started": self.clock.now(),
                "finished": self.clock.now() + 1,
                "status": RunStatus.FAILED if failed else RunStatus.CONVERGED,
                "resources": list(resources),
                **more,
            }
        )
        run = self.write(lambda work: runs.record(work, envoy_id, report))
        assert run is not None
        return str(run.id)

    def step(self, *, limit: int = drifts.PASS) -> None:
        """Read what the runs found."""
        more = True
        while more:
            found = self.read(lambda work: drifts.gather(work, limit=limit))
            self.write(lambda work, found=found: drifts.keep(work, found))
            more = found.more

    def current(self, **asked: Any) -> list[tuple[str, str, str, int]]:
        """(Host, resource, how, times) of what is current."""
        found = self.read(lambda work: drifts.current(work, **asked))
        return [
            (host.hostname.partition(".")[0], each.resource, each.how.value, each.times)
            for host in found.hosts
            for each in host.resources
        ]


def resource(name: str = "web/conf", outcome: Outcome = Outcome.UNCHANGED, **more: Any) -> ResourceReport:
    return ResourceReport(id=name, type="file", outcome=outcome, changed=outcome is Outcome.CHANGED, **more)


def repaired(name: str = "web/conf", found: str = "0600") -> ResourceReport:
    return resource(
        name,
        Outcome.CHANGED,
        corrective=True,
        observed=[ObservedAttribute(name="mode", found=found, desired="0644")],
        file="configcrates/web.vgo",
        line=7,
    )


@pytest.fixture
def fleet(services: Services, tmp_path: Path) -> Fleet:
    return Fleet(services, tmp_path)


# What runs found.


def test_what_somebody_else_changed_is_kept_with_what_was_found(fleet: Fleet) -> None:
    web = fleet.known()
    first = fleet.report(web, repaired(), resource("web/dir", Outcome.CHANGED))
    fleet.step()
    (host,) = fleet.read(drifts.current).hosts
    (found,) = host.resources
    assert (host.hostname, found.resource, found.how, found.times) == (
        "web01.example.com",
        "web/conf",
        How.CORRECTIVE,
        1,
    )
    assert (found.run_id, found.file, found.line) == (first, "configcrates/web.vgo", 7)
    assert found.observed == [ObservedAttribute(name="mode", found="0600", desired="0644")]
    assert found.differs == ["mode: 0600, desired 0644"]
    fleet.clock.advance(3600)
    second = fleet.report(web, repaired(found="0666"))
    fleet.step()
    (again,) = fleet.read(drifts.current).hosts[0].resources
    assert (again.id, again.since, again.times, again.run_id) == (found.id, found.since, 2, second)
    assert again.last_at == found.since + HOUR
    assert [each.found for each in again.observed] == ["0666"]


def test_of_what_is_too_long_to_be_told_the_line_that_differs_is_kept(fleet: Fleet) -> None:
    web = fleet.known()
    long = ObservedAttribute(name="content", cut=True)
    diff = "mode: 0600 → 0644\ncontent:\n@@ -700,2 +700,2 @@\n same\n-PermitRootLogin yes\n+PermitRootLogin no"
    shown, hidden = (
        resource(name, Outcome.CHANGED, corrective=True, observed=[long], diff=text)
        for name, text in (("web/conf", diff), ("web/more", ""))
    )
    fleet.report(web, shown, hidden)
    fleet.step()
    told = {each.resource: each.differs for each in fleet.read(drifts.current).hosts[0].resources}
    assert told == {
        "web/conf": ["content: PermitRootLogin yes, desired PermitRootLogin no"],
        "web/more": ["content: too long to be told"],
    }


def test_what_is_left_is_over_when_it_is_as_desired_again(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, resource("web/conf", Outcome.FAILED, error="read-only"), resource("web/dir"))
    watched = resource("web/dir", Outcome.SKIPPED, observed=[ObservedAttribute(name="mode", found="1", desired="2")])
    fleet.report(web, resource("web/conf", Outcome.FAILED, error="read-only"), watched)
    fleet.step()
    assert fleet.current() == [("web01", "web/conf", "left", 2), ("web01", "web/dir", "left", 1)]
    fleet.report(web, resource("web/conf"), resource("web/dir", Outcome.SKIPPED, reason="when: false"))
    fleet.step()
    assert fleet.current() == [("web01", "web/dir", "left", 1)]
    fleet.report(web, resource("web/conf"), error="cut: it did not fit")
    fleet.step()
    assert fleet.current() == [("web01", "web/dir", "left", 1)]  # not named is not gone, where the report was cut
    fleet.report(web, resource("web/conf"))
    fleet.step()
    assert fleet.current() == []
    ended = {
        each.resource: each.ended
        for host in fleet.read(lambda work: drifts.current(work, key=web)).hosts
        for each in host.resources
    }
    assert ended == {"web/conf": "repaired", "web/dir": "gone"}


def test_what_begins_and_ends_between_two_looks_is_told_as_over(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, resource("web/conf", Outcome.FAILED, error="no"), repaired("web/b"))
    fleet.report(web, resource("web/conf", Outcome.FAILED, error="no"), resource("web/b"))
    fleet.report(web, resource("web/conf"), resource("web/b"))
    fleet.step()
    assert fleet.current() == [("web01", "web/b", "corrective", 1)]
    (host,) = fleet.read(lambda work: drifts.current(work, key=web)).hosts
    assert {each.resource: (each.ended, each.times) for each in host.resources} == {
        "web/conf": ("repaired", 2),
        "web/b": ("", 1),
    }
    fleet.report(web, resource("web/conf"), resource("web/b"), dry_run=True)
    fleet.step()
    assert fleet.current() == [("web01", "web/b", "corrective", 1)]


def test_what_was_changed_back_is_over_when_something_else_is_desired_or_after_a_week(fleet: Fleet) -> None:
    web, db = fleet.known("web01"), fleet.known("db01")
    for envoy_id in (web, db):
        fleet.report(envoy_id, repaired())
    fleet.report(db, resource())
    fleet.step()
    assert fleet.current() == [("db01", "web/conf", "corrective", 1), ("web01", "web/conf", "corrective", 1)]
    fleet.report(web, resource("web/conf", Outcome.CHANGED))
    fleet.step()
    assert fleet.current() == [("db01", "web/conf", "corrective", 1)]
    fleet.clock.advance(7 * 86_400 + 1)
    fleet.write(lambda work: drifts.tidy(work, keep_days=400))
    assert fleet.current() == []
    (host,) = fleet.read(lambda work: drifts.current(work, key="db01.example.com", days=30)).hosts
    assert host.resources[0].ended == "calm"


def test_nothing_is_counted_twice_and_nothing_passed_by_however_it_is_read(fleet: Fleet) -> None:
    ids = [fleet.known(f"h{number}") for number in range(4)]
    for _ in range(3):
        for envoy_id in ids:
            fleet.report(envoy_id, repaired(), resource("web/b", Outcome.FAILED, error="no"))
    found = fleet.read(lambda work: drifts.gather(work, limit=5))
    for _ in range(3):  # as after a server that died between its writing and its answer
        fleet.write(lambda work: drifts.keep(work, found))
    fleet.step(limit=2)
    assert sorted(fleet.current()) == sorted(
        [
            (f"h{number}", name, how, 3)
            for number in range(4)
            for name, how in (("web/b", "left"), ("web/conf", "corrective"))
        ]
    )
    fleet.step()
    assert {times for *_, times in fleet.current()} == {3}


def test_a_refused_run_a_dry_run_and_an_intended_change_are_no_drift(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, status=RunStatus.REFUSED, error="expired")
    fleet.report(web, repaired(), dry_run=True)
    fleet.report(web, resource("web/conf", Outcome.CHANGED), resource("web/b", Outcome.SKIPPED, reason="when"))
    fleet.step()
    assert fleet.current() == []


def test_one_host_fills_no_disk(fleet: Fleet) -> None:
    web = fleet.known()
    many = [repaired(f"web/{number:04}") for number in range(rows.MAX_OPEN + 50)]
    fleet.report(web, *many)
    fleet.step()
    assert len(fleet.current()) == min(rows.MAX_OPEN, drifts.MAX_OF_RUN)
    calm = [resource(each.id) for each in many]
    fleet.report(web, *calm, *[repaired(f"web/x{number}") for number in range(10)])
    found = fleet.read(drifts.gather)
    left_out = fleet.write(lambda work: drifts.keep(work, found))
    assert left_out == 10


def test_pages_of_hosts_hold_every_host_once(fleet: Fleet) -> None:
    for number in range(7):
        envoy_id = fleet.known(f"h{number}")
        fleet.report(envoy_id, repaired("web/a"), repaired("web/b"))
    fleet.step()
    seen: list[str] = []
    after: str | None = None
    while True:
        page = fleet.read(lambda work, after=after: drifts.current(work, after=after, limit=2))
        seen += [host.hostname for host in page.hosts]
        assert all(len(host.resources) == 2 for host in page.hosts)
        after = page.next_after
        if after is None:
            break
    assert seen == [f"h{number}.example.com" for number in range(7)]
    assert fleet.current(how=How.LEFT) == []


def test_names_with_nothing_that_a_database_cannot_hold(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, resource("web/a\0b", Outcome.FAILED, error="c\0d"))
    fleet.step()
    assert fleet.current() == [("web01", "web/a\N{REPLACEMENT CHARACTER}b", "left", 1)]


# Words over time.


def look(fleet: Fleet) -> None:
    asyncio.run(fleet.chronicle.step())


def words_of(fleet: Fleet, key: str, **asked: Any) -> Any:
    return fleet.read(lambda work: verdicts.history(work, key, online=envoys.nobody, graph=None, **asked))


def test_words_that_become_others_are_written_down_in_order(fleet: Fleet) -> None:
    web = fleet.known()
    look(fleet)
    fleet.clock.advance(20)
    fleet.report(web, resource())
    look(fleet)
    look(fleet)
    fleet.clock.advance(20)
    fleet.report(web, repaired())
    look(fleet)
    fleet.clock.advance(3600)
    look(fleet)
    found = words_of(fleet, web)
    assert (found.convergence, found.drift, found.reachability) == ("converged", "diverged", "offline")
    assert [(each.kind, each.before, each.after) for each in reversed(found.transitions)] == [
        ("convergence", "", "no data"),
        ("drift", "", "none"),
        ("reachability", "", "offline"),
        ("convergence", "no data", "converged"),
        ("reachability", "offline", "online"),
        ("drift", "none", "diverged"),
        ("reachability", "online", "offline"),
    ]
    assert found.since == found.transitions[0].at
    page = words_of(fleet, "web01.example.com", limit=3)
    assert [each.number for each in page.transitions] == [7, 6, 5]
    assert page.next_before == 5
    assert [each.number for each in words_of(fleet, web, before=5).transitions] == [4, 3, 2, 1]


def test_a_restart_of_the_server_stands_in_no_history(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, resource())
    look(fleet)
    before = words_of(fleet, web).transitions
    fleet.clock.advance(2 * 86_400)  # the server was down for two days
    fleet.chronicle = Chronicle(fleet.services)
    look(fleet)
    assert words_of(fleet, web).transitions == before
    fleet.clock.advance(151)  # and the host has not come back
    look(fleet)
    gone = words_of(fleet, web).transitions[: len(words_of(fleet, web).transitions) - len(before)]
    assert {(each.kind, each.after) for each in gone} == {("reachability", "offline"), ("convergence", "no data")}


def test_a_host_that_flaps_fills_no_disk(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_rows, "KEEP", 20)
    web = fleet.known()
    for number in range(verdict_rows.KEEP + 20):
        verdict = fleet.read(lambda work: next(envoys.judged(work, online=envoys.nobody, graph=None, ids=[web])))[2]
        verdict = verdict._replace(drift=type(verdict.drift)("diverged" if number % 2 else "none"))
        noted = fleet.read(lambda work: verdict_rows.noted(work.session, work.project_id)).get(web)
        fleet.write(lambda work, noted=noted, verdict=verdict: verdicts.note(work, [(web, noted, verdict)]))
    kept = fleet.read(lambda work: verdict_rows.page(work.session, work.project_id, web, limit=1_000))
    assert len(kept) == verdict_rows.KEEP
    assert kept[0].number == verdict_rows.KEEP + 22  # the first look wrote three


# Days.


def test_each_day_has_a_snapshot_that_is_final_when_it_is_over(fleet: Fleet) -> None:
    web, db = fleet.known("web01"), fleet.known("db01")
    for envoy_id in (web, db):
        fleet.report(envoy_id, resource())
    look(fleet)
    fleet.clock.micros = MIDNIGHT - 60 * SECOND
    fleet.report(web, repaired())
    look(fleet)
    (today,) = fleet.read(drifts.history).days
    assert (today.day, today.final) == ("2026-11-22", False)
    for _ in range(2):
        fleet.clock.micros = MIDNIGHT + SECOND
        look(fleet)
    after, before = fleet.read(drifts.history).days
    assert (before.day, before.final, after.day, after.final) == ("2026-11-22", True, "2026-11-23", False)
    assert before.counts["total"] == 2
    assert before.counts["diverged"] == 1
    assert before.found == {"corrective": 1, "left": 0}
    detail = fleet.read(lambda work: drifts.of_day(work, "2026-11-22"))
    assert [host.hostname for host in detail.hosts] == ["db01.example.com", "web01.example.com"]
    assert detail.hosts[1].drift == ["", "diverged"]
    assert after.found == {"corrective": 0, "left": 0}
    with pytest.raises(drifts.NoSuchDay):
        fleet.read(lambda work: drifts.of_day(work, "2026-11-21"))
    for wrong in ("2026-11-3", "yesterday", "2026-13-01"):
        with pytest.raises(drifts.BadDay):
            fleet.read(lambda work, wrong=wrong: drifts.history(work, before=wrong))


def test_a_day_in_which_the_server_ended_is_finished_by_the_next_one(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, repaired())
    look(fleet)
    asyncio.run(fleet.chronicle.close())
    fleet.clock.micros = MIDNIGHT + 3 * DAY
    fleet.chronicle = Chronicle(fleet.services)
    look(fleet)
    days = fleet.read(drifts.history).days
    assert [(each.day, each.final) for each in days] == [("2026-11-26", False), ("2026-11-22", True)]
    assert (days[1].counts["total"], days[1].found["corrective"]) == (1, 1)


def test_what_is_old_is_let_go(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.report(web, resource("web/conf", Outcome.FAILED, error="no"))
    look(fleet)
    fleet.report(web, resource())
    look(fleet)
    fleet.clock.advance(11 * 86_400)
    fleet.write(lambda work: drifts.tidy(work, keep_days=10))
    assert fleet.read(drifts.history).days == []
    assert fleet.read(lambda work: drifts.current(work, key=web, days=400)).hosts == []
    assert words_of(fleet, web).transitions == []


# How often a host is heard.


def test_the_database_learns_a_cadence_as_the_judgement_does(fleet: Fleet) -> None:
    web = fleet.known()
    chance = random.Random(7)
    expected, at = None, fleet.clock.now()
    fleet.write(lambda work: envoys.saw(work, [(web, at, "203.0.113.1", "1")]))
    for _ in range(60):
        gap = chance.choice([1, 4_999_999, 5_000_000, 9 * SECOND, 61 * SECOND, 1800 * SECOND, 3 * DAY, 40 * DAY])
        at, expected = at + gap, learnt(expected, gap)
        fleet.write(lambda work, at=at: envoys.saw(work, [(web, at, "203.0.113.1", "1")]))
        assert fleet.read(lambda work: envoys.known(work, web)).cadence == expected
    fleet.write(lambda work: envoys.saw(work, [(web, at - DAY, "203.0.113.1", "1")]))  # a clock that was set back
    assert fleet.read(lambda work: envoys.known(work, web)).cadence == expected


# Tags and keys.


def test_tags_are_the_hosts_and_outlive_its_enrolment_anew(fleet: Fleet) -> None:
    web = fleet.known()
    fleet.known("db01")
    update = TagsUpdate(tags=["canary", "a/b=c", "canary"])
    assert fleet.write(lambda work: tags.put(work, web, update)).tags == ["a/b=c", "canary"]
    assert fleet.read(envoys.tags) == {"web01.example.com": ("a/b=c", "canary")}
    fleet.write(lambda work: enrolment.retire(work, web, why="test"))
    assert fleet.read(envoys.tags) == {}
    fleet.known()
    assert fleet.read(envoys.tags) == {"web01.example.com": ("a/b=c", "canary")}
    assert fleet.read(lambda work: envoys.tags(work, ["db01.example.com", "web01.example.com"])) == {
        "web01.example.com": ("a/b=c", "canary")
    }
    fleet.write(lambda work: tags.put(work, "web01.example.com", TagsUpdate(tags=[])))
    assert fleet.read(envoys.tags) == {}
    with pytest.raises(Fault):
        fleet.write(lambda work: tags.put(work, "nobody.example.com", update))


def say(fleet: Fleet, envoy_id: str, said: dict[str, Any]) -> None:
    message = Traits(sha256=sha256(canonical.dumps(said)), collected_at=fleet.clock.now(), traits=said)
    assert fleet.write(lambda work: traits.store(work, envoy_id, message)) is None


def keys_of(fleet: Fleet) -> dict[str, int]:
    found = fleet.read(traits.keys)
    assert (found.count, found.left_out) == (len(found.keys), 0)
    assert [each.key for each in found.keys] == sorted(each.key for each in found.keys)
    return {each.key: each.envoys for each in found.keys}


def test_keys_of_the_inventory_are_counted_as_they_come_and_go(fleet: Fleet) -> None:
    web, db = fleet.known("web01"), fleet.known("db01")
    say(fleet, web, {"os": {"family": "debian", "empty": {}}, "ports": [{"port": 80}]})
    say(fleet, db, {"os": {"family": "redhat"}, "cpu": 4})
    assert keys_of(fleet) == {"os.family": 2, "os.empty": 1, "ports": 1, "cpu": 1}
    say(fleet, web, {"os": {"family": "debian"}})
    say(fleet, web, {"os": {"family": "debian"}})
    assert keys_of(fleet) == {"os.family": 2, "cpu": 1}
    fleet.write(lambda work: envoys.revoke(work, db))
    fleet.write(lambda work: envoys.revoke(work, db))
    assert keys_of(fleet) == {"os.family": 1}
    assert fleet.read(traits.keys).envoys == 1
