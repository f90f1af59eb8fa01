"""`POST /graphql`: who may ask, what a refusal says, and what it never says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from graphql import get_introspection_query

from api.services import audit, revisions
from api.services.container import Services
from api.services.work import Actor
from schema.access import GRANTS, Permission, Role
from schema.diagnostics import Diagnostic

if TYPE_CHECKING:
    from .conftest import Ask

LOOP = Actor.system("loop")
BAD = Diagnostic(code="graph.unknown-crate", file="roles.vgo", line=4, column=9, message="no ngnix", hint="nginx?")


@pytest.fixture(scope="module")
def history(services: Services) -> list[str]:
    """Three commits: two came into force, then one failed."""
    commits = [digit * 40 for digit in "abc"]
    for commit in commits[:2]:
        services.write_now(
            LOOP,
            lambda work, commit=commit: revisions.record_in_force(
                work, commit=commit, plan_root="d" * 64, compiled_ms=1.5, author="jane", summary="ports"
            ),
        )
    services.write_now(LOOP, lambda work: revisions.record_failure(work, commit=commits[2], diagnostics=[BAD]))
    return commits


def test_without_a_token_nothing_is_answered_not_even_introspection(ask: Ask) -> None:
    for query in ("{ __typename }", get_introspection_query(), "{ nonsense"):
        answer = ask(query, role=None)
        assert answer.status == 401
        assert set(answer.body) == {"message", "error", "statusCode", "code", "fault"}


def test_with_one_the_schema_can_be_read(ask: Ask) -> None:
    answer = ask(get_introspection_query(), role=Role.VIEWER)

    assert answer.status == 200
    assert answer.body["data"]["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize("role", list(Role))
def test_a_field_is_answered_to_exactly_those_who_may_read_it_over_rest(ask: Ask, role: Role) -> None:
    allowed = Permission.AUDIT_READ in GRANTS[role]

    answer = ask("{ auditEntries(first: 1) { index } }", role=role)

    assert answer.status == 200
    if allowed:
        assert len(answer.body["data"]["auditEntries"]) == 1
    else:
        assert answer.body["data"] is None
        assert [error["extensions"] for error in answer.body["errors"]] == [
            {"code": "FORBIDDEN", "fault": "access.denied"}
        ]


def test_the_answer_is_what_the_service_says(ask: Ask, history: list[str]) -> None:
    answer = ask(
        "{ configStatus { healthy version commit failedCommit lastReloadAt diagnostics { file line column severity hint } }"
        "  revisions(first: 2) { sequence commit state inForceAt } }"
    )

    status, page = answer.body["data"]["configStatus"], answer.body["data"]["revisions"]
    assert (status["healthy"], status["version"]) == (False, 2)
    assert (status["commit"], status["failedCommit"]) == (history[1], history[2])
    assert status["lastReloadAt"].endswith("Z")
    assert status["diagnostics"] == [
        {"file": "roles.vgo", "line": 4, "column": 9, "severity": "ERROR", "hint": "nginx?"}
    ]
    assert [(item["sequence"], item["state"]) for item in page] == [(3, "FAILED"), (2, "IN_FORCE")]
    assert page[0]["inForceAt"] is None


def test_a_page_goes_on_below_the_last_of_the_one_before(ask: Ask, history: list[str]) -> None:
    query = "query Q($before: Int) { revisions(first: 2, before: $before) { sequence } }"

    assert [item["sequence"] for item in ask(query, variables={"before": 2}).body["data"]["revisions"]] == [1]


@pytest.mark.parametrize(
    "body",
    [
        [{"query": "{ __typename }"}] * 2,
        {"query": ""},
        {"query": 7},
        {},
        {"query": "{ __typename }", "variables": []},
    ],
)
def test_a_batch_or_another_shape_is_bad_input(ask: Ask, body: Any) -> None:
    answer = ask(body)

    assert answer.status == 400
    assert answer.body["fault"] == "http.bad_input"


def test_a_query_beyond_a_limit_is_told_in_graphqls_form(ask: Ask) -> None:
    answer = ask("{ " + " ".join(f"a{i}: __typename" for i in range(40)) + " }")

    assert answer.status == 400
    assert answer.body == {
        "errors": [
            {
                "message": "the query has more than 30 aliases, fragments expanded",
                "extensions": {"code": "INVALID", "fault": "graphql.refused"},
            }
        ]
    }


def test_what_does_not_fit_the_schema_is_told_with_its_place(ask: Ask) -> None:
    answer = ask("{ configStatus { nonsense } }")

    assert answer.status == 400
    assert answer.body["errors"][0]["locations"] == [{"line": 1, "column": 18}]


@pytest.mark.parametrize("query", ["{ revisions(first: 0) { sequence } }", '{ auditEntries(since: "soon") { index } }'])
def test_a_fault_of_a_service_is_told_by_its_code(ask: Ask, query: str) -> None:
    answer = ask(query)

    assert answer.body["errors"][0]["extensions"]["code"] == "INVALID"


def test_a_bug_is_masked_and_logged(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("CANARY")

    monkeypatch.setattr(revisions, "status", broken)
    with caplog.at_level(logging.ERROR):
        answer = ask("{ configStatus { healthy } }")

    assert answer.body["errors"][0]["message"].startswith("internal error; request ")
    assert answer.body["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "CANARY" not in str(answer.body)
    assert "CANARY" in caplog.text


def test_a_query_sees_one_state_of_the_database(services: Services, ask: Ask, history: list[str]) -> None:
    answer = ask("{ a: configStatus { version } b: configStatus { version } }")

    assert answer.body["data"]["a"] == answer.body["data"]["b"]


def test_reading_writes_nothing_to_the_audit_log(services: Services, ask: Ask) -> None:
    head: Callable[[], int] = lambda: len(services.read_now(LOOP, lambda work: audit.events(work, limit=200)).events)  # noqa: E731
    before = head()

    ask("{ configStatus { healthy } auditEntries { index } }")

    assert head() == before
