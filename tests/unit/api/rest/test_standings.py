"""How far a revision has come, over REST: classes that sum to the fleet, whom they name, and what is said of those."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.services import holds, revisions, runs, standings
from api.services.tallies import TOPICS, Tally
from api.storage import assignments
from api.storage import envoys as rows
from api.storage import standings as standing_rows
from api.storage.assignments import Stored
from api.storage.envoys import Known
from api.workers.standings import Counting
from reconciler import graph
from reconciler.graph import Graph
from reconciler.standings import Course
from schema.access import Role
from schema.diagnostics import Diagnostic
from schema.holds import Freeze, HoldKind, Until
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.rollouts import RolloutState
from schema.standings import StandingClass
from tests.factories.trees import MemoryTree
from tests.server import Server

COMMIT, OLDER = "a" * 40, "b" * 40
CLASSES = [name.value for name in StandingClass]


def compiled(commit: str, text: str) -> Graph:
    files = {
        "vigo.vgo": "language: 1\n",
        "web.vgo": 'envoys: [{match: "web*", configcrates: [motd]}]\n',
        "configcrates/motd.vgo": f"name: motd\nresources: [{{name: dir, type: directory, path: /srv/{text}}}]\n",
    }
    found = graph.compile_tree(MemoryTree(files, commit=commit)).graph
    assert found is not None
    return found


class Gateway:
    """Who is connected."""

    def __init__(self) -> None:
        self.there: set[str] = set()

    def online(self, envoy_id: str) -> bool:
        return envoy_id in self.there


class Fleet:
    """A server that counts, and hosts that report."""

    def __init__(self, server: Server) -> None:
        self.server, self.services = server, server.services
        self.gateway = self.services.gateway = Gateway()
        self.ids: dict[str, str] = {}
        self.graphs = {COMMIT: compiled(COMMIT, "new"), OLDER: compiled(OLDER, "old")}
        self.tally = Tally(self.services)
        self.services.own["standings"] = self.tally
        self.counting = Counting(self.services, self.tally)
        self._tapped = self.services.events.tap(self.tally.note, *TOPICS)
        self._tapped.__enter__()
        self._reports = 0

    def close(self) -> None:
        self._tapped.__exit__(None, None, None)

    def publish(self, commit: str) -> None:
        self.services.write_now(
            self.server.system,
            lambda work: revisions.record_in_force(work, commit=commit, plan_root="0" * 64, compiled_ms=1.0),
        )
        self.services.graph = self.graphs[commit]

    def add(self, *hostnames: str) -> None:
        for hostname in hostnames:
            known, now = Known(new_id(), hostname, "0" * 64, "1" * 64, enrolled_at=1), self.server.clock.now()
            self.services.db.write_now(lambda session, known=known: rows.add(session, DEFAULT_PROJECT, known))
            self.services.db.write_now(
                lambda session, row=(known.id, now, "", ""): rows.saw(session, DEFAULT_PROJECT, [row])
            )
            self.ids[hostname] = known.id
            self.gateway.there.add(known.id)
            self.services.events.publish("envoy.enrolled", id=known.id, hostname=hostname)

    def report(
        self, hostname: str, commit: str, *, status: RunStatus = RunStatus.CONVERGED, error: str = "", dry: bool = False
    ) -> None:
        profile = self.graphs[commit].match(hostname)
        assert profile is not None
        self._reports += 1
        envoy_id, now = self.ids[hostname], self.server.clock.now()
        stored = Stored(
            envoy_id=envoy_id, epoch=1, generation=self._reports, sha256="a" * 64, commit_id=commit, plan_root="0" * 64,
            catalog_sha256=profile.catalog_sha256, profile=profile.id, environment="", signed="{}", sealed="",
            secrets_key="", created_at=now, expires_at=now + 10**12,
        )  # fmt: skip
        self.services.db.write_now(lambda session: assignments.put(session, DEFAULT_PROJECT, [stored]))
        outcome = Outcome.FAILED if error else Outcome.CHANGED
        report = Report(
            id=f"01a200ac-0000-7000-8000-{self._reports:012}", assignment_sha256="a" * 64, epoch=1,
            generation=self._reports, commit=commit, catalog_sha256=profile.catalog_sha256, trigger=Trigger.APPLY,
            started=now, finished=now + 1, status=RunStatus.FAILED if error else status, dry_run=dry,
            resources=[
                ResourceReport(id="motd/dir", type="directory", outcome=outcome, changed=not error, error=error)
            ],
        )  # fmt: skip
        self.services.write_now(self.server.system, lambda work: runs.record(work, envoy_id, report))

    def count(self) -> None:
        asyncio.run(self.counting.count())

    def get(self, path: str = "current") -> Any:
        answer = self.server.get(f"/api/v1/standings/{path}", role=Role.VIEWER)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def classes(self, version: str = "current") -> dict[str, list[str]]:
        """Class → hosts, of those with any."""
        told = self.get(version)
        assert sum(told["counts"].values()) == told["total"]
        assert list(told["counts"]) == CLASSES
        found: dict[str, list[str]] = {}
        for part in told["parts"]:
            assert len(part["hosts"]) == min(part["count"], 10)
            found.setdefault(part["name"], []).extend(host["hostname"] for host in part["hosts"])
        assert {name: len(hosts) for name, hosts in found.items()} == {
            name: count for name, count in told["counts"].items() if count
        }
        return found


@pytest.fixture
def fleet(server: Server) -> Iterator[Fleet]:
    made = Fleet(server)
    made.publish(COMMIT)
    yield made
    made.close()


def test_every_host_is_in_one_class(fleet: Fleet) -> None:
    fleet.add("web1", "web2", "web3", "web4", "web5", "db1")
    fleet.report("web1", COMMIT)
    fleet.report("web2", COMMIT, error="no space left")
    fleet.gateway.there.discard(fleet.ids["web3"])
    fleet.report("web4", COMMIT, dry=True)
    fleet.count()

    assert fleet.classes() == {
        "applied": ["web1"], "failed": ["web2"], "offline": ["web3"], "wave": ["web4", "web5"], "unmatched": ["db1"],
    }  # fmt: skip
    told = fleet.get()
    assert (told["version"], told["commit"], told["state"], told["complete"]) == (1, COMMIT, "in_force", False)
    (failed,) = next(part["hosts"] for part in told["parts"] if part["name"] == "failed")
    assert (failed["resource"], failed["cause"], failed["since"]) == (
        "motd/dir", "no space left", "2026-11-22T12:00:00Z",
    )  # fmt: skip
    assert fleet.server.get(f"/api/v1/runs/{failed['run']}", role=Role.VIEWER).status_code == 200
    (offline,) = next(part["hosts"] for part in told["parts"] if part["name"] == "offline")
    assert offline["since"] == "2026-11-22T12:00:00Z"


def test_an_answer_takes_up_what_came_since_the_last_count(fleet: Fleet) -> None:
    fleet.add("web1", "web2")
    fleet.count()
    assert fleet.classes() == {"wave": ["web1", "web2"]}
    fleet.report("web2", COMMIT)
    assert fleet.classes() == {"applied": ["web2"], "wave": ["web1"]}
    fleet.add("web3")
    fleet.services.events.publish("envoy.revoked", id=fleet.ids["web1"])
    assert fleet.classes() == {"applied": ["web2"], "wave": ["web3"]}


def test_what_holds_hosts_is_told_with_its_end(fleet: Fleet) -> None:
    fleet.add("web1", "web2", "web3", "web4")
    fleet.report("web4", COMMIT)
    until = fleet.server.clock.now() + 3_600_000_000
    write = fleet.services.write_now
    write(fleet.server.system, lambda work: holds.freeze(work, Freeze(freeze_until=until, reason="release day")))
    write(fleet.server.system, lambda work: holds.hold_envoy(work, "web2", HoldKind.MAINTENANCE, Until()))
    write(fleet.server.system, lambda work: holds.hold_envoy(work, "web3", HoldKind.QUARANTINE, Until()))
    fleet.services.holds = fleet.services.read_now(fleet.server.system, holds.snapshot)
    fleet.count()

    assert fleet.classes() == {
        "applied": ["web4"], "frozen": ["web1"], "maintenance": ["web2"], "quarantined": ["web3"],
    }  # fmt: skip
    told = fleet.get()
    (frozen,) = next(part["hosts"] for part in told["parts"] if part["name"] == "frozen")
    assert (frozen["until"], frozen["cause"]) == ("2026-11-22T13:00:00Z", "release day")
    assert told["eta"] == {"at": None, "why": "3 hosts are not on their way"}


def test_a_host_for_which_nothing_can_be_made_failed_and_why_is_told(fleet: Fleet) -> None:
    stalls: dict[str, str] = {}
    fleet.tally.stalled = lambda envoy_id: stalls.get(envoy_id, "")
    fleet.add("web1", "web2")
    stalls[fleet.ids["web1"]] = "no such secret: db/password"
    fleet.count()

    assert fleet.classes() == {"failed": ["web1"], "wave": ["web2"]}
    (failed,) = fleet.get("current/hosts?class=failed")["hosts"]
    assert (failed["cause"], "run" in failed) == ("no such secret: db/password", False)
    stalls.clear()
    fleet.server.clock.advance(15)
    fleet.count()
    assert fleet.classes() == {"wave": ["web1", "web2"]}


def test_a_stopped_rollout_blocks_those_whose_turn_has_not_come(fleet: Fleet) -> None:
    class Waves:
        state = RolloutState.RUNNING

        def of(self) -> object:
            return self

        def course(self) -> Course:
            return Course(self.state, "wave first: 1 of 1 hosts failed")

        def place(self, hostname: str) -> tuple[int | None, bool]:
            return (0, True) if hostname == "web1" else (1, False)

        def waves(self) -> None:
            return None

    waves = Waves()
    fleet.tally.membership = waves  # type: ignore[assignment]
    fleet.add("web1", "web2", "web3")
    fleet.count()
    assert fleet.classes() == {"wave": ["web1", "web2", "web3"]}
    assert [(part["wave"], part["count"]) for part in fleet.get()["parts"]] == [(1, 1), (2, 2)]

    waves.state = RolloutState.STOPPED
    fleet.count()
    sample = fleet.services.metrics.registry.get_sample_value
    at = {state for state in RolloutState if sample("vigo_rollout", {"state": state.value}) == 1}
    assert at == {RolloutState.STOPPED}
    assert fleet.classes() == {"blocked": ["web2", "web3"], "wave": ["web1"]}
    blocked = next(part for part in fleet.get()["parts"] if part["name"] == "blocked")
    assert (blocked["cause"], blocked["wave"]) == ("wave first: 1 of 1 hosts failed", 2)
    assert fleet.get()["eta"]["why"] == "the rollout has stopped"
    of_wave = fleet.get("current/hosts?class=blocked&wave=2")["hosts"]
    assert [host["hostname"] for host in of_wave] == ["web2", "web3"]
    assert fleet.get("current/hosts?class=blocked&wave=1")["hosts"] == []


def test_an_older_revision_counts_those_that_still_run_it(fleet: Fleet) -> None:
    class Archive:
        async def resolve(self, rev: str) -> str:
            return rev

        async def graph(self, commit: str) -> Graph:
            return fleet.graphs[commit]

    fleet.services.archive = Archive()  # type: ignore[assignment]
    fleet.publish(OLDER)
    fleet.add("web1", "web2", "web3", "web4", "db1")
    for host in ("web1", "web2"):
        fleet.report(host, OLDER)
    fleet.report("web3", OLDER, error="no")
    fleet.publish(COMMIT)
    fleet.report("web1", COMMIT)
    fleet.count()

    assert fleet.classes("2") == {
        "applied": ["web2"], "failed": ["web3"], "superseded": ["web1", "web4"], "unmatched": ["db1"],
    }  # fmt: skip
    told = fleet.get(OLDER[:7])
    assert (told["version"], told["state"], told["eta"]["why"]) == (2, "superseded", "a newer revision is in force")
    assert fleet.get()["version"] == 3
    assert fleet.get("2026-11-22T12:00:00Z")["version"] == 3


def test_versions_that_were_never_in_force_have_no_standing(fleet: Fleet) -> None:
    wrong = Diagnostic(code="yaml.syntax", file="roles.vgo", line=3, column=5, message="not YAML")
    fleet.services.write_now(
        fleet.server.system, lambda work: revisions.record_failure(work, commit="c" * 40, diagnostics=[wrong])
    )
    for version in ("2", "ccccc", "7", "dddd", "abc", "no-such", "1999-01-01T00:00:00Z"):
        answer = fleet.server.get(f"/api/v1/standings/{version}", role=Role.VIEWER)
        assert (answer.status_code, answer.json()["fault"]) == (404, "standings.not_found"), version
    assert fleet.server.get("/api/v1/standings/1999-13-01T00:00:00Z", role=Role.VIEWER).status_code == 400


def test_a_commit_that_comes_into_force_again_is_counted_under_its_new_number(fleet: Fleet) -> None:
    fleet.add("web1")
    fleet.report("web1", COMMIT)
    fleet.count()
    wrong = Diagnostic(code="yaml.syntax", file="roles.vgo", line=3, column=5, message="not YAML")
    fleet.services.write_now(
        fleet.server.system, lambda work: revisions.record_failure(work, commit="c" * 40, diagnostics=[wrong])
    )
    fleet.publish(COMMIT)
    fleet.count()

    assert (fleet.get()["version"], fleet.get()["complete"]) == (3, True)


def test_pages_of_a_class_join(fleet: Fleet) -> None:
    fleet.add(*(f"web{number:02}" for number in range(15)))
    fleet.report("web03", COMMIT)
    fleet.count()
    found, after = [], ""
    while True:
        told = fleet.get(f"current/hosts?class=wave&limit=4&after={after}")
        found += [host["hostname"] for host in told["hosts"]]
        if "next_after" not in told:
            break
        after = told["next_after"]

    assert found == [f"web{number:02}" for number in range(15) if number != 3]


def test_history_is_written_when_counts_change_and_only_then(fleet: Fleet) -> None:
    fleet.add("web1", "web2")
    for _ in range(2):
        fleet.count()
        fleet.server.clock.advance(1)
    fleet.report("web1", COMMIT)
    for _ in range(2):
        fleet.count()
        fleet.server.clock.advance(1)

    assert fleet.get("current/history") == {
        "version": 1,
        "commit": COMMIT,
        "points": [
            {"at": "2026-11-22T12:00:00Z", "counts": {"wave": 2}},
            {"at": "2026-11-22T12:00:02Z", "counts": {"applied": 1, "wave": 1}},
        ],
    }


def test_a_history_that_grows_long_is_thinned_where_it_is_old(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "MAX_POINTS", 16)
    for number in range(1, 18):
        server.clock.advance(1)
        counts = {StandingClass.APPLIED: number}
        server.services.write_now(server.system, lambda work, counts=counts: standings.note(work, 1, counts))
    points = server.services.db.read_now(lambda s: standing_rows.history(s, DEFAULT_PROJECT, 1, limit=100))

    kept = [point.counts[StandingClass.APPLIED] for point in points]
    assert kept == [1, 3, 5, 7, *range(9, 18)]


def test_metrics_show_every_class(fleet: Fleet) -> None:
    fleet.add("web1")
    fleet.report("web1", COMMIT)
    fleet.count()
    sample = fleet.services.metrics.registry.get_sample_value

    assert {name: sample("vigo_standing_hosts", {"class": name}) for name in CLASSES} == {
        name: float(name == "applied") for name in CLASSES
    }


def test_a_process_that_counts_nothing_says_so(server: Server) -> None:
    fleet = Fleet(server)
    fleet.publish(COMMIT)
    del fleet.services.own["standings"]
    answer = server.get("/api/v1/standings/current", role=Role.VIEWER)
    fleet.close()

    assert (answer.status_code, answer.json()["fault"]) == (503, "standings.not_counted")
