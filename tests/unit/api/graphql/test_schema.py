"""The printed schema is a golden file; every field that reads something names its permission."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import strawberry
from graphql import GraphQLObjectType
from strawberry.types import get_object_definition

from api.graphql import limits
from api.graphql import schema as assembled
from api.graphql.context import Guard
from api.graphql.schema import NoPermission, Query, schema
from api.graphql.shown import introspects
from api.http.described import descriptions
from schema.access import Permission
from schema.progress import WaveProgress

SNAPSHOT = Path(__file__).parents[3] / "snapshots" / "schema.graphql"


def test_the_printed_schema_is_as_in_the_snapshot() -> None:
    text = schema.as_str() + "\n"
    if os.environ.get("VIGO_SNAPSHOTS") == "write":
        SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
        SNAPSHOT.write_text(text)
    assert SNAPSHOT.read_text() == text, "changed on purpose? VIGO_SNAPSHOTS=write rewrites it (`just snapshots`)"


def test_every_type_field_argument_and_value_says_what_it_is() -> None:
    schema.describe()
    told: dict[str, str | None] = {}
    for type_name, kind in schema.core.type_map.items():
        if type_name.startswith("__"):
            continue
        told[type_name] = kind.description
        for name, field in getattr(kind, "fields", {}).items():
            told[f"{type_name}.{name}"] = field.description
            told |= {f"{type_name}.{name}({each})": one.description for each, one in getattr(field, "args", {}).items()}
        told |= {f"{type_name}.{name}": value.description for name, value in getattr(kind, "values", {}).items()}

    plain = {"Int", "Float", "String", "Boolean", "ID"}
    assert [place for place, text in told.items() if place not in plain and not (text or "").endswith((".", ":"))] == []


def test_a_field_says_what_the_docstring_beneath_that_of_its_model_says() -> None:
    schema.describe()
    wave = schema.core.get_type("WaveProgress")
    assert isinstance(wave, GraphQLObjectType)

    assert wave.description == WaveProgress.__doc__
    assert wave.fields["released"].description == descriptions(WaveProgress)["released"]


def test_the_models_are_read_for_who_asks_what_the_schema_is_alone() -> None:
    asked = (
        "{ __schema { types { name } } }",
        '{ __type (name: "Run") { name } }',
        'query { a: __type(name: "x") { name } }',
    )

    assert all(map(introspects, asked))
    assert not introspects("{ __typename rollouts { id } }")


def test_every_root_field_names_its_permission() -> None:
    fields = get_object_definition(Query, strict=True).fields
    found = {
        field.graphql_name or field.python_name: [e.permission for e in field.extensions if isinstance(e, Guard)]
        for field in fields
    }

    assert all(len(permissions) == 1 for permissions in found.values())
    assert Permission.PUBLIC not in {permissions[0] for permissions in found.values()}


def test_a_root_field_without_one_keeps_the_server_from_starting() -> None:
    @strawberry.type
    class Open:
        @strawberry.field
        def anything(self) -> str:
            return ""

    with pytest.raises(NoPermission, match="anything"):
        assembled.guarded_root(Open)


def test_every_list_with_a_page_size_is_counted_as_a_page() -> None:
    pages = {
        name
        for type_name, kind in schema._schema.type_map.items()
        if not type_name.startswith("__") and hasattr(kind, "fields")
        for name, field in kind.fields.items()
        if getattr(field, "args", None) and set(field.args) & set(limits.PAGE_ARGUMENTS)
    }

    assert pages <= limits.LISTS


def test_nothing_can_be_changed_over_graphql() -> None:
    assert "type Mutation" not in schema.as_str()
