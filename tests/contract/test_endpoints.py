"""Laws for every endpoint: the specification's, its own description's, and those of all."""

from __future__ import annotations

import base64
import csv
import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import randrange
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy import select, text
from sqlmodel import Session

from api.http import openapi
from api.http.areas import OPEN, Endpoint
from api.rest import areas
from api.services import bootstrap, revisions, rollouts
from api.services.work import Work
from api.storage import changes as change_rows
from api.storage import signers as signer_rows
from api.storage.rows import Row
from reconciler.repository.signing import SigningKey
from schema.access import Permission, Role, allows
from schema.areas import AREAS
from schema.changes import ChangeRecord, ChangeState
from schema.ids import DEFAULT_PROJECT, new_id
from schema.progress import Progress, WaveProgress
from schema.revisions import RevisionState
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState
from schema.signers import Proposal, ProposalKind, ProposalState
from schema.time import DAY
from tests.contract.specification import HERE, TOTAL, Specified, breaches, mounted, specified
from tests.fleet import COMMIT, HOST, LAST_DAY, FleetServer, request
from tests.server import PASSWORD

ENDPOINTS = [endpoint for area in areas() for endpoint in area.endpoints]
DOCUMENT = openapi.document(ENDPOINTS)
MOUNTED = list(mounted(ENDPOINTS))
BLOCK = "CREATE TRIGGER no_audit BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no room'); END"
SNAPSHOTS = HERE.parent / "snapshots"


def label(value: object) -> str:
    if isinstance(value, Endpoint | Specified):
        return f"{value.method} {value.path}"
    return ""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture
def server(running: FleetServer) -> FleetServer:
    """The server of all tests here, asked from an address that no other test has used up."""
    running.peer = f"10.{randrange(256)}.{randrange(256)}.{randrange(256)}"
    return running


# What they are asked with, and by whom.

QUERIES = {
    "/api/v1/config/trace": f"hostname={HOST}",
    "/api/v1/config/search": "configcrate=nginx",
    "/api/v1/config/why": f"hostname={HOST}&subject=nginx",
    "/api/v1/config/diff": f"hostname={HOST}&other=db01.prod.example.com",
    "/api/v1/preview": "configcrate=nginx",
    "/api/v1/inventory": "where=os.distro=debian",
    "/api/v1/bisect": f"bad={HOST}&since=2026-11-22T10:00:00Z",
    "/api/v1/rollouts/plan": "ref=1",
}
BODIES: dict[str, Callable[[], Any]] = {
    "create_user": lambda: {"username": fresh(), "password": "a long enough one", "role": "viewer"},
    "update_user": lambda: {
        "role": "operator",
        "display_name": "Ops",
        "email": "ops@example.com",
        "ssh_public_key": "",
    },
    "create_token": lambda: {"name": "ci-pipeline", "expires_in": "720h"},
    "create_enrolment_token": lambda: {"hostname": f"{fresh()}.example.com"},
    "set_secret": lambda: {"value": "hidden"},
    "record_publish": lambda: {"operator": "ci", "changed_files": ["a.vgo"], "removed_files": [], "diff_summary": ""},
    "promote": lambda: {"ref": "team/port"},
    "retract": lambda: {"configcrates": [{"name": "nginx", "content": "name: nginx\n"}]},
    "add_waiver": lambda: {
        "framework": "nist",
        "control": "AC-1",
        "reason": "agreed",
        "approved_by": "jane",
        "expires": "2027-12-31",
    },
    "propose_drift": lambda: {"hosts": [HOST]},
    "bisect_many": lambda: {"bad": [HOST], "since": "2026-11-22T10:00:00Z"},
    "freeze_config": lambda: {"freeze_until": "2026-11-23T06:00:00Z"},
    "create_hold": lambda: {"kind": "freeze", "match": f"{fresh()}.example.com", "reason": "release day"},
    "begin_maintenance": lambda: {"until": "2026-11-23T06:00:00Z", "reason": fresh()},
    "begin_quarantine": lambda: {"reason": fresh()},
    "open_break_glass": lambda: {
        "commit": fresh()[1:].ljust(40, "0"),
        "until": "2026-11-22T13:00:00Z",
        "reason": "the certificate expires",
    },
    "set_envoy_tags": lambda: {"tags": ["webserver", fresh()]},
    "add_signer": lambda: {"principal": f"{fresh()}@example.com", "key": fresh_key()},
    "import_signers": lambda: {"text": f"{fresh()}@example.com {fresh_key()}\n"},
    "revoke_signer": lambda: {"reason": "stolen"},
    "replace_policy": lambda: {"policy": {"exempt": [fresh()[1:].ljust(40, "0")]}, "reason": "before there were keys"},
    "approve_commit": lambda: {"commit": fresh()[1:].ljust(40, "0"), "reason": "read it"},
}

ASKS: frozenset[str] = frozenset({"bisect_many", "retract"})
"""Endpoints that change nothing, whose question is too long for an address."""


def fresh_key() -> str:
    return SigningKey.from_seed(os.urandom(32)).public


def fresh() -> str:
    return f"h{uuid4().hex[:12]}"


def path_of(server: FleetServer, endpoint: Endpoint) -> str:
    """An address of the endpoint at which there is something."""
    values = {
        "hostname": HOST,
        "run_id": server.run_id,
        "os": "linux",
        "arch": "amd64",
        "name": "db/password",
        "day": LAST_DAY,
    }
    values["id"] = server.envoy_id
    values["provider"] = "github"
    values["version"] = "current"
    values["sha256"] = bootstrap.of(server.services).artifact_sha256
    values["commit"] = COMMIT
    if endpoint.name == "roll_back":
        values["version"] = "1"
    elif endpoint.name == "get_publish":
        new = BODIES["record_publish"]()
        values["id"] = server.post("/api/v1/config/publishes", role=Role.ADMIN, json=new).json()["id"]
    elif endpoint.name == "get_change":
        values["change_id"] = change(server)
    elif endpoint.name == "revoke_token":
        values["id"] = server.token_of(server.users[Role.ADMIN]).split("_")[1]
    elif endpoint.name == "revoke_envoy":
        values["id"] = server.enrol(f"{fresh()}.example.com")
    elif endpoint.name in {"update_user", "delete_user"}:
        new = {"username": fresh(), "password": "a long enough one"}
        values["id"] = server.post("/api/v1/users", role=Role.ADMIN, json=new).json()["id"]
    elif endpoint.name == "unfreeze_config":
        server.post("/api/v1/config/freeze", role=Role.ADMIN, json={})
    elif endpoint.name == "lift_hold":
        new = BODIES["create_hold"]()
        values["id"] = server.post("/api/v1/holds", role=Role.ADMIN, json=new).json()["id"]
    elif endpoint.name == "close_break_glass":
        new = BODIES["open_break_glass"]()
        values["id"] = server.post("/api/v1/break-glass", role=Role.ADMIN, json=new).json()["id"]
    elif endpoint.name == "revoke_signer":
        new = BODIES["add_signer"]()
        server.post("/api/v1/signers", role=Role.ADMIN, json=new)
        signers = server.get("/api/v1/signers", role=Role.ADMIN).json()["signers"]
        values["signer_id"] = next(each["id"] for each in signers if each["principal"] == new["principal"])
    elif endpoint.name in {"confirm_proposal", "withdraw_proposal"}:
        values["proposal_id"] = proposal(server)
    elif "{rollout_id}" in endpoint.path:
        values["rollout_id"] = str(rollout(server, stopped=endpoint.name == "retry_rollout"))
    elif endpoint.name == "forget_secret":
        server.request("PUT", "/api/v1/secrets/db/password", role=Role.ADMIN, json={"value": "hidden"})
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: values[found[1]], endpoint.path)
    return f"{path}?{QUERIES[path]}" if path in QUERIES else path


def body_of(server: FleetServer, endpoint: Endpoint) -> Any:
    if endpoint.name == "register_agent":
        new = {"hostname": f"{fresh()}.example.com"}
        made = server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json=new)
        return {"token": made.json()["token"], "csr": request()}
    if endpoint.name == "accept_commit":
        commit = fresh()[1:].ljust(40, "0")
        server.services.write_now(
            server.system,
            lambda work: revisions.record_failure(work, commit=commit, diagnostics=(), state=RevisionState.DIVERGED),
        )
        return {"commit": commit, "reason": "rewound on purpose"}
    return BODIES[endpoint.name]() if endpoint.name in BODIES else None


def change(server: FleetServer) -> str:
    """One that the server was asked to make."""
    new = ChangeRecord(
        id=new_id(),
        kind="edit",
        state=ChangeState.COMMITTED,
        summary="a change",
        author="Jane <jane@example.com>",
        actor="admin",
        actor_id="",
        commit=COMMIT,
        base=COMMIT,
        branch="main",
        paths=["common.vgo"],
        path_count=1,
        created_at=server.clock.now(),
    )
    server.services.db.write_now(lambda session: change_rows.put(session, DEFAULT_PROJECT, new))
    return new.id


def rollout(server: FleetServer, *, stopped: bool) -> int:
    """One that waits for approvals, or that has stopped."""
    commit = fresh()[1:].ljust(40, "0")
    wave = PlannedWave(index=0, name="all", hosts=(HOST,), approvals=1)
    plan = RolloutPlan(commit=commit, base=None, plan_root="0" * 64, waves=(wave,), unchanged=0, require_approval=True)
    state = RolloutState.STOPPED if stopped else RolloutState.AWAITING_APPROVAL
    progress = Progress(state=state, waves=(WaveProgress(index=0, hosts=1),))

    def begun(work: Work) -> int:
        rollout_id = rollouts.begin(work, commit=commit, plan_root="0" * 64, author="Jane <jane@x.org>", staged=True)
        rollouts.keep(work, rollout_id, version=1, progress=progress, plan=plan)
        return rollout_id

    return server.services.write_now(server.system, begun)


def proposal(server: FleetServer) -> str:
    """One of somebody else that waits for a second person."""
    new = Proposal(
        id=new_id(),
        kind=ProposalKind.SIGNERS,
        summary="a key",
        body=json.dumps([BODIES["add_signer"]()]),
        reason="",
        state=ProposalState.WAITING,
        proposed_at=server.clock.now(),
        proposed_by="somebody",
        expires_at=server.clock.now() + DAY,
    )
    server.services.db.write_now(lambda session: signer_rows.add_proposal(session, DEFAULT_PROJECT, new))
    return new.id


def ask(server: FleetServer, endpoint: Endpoint, **options: Any) -> httpx.Response:
    options.setdefault("role", None if endpoint.permission in OPEN else Role.ADMIN)
    body = body_of(server, endpoint)
    given = {} if body is None else {"json": body}
    return server.request(endpoint.method, path_of(server, endpoint), **(given | options))


# The specification.


def test_the_specification_is_whole() -> None:
    with (HERE / "endpoints.tsv").open() as file:
        assert sum(1 for _ in csv.reader(file)) - 1 == TOTAL
    assert len(specified()) == TOTAL


@pytest.mark.parametrize(("one", "endpoint"), MOUNTED, ids=label)
def test_a_mounted_endpoint_is_as_specified(one: Specified, endpoint: Endpoint) -> None:
    assert breaches(one, endpoint, DOCUMENT) == []


@pytest.mark.parametrize(("one", "endpoint"), MOUNTED, ids=label)
def test_a_mounted_endpoint_answers_as_specified(server: FleetServer, one: Specified, endpoint: Endpoint) -> None:
    path = path_of(server, endpoint)
    if one.system == "sindri" and one.path == "/api/v1/audit":
        path += "?page=1"
    answer = server.request(
        endpoint.method,
        path,
        role=None if endpoint.permission in OPEN else Role.ADMIN,
        **({"json": body} if (body := body_of(server, endpoint)) is not None else {}),
    )
    if one.path in {"/api/v1/config/reload", "/api/v1/config/rollback/{version}"}:  # it follows no repository
        assert answer.status_code == 503
        return
    assert answer.is_success, answer.text
    good = [status for status in one.statuses if status < 300]
    assert not good or answer.status_code in good
    if one.content_type == "application/json" and answer.content:
        assert answer.headers["content-type"] == "application/json"
    for key in one.response_keys:
        assert key in answer.json(), f"{key} is missing from {answer.text[:300]}"


# Their own description.


def test_golden_openapi() -> None:
    compare("openapi.json", json.dumps(DOCUMENT, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def test_golden_endpoints() -> None:
    lines = sorted(f"{e.path} {e.method} {e.permission} {e.area}" for e in ENDPOINTS)
    compare("endpoints.txt", "\n".join(lines) + "\n")


def compare(name: str, text: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("VIGO_SNAPSHOTS") == "write":
        path.write_text(text)
    assert path.read_text() == text, "changed on purpose? VIGO_SNAPSHOTS=write rewrites it (`just snapshots`)"


def test_the_document_is_sound() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert used == set(schemas)
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) == len(ENDPOINTS)
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            told = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert told == set(re.findall(r"\{(\w+)\}", path))


def resolved(response: dict[str, Any]) -> dict[str, Any]:
    """A response, also where it is one of those that operations share."""
    name = response.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else response


def test_the_document_is_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(DOCUMENT))).validate()


def test_every_operation_and_every_parameter_says_what_it_is() -> None:
    operations = {(path, method): one for path, methods in DOCUMENT["paths"].items() for method, one in methods.items()}
    for operation in operations.values():
        assert operation["summary"].endswith("."), operation["operationId"]
        assert operation["description"].rstrip().endswith((".", ":")), operation["operationId"]
        assert "Args:" not in operation["description"]
        for parameter in operation.get("parameters", ()):
            assert parameter["description"][0].isupper() or parameter["description"][0] in "`", parameter
            assert parameter["description"].endswith("."), (operation["operationId"], parameter)
        assert operation.get("requestBody", {"description": "."})["description"].endswith("."), operation["operationId"]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"].endswith("."), name


def properties(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of every schema in a value, however deep it stands, by its place."""
    if isinstance(value, dict):
        for name, part in value.get("properties", {}).items():
            yield f"{place}/{name}", part
        for name, part in value.items():
            yield from properties(part, f"{place}/{name}")
    elif isinstance(value, list):
        for part in value:
            yield from properties(part, place)


def test_every_property_and_every_value_of_an_enum_says_what_it_is() -> None:
    silent = [place for place, part in properties(DOCUMENT) if not part.get("description", "").endswith(".")]
    assert silent == [], "a docstring beneath the field says it"
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert set(schema.get("x-enumDescriptions", ())) == set(schema.get("enum", ())), name


def test_what_an_endpoint_says_of_arguments_is_of_arguments_that_it_has() -> None:
    for endpoint in ENDPOINTS:
        assert set(endpoint.arguments) <= set(inspect.signature(endpoint.run).parameters), endpoint.name


def test_every_error_says_which_fault_it_is_and_looks_as_shown() -> None:
    for endpoint in ENDPOINTS:
        responses = DOCUMENT["paths"][re.sub(r":\w+\}", "}", endpoint.path)][endpoint.method.lower()]["responses"]
        for fault in endpoint.raises:
            assert f"`{fault.code}`: " in resolved(responses[str(fault.status)])["description"]
        for status, response in responses.items():
            if status < "400":
                continue
            told = resolved(response)["content"]["application/json"]
            schema = told["schema"] | {"components": DOCUMENT["components"]}
            for code, example in told["examples"].items():
                Draft202012Validator(schema).validate(example["value"])
                assert (example["value"]["fault"], example["value"]["statusCode"]) == (code, int(status))


def test_a_property_says_what_the_docstring_beneath_its_field_says() -> None:
    wave = DOCUMENT["components"]["schemas"]["PlannedWave"]["properties"]
    assert wave["approvals"]["description"] == "People who must approve before it begins."
    envoy = DOCUMENT["components"]["schemas"]["Envoy"]["properties"]
    assert envoy["ipAddress"]["description"] == "Where it connected from last; empty before the first time."


def test_every_area_of_an_endpoint_is_on_the_map() -> None:
    assert {endpoint.area for endpoint in ENDPOINTS} <= {area.name for area in AREAS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=label)
def test_an_answer_is_what_the_description_says(server: FleetServer, endpoint: Endpoint) -> None:
    answer = ask(server, endpoint)
    operation = DOCUMENT["paths"][re.sub(r":\w+\}", "}", endpoint.path)][endpoint.method.lower()]
    assert str(answer.status_code) in operation["responses"], answer.text
    content = resolved(operation["responses"][str(answer.status_code)]).get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not content and endpoint.name == "openapi_document":
        assert answer.json() == json.loads(json.dumps(DOCUMENT))
        return
    assert (kind in content) if answer.content else not content
    if kind == "application/json":
        schema = content[kind]["schema"] | {"components": DOCUMENT["components"]}
        Draft202012Validator(schema).validate(answer.json())


# The laws of all.


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=label)
def test_without_credentials_401_unless_it_is_open(server: FleetServer, endpoint: Endpoint) -> None:
    if endpoint.permission in OPEN:
        return
    for headers in (
        {},
        {"authorization": "Bearer nothing"},
        {"cookie": "session=x"},
        {"x-api-key": server.tokens[Role.ADMIN]},
    ):
        answer = ask(server, endpoint, role=None, headers=headers)
        assert answer.status_code == 401
        assert set(answer.json()) == {"message", "error", "statusCode", "code", "fault"}
    address = path_of(server, endpoint)
    token = server.tokens[Role.ADMIN]
    joined = f"{address}{'&' if '?' in address else '?'}token={token}&access_token={token}"
    assert server.request(endpoint.method, joined).status_code == 401


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=label)
def test_a_password_opens_nothing_but_the_making_of_a_token(server: FleetServer, endpoint: Endpoint) -> None:
    if endpoint.permission in OPEN or endpoint.name == "create_token":
        return
    shown = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    assert ask(server, endpoint, role=None, headers={"authorization": f"Basic {shown}"}).status_code == 401


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=label)
def test_what_is_not_there_is_404_whoever_asks_for_it(server: FleetServer, endpoint: Endpoint) -> None:
    if "{" not in endpoint.path or endpoint.method == "PUT":
        return
    role = None if endpoint.permission in OPEN else Role.ADMIN
    path = re.sub(r"\{[^}]*\}", "not-there", endpoint.path)
    answer = server.request(endpoint.method, path, role=role)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=label)
def test_garbage_in_is_refused_and_never_a_bug(server: FleetServer, endpoint: Endpoint) -> None:
    role = None if endpoint.permission in OPEN else Role.ADMIN
    for name in ("%00", "a%0d%0ab", "..%2f..%2fetc", "'%20OR%201=1--", "x" * 3_000, "%ff%fe", "%F0%9F%92%A9", "-rf"):
        path = re.sub(r"\{[^}]*\}", name, endpoint.path)
        if endpoint.method == "DELETE" or "{" in endpoint.path:
            assert server.request(endpoint.method, path, role=role).status_code in {400, 404, 405}
    operation = DOCUMENT["paths"][re.sub(r":\w+\}", "}", endpoint.path)][endpoint.method.lower()]
    if endpoint.method in {"POST", "PUT"} and operation.get("requestBody"):
        path = path_of(server, endpoint)
        for body in (
            *([b""] if operation["requestBody"].get("required") else []),
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"{}{}",
            b'{"a":1,"a":2}',
            b"\xff",
            b"[" * 10_000,
            b'{"' + b"x" * 100_000 + b'":1}',
        ):
            answer = server.request(endpoint.method, path, role=role, content=body)
            assert answer.status_code in {400, 401, 413}, (body[:20], answer.text)


def contents(server: FleetServer) -> dict[str, set[tuple[object, ...]]]:
    """All rows of all tables."""

    def read(session: Session) -> dict[str, set[tuple[object, ...]]]:
        return {
            name: {tuple(row) for row in session.execute(select(table))} for name, table in Row.metadata.tables.items()
        }

    return server.services.db.read_now(read)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method != "GET"], ids=label)
def test_nothing_changes_without_its_audit_entry(server: FleetServer, endpoint: Endpoint) -> None:
    address, body = path_of(server, endpoint), body_of(server, endpoint)
    before = contents(server)
    role = None if endpoint.permission in OPEN else Role.ADMIN
    given = {} if body is None else {"json": body}
    answer = server.request(endpoint.method, address, role=role, **given)
    after = contents(server)
    entries = after["audit_entries"] - before["audit_entries"]
    changed = {name for name in after if after[name] != before[name]} - {
        "audit_entries",
        "audit_payloads",
        "audit_heads",
    }
    assert not changed or entries, f"{changed} changed with no audit entry"
    assert all(before[name] <= after[name] for name in ("audit_entries", "audit_payloads"))
    if entries:
        request_ids = {
            json.loads(str(next(c for c in entry if str(c).startswith("{"))))["request_id"] for entry in entries
        }
        assert request_ids == {answer.headers["x-request-id"]}


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method != "GET" and e.name not in ASKS], ids=label)
def test_where_no_audit_entry_can_be_written_nothing_changes(server: FleetServer, endpoint: Endpoint) -> None:
    address, body = path_of(server, endpoint), body_of(server, endpoint)
    server.services.db.write_now(lambda session: session.execute(text(BLOCK)))
    before = contents(server)
    role = None if endpoint.permission in OPEN else Role.ADMIN
    given = {} if body is None else {"json": body}
    try:
        answer = server.request(endpoint.method, address, role=role, **given)
        # A webhook writes nothing itself; of a server without its secret it is told that there is nothing.
        expected = 404 if endpoint.closed_by == "hook_secret_file" else 503
        assert answer.status_code in {204, expected}, answer.text
        assert contents(server) == before
    finally:
        server.services.db.write_now(lambda session: session.execute(text("DROP TRIGGER no_audit")))


def test_no_endpoint_raised_what_it_does_not_declare(server: FleetServer) -> None:
    for endpoint in ENDPOINTS:
        ask(server, endpoint)
    assert server.application.edge.undeclared == set()


def test_every_fault_of_an_endpoint_has_a_code_of_its_own_area() -> None:
    for endpoint in ENDPOINTS:
        for fault in endpoint.raises:
            assert fault.__doc__, fault
            assert "code" in vars(fault), f"{fault.__name__} of {endpoint.path} has no code of its own"


def test_every_public_endpoint_is_one_that_the_rulings_name() -> None:
    public = {endpoint.path for endpoint in ENDPOINTS if endpoint.permission is Permission.PUBLIC}
    assert public == {
        "/healthz", "/bootstrap", "/bootstrap/agent/{os}/{arch}", "/bootstrap/ca.pem", "/api/v1/agent/latest",
        "/bootstrap/artifact/{sha256}", "/bootstrap/release/{os}/{arch}",
        "/api/v1/agent/download/{os}/{arch}", "/api/v1/agent/signing-key", "/api/v1/fleet/pubkeys",
        "/api/v1/hooks/{provider}",
    }  # fmt: skip
    for endpoint in ENDPOINTS:
        if endpoint.permission is Permission.PUBLIC and endpoint.path != "/healthz":
            assert endpoint.closed_by, f"{endpoint.path} cannot be closed"
            assert endpoint.limited


def test_every_permission_of_an_endpoint_is_somebodys() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.permission in OPEN or allows(Role.ADMIN, endpoint.permission)


def test_every_endpoint_says_what_it_does() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.summary.endswith("."), endpoint.path
        assert Path(endpoint.run.__code__.co_filename).stem == endpoint.area
