"""Envoys, runs and traces over GraphQL: pages, filters, nesting; and the same answers as REST gives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from api.services import rosters, traits
from api.services.container import Services
from api.services.work import Actor
from api.storage import envoys as rows
from api.storage import runs as run_rows
from api.storage.envoys import Known
from reconciler import graph, repository
from reconciler.convergence import Convergence, Drift, Reachability
from reconciler.holds import Holds
from schema import canonical
from schema.holds import Hold, HoldKind
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.messages import Traits
from schema.protocol.reports import Outcome, ResourceReport, RunStatus
from tests.factories.ended import ended

if TYPE_CHECKING:
    from .conftest import Ask

SYSTEM = Actor.system("test")
ROOT = Path(__file__).parents[4]
HOSTS = [f"web{n:02}.prod.example.com" for n in range(1, 6)] + ["db01.prod.example.com", "db02.staging.example.com"]


@pytest.fixture(scope="module")
def fleet(services: Services) -> Iterator[dict[str, str]]:
    """Hostname → id of seven envoys; the first has two runs, of which the newer failed, and traits."""
    ids = {hostname: new_id() for hostname in HOSTS}

    def enrol(session: Any) -> None:
        for hostname, envoy_id in ids.items():
            rows.add(session, DEFAULT_PROJECT, Known(envoy_id, hostname, "0" * 64, "1" * 64, enrolled_at=1_000_000))
        for status in (RunStatus.CONVERGED, RunStatus.FAILED):
            run_rows.add(session, DEFAULT_PROJECT, [a_run(ids[HOSTS[0]], status, services.clock.now())])

    services.db.write_now(enrol)
    told = {"os": {"distro": "debian"}}
    message = Traits(sha256=sha256(canonical.dumps(told)), collected_at=5, traits=told)
    services.write_now(SYSTEM, lambda work: traits.store(work, ids[HOSTS[0]], message))
    services.graph = graph.compile_tree(repository.directory(ROOT / "api" / "cli" / "starter")).graph
    yield ids
    services.graph = None


RESOURCES = [
    ResourceReport(id="motd/motd", type="file", outcome=Outcome.CHANGED, changed=True, action="update", diff="-a\n+b"),
    ResourceReport(id="nginx/install", type="package", outcome=Outcome.SKIPPED, reason="confined"),
    ResourceReport(id="nginx/conf", type="file", outcome=Outcome.FAILED, error="no"),
]


def a_run(envoy_id: str, status: RunStatus, now: int) -> run_rows.Fresh:
    return ended(
        envoy_id, status, received_at=now, total=3, changed=1, failed=1, skipped=1, resources=run_rows.packed(RESOURCES)
    )


def names(answer: Any) -> list[str]:
    return [node["hostname"] for node in answer.body["data"]["envoys"]["nodes"]]


def test_pages_follow_each_other_without_gap_or_repeat(ask: Ask, fleet: dict[str, str]) -> None:
    query = "query Q($after: String) { envoys(first: 3, after: $after) { nodes { hostname } hasNextPage endCursor } }"
    seen: list[str] = []
    after, more = None, True
    while more:
        answer = ask(query, variables={"after": after})
        seen += names(answer)
        page = answer.body["data"]["envoys"]
        after, more = page["endCursor"], page["hasNextPage"]

    assert seen == sorted(HOSTS)


def test_a_glob_of_hostnames_narrows_the_page(ask: Ask, fleet: dict[str, str]) -> None:
    assert names(ask('{ envoys(hostname: "db*.PROD.*") { nodes { hostname } } }')) == ["db01.prod.example.com"]


def test_convergence_and_reachability_narrow_it(ask: Ask, fleet: dict[str, str]) -> None:
    assert names(ask("{ envoys(convergence: DEGRADED) { nodes { hostname } } }")) == [HOSTS[0]]
    assert len(names(ask("{ envoys(convergence: NO_DATA) { nodes { hostname } } }"))) == 6
    assert names(ask("{ envoys(reachability: ONLINE) { nodes { hostname } } }")) == HOSTS[:1]  # heard a moment ago
    assert names(ask("{ envoys(drift: DIVERGED) { nodes { hostname } } }")) == [HOSTS[0]]
    assert names(ask('{ envoys(seenSince: "2026-01-01T00:00:00Z") { nodes { hostname } } }')) == [HOSTS[0]]
    assert len(names(ask('{ envoys(seenBefore: "2026-01-01T00:00:00Z") { nodes { hostname } } }'))) == 6


def test_who_was_heard_last_is_first_where_that_is_the_order_and_its_cursors_are_its_own(
    ask: Ask, fleet: dict[str, str]
) -> None:
    query = (
        "query Q($after: String) { envoys(first: 3, after: $after, sort: LAST_SEEN) "
        "{ nodes { hostname } hasNextPage endCursor } }"
    )
    seen: list[str] = []
    after, more = None, True
    while more:
        answer = ask(query, variables={"after": after})
        seen += names(answer)
        page = answer.body["data"]["envoys"]
        after, more = page["endCursor"], page["hasNextPage"]
    assert seen[0] == HOSTS[0]
    assert sorted(seen) == sorted(HOSTS)
    wrong = ask(
        "query Q($after: String) { envoys(after: $after, sort: ENROLLED) { endCursor } }", variables={"after": after}
    )
    assert wrong.body["errors"][0]["extensions"]["fault"] == "graphql.bad_page"


def test_the_summary_counts_each_host_once_of_each_kind(ask: Ask, fleet: dict[str, str]) -> None:
    words = "total converged degraded failed noData driftNone driftChanged driftDiverged online offline countedAt"
    found = ask(f"{{ fleetSummary {{ {words} }} }}").body["data"]["fleetSummary"]
    assert found["total"] == len(HOSTS)
    assert found["converged"] + found["degraded"] + found["failed"] + found["noData"] == len(HOSTS)
    assert found["driftNone"] + found["driftChanged"] + found["driftDiverged"] == len(HOSTS)
    assert found["online"] + found["offline"] == len(HOSTS)
    assert (found["degraded"], found["driftDiverged"]) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    ["first: 0", "first: 201", 'after: "nonsense!"', 'after: "bm8="', 'hostname: "/(/"', 'hostname: "[z-a]"'],
)
def test_a_page_that_cannot_be_is_refused(ask: Ask, fleet: dict[str, str], arguments: str) -> None:
    answer = ask(f"{{ envoys({arguments}) {{ nodes {{ id }} }} }}")

    assert answer.body["errors"][0]["extensions"]["code"] == "INVALID"


def test_an_envoy_has_its_last_run_its_runs_and_its_traits(ask: Ask, fleet: dict[str, str]) -> None:
    answer = ask(
        "query Q($name: String) { envoy(hostname: $name) { id reachability traits lastRun { status started durationUs"
        " resources(outcome: CHANGED) { id diff } } runs(first: 1) { nodes { status resources { outcome } } endCursor } } }",
        variables={"name": HOSTS[0]},
    )

    envoy = answer.body["data"]["envoy"]
    assert envoy["id"] == fleet[HOSTS[0]]
    assert envoy["reachability"] == "ONLINE"
    assert envoy["traits"] == {"os": {"distro": "debian"}}
    assert envoy["lastRun"] == {
        "status": "FAILED", "started": "1970-01-01T00:00:02Z", "durationUs": 1_000_000,
        "resources": [{"id": "motd/motd", "diff": "-a\n+b"}],
    }  # fmt: skip
    assert [item["outcome"] for item in envoy["runs"]["nodes"][0]["resources"]] == ["CHANGED", "SKIPPED", "FAILED"]
    older = ask(
        "query Q($after: String) { runs(first: 1, after: $after) { nodes { status } endCursor } }",
        variables={"after": envoy["runs"]["endCursor"]},
    )
    assert older.body["data"]["runs"] == {"nodes": [{"status": "CONVERGED"}], "endCursor": None}


def test_an_envoy_without_runs_or_traits_says_null(ask: Ask, fleet: dict[str, str]) -> None:
    answer = ask(f'{{ envoy(id: "{fleet[HOSTS[1]]}") {{ lastRun {{ id }} traits runs {{ nodes {{ id }} }} }} }}')

    assert answer.body["data"]["envoy"] == {"lastRun": None, "traits": None, "runs": {"nodes": []}}


@pytest.mark.parametrize("arguments", ["", '(id: "a", hostname: "b")'])
def test_an_envoy_is_named_once(ask: Ask, arguments: str) -> None:
    assert "id or its hostname" in ask(f"{{ envoy{arguments} {{ id }} }}").body["errors"][0]["message"]


def test_an_envoy_that_is_not_there_is_not_found(ask: Ask) -> None:
    answer = ask('{ envoy(hostname: "nobody.example.com") { id } }')

    assert answer.body["errors"][0]["extensions"] == {"code": "NOT_FOUND", "fault": "envoys.not_found"}


def test_a_trace_is_what_the_graph_says(ask: Ask, services: Services, fleet: dict[str, str]) -> None:
    answer = ask(
        "query Q($name: String!) { trace(hostname: $name) { hostname matched matchPattern patternType environment roles"
        " roleExpansion { role includes configcrates } inheritance { dir file configcrates vars overrides } configcrates"
        " configcrateSources varSources { key value source place { file line column commit } } resourceCount } }",
        variables={"name": HOSTS[0]},
    )

    assert services.graph is not None
    expected = graph.trace(services.graph, HOSTS[0]).model_dump(mode="json")
    got = answer.body["data"]["trace"]
    assert got["matched"] is True
    assert got["configcrates"] == expected["configcrates"]
    assert got["configcrateSources"] == expected["configcrate_sources"]
    assert got["resourceCount"] == expected["resource_count"]
    assert [(item["key"], item["value"], item["source"]) for item in got["varSources"]] == [
        (item["key"], item["value"], item["source"]) for item in expected["var_sources"]
    ]
    assert all(item["place"]["line"] > 0 for item in got["varSources"])


def test_a_host_that_nothing_matches_has_nothing_but_that(ask: Ask, fleet: dict[str, str]) -> None:
    answer = ask('{ trace(hostname: "db.example.org") { matched matchPattern varSources { key } } }')

    assert answer.body["data"]["trace"] == {"matched": False, "matchPattern": None, "varSources": None}


def test_before_anything_is_in_force_a_trace_is_unavailable(ask: Ask, services: Services) -> None:
    kept, services.graph = services.graph, None
    try:
        answer = ask('{ trace(hostname: "a") { matched } }')
    finally:
        services.graph = kept

    assert answer.body["errors"][0]["extensions"]["code"] in {"UNAVAILABLE", "STALLED"}


def test_a_hundred_objects_of_six_fields_take_milliseconds(
    ask: Ask, services: Services, fleet: dict[str, str], record_property: Any
) -> None:
    from api.graphql.context import Context
    from api.graphql.schema import schema
    from api.services.envoys import nobody

    query = "{ auditEntries(first: 100) { index operator summary outcome hash timestamp } }"
    services.write_now(SYSTEM, lambda work: [work.audit("test.fill", "test", str(n)) for n in range(100)])

    def once(work: Any) -> float:
        started = time.perf_counter()
        result = schema.execute_sync(query, {}, Context(work, None, nobody))
        took = time.perf_counter() - started
        assert result.errors is None
        assert result.data is not None
        assert len(result.data["auditEntries"]) == 100
        return took

    best = min(services.read_now(SYSTEM, once) for _ in range(10))

    record_property("graphql_100x6_ms", round(best * 1_000, 2))
    assert best < 0.1


def test_a_host_in_maintenance_is_counted_as_nothing_else(
    services: Services, ask: Ask, fleet: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold(id=new_id(), kind=HoldKind.MAINTENANCE, match=HOSTS[0], created_at=1, created_by="ann")
    before = asyncio.run(rosters.recount(services, SYSTEM)).counts
    with monkeypatch.context() as patched:
        patched.setattr(services, "holds", Holds([hold]))
        after = asyncio.run(rosters.recount(services, SYSTEM)).counts
        told = ask("{ fleetSummary { maintenance } }").body["data"]["fleetSummary"]
    asyncio.run(rosters.recount(services, SYSTEM))

    assert told == {"maintenance": 1}
    assert (before["maintenance"], after["maintenance"], after["total"]) == (0, 1, len(HOSTS))
    for kind in (Convergence, Drift, Reachability):
        assert sum(after[str(word)] for word in kind) + 1 == sum(before[str(word)] for word in kind) == len(HOSTS)
