"""Described: what the docstrings beneath fields and members say, for those who ask for the API's description.

The models and enums of `schema` describe themselves so, for whoever reads the code. Pydantic could read that whenever a
class is made; it is read here instead, when somebody asks for it: no process that starts pays for it. OpenAPI and the
GraphQL schema both say what stands there, so that the same model is told in the same words.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

OURS: Final = frozenset({"schema", "reconciler", "api"})
"""Packages whose classes say something of their fields; the source of others is not read."""

_NONE: Final = re.compile(r"\bNone\b")
"""Python's word for what JSON and GraphQL call null."""


class Described(GenerateJsonSchema):
    """Pydantic's schemas, with the descriptions of fields and of what an enum may be."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """See `GenerateJsonSchema`."""
        made = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        told = descriptions(model)
        for name, info in model.model_fields.items():
            alias = info.serialization_alias if self.mode == "serialization" else info.validation_alias
            key = alias if isinstance(alias, str) and self.by_alias else name
            part = made.get("properties", {}).get(key)
            if part is not None and name in told:
                part.setdefault("description", told[name])
        return made

    def enum_schema(self, schema: Any) -> JsonSchemaValue:
        """See `GenerateJsonSchema`. It has no place for a word on each value: Redoc's `x-enumDescriptions` is one."""
        told = descriptions(schema["cls"])
        each = {member.value: told[member.name] for member in schema["members"] if member.name in told}
        return super().enum_schema(schema) | ({"x-enumDescriptions": each} if each else {})


def first_paragraph(documented: Any) -> str:
    """Of a docstring, in one line; empty where there is none."""
    return " ".join((documented.__doc__ or "").split("\n\n")[0].split())


@cache
def descriptions(kind: type) -> Mapping[str, str]:
    """Field or member → its docstring, of those of a class and of what it derives from that have one."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in OURS:
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """Class → field or member → docstring, of all classes of a module; nothing where its source is not there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, KeyError, TypeError):
        return {}
    return {node.name: dict(_of_class(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(node.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, _NONE.sub(lambda found: "Null" if found.start() == 0 else "null", " ".join(text.split()))
