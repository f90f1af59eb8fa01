"""`vigo rollout plan`, and invariants in `vigo validate`: of a repository here, and of a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.repository import write
from reconciler.repository.write import Author
from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]
AUTHOR = Author("Jane", "jane@example.com")
START = {
    "vigo.vgo": b"language: 1\n",
    "configcrates/unbound.vgo": b"name: unbound\nresources: [{type: package, package: unbound}]\n",
    "hosts.vgo": (
        b"envoys:\n"
        b"  - {match: r1.example.com, configcrates: [unbound], vars: {dc: fra}}\n"
        b"  - {match: r2.example.com, configcrates: [unbound], vars: {dc: fra}}\n"
        b"  - {match: w1.example.com, vars: {dc: fra}}\n"
        b"  - {match: '*.other.example.com', vars: {dc: ams}}\n"
    ),
}
MOVED = {
    "hosts.vgo": START["hosts.vgo"]
    .replace(b"r1.example.com, configcrates: [unbound]", b"r1.example.com")
    .replace(b"w1.example.com,", b"w1.example.com, configcrates: [unbound],"),
    "rollout.vgo": (
        b"require_approval: true\nfailure_budget: 50%\nhealth: [{url: 'https://status.example.com/'}]\n"
        b"waves:\n  - {name: canaries, canaries: true, pause: 10m}\n"
        b"  - {name: rest, approvals: 2, max_in_flight: 1, windows: [{days: mon-tue, hours: 09:00-17:00, zone: Asia/Tokyo}]}\n"
    ),
}
INVARIANTS = {
    "invariants.vgo": (
        b"invariants:\n  - name: resolvers\n    for_each: vars.dc\n    where: {configcrate: unbound}\n    at_least: 2\n"
        b"    message: every datacentre keeps two resolvers\n"
    )
}
TEXT = """\
2 hosts to change, 3 to stay as they are
nothing begins before one person approved the plan {root}

WAVE      HOSTS  MAY FAIL  AT ONCE  THEN                                    BEFORE IT  WHO
canaries  2      1         all      pause 10m, https://status.example.com/  -          r1.example.com, w1.example.com

HOSTS  SYSTEMS       CHANGES          CANARIES
1      debian 12: 1  unbound added    w1.example.com
1      ?: 1          unbound removed  r1.example.com
"""
BROKEN = """
invariants.vgo:2: resolvers would not hold during the wave canaries
  every datacentre keeps two resolvers
  vars.dc = fra: 1 of 3 hosts, not at least 2
  have the new revision then: r1.example.com
  still have the old one then: w1.example.com
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    git = write.init(folder / "config")
    write.commit(git, "HEAD", START, AUTHOR, "one")
    write.commit(git, "refs/heads/moved", {**START, **MOVED}, AUTHOR, "two")
    write.commit(git, "refs/heads/held", {**START, **MOVED, **INVARIANTS}, AUTHOR, "three")
    write.commit(git, "refs/heads/gone", {**START, **INVARIANTS, "hosts.vgo": GONE}, AUTHOR, "four")
    names = ["r1.example.com", "r2.example.com", "w1.example.com", "a.other.example.com", "b.other.example.com"]
    (folder / "hosts.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "fra.txt").write_text("r2.example.com\nw1.example.com\n")
    (folder / "traits.json").write_text(json.dumps({"w1.example.com": {"os": {"distro": "debian", "version": "12.4"}}}))
    return folder


GONE = b"envoys:\n  - {match: r1.example.com, configcrates: [unbound], vars: {dc: fra}}\n"


def test_a_branch_is_planned_for_the_hosts_of_a_file(vigo: Vigo, repo: Path) -> None:
    given = ("--repo", str(repo / "config"), "--hosts", str(repo / "hosts.txt"), "--traits", str(repo / "traits.json"))

    ran = vigo("rollout", "plan", "--ref", "moved", *given)
    root = json.loads(vigo("rollout", "plan", "--ref", "moved", *given, "--json").out)["plan_root"]

    assert (ran.code, ran.out, ran.err) == (0, TEXT.format(root=root[:12]), "")


def test_what_would_break_ends_1_and_names_the_hosts(vigo: Vigo, repo: Path) -> None:
    code, out, err = vigo("rollout", "plan", "--ref", "held", "--repo", str(repo / "config"))

    assert (code, out.endswith(BROKEN)) == (1, True)
    assert err == "note: of 3 hosts that match blocks name; --hosts FILE says which there are\n"


def test_hosts_may_have_another_revision_now(vigo: Vigo, repo: Path) -> None:
    (repo / "three.txt").write_text("r1.example.com\nw1.example.com\nx1.other.example.com\n")
    given = ("--repo", str(repo / "config"), "--hosts", str(repo / "three.txt"), "--base", "gone")

    _, out, _ = vigo("rollout", "plan", "--ref", "moved", *given, "--json")

    found = json.loads(out)
    assert [(wave["name"], wave["count"]) for wave in found["waves"]] == [("canaries", 3)]
    assert (found["commit"], found["base"], found["unchanged"]) == (None, None, 0)


def test_a_server_is_asked_for_its_hosts(connected: Vigo, server: Server, vigo: Vigo, repo: Path) -> None:
    given = ("--repo", str(repo / "config"), "--hosts", str(repo / "hosts.txt"))
    answer = json.loads(vigo("rollout", "plan", "--ref", "held", *given, "--json").out)
    server.answers["GET /api/v1/rollouts/plan"] = (200, answer)

    code, out, _ = connected("rollout", "plan", "--ref", "held")

    assert (code, out.endswith(BROKEN)) == (1, True)
    assert server.requests[-1].target == "/api/v1/rollouts/plan?ref=held"


@pytest.mark.parametrize("arguments", [[], ["--hosts", "x", "--ref", "a"], ["--base", "x", "--ref", "a"]])
def test_what_goes_with_a_repository_or_a_server_alone_is_told(vigo: Vigo, arguments: list[str]) -> None:
    code, _, err = vigo("rollout", "plan", *arguments)

    assert code == 1
    assert "--repo" in err


def test_validate_holds_invariants_against_hosts_by_name(vigo: Vigo, repo: Path) -> None:
    config = str(repo / "config")

    assert vigo("validate", config, "--rev", "held").code == 0
    code, out, _ = vigo("validate", config, "--rev", "held", "--hosts", str(repo / "fra.txt"))
    assert (code, out.splitlines()[-1]) == (0, "valid: 5 files")
    code, out, _ = vigo("validate", config, "--rev", "gone")
    assert code == 2
    assert "error[invariant.violated]: 1 host of vars.dc = fra counts, not at least 2" in out
