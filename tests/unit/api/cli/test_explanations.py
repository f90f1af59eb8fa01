"""`vigo why`, `vigo diff` and `vigo coverage`: of a repository here, and of a server."""

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
    "common.vgo": "configcrates: [base]\nvars: {port: 80}\n",
    "roles.vgo": "roles: {web: {configcrates: [nginx]}}\n",
    "web.vgo": (
        'envoys:\n  - {match: web01, roles: [web], vars: {port: 443}}\n  - {match: "web*", exclude_configcrates: [base]}\n'
    ),
    "configcrates/base.vgo": (
        "name: base\nresources:\n  - {type: package, package: apt, when: traits.os.family == 'debian'}\n"
    ),
    "configcrates/nginx.vgo": "name: nginx\nresources: [{type: directory, path: '/srv/{{ vars.port }}'}]\n",
}

NGINX = """\
web01 has nginx, from role:web

web.vgo:2:13: web01 matches web01
   2 |   - {match: web01, roles: [web], vars: {port: 443}}
     |             ^
web.vgo:2:28: the block gives role web
   2 |   - {match: web01, roles: [web], vars: {port: 443}}
     |                            ^
roles.vgo:1:30: role web lists nginx
   1 | roles: {web: {configcrates: [nginx]}}
     |                              ^
configcrates/nginx.vgo:1:7: configcrates/nginx.vgo is nginx
   1 | name: nginx
     |       ^
"""
BASE = """\
base would come to web02, but the block excludes base

web.vgo:3:13: web* matches web02
   3 |   - {match: "web*", exclude_configcrates: [base]}
     |             ^
common.vgo:1:16: common.vgo, inherited by every host, lists base
   1 | configcrates: [base]
     |                ^
web.vgo:3:44: but the block excludes base
   3 |   - {match: "web*", exclude_configcrates: [base]}
     |                                            ^
"""
DIFF = """\
web01 and web02: 4 differences, 3 causes (the fewest that explain them all)

web.vgo:2:28: web01 is given role web
   2 |   - {match: web01, roles: [web], vars: {port: 443}}
     |                            ^
       role web: yes | -
       crate nginx: role:web | -

web.vgo:3:44: web.vgo excludes base for web02
   3 |   - {match: "web*", exclude_configcrates: [base]}
     |                                            ^
       crate base: common.vgo | -

web.vgo:2:41: web.vgo sets port for web01
   2 |   - {match: web01, roles: [web], vars: {port: 443}}
     |                                         ^
       var port: 443 | 80
"""


@pytest.fixture
def repo(tmp_path: Path) -> str:
    for name, text in FILES.items():
        path = tmp_path / "repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path / "repo")


def commit(repo: str, summary: str) -> None:
    for arguments in (
        ["init", "-q", "-b", "main"], ["add", "-A"],
        ["-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "-q", "-m", summary],
    ):  # fmt: skip
        subprocess.run(["git", "-C", repo, *arguments], check=True, timeout=20, capture_output=True)


def test_a_chain_is_shown_line_by_line_with_a_caret(vigo: Vigo, repo: str) -> None:
    assert vigo("why", "web01", "nginx", "--repo", repo) == (0, NGINX, "")


def test_what_is_kept_out_ends_1_and_shows_the_clause(vigo: Vigo, repo: str) -> None:
    assert vigo("why", "web02", "base", "--repo", repo) == (1, BASE, "")
    code, out, _ = vigo("why", "web02", "nginx", "--repo", repo)
    assert code == 1
    assert out.endswith("elsewhere:\n  roles.vgo:1:30: role web lists nginx\n")
    assert vigo("why", "web01", "crate:", "--repo", repo)[::2] == (
        1,
        "error: name a resource, var, crate, role, environment or usercrate\n",
    )
    code, out, _ = vigo("why", "web01", "ngimx", "--repo", repo)
    assert (code, out.splitlines()[-1]) == (1, "hint: did you mean nginx?")


def test_a_vars_layers_are_a_table(vigo: Vigo, repo: str) -> None:
    code, out, _ = vigo("why", "web01", "port", "--repo", repo)
    assert code == 0
    assert [" ".join(row.split()) for row in out.splitlines()[-4:]] == [
        "LAYER, WEAK TO STRONG EFFECT VALUE IN FORCE WRITTEN AT",
        "common.vgo sets 80 common.vgo:2",
        "match-block replaces 443 all of it web.vgo:2",
        "value: 443",
    ]


def test_traits_may_be_given_from_a_file(vigo: Vigo, repo: str, tmp_path: Path) -> None:
    code, _, err = vigo("why", "web01", "base/apt", "--repo", repo)
    assert (code, err) == (0, "not known here: traits.os.family\n")
    for name, traits in (("bare", {"os": {"family": "redhat"}}), ("api", {"traits": {"os": {"family": "redhat"}}})):
        file = tmp_path / name
        file.write_text(json.dumps(traits))
        code, out, _ = vigo("why", "web01", "package:apt", "--repo", repo, "--traits", str(file))
        assert (code, out.splitlines()[0]) == (
            1,
            "web01 has base, but not base/apt: base/apt applies where traits.os.family == 'debian': false",
        )
    (tmp_path / "bad").write_text("[1]")
    assert vigo("why", "web01", "base", "--repo", repo, "--traits", str(tmp_path / "bad"))[0] == 1
    assert vigo("why", "web01", "base", "--repo", repo, "--traits", str(tmp_path / "none"))[0] == 1


def test_two_hosts_are_told_apart_by_their_causes(vigo: Vigo, repo: str) -> None:
    code, out, err = vigo("diff", "web01", "web02", "--repo", repo)
    assert (code, err) == (0, "")
    assert out == DIFF
    code, out, _ = vigo("diff", "web01", "web01", "--repo", repo)
    assert (code, out) == (0, "web01 and web01 are alike, as far as is known\n")


def test_commits_stand_behind_the_lines_of_a_revision(vigo: Vigo, repo: str) -> None:
    commit(repo, "first")
    Path(repo, "common.vgo").write_text(FILES["common.vgo"].replace("80", "81"))
    commit(repo, "second")
    found = json.loads(vigo("why", "web02", "port", "--repo", repo, "--rev", "main", "--json")[1])
    assert [link["at"]["blame"]["summary"] for link in found["chain"]] == ["first", "second"]
    code, out, _ = vigo("why", "web02", "port", "--repo", repo, "--rev", "main")
    assert code == 0
    assert f"     = {found['commit'][:12]} " in out
    assert " Ada: second\n" in out
    first = found["chain"][0]["at"]["blame"]["commit"]
    then = ("diff", "web02", "web02", "--repo", repo, "--rev", first, "--other-rev", "main", "--json")
    [cause] = json.loads(vigo(*then)[1])["causes"]
    assert [cause[side]["source"] for side in ("at", "other_at")] == ["vars: {port: 80}", "vars: {port: 81}"]
    assert [cause[side]["blame"]["summary"] for side in ("at", "other_at")] == ["first", "second"]


def test_coverage_is_a_table_of_findings(vigo: Vigo, repo: str, tmp_path: Path) -> None:
    code, out, err = vigo("coverage", "--repo", repo)
    assert code == 0
    assert [" ".join(row.split()) for row in out.splitlines()] == [
        "FINDING WHAT NAME FROM AT BECAUSE OF",
        "one-host listing base common.vgo:1 web01",
        "one-host listing nginx role:web roles.vgo:1 web01",
        "one-host block web01 match-block web.vgo:2 web01",
    ]
    assert err == "8 lines held against 2 match blocks: 3 one-host\n"
    (tmp_path / "hosts").write_text("web02\nweb03\nother\n")
    code, out, err = vigo("coverage", "--repo", repo, "--hosts", str(tmp_path / "hosts"))
    assert "no-host block web01 match-block web.vgo:2" in [" ".join(row.split()) for row in out.splitlines()]
    assert err.endswith("no match block applies to 1 of the hosts\n")


def test_a_server_is_asked_with_what_was_given_and_answers_alike(connected: Vigo, server: Server, repo: str) -> None:
    asked = {
        "why": (["web01", "nginx"], "hostname=web01&subject=nginx"),
        "diff": (["web01", "web02"], "hostname=web01&other=web02"),
        "coverage": ([], ""),
    }
    for name, (arguments, query) in asked.items():
        local = connected(name, *arguments, "--repo", repo)
        answer = json.loads(connected(name, *arguments, "--repo", repo, "--json")[1])
        assert server.requests == []
        server.answers[f"GET /api/v1/config/{name}"] = (200, answer)
        assert connected(name, *arguments) == local
        assert server.requests.pop().target == f"/api/v1/config/{name}" + (f"?{query}" if query else "")
        connected(name, *arguments, "--as-of", "main", "--json")
        assert server.requests.pop().target.endswith("asOf=main")


def test_options_of_one_source_do_not_go_with_the_other(vigo: Vigo, repo: str) -> None:
    for arguments in (
        ("why", "web01", "nginx", "--rev", "main"),
        ("why", "web01", "nginx", "--traits", "file"),
        ("diff", "web01", "web02", "--other-rev", "main"),
        ("diff", "web01", "web02", "--repo", repo, "--other-as-of", "main"),
        ("coverage", "--hosts", "file"),
        ("coverage", "--repo", repo, "--as-of", "main"),
    ):
        assert vigo(*arguments)[0] == 1


def test_a_repository_that_is_not_valid_ends_2(vigo: Vigo, repo: str) -> None:
    Path(repo, "common.vgo").write_text("configcrates: [bsae]\n")
    for command in (["why", "web01", "nginx"], ["diff", "web01", "web02"], ["coverage"]):
        assert vigo(*command, "--repo", repo)[0] == 2


def test_two_long_values_are_cut_where_they_differ(connected: Vigo, server: Server) -> None:
    long = ["a" * 100]
    side = {"hostname": "h", "commit": "c", "traits": False}
    found = {"kind": "var", "name": "allow", "one": [*long, "web"], "other": [*long, "db"]}
    cause = {"kind": "name", "text": "their names differ", "of": "both", "explains": [found]}
    answer = {"one": side, "other": side, "alike": False, "differences": 1, "causes": [cause], "smallest": True}
    server.answers["GET /api/v1/config/diff"] = (200, answer)
    _, out, _ = connected("diff", "h", "i")
    assert 'var allow: …aaaaaaaa", "web"] | …aaaaaaaa", "db"]' in out
