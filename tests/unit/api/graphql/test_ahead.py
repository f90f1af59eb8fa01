"""Answers that are awaited before the query runs: found wherever the query has them, and no reader is held for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.graphql import endpoint
from api.graphql.schema import ANSWERED_AHEAD
from reconciler import graph
from schema.access import Role
from tests.factories.trees import tree
from tests.server import Server

PATIENCE_S = 20.0
FILES = {
    "web.vgo": 'envoys:\n  - {match: "web*", configcrates: [base]}\n',
    "configcrates/base.vgo": "name: base\nresources: [{type: directory, path: /srv/base}]\n",
}
HOST = "web01.example.com"
PREVIEW = 'preview(traits: ["os.version=13"]) { summary }'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("ahead"), extra=(endpoint.area,))
    made.services.graph = graph.compile_tree(tree(FILES)).graph
    yield made
    made.services.desks.close()
    made.close()


def ask(server: Server, query: str, role: Role = Role.VIEWER, **variables: Any) -> Any:
    return server.post("/graphql", role=role, json={"query": query, "variables": variables}).json()


def test_a_field_is_found_wherever_the_query_has_it(server: Server) -> None:
    why = f'why(hostname: "{HOST}", subject: "base") {{ presence }}'
    for query in (
        f"{{ answer: {why} }}",
        f"{{ ... {{ answer: {why} }} }}",
        f"query Q {{ ...F ...F }} fragment F on Query {{ ...G }} fragment G on Query {{ answer: {why} }}",
        f"query($yes: Boolean = true) {{ ... @include(if: $yes) @skip(if: false) {{ answer: {why} }} }}",
        f'{{ answer: {why} answer: why(subject: "base", hostname: "{HOST}") {{ hostname }} }}',
    ):
        answer = ask(server, query)
        assert "errors" not in answer, query
        assert answer["data"]["answer"]["presence"] == "present", query


def test_a_variable_may_have_a_default_and_two_names_have_two_answers(server: Server) -> None:
    query = """query($host: String!, $subject: String! = "base") {
      one: why(hostname: $host, subject: $subject) { name } two: why(hostname: $host, subject: "crate:nothing") { name }
    }"""
    data = ask(server, query, host=HOST)["data"]
    assert (data["one"]["name"], data["two"]["name"]) == ("base", "nothing")


def test_what_is_left_out_is_not_answered_and_what_does_not_fit_is_told(server: Server) -> None:
    skipped = (
        "{ __typename " + " ".join(f"c{number}: coverage @skip(if: true) {{ hosts }}" for number in range(3)) + "}"
    )
    assert ask(server, skipped) == {"data": {"__typename": "Query"}}
    for query in (
        "{ coverage { nothing } }",
        "{ why { presence } }",
        '{ why(hostname: 1, subject: "base") { presence } }',
        'query($host: String!) { why(hostname: $host, subject: "base") { presence } }',
        "{ coverage @skip(if: $undeclared) { hosts } }",
        "{ ...Undefined }",
    ):
        answer = ask(server, query)
        assert "data" not in answer, query
        assert answer["errors"][0]["extensions"]["code"] == "INVALID", query


def test_a_fault_stands_where_the_answer_would(server: Server) -> None:
    answer = ask(server, '{ configSearch(match: "*") { leftOut } p: preview(traits: ["="]) { summary } }')
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]) == (["p"], {"code": "INVALID", "fault": "previews.bad_trait"})


@pytest.mark.parametrize(
    "query",
    [
        'trace(hostname: "%s") { matched }',
        'why(hostname: "%s", subject: "base") { presence }',
        'causes(hostname: "web01", other: "%s") { alike }',
        'envoy(hostname: "%s") { id }',
        'envoys(hostname: "%s") { hasNextPage }',
    ],
)
def test_a_host_name_is_as_long_as_over_rest(server: Server, query: str) -> None:
    for name in ("", "a" * 254):
        (error,) = ask(server, f"{{ {query % name} }}")["errors"]
        assert error["extensions"] == {"code": "INVALID", "fault": "graphql.bad_text"}
    errors = ask(server, f"{{ {query % ('a' * 253)} }}").get("errors", [])
    assert all(error["extensions"]["fault"] != "graphql.bad_text" for error in errors)


def test_a_revision_of_no_length_or_too_much_is_refused_before_it_is_looked_for(server: Server) -> None:
    for name in ("", "b" * 256):
        for query in (f'coverage(asOf: "{name}") {{ hosts }}', f'trace(hostname: "a", asOf: "{name}") {{ matched }}'):
            (error,) = ask(server, f"{{ {query} }}")["errors"]
            assert error["extensions"]["fault"] == "graphql.bad_text"


@pytest.mark.parametrize("field", ["coverage { hosts }", PREVIEW], ids=["coverage", "preview"])
def test_while_a_long_answer_waits_no_reader_of_the_database_is_held(server: Server, field: str) -> None:
    desks, ended = server.services.desks, threading.Event()
    desk = desks.surveys if field.startswith("coverage") else desks.previews
    shown = {"authorization": f"Bearer {server.tokens[Role.VIEWER]}"}

    async def story() -> None:
        held = [asyncio.create_task(desk.run(lambda: ended.wait(PATIENCE_S))) for _ in range(2)]
        await asyncio.sleep(0)
        async with server.client() as client:

            def post(query: str) -> Any:
                return client.post("/graphql", headers=shown, json={"query": query})

            waiting = [asyncio.create_task(post(f"{{ {field} }}")) for _ in range(4)]  # of two readers
            try:
                async with asyncio.timeout(PATIENCE_S):
                    for _ in range(5):
                        short: httpx.Response = await post("{ envoys { hasNextPage } }")
                        assert short.json()["data"] == {"envoys": {"hasNextPage": False}}
                assert not any(each.done() for each in waiting)
            finally:
                ended.set()
            for each in await asyncio.gather(*waiting):
                assert "errors" not in each.json()
        await asyncio.gather(*held)

    asyncio.run(story())


def test_all_that_takes_long_is_answered_ahead() -> None:
    assert {name for name, each in ANSWERED_AHEAD.items() if each.long} == {
        "bisect",
        "coverage",
        "preview",
        "configTree",
    }
