"""What a fresh host is given: the package, what is signed of it, the script."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.cli import packing
from api.gateway.directory import Directory
from api.services import bootstrap
from api.services.approvals import Approvals
from api.services.bootstrap import Bootstrap
from api.services.catalogs import Catalogs
from api.services.probes import Probes
from schema import canonical
from schema.access import Role
from schema.protocol.artifacts import AgentBuild, Kind
from schema.protocol.enrolment import EnrolmentToken
from schema.protocol.signing import Domain, Signed, key_id, verify
from tests.fleet import HOST, FleetServer, request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("bootstrap"))
    yield made
    made.close()


def test_the_package_is_a_wheel_of_the_agent_and_of_nothing_of_the_server() -> None:
    made = bootstrap.build()
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        names = archive.namelist()
        record = archive.read(f"vigo_agent-{made.version}.dist-info/RECORD").decode()
        entry = archive.read(f"vigo_agent-{made.version}.dist-info/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names} == {"agent", "schema", f"vigo_agent-{made.version}.dist-info"}
    assert "agent/cli.py" in names
    assert "vigo-agent = agent.cli:main" in entry
    assert {line.split(",")[0] for line in record.splitlines()} == set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert bootstrap.build() == made


def test_what_is_told_of_the_package_is_true_and_signed(server: FleetServer) -> None:
    told = server.get("/api/v1/agent/latest?os=linux&arch=amd64").json()
    data = server.get("/api/v1/agent/download/linux/amd64").content
    assert server.get("/bootstrap/agent/linux/amd64").content == data
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (told["sha256"], told["size"])
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(server.get("/api/v1/agent/signing-key").text.strip()))
    signed = Signed(body=told["signed"], key_id=key_id(key), signature=told["signature"])
    about = canonical.loads(verify(key, Domain.ARTIFACT, signed))
    assert {name: about[name] for name in ("os", "arch", "version", "sha256", "size")} == {
        name: told[name] for name in ("os", "arch", "version", "sha256", "size")
    }


@pytest.mark.parametrize("path", ["latest?os=windows", "latest?arch=mips", "download/plan9/amd64", "download/linux/.."])
def test_there_is_no_agent_for_another_system(server: FleetServer, path: str) -> None:
    assert server.get(f"/api/v1/agent/{path}").status_code in {400, 404}


def test_the_script_is_whole_and_names_this_server(server: FleetServer) -> None:
    answer = server.get("/bootstrap")
    assert "SERVER='https://localhost'" in answer.text
    assert "@SERVER@" not in answer.text
    assert subprocess.run(["sh", "-n"], input=answer.text, text=True, capture_output=True).returncode == 0
    assert answer.headers["content-type"].startswith("text/x-shellscript")
    # Cut at any line, it does nothing: all of it is read before its last line runs it.
    half = answer.text[: len(answer.text) // 2]
    assert subprocess.run(["/bin/sh"], input=half, text=True, capture_output=True, env={"PATH": ""}).stdout == ""


@pytest.mark.parametrize("host", ["evil.example.com", "localhost';id;'", "localhost\\"])
def test_a_host_header_does_not_get_into_the_script(server: FleetServer, host: str) -> None:
    answer = server.get("/bootstrap", headers={"host": host})
    assert answer.status_code == 400
    assert "id;" not in answer.text


def test_the_ca_is_the_one_that_tokens_name(server: FleetServer) -> None:
    made = server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json={"hostname": "new.example.com"}).json()
    token = EnrolmentToken.parse(made["token"])
    assert token.ca_sha256 == server.services.pki.ca_sha256
    assert server.get("/bootstrap/ca.pem").text == server.services.pki.ca_pem
    assert made["command"].startswith("curl -fsSk https://localhost/bootstrap/ca.pem")
    assert f"grep -q ^{token.ca_sha256}" in made["command"]
    audited = [entry for entry in server.audit() if entry["type"] == "envoy_token_create"]
    assert token.secret not in json.dumps(audited)


@pytest.mark.parametrize("body", [{"hostname": "UPPER.example.com"}, {"hostname": "a..b"}, {"hostname": "-a"}, {"hostname": "x\n"},
                                  {"hostname": "a", "expires_in": "soon"}, {"hostname": "a", "expires_in": "31d"},
                                  {"hostname": "a", "expires_in": "0s"}, {"hostname": "a", "admin": True}])  # fmt: skip
def test_a_token_for_what_is_no_host_or_no_time_is_refused(server: FleetServer, body: dict[str, object]) -> None:
    assert server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json=body).status_code == 400


def test_a_token_works_once_and_not_after_its_time(server: FleetServer) -> None:
    def made(**options: object) -> str:
        new = {"hostname": f"h{server.clock.micros}.example.com", **options}
        return server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json=new).json()["token"]

    def register(token: str, csr: str | None = None) -> tuple[int, str]:
        answer = server.post("/api/v1/bootstrap/register", json={"token": token, "csr": csr or request()})
        return answer.status_code, answer.json().get("fault", "")

    token = made()
    assert register(token, "-----BEGIN CERTIFICATE REQUEST-----\n") == (400, "enrolment.bad_request")
    assert register(token)[0] == 200
    assert register(token) == (401, "enrolment.token_refused")
    server.clock.advance(1)
    late = made(expires_in="1h")
    server.clock.advance(3600)
    assert register(late) == (401, "enrolment.token_refused")
    assert register("vget_x") == (401, "enrolment.token_refused")


def test_a_host_that_is_enrolled_is_not_enrolled_by_the_way(server: FleetServer) -> None:
    answer = server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json={"hostname": HOST})
    assert (answer.status_code, answer.json()["fault"]) == (409, "enrolment.already_enrolled")
    before = server.get("/api/v1/fleet/pubkeys").json()
    made = server.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json={"hostname": HOST, "replace": True}).json()
    done = server.post("/api/v1/bootstrap/register", json={"token": made["token"], "csr": request()})
    assert done.status_code == 200
    assert done.json()["gateway_url"] == "wss://localhost:1530/agent/v1"
    after = server.get("/api/v1/fleet/pubkeys").json()
    assert before.keys() == after.keys()
    assert before[HOST] != after[HOST]
    replaced = [entry for entry in server.audit() if entry["type"] == "envoy_revoke"]
    assert len(replaced) == 1


def test_bootstrap_can_be_closed(tmp_path_factory: pytest.TempPathFactory) -> None:
    closed = FleetServer(
        tmp_path_factory.mktemp("closed"), settings={"public_bootstrap": False, "public_pubkeys": False}
    )
    try:
        for path in ("/bootstrap", "/bootstrap/ca.pem", "/bootstrap/agent/linux/amd64", "/api/v1/agent/latest",
                     "/bootstrap/release/linux/x86_64", f"/bootstrap/artifact/{'0' * 64}",
                     "/api/v1/agent/download/linux/amd64", "/api/v1/agent/signing-key", "/api/v1/fleet/pubkeys"):  # fmt: skip
            assert closed.get(path).status_code == 404
    finally:
        closed.close()


def test_a_host_is_told_of_the_build_for_it_else_of_one_with_a_python_else_of_the_wheel(
    server: FleetServer, tmp_path: Path
) -> None:
    made = Bootstrap(bootstrap.build(), server.services.pki, tmp_path / "out")
    before, server.services.own["bootstrap"] = server.services.own["bootstrap"], made
    key = server.services.pki.signing_key

    def add(name: str) -> str:
        artifact = tmp_path / name
        artifact.write_bytes(name.encode())
        return bootstrap.publish(tmp_path / "out", artifact, packing.draft_of(name), key, now=1).manifest.sha256

    def told(**query: str) -> tuple[int, str]:
        answer = server.get("/bootstrap/release/linux/x86_64", params=query)
        if answer.status_code != 200:
            return answer.status_code, ""
        name, signature, body = answer.text.rstrip("\n").split("\n")
        signed = Signed(body=body, key_id=key_id(key.public_key()), signature=signature)
        about = canonical.loads(verify(key.public_key(), Domain.ARTIFACT, signed))
        data = server.get(f"/bootstrap/artifact/{about['sha256']}").content
        assert hashlib.sha256(data).hexdigest() == about["sha256"]
        return 200, name

    try:
        wheel = made.file_name
        assert told(libc="glibc-2.36", python="3.11") == (200, wheel)
        assert told(libc="glibc-2.36", python="3.9") == (404, "")
        assert told(libc="glibc-2.36") == (404, "")
        own = "vigo-agent-1.0.0-self-contained-glibc-x86_64.tar.gz"
        add(own)
        assert told(libc="glibc-2.36", python="3.9") == (200, own)
        assert told(libc="glibc-2.36") == (200, own)
        zipapp = "vigo-agent-1.0.0-cp311-glibc-x86_64.pyz"
        add(zipapp)
        assert told(libc="glibc-2.36", python="3.11") == (200, zipapp)
        assert told(libc="glibc-2.17", python="3.11") == (200, own)  # older than what the zipapp's wheels are for
        assert told(libc="glibc-2.36", python="3.12") == (200, own)
        assert told(libc="musl", python="3.11") == (200, wheel)
        for query in ({"libc": "uclibc"}, {"python": "3.11;"}, {"python": "2.7"}):
            assert told(**query)[0] == 400
        assert server.get("/bootstrap/release/plan9/x86_64").status_code == 404
        assert server.get("/bootstrap/release/linux/..%2fx").status_code in {400, 404}
        assert server.get(f"/bootstrap/artifact/{'0' * 64}").status_code == 404
    finally:
        server.services.own["bootstrap"] = before


@pytest.mark.parametrize(("setting", "offered"), [("auto", True), ("off", False)])
def test_agents_are_offered_builds_only_where_that_is_set(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, setting: str, offered: bool
) -> None:
    server = FleetServer(tmp_path_factory.mktemp("update"), settings={"agent_update": setting})
    try:
        key = server.services.pki.signing_key
        artifact = tmp_path / "vigo-agent-1.0.0-cp311-glibc-x86_64.pyz"
        artifact.write_bytes(b"x")
        bootstrap.publish(tmp_path / "out", artifact, packing.draft_of(artifact.name), key, now=1)
        server.services.own["bootstrap"] = Bootstrap(bootstrap.build(), server.services.pki, tmp_path / "out")
        approvals = Approvals(server.services)
        directory = Directory(
            server.services,
            Catalogs(key),
            tell=lambda _: None,
            stalled=lambda _: "",
            awaited=lambda _: None,
            approvals=approvals,
            probes=Probes(server.services, approvals),
        )
        agent = AgentBuild(
            kind=Kind.ZIPAPP, arch="x86_64", libc="glibc", libc_version="2.36", python="3.11", sequence=0
        )
        assert (directory.update_for(agent) is not None) is offered
        assert directory.update_for(agent.model_copy(update={"sequence": 1})) is None
        assert directory.update_for(agent.model_copy(update={"arch": "aarch64"})) is None
    finally:
        server.close()
