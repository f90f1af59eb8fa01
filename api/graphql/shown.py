"""Shown: types that show a model of `schema` say of themselves and of their fields what the model says.

That is read from the source of the models, which takes a tenth of a second: only for those who ask what the schema is,
see `describe`. A field that no model has says itself what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar, dataclass_transform

import strawberry
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema
from strawberry.types.field import StrawberryField

from api.http.described import descriptions, first_paragraph

T = TypeVar("T", bound=type)

_DEFINITION: Final = "strawberry-definition"
_INTROSPECTION: Final = re.compile(r"__(schema|type)\b")


@dataclass_transform(order_default=True, kw_only_default=True, field_specifiers=(strawberry.field, StrawberryField))
def shown(model: type, *, name: str = "") -> Callable[[T], T]:
    """Make a class the GraphQL type of a model.

    Args:
        name: of the type; that of the model when not given.
    """

    def declare(of: T) -> T:
        _MODELS[of] = model
        return strawberry.type(of, name=name or model.__name__)

    return declare


_MODELS: Final[dict[type, type]] = {}


def introspects(query: str) -> bool:
    """Whether a query asks what the schema is, as far as its text tells."""
    return _INTROSPECTION.search(query) is not None


def describe(schema: GraphQLSchema) -> None:
    """Let every type, field and value of an enum say what it is, where it does not yet."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and _DEFINITION in kind.extensions:
            model = _MODELS.get(kind.extensions[_DEFINITION].origin)
            if model is not None:
                _describe_type(kind, model)
        elif isinstance(kind, GraphQLEnumType) and _DEFINITION in kind.extensions:
            members: type = kind.extensions[_DEFINITION].wrapped_cls
            kind.description = kind.description or first_paragraph(members)
            for name, value in kind.values.items():
                value.description = value.description or descriptions(members).get(name)


def _describe_type(kind: GraphQLObjectType, model: type) -> None:
    kind.description = kind.description or first_paragraph(model)
    told = descriptions(model)
    for field in kind.fields.values():
        of: Any = field.extensions[_DEFINITION]
        field.description = field.description or told.get(of.python_name)
