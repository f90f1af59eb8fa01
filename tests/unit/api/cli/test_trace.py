"""`vigo trace` without a host: where a crate is applied. With one: tests of `vigo validate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

FILES = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": "configcrates: [ssh]\nusercrates: [shell]\n",
    "hosts.vgo": 'envoys:\n  - match: "web*"\n    configcrates: [nginx]\n  - match: "db*"\n',
    "usercrates/shell.vgo": "name: shell\n",
    "configcrates/unused.vgo": "name: unused\n",
    **{
        f"configcrates/{name}.vgo": f"name: {name}\nresources: [{{type: directory, path: /srv/{name}}}]\n"
        for name in ("ssh", "nginx")
    },
}
FOUND = {
    "subject": "configcrate",
    "value": "nginx",
    "include_tree": True,
    "envoys": [{"envoy_id": "e1", "hostname": "web01", "match": "web*", "environment": "", "carrier": "match-block"}],
    "tree_refs": [{"match": "db*", "environment": "lab", "carrier": "role:x"}],
}


@pytest.fixture
def repo(tmp_path: Path) -> str:
    for name, text in FILES.items():
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path / "repo")


def test_a_repository_tells_the_match_blocks_that_have_a_crate(vigo: Vigo, repo: str) -> None:
    ran = vigo("trace", "--configcrate", "nginx", "--repo", repo, "--json")
    assert json.loads(ran.out) == {
        "subject": "configcrate",
        "value": "nginx",
        "include_tree": True,
        "envoys": [],
        "tree_refs": [{"match": "web*", "environment": "", "carrier": "match-block"}],
    }
    ran = vigo("trace", "--usercrate", "shell", "--repo", repo)
    assert [line.split() for line in ran.out.splitlines()[1:]] == [["web*", "common.vgo"], ["db*", "common.vgo"]]


def test_a_crate_that_nobody_has_and_one_that_is_not_there_are_told_apart(vigo: Vigo, repo: str) -> None:
    ran = vigo("trace", "--configcrate", "unused", "--repo", repo)
    assert (ran.code, ran.out + ran.err) == (0, "no enrolled host has unused\n")
    ran = vigo("trace", "--configcrate", "nowhere", "--repo", repo)
    assert (ran.code, ran.err) == (1, "error: there is no configcrate nowhere\n")
    ran = vigo("trace", "--configcrate", "ngnix", "--repo", repo)
    assert (ran.code, ran.err) == (1, "error: there is no configcrate ngnix\nhint: did you mean nginx?\n")


def test_a_host_is_traced_for_a_crate_that_is_not_there_and_that_is_said(
    connected: Vigo, server: Server, repo: str
) -> None:
    asked = ("trace", "web01", "--configcrate", "ngnix", "--json")
    note = "there is no configcrate ngnix; did you mean nginx?\n"
    ran = connected(*asked, "--repo", repo)
    assert (ran.code, ran.err) == (0, note)
    assert json.loads(ran.out)["matched"] is True
    assert connected("trace", "web01", "--configcrate", "unused", "--repo", repo, "--json").err == ""
    server.answers["GET /api/v1/config/trace"] = (200, json.loads(ran.out))
    assert connected(*asked).err == ""
    assert [each.target for each in server.requests] == [
        "/api/v1/config/trace?hostname=web01&configcrate=ngnix",
        "/api/v1/config/trace?configcrate=ngnix",
    ]


def test_a_server_tells_its_hosts(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/config/trace"] = (200, FOUND)
    ran = connected("trace", "--configcrate", "nginx", "--include-tree", "--as-of", "v1")
    assert server.requests[0].target == "/api/v1/config/trace?configcrate=nginx&include_tree=true&asOf=v1"
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[1] == ["web01", "web*", "match-block"]
    assert lines[-1] == ["db*", "lab", "role:x"]


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--configcrate", "nginx", "--usercrate", "shell"),
        ("web01", "--usercrate", "shell"),
        ("web01", "--include-tree"),
    ],
)
def test_exactly_one_subject_is_asked_about(vigo: Vigo, repo: str, asked: tuple[str, ...]) -> None:
    ran = vigo("trace", *asked, "--repo", repo)
    assert (ran.code, ran.out) == (1, "")
    assert "HOST" in ran.err


def test_a_host_is_found_however_its_name_is_written(vigo: Vigo, repo: str) -> None:
    assert json.loads(vigo("trace", "WEB01.", "--repo", repo, "--json").out)["hostname"] == "web01"
