"""The API's own description: OpenAPI 3.1 from the records of the endpoints and the models they name.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, TypeAdapter

from api.http.areas import OPEN, Endpoint
from api.http.binding import Binding
from api.http.described import Described, first_paragraph
from api.http.errors import BadInput, NotJson, TooLarge, TooMany, TooSlow, render
from api.services.work import NotAllowed
from schema.areas import AREAS
from schema.errors import Fault, Unauthenticated

_REF: Final = "#/components/schemas/{model}"
_REFERENCE: Final = re.compile(r"#/components/schemas/([A-Za-z0-9._-]+)")
_SHARED: Final = re.compile(r"#/components/responses/([a-z0-9._-]+)")
_CONVERTER: Final = re.compile(r":\w+\}")
_Mode = Literal["validation", "serialization"]
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Whoever asks again for the same under the same key gets the first outcome, and no second commit.",
}
_ERROR: Final = {
    "type": "object",
    "description": "How every error is told.",
    "required": ["message", "error", "statusCode", "code"],
    "properties": {
        "message": {"type": "string", "description": "One sentence for a person."},
        "error": {"type": "string", "description": "The reason phrase of the status."},
        "statusCode": {"type": "integer", "description": "The status of the answer."},
        "code": {"type": "integer", "description": "The same status again."},
        "fault": {"type": "string", "description": "What happened, as a fixed word."},
        "details": {
            "type": "object",
            "description": "What belongs to that fault, by name.",
            "additionalProperties": True,
        },
        "retryAfter": {"type": "integer", "description": "Seconds, where coming back later may help."},
    },
    "additionalProperties": True,
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of some endpoints, by path, ready to be written as JSON."""
    listed = [endpoint for endpoint in endpoints if endpoint.listed]
    bindings = {endpoint: Binding.of(endpoint.run, endpoint.path) for endpoint in listed}
    inputs: list[tuple[tuple[str, str], _Mode, TypeAdapter[Any]]] = []
    for endpoint, binding in bindings.items():
        key = f"{endpoint.method} {endpoint.path}"
        if binding.body is not None:
            inputs.append(((key, "body"), "validation", binding.body))
        if binding.answer is not None:
            inputs.append(((key, "answer"), "serialization", binding.answer))
        for name, model in (("path", binding.path), ("query", binding.query)):
            if model is not None:
                inputs.append(((key, name), "validation", TypeAdapter(model)))
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF, schema_generator=Described)
    schemas = {key: schema for (key, _), schema in made.items()}
    components = definitions.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in sorted(listed, key=lambda one: (one.path, one.method)):
        key = f"{endpoint.method} {endpoint.path}"
        mine = {name: schemas.get((key, name)) for name in ("path", "query", "body", "answer")}
        for part in ("path", "query"):
            mine[part] = _resolved(mine[part], components)
        paths.setdefault(_CONVERTER.sub("}", endpoint.path), {})[endpoint.method.lower()] = _operation(
            endpoint, bindings[endpoint], mine
        )
    used = {name: components[name] for name in _reachable(paths, components)}
    tags = {endpoint.area for endpoint in listed}
    faults = {fault for each in listed for fault in _faults(each, bindings[each], is_open=each.permission in OPEN)}
    shared = set(_SHARED.findall(str(paths)))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vigo",
            "version": _version(),
            "description": "A declarative GitOps reconciler for fleets of hosts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": area.name, "description": area.summary, "x-family": area.family.value}
            for area in AREAS
            if area.name in tags
        ],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**used, "Error": _ERROR}.items())),
            "responses": {code: response for code, response in _alone(faults).items() if code in shared},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "vgot_…"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}],
    }


@lru_cache(maxsize=1)
def written(endpoints: tuple[Endpoint, ...]) -> bytes:
    """The same as JSON. To make it takes a quarter of a second of a processor, so it is made once."""
    return orjson.dumps(document(endpoints))


def _operation(endpoint: Endpoint, binding: Binding, schemas: dict[str, Any]) -> dict[str, Any]:
    is_open = endpoint.permission in OPEN
    described: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.area],
        "summary": endpoint.summary,
        "x-permission": endpoint.permission.value,
        "x-faults": sorted({fault.code for fault in endpoint.raises}),
    }
    needs = "Nobody has to log in." if is_open else f"Needs the permission `{endpoint.permission.value}`."
    described["description"] = "\n\n".join(part for part in (endpoint.description, needs) if part)
    if is_open:
        described["security"] = []
    elif endpoint.basic:
        described["security"] = [{"token": []}, {"password": []}]
    parameters = [
        parameter
        for where, model in (("path", binding.path), ("query", binding.query))
        for parameter in _parameters(where, schemas[where], _told(endpoint, model))
    ]
    if "changes.already_asked" in described["x-faults"]:
        parameters.append(_IDEMPOTENCY)
    if parameters:
        described["parameters"] = parameters
    if schemas["body"] is not None:
        described["requestBody"] = {
            "description": _what(binding.body_model),
            "required": binding.body_required,
            "content": {"application/json": {"schema": schemas["body"]}},
        }
    good: dict[str, Any] = {}
    for status in (endpoint.status, *endpoint.also):
        good[str(status)] = {"description": f"{HTTPStatus(status).phrase}. {_what(binding.answer_model)}".strip()}
        if schemas["answer"] is not None:
            good[str(status)]["content"] = {"application/json": {"schema": schemas["answer"]}}
        elif status != 204 and endpoint.content_type != "application/json":
            good[str(status)]["content"] = {endpoint.content_type: {"schema": {"type": "string"}}}
    described["responses"] = good | _errors(_faults(endpoint, binding, is_open=is_open))
    return described


def _faults(endpoint: Endpoint, binding: Binding, *, is_open: bool) -> set[type[Fault]]:
    """What an endpoint may answer in place of its answer: its own faults, and those of every endpoint of its kind."""
    found: set[type[Fault]] = {*endpoint.raises, TooMany, TooSlow}
    if binding.path or binding.query or binding.body:
        found.add(BadInput)
    if not is_open:
        found |= {Unauthenticated, NotAllowed}
    if binding.body is not None:
        found |= {TooLarge, NotJson}
    return found


def _errors(faults: set[type[Fault]]) -> dict[str, Any]:
    """The error responses, by status: which faults, what each says, and how it looks. Those of one fault are shared."""
    by_status: dict[int, list[type[Fault]]] = {}
    for fault in sorted(faults, key=lambda one: one.code):
        by_status.setdefault(fault.status, []).append(fault)
    return {
        str(status): {"$ref": f"#/components/responses/{those[0].code}"} if len(those) == 1 else _error(status, those)
        for status, those in sorted(by_status.items())
    }


def _alone(faults: set[type[Fault]]) -> dict[str, Any]:
    """Error responses of one fault each, by its code."""
    return {fault.code: _error(fault.status, [fault]) for fault in sorted(faults, key=lambda one: one.code)}


def _error(status: int, faults: Sequence[type[Fault]]) -> dict[str, Any]:
    told = [f"{HTTPStatus(status).phrase}.", *(f"- `{each.code}`: {first_paragraph(each)}" for each in faults)]
    examples = {each.code: {"value": orjson.loads(render(each(first_paragraph(each))).body)} for each in faults}
    content = {"schema": {"$ref": _REF.format(model="Error")}, "examples": examples}
    return {"description": "\n".join(told), "content": {"application/json": content}}


def _what(model: type[BaseModel] | None) -> str:
    """What a body or an answer is, where it is of a model that says so."""
    return "" if model is None else first_paragraph(model)


def _told(endpoint: Endpoint, model: type[BaseModel] | None) -> dict[str, str]:
    """Parameter as it is written in a request → what the endpoint says of it."""
    fields = model.model_fields if model is not None else {}
    return {info.alias or name: endpoint.arguments[name] for name, info in fields.items() if name in endpoint.arguments}


def _parameters(where: str, schema: dict[str, Any] | None, told: dict[str, str]) -> list[dict[str, Any]]:
    if schema is None:
        return []
    needed = set(schema.get("required", ()))
    made = []
    for name, part in schema["properties"].items():
        plain = {key: value for key, value in part.items() if key not in {"title", "description"}}
        parameter = {"name": name, "in": where, "required": where == "path" or name in needed, "schema": plain}
        branches = (part, *part.get("anyOf", ()))
        text = told.get(name) or next((each["description"] for each in branches if "description" in each), "")
        if text:
            parameter["description"] = text[0].upper() + text[1:]
        made.append(parameter)
    return made


def _reachable(value: Any, components: dict[str, Any]) -> set[str]:
    """Names of the components that a value refers to, and of those that these refer to."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        for name in _REFERENCE.findall(str(waiting.pop())):
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
    return found


def _resolved(schema: dict[str, Any] | None, components: dict[str, Any]) -> dict[str, Any] | None:
    if schema is not None and "$ref" in schema:
        found: dict[str, Any] = components[schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema


def _version() -> str:
    try:
        return version("vigo")
    except PackageNotFoundError:
        return "0"
