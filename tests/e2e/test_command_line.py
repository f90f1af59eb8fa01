"""Every command of `vigo` over a server, against a real one with a real agent: what it prints and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from schema.protocol.enrolment import EnrolmentToken
from tests.e2e.site import Site

HOST = "web01.example.com"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vigo = Callable[..., Ran]


@pytest.fixture
def vigo(shared_site: Site) -> Vigo:
    """The commands of the file's server."""
    return commands(shared_site)


def commands(site: Site) -> Vigo:
    """`vigo` as a process, on the server's own host, with nothing of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIGO_", "XDG_"))}
    environment = kept | {"HOME": str(site.path), "VIGO_DATA_DIR": str(site.data), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str, stdin: str = "", **variables: str) -> Ran:
        done = site.command("api", *arguments, environment=environment | variables, stdin=stdin)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_what_every_read_says_of_a_converged_host(site: Site, tmp_path: Path) -> None:
    vigo = commands(site)
    commit = site.commit({})
    run = site.converged(site.agent(HOST).joined())

    listed = vigo("envoys", "list", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert [(item["hostname"], item["convergence"]) for item in listed.json["envoys"]] == [(HOST, "converged")]
    assert vigo("envoys", "list").out.splitlines()[1].split()[:4] == [HOST, "online", "converged", "production"]
    assert vigo("envoys", "show", HOST, "--json").json["commit"] == commit
    assert vigo("runs", "list", "--host", HOST, "--json").json["runs"][-1]["id"] == run["id"]
    shown = vigo("runs", "show", run["id"])
    assert "motd/motd  " in shown.out
    assert "+hello from web01.example.com" in shown.out
    assert vigo("config", "status", "--json").json["healthy"] is True
    assert vigo("config", "reload").out.startswith("unchanged: version 1")
    trace = vigo("trace", HOST, "--json")
    assert trace.json == site.get(f"/api/v1/config/trace?hostname={HOST}")
    local = vigo("trace", HOST, "--repo", str(site.path / "repo"), "--rev", "main", "--json").json
    assert local == trace.json
    why = vigo("why", HOST, "greeting", "--json")
    assert (why.code, why.json["value"]) == (0, "hello")
    assert why.json["chain"][-1]["at"]["blame"]["summary"]
    assert vigo("why", HOST, "greeting", "--repo", str(site.path / "repo"), "--rev", "main", "--json").json == why.json
    assert vigo("why", HOST, "nginx").code == 1
    assert vigo("diff", HOST, HOST, "--json").json["alike"] is True
    assert vigo("coverage", "--json").json["basis"] == "hosts"
    assert vigo("audit", "verify").out.startswith("The chain is whole: ")
    actions = {item["type"] for item in vigo("audit", "list", "--json").json["events"]}
    assert {"envoy_enrol", "config_publish"} <= {action.replace(".", "_") for action in actions}
    doctor = vigo("doctor", "--json", "--port", str(site.gateway_port), "--gateway-port", str(site.gateway_port))
    found = {item["name"]: item["status"] for item in doctor.json["checks"]}
    assert (doctor.code, found["server"], found["config"], found["data_dir"], found["port"]) == (0, *["pass"] * 4)
    pdf = vigo("audit", "export", "--pdf", str(tmp_path / "audit.pdf"))
    if pdf.code == 0:
        assert (tmp_path / "audit.pdf").read_bytes().startswith(b"%PDF-")
    else:
        assert "apt-get install" in pdf.err


def test_accounts_and_tokens_from_nothing_to_revoked(shared_site: Site, vigo: Vigo) -> None:
    site = shared_site
    made = vigo("users", "create", "jane", "--role", "operator", "--json", stdin="correct horse battery\n")
    assert (made.code, made.json["username"], made.json["role"]) == (0, "jane", "operator")
    again = vigo("users", "create", "jane", stdin="correct horse battery\n")
    assert (again.code, again.out) == (3, "")
    assert {user["username"] for user in vigo("users", "list", "--json").json["users"]} == {"admin", "jane"}

    created = vigo("tokens", "create", "ci", "--user", "jane", "--expires-in", "1h")
    token = created.out.strip()
    assert created.code == 0
    assert token.startswith("vgot_")
    as_jane = {"VIGO_SERVER": site.url, "VIGO_CA": site.ca, "VIGO_TOKEN": token}
    assert vigo("envoys", "list", **as_jane).code == 0
    refused = vigo("users", "list", **as_jane)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: ")
    [mine] = vigo("tokens", "list", "--json", **as_jane).json["tokens"]
    assert vigo("tokens", "revoke", mine["id"], **as_jane).code == 0
    gone = vigo("envoys", "list", **as_jane)
    assert gone.code == 1
    assert "the token is wrong, expired or revoked" in gone.err


def test_a_secret_is_set_listed_and_forgotten_and_its_value_never_printed(shared_site: Site, vigo: Vigo) -> None:
    canary = "VIGOCANARY-3f9a"

    done = [
        vigo("secrets", "set", "db/password", stdin=canary),
        vigo("secrets", "list"),
        vigo("secrets", "list", "--json"),
        vigo("secrets", "delete", "db/password", "--yes"),
    ]

    assert [ran.code for ran in done] == [0, 0, 0, 0]
    assert done[1].out.splitlines()[1].split()[:2] == ["db/password", "1"]
    assert canary not in "".join(ran.out + ran.err for ran in done)
    assert vigo("secrets", "delete", "db/password", "--yes").code == 1
    assert vigo("secrets", "list", "--json").json == {"secrets": []}


def test_a_host_is_enrolled_and_revoked(shared_site: Site, vigo: Vigo) -> None:
    agent = shared_site.agent(HOST)
    made = vigo("envoys", "token", HOST, "--expires-in", "1h")
    assert EnrolmentToken.parse(made.out).id
    assert "vigo-agent enrol" in made.err
    assert agent.enrol(made.out.strip()).returncode == 0

    conflict = vigo("envoys", "token", HOST)
    revoked = vigo("envoys", "revoke", HOST, "--yes")

    assert (conflict.code, conflict.out) == (3, "")
    assert (revoked.code, revoked.out) == (0, f"{HOST} is revoked\n")
    assert vigo("envoys", "list", "--json").json["envoys"] == []
    assert vigo("envoys", "list", "--include-revoked", "--json").json["envoys"][0]["revoked"] is True
    assert vigo("envoys", "revoke", "nobody.example.com", "--yes").code == 1


def test_an_invalid_commit_ends_2_and_is_told_with_its_place(shared_site: Site, vigo: Vigo) -> None:
    site = shared_site
    bad = site.commit({"configcrates/motd.vgo": "name: motd\nresources:\n  - {type: file, pth: /x}\n"})

    reloaded = vigo("config", "reload")
    status = vigo("config", "status")

    assert reloaded.code == 2
    assert status.code == 2
    assert f"{bad} is not in force:" in status.out
    assert "configcrates/motd.vgo:3:" in status.out
    assert site.get("/api/v1/config/status")["commit"] != bad


def test_a_server_that_cannot_start_says_why_and_leaves_no_traceback(
    shared_site: Site, vigo: Vigo, tmp_path: Path
) -> None:
    taken = vigo("serve", "--data-dir", str(shared_site.data), "--port", "0", "--gateway-port", "0")
    wrong = vigo("serve", "--data-dir", str(tmp_path / "x"), VIGO_PORT="eighty", VIGO_READERS="0")
    nowhere = vigo("serve", "--data-dir", str(tmp_path / "y"), "--repo", "git://example.com/x", "--port", "0")

    assert (taken.code, taken.err.splitlines()[-1].partition(":")[0]) == (3, "error")
    assert "another server" in taken.err
    assert wrong.code == 1
    assert "port: Input should be a valid integer" in wrong.err
    assert "readers: " in wrong.err
    assert nowhere.code == 1
    assert not (tmp_path / "x").exists()
    assert "Traceback" not in taken.err + wrong.err + nowhere.err
