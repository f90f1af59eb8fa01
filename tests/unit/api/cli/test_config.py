"""`vigo config tree`, `search` and `dedup`: of a repository here, and of a server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.api.cli.conftest import Server

Vigo = Callable[..., "tuple[int, str, str]"]

FILES = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": "configcrates: [ssh, motd]\n",
    "web/common.vgo": "exclude_configcrates: [motd]\n",
    "web/all.vgo": 'envoys:\n  - match: "web*"\n    configcrates: [nginx]\n    vars: {port: 443}\n',
    **{
        f"configcrates/{name}.vgo": f"name: {name}\nresources: [{{type: directory, path: /srv/{path}}}]\n"
        for name, path in {"ssh": "ssh", "motd": "shared", "nginx": "shared"}.items()
    },
}
TREE = "./: ssh, motd\n  web/: ssh; less motd\n    web*  (all.vgo): ssh, nginx\n"


@pytest.fixture
def repo(tmp_path: Path) -> str:
    for name, text in FILES.items():
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path / "repo")


def test_a_tree_is_drawn_with_what_is_in_force_at_each_place(vigo: Vigo, repo: str) -> None:
    assert vigo("config", "tree", "--repo", repo) == (0, TREE, "")
    below = vigo("config", "tree", "--repo", repo, "--under", "web/")
    assert below == (0, "web/: ssh; less motd\n  web*  (all.vgo): ssh, nginx\n", "")


def test_a_directory_that_is_not_there_is_told(vigo: Vigo, repo: str) -> None:
    code, out, err = vigo("config", "tree", "--repo", repo, "--under", "nowhere")
    assert (code, out) == (1, "")
    assert err == "error: there is no directory nowhere with match blocks or a common.vgo\n"


def test_a_search_lists_what_fits(vigo: Vigo, repo: str) -> None:
    code, out, err = vigo("config", "search", "--repo", repo, "--match", "*WEB*", "--var", "port")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[1:]] == [["web*", "web", "ssh,", "nginx", "port"]]
    assert vigo("config", "search", "--repo", repo, "--configcrate", "motd") == (0, "", "no match block fits\n")


def test_a_search_by_a_crate_that_is_not_there_says_so_beside_the_answer(
    connected: Vigo, server: Server, repo: str
) -> None:
    asked = ("config", "search", "--configcrate", "ngnix")
    note = "there is no configcrate ngnix; did you mean nginx?\n"
    assert connected(*asked, "--repo", repo) == (0, "", f"{note}no match block fits\n")
    code, out, err = connected(*asked, "--repo", repo, "--json")
    assert (code, json.loads(out)["entries"], err) == (0, [], note)
    server.answers["GET /api/v1/config/search"] = (200, {"entries": []})
    refusal = {"message": "there is no configcrate ngnix", "details": {"hint": "did you mean nginx?"}}
    server.answers["GET /api/v1/config/trace"] = (404, refusal)
    assert connected(*asked, "--as-of", "v1") == (0, "", f"{note}no match block fits\n")
    assert server.requests[1].target == "/api/v1/config/trace?configcrate=ngnix&asOf=v1"
    server.answers["GET /api/v1/config/trace"] = (200, {"envoys": []})
    assert connected(*asked)[2] == "no match block fits\n"


def test_a_search_needs_something_to_search_by(vigo: Vigo, repo: str) -> None:
    code, out, err = vigo("config", "search", "--repo", repo)
    assert (code, out) == (1, "")
    assert "give --match, --configcrate or --var" in err


def test_files_that_say_the_same_are_listed(vigo: Vigo, repo: str) -> None:
    assert vigo("config", "dedup", "--repo", repo) == (
        0,
        "configcrate: 2 files, the same meaning\n  configcrates/motd.vgo\n  configcrates/nginx.vgo\n",
        "",
    )
    Path(repo, "configcrates", "motd.vgo").write_text("name: motd\n")
    assert vigo("config", "dedup", "--repo", repo) == (0, "", "no two files say the same\n")


def test_a_revision_is_read_instead_of_the_files(vigo: Vigo, repo: str) -> None:
    for arguments in (
        ["init", "-q", "-b", "main"], ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "start"],
    ):  # fmt: skip
        subprocess.run(["git", "-C", repo, *arguments], check=True, timeout=20, capture_output=True)
    Path(repo, "common.vgo").write_text("configcrates: [ssh]\n")
    assert vigo("config", "tree", "--repo", repo, "--rev", "main") == (0, TREE, "")
    assert vigo("config", "tree", "--repo", repo)[1].startswith("./: ssh\n")
    assert vigo("config", "tree", "--rev", "main")[0] == 1


def test_a_repository_that_is_not_valid_ends_2(vigo: Vigo, repo: str) -> None:
    Path(repo, "common.vgo").write_text("configcrates: [shh]\n")
    for command in (["tree"], ["search", "--match", "*"], ["dedup"]):
        assert vigo("config", *command, "--repo", repo)[0] == 2


def test_a_server_is_asked_with_what_was_given_and_answers_alike(connected: Vigo, server: Server, repo: str) -> None:
    asked = {
        "tree": (["--under", "web"], "under=web"),
        "search": (["--configcrate", "ssh", "--var", "port"], "configcrate=ssh&var=port"),
        "dedup": ([], ""),
    }
    for name, (options, query) in asked.items():
        local = json.loads(connected("config", name, *options, "--repo", repo, "--json")[1])
        assert server.requests == []
        server.answers[f"GET /api/v1/config/{name}"] = (200, local)
        assert json.loads(connected("config", name, *options, "--json")[1]) == local
        assert server.requests.pop().target == f"/api/v1/config/{name}" + (f"?{query}" if query else "")
        connected("config", name, *options, "--as-of", "main", "--json")
        assert server.requests.pop().target.endswith("asOf=main")


def test_what_was_left_out_is_told(connected: Vigo, server: Server) -> None:
    empty = {"configcrates": [], "roles": [], "match": "", "total": [], "excluded": [], "children": []}
    server.answers["GET /api/v1/config/tree"] = (200, {"dir": "", "file": "", **empty, "left_out": 7})
    server.answers["GET /api/v1/config/search"] = (200, {"entries": [], "left_out": 8})
    group = {"kind": "content", "same": "bytes", "count": 3, "paths": ["files/a", "files/b"]}
    server.answers["GET /api/v1/config/dedup"] = (200, {"groups": [group], "left_out": 9})
    assert connected("config", "tree") == (0, "./: no crates\n  and 7 more; --under shows them\n", "")
    assert connected("config", "search", "--var", "x")[2].endswith("8 more match blocks are not listed\n")
    code, out, err = connected("config", "dedup")
    assert (code, out) == (0, "content: 3 files, the same bytes\n  files/a\n  files/b\n  and 1 more\n")
    assert err == "9 more groups are not listed\n"


@pytest.mark.parametrize(
    "command", [["config", "tree"], ["config", "search", "--var", "x"], ["config", "dedup"], ["trace", "web1"]]
)
def test_a_revision_is_asked_of_the_server_or_read_here_not_both(vigo: Vigo, repo: str, command: list[str]) -> None:
    code, _, err = vigo(*command, "--repo", repo, "--as-of", "main")
    assert (code, "with --repo write --rev" in err) == (1, True)
    code, _, err = vigo(*command, "--rev", "main")
    assert (code, "--as-of asks the server" in err) == (1, True)
