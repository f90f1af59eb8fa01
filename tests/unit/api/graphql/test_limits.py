"""Queries beyond a limit are refused before anything runs (hostile cases K1 to K3)."""

from __future__ import annotations

import time

import pytest
from graphql import get_introspection_query

from api.graphql import limits
from api.graphql.limits import QueryRefused


def refusal(query: str, operation: str | None = None, variables: dict[str, object] | None = None) -> str:
    started = time.process_time()
    with pytest.raises(QueryRefused) as caught:
        limits.check(limits.read(query), operation, variables or {})
    assert time.process_time() - started < 1.0
    return caught.value.message


def accept(query: str, operation: str | None = None, variables: dict[str, object] | None = None) -> None:
    limits.check(limits.read(query), operation, variables or {})


def test_an_ordinary_query_passes() -> None:
    accept("{ envoys(first: 100) { nodes { hostname lastRun { status resources(first: 50) { id } } } } }")


def test_introspection_as_graphiql_asks_for_it_passes() -> None:
    accept(get_introspection_query(input_value_deprecation=True, schema_description=True))


@pytest.mark.parametrize("depth", [13, 100, 450, 1_000, 5_000])
def test_a_query_nested_too_deep_is_refused(depth: int) -> None:
    assert refusal("{ a " * depth + "}" * depth).startswith(
        ("the query is nested", "Syntax Error", "the query is longer")
    )


def test_a_fragment_that_spreads_itself_is_refused() -> None:
    assert refusal("{ ...A } fragment A on Q { a ...B } fragment B on Q { b ...A }") == "the fragment A spreads itself"


def test_a_thousand_aliases_are_refused() -> None:
    assert "aliases" in refusal("{" + " ".join(f"a{i}: b" for i in range(600)) + "}")


def test_aliases_are_counted_where_fragments_are_spread() -> None:
    query = (
        "{ "
        + " ".join(f"x{i}: a {{ ...F }}" for i in range(5))
        + " } fragment F on Q { p: a q: a r: a s: a t: a u: a }"
    )

    assert "aliases, fragments expanded" in refusal(query)


def test_twenty_spreads_of_five_hundred_fields_are_ten_thousand_fields() -> None:
    query = "{ " + "a { ...F } " * 20 + "} fragment F on Q { " + "b " * 500 + "}"

    assert refusal(query) == "the query asks for more than 1000 fields, fragments expanded"


def test_fragments_that_double_each_other_are_refused_without_walking_them_all() -> None:
    bombs = " ".join(f"fragment F{i} on Q {{ ...F{i + 1} ...F{i + 1} }}" for i in range(60))

    assert "more than 1000 fields" in refusal(f"{{ ...F0 }} {bombs} fragment F60 on Q {{ ...Missing }}")


def test_too_many_tokens_are_refused_while_parsing() -> None:
    assert "token" in refusal("{ " + "a " * 3_000 + "}")


def test_a_page_is_never_larger_than_the_limit() -> None:
    assert refusal("{ envoys(first: 100000) { nodes { id } } }") == "a page has 1 to 200 items"


def test_a_page_size_in_a_variable_counts_as_its_value() -> None:
    query = "query Q($n: Int = 10) { envoys(first: $n) { nodes { id } } }"

    accept(query, None, {"n": 200})
    accept(query)
    assert refusal(query, None, {"n": 201}) == "a page has 1 to 200 items"
    assert refusal("query Q($n: Int = 999) { envoys(first: $n) { nodes { id } } }") == "a page has 1 to 200 items"


def test_pages_within_pages_cost_their_product() -> None:
    assert "could read more than 20000 objects" in refusal(
        "{ envoys(first: 200) { nodes { runs(first: 200) { nodes { id } } } } }"
    )


def test_a_page_without_a_size_costs_the_default_one() -> None:
    assert "could read more" in refusal("{ envoys { nodes { runs { nodes { resources { id } } } } } }")


@pytest.mark.parametrize("query", ["mutation { a }", "subscription { a }"])
def test_only_queries_are_run(query: str) -> None:
    assert refusal(query).startswith("queries only")


def test_one_operation_is_run_and_it_must_be_named_where_there_are_several() -> None:
    both = "query A { a } query B { a }"

    accept(both, "B")
    assert refusal(both) == "several operations: name one to run"
    assert refusal(both, "C") == "the document holds no operation of that name"
    assert refusal("fragment F on Q { a }") == "the document holds no operation of that name"


def test_what_is_no_graphql_is_told_with_its_place() -> None:
    assert refusal("{ a(").endswith("(line 1, column 5)")


def test_a_query_may_not_be_long() -> None:
    assert refusal("{ a }" + " " * 40_000) == "the query is longer than 32768 bytes"
