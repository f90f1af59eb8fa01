"""`vigo config publishes | versions | rollback | promote | signer | retract`, `vigo changes`, `vigo waivers`: what is
asked, what is shown, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.api.cli.conftest import Ran, Server

COMMIT = "0123456789ab" + "c" * 28
WRITTEN = {
    "status": "in_force", "commit": COMMIT, "branch": "main", "version": 42, "change_id": "01a2-x", "message": "",
}  # fmt: skip
Vigo = Callable[..., Ran]


def answer(server: Server, path: str, body: Any, *, method: str = "GET", status: int = 200) -> None:
    server.answers[f"{method} {path}"] = (status, body)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({}, 0, "in force: version 42, commit 0123456789ab\n"),
        (
            {"status": "proposed", "branch": "vigo/x-1"},
            0,
            "proposed: commit 0123456789ab on branch vigo/x-1: merge it, or see `vigo config promote`\n",
        ),
        (
            {"status": "accepted", "commit": None},
            1,
            "accepted: not in force yet; `vigo changes show 01a2-x` tells on\n",
        ),
    ],
)
def test_a_rollback_says_what_became_of_it(
    connected: Vigo, server: Server, more: dict[str, Any], code: int, said: str
) -> None:
    answer(server, "/api/v1/config/rollback/a%2Fb", WRITTEN | more, method="POST", status=202 if more else 200)
    ran = connected("config", "rollback", "a/b", "--reason", "broken")
    assert (ran.code, ran.out) == (code, said), ran.err
    assert server.requests[-1].body == {"reason": "broken", "propose": False}


def test_what_the_server_refuses_ends_with_its_words(connected: Vigo, server: Server) -> None:
    refused = {"message": "main has the files of version 41 already", "fault": "publishes.nothing_to_change"}
    answer(server, "/api/v1/config/rollback/41", refused, method="POST", status=409)
    ran = connected("config", "rollback", "41")
    assert ran.code == 3
    assert "main has the files of version 41 already" in ran.err


def test_a_branch_is_promoted(connected: Vigo, server: Server) -> None:
    answer(server, "/api/v1/config/promote", WRITTEN, method="POST")
    assert connected("config", "promote", "team/x", "--propose").code == 0
    assert server.requests[-1].body == {"ref": "team/x", "reason": "", "propose": True}


def test_versions_and_publishes_are_tables(connected: Vigo, server: Server) -> None:
    detail = {
        "version": "20261122T120000Z", "sequence": 7, "commit": COMMIT, "author": "Jane", "summary": "more", "in_force": True,
    }  # fmt: skip
    answer(server, "/api/v1/config/versions", {"versions": ["20261122T120000Z"], "details": [detail]})
    shown = connected("config", "versions").out
    assert [word in shown for word in ("7", "20261122T120000Z", "0123456789ab", "yes", "Jane", "more")] == [True] * 6
    publish = {
        "id": "7", "source": "commit", "operator": "Jane", "timestamp": "2026-11-22T12:00:00Z", "version": 7,
        "commit": COMMIT, "summary": "more", "changed_files": ["a.vgo"], "removed_files": [],
    }  # fmt: skip
    answer(server, "/api/v1/config/publishes", {"publishes": [publish]})
    assert "0123456789ab" in connected("config", "publishes").out
    answer(server, "/api/v1/config/publishes/7", publish | {"diff_summary": "--- a.vgo\n+port: \x1b[31m1\n"})
    shown = connected("config", "publishes", "7").out
    assert "--- a.vgo" in shown
    assert "\x1b[31m" not in shown


def test_the_signer_is_one_line_for_git(connected: Vigo, server: Server) -> None:
    answer(server, "/api/v1/config/signer", {"allowed_signers": 'vigo-server namespaces="git" ssh-ed25519 AAAA'})
    assert connected("config", "signer").out == 'vigo-server namespaces="git" ssh-ed25519 AAAA\n'


def test_a_retraction_goes_to_standard_output_and_what_to_know_to_the_other(
    connected: Vigo, server: Server, tmp_path: Path
) -> None:
    crate = tmp_path / "nginx.vgo"
    crate.write_text("name: nginx\n")
    warning = {"resource": "install", "type": "package", "confidence": "high", "message": "remove nginx"}
    result = {
        "name": "nginx",
        "retract_yaml": "name: nginx-retract\n",
        "warnings": [warning],
        "envoys": [{"hostname": "x"}],
    }
    answer(server, "/api/v1/config/retract", {"enabled": True, "results": [result]}, method="POST")
    ran = connected("config", "retract", str(crate))
    assert (ran.code, ran.out) == (0, "name: nginx-retract\n")
    assert "1 hosts have or had it" in ran.err
    assert "high  package install: remove nginx" in ran.err
    assert server.requests[-1].body == {"configcrates": [{"name": "nginx", "content": "name: nginx\n"}]}
    assert connected("config", "retract", str(tmp_path / "absent.vgo")).code == 1


def test_changes_are_listed_and_shown(connected: Vigo, server: Server) -> None:
    change = {
        "id": "01a2-x", "kind": "waiver", "state": "committed", "summary": "Waive AC-1", "reason": "", "author": "Jane <j@x>",
        "actor": "jane", "actor_id": "1", "commit": COMMIT, "base": COMMIT, "branch": "main", "paths": ["waivers.vgo"],
        "path_count": 3, "message": "", "created_at": "2026-11-22T12:00:00Z", "ended_at": None,
    }  # fmt: skip
    answer(server, "/api/v1/changes", {"changes": [change]})
    assert "Waive AC-1" in connected("changes", "list").out
    answer(server, "/api/v1/changes/01a2-x", change)
    assert "waivers.vgo and 2 more" in connected("changes", "show", "01a2-x").out


def test_a_waiver_is_asked_for_with_what_was_given(connected: Vigo, server: Server) -> None:
    answer(server, "/api/v1/waivers", WRITTEN, method="POST")
    given = (
        "--framework",
        "nist",
        "--control",
        "AC-1",
        "--reason",
        "r",
        "--approved-by",
        "jane",
        "--expires",
        "2027-12-31",
    )
    assert connected("waivers", "add", *given, "--dir", "production", "--evidence", "https://x").code == 0
    assert server.requests[-1].body == {
        "framework": "nist", "control": "AC-1", "reason": "r", "approved_by": "jane", "expires": "2027-12-31",
        "dir": "production", "propose": False, "evidence": ["https://x"],
    }  # fmt: skip
