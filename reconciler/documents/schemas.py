"""The language as JSON Schema (2020-12), for editors: one schema for each kind of document, made of its model.

A schema says which keys there are, what they take and which are required, down to the parameters of each resource type.
What needs more than one place at a time (names, sources, rules between parameters) is the compiler's to judge: a file
that its schema accepts may still be wrong, and no file that the compiler accepts is refused here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from reconciler.documents import resources
from reconciler.documents.docstrings import field_docstrings
from reconciler.documents.kinds import MODELS, Kind
from schema.resources import RESOURCES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

FILES: Final[Mapping[Kind, str]] = {
    Kind.SETTINGS: "vigo.vgo",
    Kind.CONFIGCRATE: "configcrates/**/*.vgo",
    Kind.USERCRATE: "usercrates/**/*.vgo",
    Kind.ROLES: "roles.vgo",
    Kind.INHERITED: "**/common.vgo",
    Kind.ENVIRONMENTS: "**/environments.vgo",
    Kind.WAIVERS: "**/waivers.vgo",
    Kind.CLAIMS: "**/compliance.vgo",
    Kind.ROLLOUT: "rollout.vgo",
    Kind.INVARIANTS: "invariants.vgo",
    Kind.TASK: "tasks/**/*.vgo",
    Kind.WORKFLOW: "workflows/**/*.vgo",
    Kind.TESTS: "tests/**/*.vgo",
    Kind.LEAF: "**/*.vgo",
}
"""Kind → the glob of its files; a leaf is what no other glob takes."""

_DEFERRED: Final = {"type": "string", "pattern": r"\{\{|\{%|secret:"}
"""Text that is only known on the host."""
_WITH_RESOURCES: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})


def schema(kind: Kind) -> dict[str, Any]:
    """The schema of one kind of document."""
    made = MODELS[kind].model_json_schema(schema_generator=_Generator)
    if kind in _WITH_RESOURCES:
        made["$defs"] = {**made["$defs"], **_parameters()}
        made["$defs"]["Resource"]["properties"]["type"] = {"enum": sorted(RESOURCES)}
        made["$defs"]["Resource"]["allOf"] = [_when(name, {"$ref": f"#/$defs/{name}"}) for name in sorted(RESOURCES)]
        made["properties"]["defaults"] = {**made["properties"]["defaults"], **_defaults()}
        made["allOf"] = list(_required())
    return {"$schema": DIALECT, **made, "title": f"{kind} ({FILES[kind]})"}


class _Generator(GenerateJsonSchema):
    """Pydantic's own, but for what its validators let in, and with docstrings for descriptions."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - Pydantic calls it so
        """No: a title that is the key again tells nobody anything."""
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """What may be written where a validator turns it into what the model holds."""
        made = super().function_before_schema(schema)
        match getattr(schema["function"]["function"], "__name__", ""):
            case "_listed":
                return {"anyOf": [made, made.get("items", {"type": "string"})]}
            case "_spelled":
                return {"anyOf": [made, {"type": "boolean"}]}
            case "_included":
                return {"anyOf": [made, {"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """With the descriptions of its fields."""
        made = super().model_schema(schema)
        model = schema["cls"]
        texts = field_docstrings(model)
        for name, field in model.model_fields.items():
            described = made.get("properties", {}).get(field.alias or name)
            if described is not None and name in texts:
                described.setdefault("description", texts[name])
        return made


@cache
def _of(name: str) -> dict[str, Any]:
    """What Pydantic makes of a resource type. Several kinds need it of all types, and each in three places."""
    return RESOURCES[name].model_json_schema(schema_generator=_Generator)


@cache
def _parameters() -> dict[str, Any]:
    """Resource type → the schema of a whole resource of that type, but for what the crate's `defaults` may give."""
    found = {}
    for name, spec in RESOURCES.items():
        made = _of(name)
        given = {key: _or_deferred(value) for key, value in made["properties"].items()}
        common = dict.fromkeys(sorted(resources.COMMON), True)
        found[name] = {
            "description": inspect.cleandoc(spec.__doc__ or ""),
            "type": "object",
            "properties": {**common, **given},
            "additionalProperties": False,
        }
    return found


def _or_deferred(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter, any text of which may also be a template or name a secret."""
    kept = {key: value for key, value in schema.items() if key in {"description", "default"}}
    rest = {key: value for key, value in schema.items() if key not in kept}
    if "items" in rest:
        rest["items"] = _or_deferred(rest["items"])
    if isinstance(rest.get("additionalProperties"), dict):
        rest["additionalProperties"] = _or_deferred(rest["additionalProperties"])
    if "anyOf" in rest:
        rest["anyOf"] = [_or_deferred(one) if one.keys() & {"items"} else one for one in rest["anyOf"]]
    return {**kept, "anyOf": [*rest["anyOf"], _DEFERRED] if set(rest) == {"anyOf"} else [rest, _DEFERRED]}


def _defaults() -> dict[str, Any]:
    """What may stand in a crate's `defaults`: any parameter of any type, each as one of the types takes it."""
    found: dict[str, list[Any]] = {}
    for each in _parameters().values():
        for key, value in each["properties"].items():
            if key not in resources.COMMON and value not in found.setdefault(key, []):
                found[key].append(value)
    properties = {key: values[0] if len(values) == 1 else {"anyOf": values} for key, values in sorted(found.items())}
    return {"properties": properties, "additionalProperties": False}


def _required() -> Iterator[dict[str, Any]]:
    """Parameters that resources need: each where the crate's `defaults` do not give it."""
    needed: dict[str, list[str]] = {}
    for name in sorted(RESOURCES):
        for key in _of(name).get("required", ()):
            needed.setdefault(key, []).append(name)
    for key, names in sorted(needed.items()):
        yield {
            "if": {"properties": {"defaults": {"type": "object", "required": [key]}}, "required": ["defaults"]},
            "else": {
                "properties": {"resources": {"items": {"allOf": [_when(name, {"required": [key]}) for name in names]}}}
            },
        }


def _when(name: str, then: Mapping[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": dict(then)}
