"""The specification as data: its 402 endpoints, and what is checked of those that are mounted.

`endpoints.tsv` and `contract.json` are the specification's own lists, kept here as golden files.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from api.http.areas import Endpoint
from schema.access import Permission, Role, allows

HERE = Path(__file__).parent
TOTAL = 402

ROLES = {"VIEWER": Role.VIEWER, "DEVELOPER": Role.DEVELOPER, "OPERATOR": Role.OPERATOR, "ADMIN": Role.ADMIN}
WORDS = {
    "public": Permission.PUBLIC,
    "authenticated": Permission.AUTHENTICATED,
    "admin": Permission.ADMIN,
    "enrolment token": Permission.AGENT_ENROL,
}
RULED = {
    ("GET", "/metrics"): Permission.METRICS_READ,  # ruling 21: loopback or a token, opened by a setting
    ("GET", "/api/v1/audit"): Permission.AUDIT_READ,  # ruling 17: one endpoint for both documents
}
"""Where a ruling decides over a document."""
DEFAULTS_RULED = {("sindri", "GET", "/api/v1/audit", "limit")}  # ruling 17: 20 in the console's form, 50 in the other


@dataclass(frozen=True)
class Specified:
    """One endpoint of the specification."""

    system: str
    area: str
    method: str
    path: str
    permission: str
    query: dict[str, Any] = field(default_factory=dict, hash=False)
    body_required: tuple[str, ...] = ()
    body_optional: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    response_keys: tuple[str, ...] = ()
    content_type: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it is matched by: parameters have no names."""
        return self.method, shape(self.path)

    def permits(self, permission: Permission) -> bool:
        """Whether this permission is the one the documents and rulings ask for."""
        if (self.method, self.path) in RULED:
            return permission is RULED[self.method, self.path]
        word = re.sub(r" \(.*\)$", "", self.permission)
        if word in ROLES:  # a role opens the endpoint: nobody below it, and everybody in it
            return allows(ROLES[word], permission) and (
                ROLES[word] is Role.VIEWER or not allows(Role.VIEWER, permission)
            )
        return permission is (WORDS[word] if word in WORDS else Permission(word))


def shape(path: str) -> str:
    """A path without its parameters' names; one that takes several segments is another."""
    return re.sub(r"\{[^}:]*\}", "{}", path)


@cache
def specified() -> tuple[Specified, ...]:
    """All of them, in the order of the list."""
    details = {(e["system"], e["method"], e["path"]): e for e in json.loads((HERE / "contract.json").read_text())}
    made = []
    with (HERE / "endpoints.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            known = details.get((row["system"], row["method"], row["path"]), {})
            made.append(
                Specified(
                    row["system"],
                    row["area"],
                    row["method"],
                    row["path"],
                    row["permission"],
                    query=known.get("query", {}),
                    body_required=tuple(known.get("body_required", ())),
                    body_optional=tuple(known.get("body_optional", ())),
                    statuses=tuple(known.get("statuses", ())),
                    response_keys=tuple(known.get("response_keys", ())),
                    content_type=known.get("content_type", ""),
                )
            )
    return tuple(made)


def mounted(endpoints: Iterable[Endpoint]) -> Iterator[tuple[Specified, Endpoint]]:
    """Those of the specification that are there."""
    by_key = {(endpoint.method, shape(endpoint.path)): endpoint for endpoint in endpoints}
    for one in specified():
        if one.key in by_key:
            yield one, by_key[one.key]


def breaches(one: Specified, endpoint: Endpoint, document: dict[str, Any]) -> list[str]:
    """How a mounted endpoint breaks its contract, as far as can be seen without asking it."""
    found = []
    if not one.permits(endpoint.permission):
        found.append(f"permission {endpoint.permission}, specified {one.permission}")
    path = re.sub(r":\w+\}", "}", endpoint.path)
    operation = document["paths"].get(path, {}).get(endpoint.method.lower())
    if operation is None:
        return [*found, "not described in the OpenAPI document"]
    if operation["x-permission"] != endpoint.permission.value or not operation["summary"]:
        found.append("described without its permission or summary")
    parameters = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "query"}
    for name, default in one.query.items():
        if name not in parameters:
            found.append(f"query parameter {name} is missing")
        elif (one.system, one.method, one.path, name) in DEFAULTS_RULED or default is None:
            continue
        elif parameters[name]["schema"].get("default") != default:
            found.append(f"query parameter {name} has not the default {default}")
    properties = _properties(operation, document)
    for name in (*one.body_required, *one.body_optional):
        if not any(alternative in properties for alternative in name.split("|")):
            found.append(f"body field {name} is missing")
    return found


def _properties(operation: dict[str, Any], document: dict[str, Any]) -> set[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return set(_resolved(content.get("schema", {}), document).get("properties", ()))


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema
