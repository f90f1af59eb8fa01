"""Described: schemas in which each property says what the docstring beneath its field says.

The models of `schema` describe their fields so, for whoever reads the code. Pydantic could read that whenever a class
is made; it is read here instead, when somebody asks for the API's description: no process that starts pays for it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue


class Described(GenerateJsonSchema):
    """Pydantic's schemas, with the descriptions of fields."""

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


@cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Field → its docstring, of those of a model and of what it derives from that have one."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _of_module(base.__module__).get(base.__qualname__, {})
    return found


@cache
def _of_module(name: str) -> dict[str, dict[str, str]]:
    """Class → field → docstring, of all classes of a module; nothing where its source is not there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, KeyError, TypeError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            of_class = found.setdefault(node.name, {})
            for field, below in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(below, ast.Expr)
                    and isinstance(below.value, ast.Constant)
                    and isinstance(below.value.value, str)
                ):
                    of_class[field.target.id] = " ".join(below.value.value.split())
    return found
