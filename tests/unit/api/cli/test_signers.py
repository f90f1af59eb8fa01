"""`vigo signers` and `vigo config accept`: what is asked of the server, and what is shown of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

COMMIT = "a" * 40
SIGNER = {
    "id": "s1", "principal": "alice@example.com", "kind": "ssh", "fingerprint": "SHA256:abc", "key": "ssh-ed25519 AAAA",
    "username": "alice", "valid_after": None, "valid_before": "2027-01-01T00:00:00Z", "added_at": "2026-11-22T00:00:00Z",
    "added_by": "admin", "revoked_at": None, "revoked_by": "", "revoked_reason": "",
}  # fmt: skip
DONE = {"status": "done", "version": 3, "proposal": None}
PROPOSED = {"status": "proposed", "version": 3, "proposal": {"id": "p1"}}


def test_keys_are_listed_added_imported_and_revoked(connected: Vigo, server: Server, tmp_path: Path) -> None:
    server.answers["GET /api/v1/signers"] = (200, {"version": 3, "signers": [SIGNER]})
    listed = connected("signers", "list")
    assert "alice@example.com  alice    SHA256:abc" in listed.out
    assert json.loads(connected("signers", "list", "--json").out)["version"] == 3

    key = tmp_path / "alice.pub"
    key.write_text("ssh-ed25519 AAAA alice\n")
    server.answers["POST /api/v1/signers"] = (200, DONE)
    added = connected(
        "signers", "add", "alice@example.com", str(key), "--user", "alice", "--before", "2027-01-01T00:00:00Z"
    )
    assert added == (0, "done: version 3\n", "")
    assert server.requests[-1].body == {
        "principal": "alice@example.com",
        "key": "ssh-ed25519 AAAA alice\n",
        "username": "alice",
        "reason": "",
        "valid_before": "2027-01-01T00:00:00Z",
    }
    server.answers["POST /api/v1/signers/import"] = (202, PROPOSED)
    imported = connected("signers", "import", "-", stdin=b"a@x ssh-ed25519 AAAA\n")
    assert imported.out == "proposed: another person confirms it with `vigo signers confirm p1`\n"
    assert server.requests[-1].body["text"] == "a@x ssh-ed25519 AAAA\n"
    assert connected("signers", "import", str(tmp_path / "none")).code == 1
    (tmp_path / "binary").write_bytes(b"\x99\xff")
    assert "is not text" in connected("signers", "add", "a", str(tmp_path / "binary")).err

    before = len(server.requests)
    for kind in ("OPENSSH", "EC", "PGP"):
        key.write_text(f"-----BEGIN {kind} PRIVATE KEY{' BLOCK' if kind == 'PGP' else ''}-----\nVIGOCANARY\n")
        refused = connected("signers", "add", "a", str(key))
        assert (refused.code, "is a private key: nothing was sent" in refused.err) == (1, True)
    assert len(server.requests) == before

    times = ({"valid_before": "2020-01-01T00:00:00Z"}, {"valid_after": "2999-01-01T00:00:00Z"}, {"revoked_at": "x"}, {})
    keys = [SIGNER | {"valid_before": None} | each for each in times]
    server.answers["GET /api/v1/signers"] = (200, {"version": 3, "signers": keys})
    words = [row.rpartition("  ")[2] for row in connected("signers", "list").out.splitlines()[1:]]
    assert words == ["expired", "not yet", "revoked", "ok"]
    server.answers["GET /api/v1/signers"] = (200, {"version": 3, "signers": [SIGNER]})

    server.answers["PUT /api/v1/signers/keys/s1/revocation"] = (200, SIGNER)
    assert connected("signers", "revoke", "SHA256:abc", "--reason", "gone").code == 0
    assert server.requests[-1].body == {"reason": "gone"}
    assert connected("signers", "revoke", "SHA256:other", "--reason", "gone").code == 1


def test_the_policy_is_shown_and_replaced_with_the_version_it_was_taken_from(
    connected: Vigo, server: Server, tmp_path: Path
) -> None:
    policy: dict[str, Any] = {
        "required": True,
        "rules": [{"paths": ["**"], "branches": ["*"], "signers": ["alice"], "threshold": 2}],
        "two_person": ["net/"],
        "exempt": [COMMIT],
    }
    found = {"version": 5, "policy": policy, "changed_at": None, "changed_by": "", "confirmed_by": "", "reason": ""}
    server.answers["GET /api/v1/signers/policy"] = (200, found)
    shown = connected("signers", "policy").out
    assert "required of every commit" in shown
    assert "net/" in shown
    assert "**     *         alice    2" in shown
    file = tmp_path / "policy.json"
    file.write_text(connected("signers", "policy", "--json").out)
    server.answers["PUT /api/v1/signers/policy"] = (200, DONE)
    assert connected("signers", "policy", "--set", str(file), "--reason", "ours").code == 0
    assert server.requests[-1].body == {"policy": policy, "reason": "ours", "version": 5}
    file.write_text(json.dumps(policy))
    connected("signers", "policy", "--set", str(file), "--reason", "ours")
    assert server.requests[-1].body["version"] is None
    file.write_text("nonsense")
    assert "is not JSON" in connected("signers", "policy", "--set", str(file), "--reason", "ours").err


def test_a_commit_is_checked_approved_and_accepted(connected: Vigo, server: Server) -> None:
    place = f"GET /api/v1/signers/commits/{COMMIT}"
    good = {"trusted": True, "commits": 2, "diagnostics": []}
    server.answers[place] = (200, good)
    assert connected("signers", "check", COMMIT) == (0, "aaaaaaaaaaaa needs nothing; 2 commits were looked at\n", "")
    bad = {
        "code": "signers.second-person", "severity": "error", "file": "net/x", "line": 1, "column": 1,
        "message": "aaaa changes net/x\x1b", "hint": "`vigo signers approve`",
    }  # fmt: skip
    told = "net/x:1:1: error[signers.second-person]: aaaa changes net/x\\x1b\n     = hint: `vigo signers approve`\n"
    server.answers[place] = (200, good | {"trusted": False, "diagnostics": [bad]})
    code, out, _ = connected("signers", "check", COMMIT)
    assert (code, out) == (2, told)
    server.answers["POST /api/v1/signers/approvals"] = (200, {})
    stood = connected("signers", "approve", COMMIT, "--reason", "read it")
    assert stood == (0, f"you stand behind aaaaaaaaaaaa; it is judged again\n{told}", "")
    assert server.requests[-2].body == {"commit": COMMIT, "reason": "read it"}
    for command in (("signers", "check"), ("signers", "approve"), ("config", "accept", "--reason", "x")):
        assert "`git rev-parse REF`" in connected(*command, "aaaaaaaaaaaa").err
    approval = {"commit": COMMIT, "username": "bob", "approved_at": "2026-11-22T00:00:00Z", "reason": "read it"}
    server.answers["GET /api/v1/signers/approvals"] = (200, {"approvals": [approval]})
    assert "aaaaaaaaaaaa  bob" in connected("signers", "approvals").out
    server.answers["POST /api/v1/config/accept"] = (200, DONE)
    assert "comes into force" in connected("config", "accept", COMMIT, "--reason", "cleaned").out
    server.answers["POST /api/v1/config/accept"] = (202, PROPOSED)
    assert "confirm p1" in connected("config", "accept", COMMIT, "--reason", "cleaned").out


def test_proposals_are_listed_and_decided_and_the_ref_log_is_shown(connected: Vigo, server: Server) -> None:
    proposal = {
        "id": "p1", "kind": "policy", "summary": "2 rules instead of 1", "state": "waiting", "proposed_by": "alice",
        "proposed_at": "2026-11-22T00:00:00Z", "reason": "ours",
    }  # fmt: skip
    server.answers["GET /api/v1/signers/proposals"] = (200, {"proposals": [proposal]})
    assert "p1  waiting  2 rules instead of 1  alice" in connected("signers", "proposals").out
    server.answers["PUT /api/v1/signers/proposals/p1/confirmation"] = (200, DONE)
    assert connected("signers", "confirm", "p1").out == "done: version 3\n"
    server.answers["DELETE /api/v1/signers/proposals/p1"] = (204, None)
    assert connected("signers", "withdraw", "p1").code == 0
    moves = [
        {"number": 2, "ref": "main", "old": COMMIT, "new": None, "seen_at": "2026-11-22T00:00:00Z", "result": "deleted"},
        {
            "number": 1, "ref": "main", "old": None, "new": COMMIT, "seen_at": "2026-11-22T00:00:00Z",
            "result": "passed_over",
        },
    ]  # fmt: skip
    server.answers["GET /api/v1/signers/log"] = (200, {"moves": moves, "kept": 10_000})
    shown = connected("signers", "log").out
    assert "gone" in shown
    assert "passed over" in shown
