"""The matrix: every endpoint, every role, what is expected in a file that people review."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from api.graphql import endpoint as graphql
from api.http.areas import OPEN, Area, Endpoint
from api.rest import areas
from api.web import pages
from schema.access import GRANTS, Permission, Role, allows
from schema.time import HOUR
from tests.contract.specification import HERE
from tests.fleet import FleetServer

FACES = [*areas(), graphql.area, pages.area]
ENDPOINTS = [endpoint for area in FACES for endpoint in area.endpoints]
MATRIX = HERE.parent / "snapshots" / "authorization.txt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("server"), extra=(graphql.area, pages.area))
    yield made
    made.close()


def decision(server: FleetServer, endpoint: Endpoint, role: Role | None) -> str:
    """What happens to somebody in this role; the input is wrong on purpose, so that nothing is done."""
    path = re.sub(r"\{[^}]*\}", "not-there", endpoint.path)
    answer = server.request(endpoint.method, path, role=role, content=b"{" if endpoint.method != "GET" else b"")
    return {401: "401", 403: "403"}.get(answer.status_code, "yes")


def test_golden_matrix(server: FleetServer) -> None:
    """Every decision is asked of the running application, not of its declarations."""
    who: list[Role | None] = [None, *Role]
    lines = [" ".join(["nobody", *(role.value for role in Role)])]
    for endpoint in sorted(ENDPOINTS, key=lambda one: (one.path, one.method)):
        if endpoint.name == "register_agent":
            decisions = ["token"] * len(who)
        else:
            decisions = [decision(server, endpoint, role) for role in who]
        lines.append(f"{endpoint.method} {endpoint.path}: {' '.join(decisions)}")
    text = "\n".join(lines) + "\n"
    if os.environ.get("VIGO_SNAPSHOTS") == "write":
        MATRIX.write_text(text)
    assert MATRIX.read_text() == text, "changed on purpose? VIGO_SNAPSHOTS=write rewrites it (`just snapshots`)"


@pytest.mark.parametrize("role", list(Role))
def test_the_matrix_is_the_permission_table(server: FleetServer, role: Role) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.permission in OPEN:
            continue
        expected = "yes" if allows(role, endpoint.permission) else "403"
        assert decision(server, endpoint, role) == expected, f"{endpoint.method} {endpoint.path} by {role}"


def test_nobody_holds_what_an_enrolment_token_holds() -> None:
    assert not any(Permission.AGENT_ENROL in granted for granted in GRANTS.values())


def test_roles_only_grow_from_viewer_to_admin() -> None:
    order = [Role.VIEWER, Role.DEVELOPER, Role.OPERATOR, Role.ADMIN]
    for lower, higher in pairwise(order):
        assert GRANTS[lower] < GRANTS[higher]


def test_another_users_token_is_as_absent_as_one_that_never_was(server: FleetServer) -> None:
    theirs = server.token_of(server.users[Role.ADMIN], life=HOUR).split("_")[1]
    answers = [server.delete(f"/api/v1/auth/tokens/{token_id}", role=Role.OPERATOR) for token_id in (theirs, "A" * 12)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    listed = server.get("/api/v1/auth/tokens", role=Role.OPERATOR).json()["tokens"]
    assert {token["user"] for token in listed} == {"operator"}


def test_what_decides_is_the_endpoint_that_runs(server: FleetServer) -> None:
    for path in ("/api/v1/users/", "/api/v1//users", "/API/v1/users", "/api/v1/users;x"):
        answer = server.get(path, role=Role.VIEWER)
        assert answer.status_code in {400, 404}, path
    assert server.request("HEAD", "/api/v1/users", role=Role.VIEWER).status_code == 403
    override = {"x-http-method-override": "GET", "x-original-url": "/healthz", "x-rewrite-url": "/healthz"}
    assert server.get("/api/v1/users", role=Role.VIEWER, headers=override).status_code == 403


def test_an_area_records_nothing_without_a_permission() -> None:
    with pytest.raises(TypeError):
        Area("odd")("GET", "/odd")  # type: ignore[call-arg]
