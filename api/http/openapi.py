"""The API's own description: OpenAPI 3.1 from the records of the endpoints and the models they name.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from api.http.areas import OPEN, Endpoint
from api.http.binding import Binding
from schema.areas import AREAS

_REF: Final = "#/components/schemas/{model}"
_REFERENCE: Final = re.compile(r"#/components/schemas/([A-Za-z0-9._-]+)")
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
        "statusCode": {"type": "integer"},
        "code": {"type": "integer", "description": "The same status again."},
        "fault": {"type": "string", "description": "What happened, as a fixed word."},
        "details": {"type": "object", "additionalProperties": True},
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
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
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
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "vgot_…"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint, binding: Binding, schemas: dict[str, Any]) -> dict[str, Any]:
    is_open = endpoint.permission in OPEN
    statuses = {fault.status for fault in endpoint.raises} | {503}
    if binding.path or binding.query or binding.body:
        statuses.add(400)
    statuses |= {429} if is_open else {401, 403, 429}
    if binding.body is not None:
        statuses |= {413, 415}
    described: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.area],
        "summary": endpoint.summary,
        "x-permission": endpoint.permission.value,
        "x-faults": sorted({fault.code for fault in endpoint.raises}),
    }
    if endpoint.description:
        described["description"] = endpoint.description
    if is_open:
        described["security"] = []
    elif endpoint.basic:
        described["security"] = [{"token": []}, {"password": []}]
    parameters = [*_parameters("path", schemas["path"]), *_parameters("query", schemas["query"])]
    if "changes.already_asked" in described["x-faults"]:
        parameters.append(_IDEMPOTENCY)
    if parameters:
        described["parameters"] = parameters
    if schemas["body"] is not None:
        described["requestBody"] = {
            "required": binding.body_required,
            "content": {"application/json": {"schema": schemas["body"]}},
        }
    good: dict[str, Any] = {}
    for status in (endpoint.status, *endpoint.also):
        good[str(status)] = {"description": HTTPStatus(status).phrase}
        if schemas["answer"] is not None:
            good[str(status)]["content"] = {"application/json": {"schema": schemas["answer"]}}
        elif status != 204 and endpoint.content_type != "application/json":
            good[str(status)]["content"] = {endpoint.content_type: {"schema": {"type": "string"}}}
    bad = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
        }
        for status in sorted(statuses)
    }
    described["responses"] = good | bad
    return described


def _parameters(where: str, schema: dict[str, Any] | None) -> list[dict[str, Any]]:
    if schema is None:
        return []
    needed = set(schema.get("required", ()))
    made = []
    for name, part in schema["properties"].items():
        plain = {key: value for key, value in part.items() if key not in {"title", "description"}}
        parameter = {"name": name, "in": where, "required": where == "path" or name in needed, "schema": plain}
        if "description" in part:
            parameter["description"] = part["description"]
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
