"""Signers over REST: keys, the policy, the two people that a change of them takes, approvals, overrides, the ref log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.services import revisions, users
from api.services.signers import proposals, refs
from schema.access import Role
from schema.revisions import RevisionState
from schema.time import DAY
from schema.users import UserCreate
from tests.factories.commits import ecdsa_key, ed25519_key, rsa_key
from tests.server import Server

GOOD, OTHER = "a" * 40, "b" * 40
KEY = ed25519_key().line
ALICE = {"principal": "alice@example.com", "key": f"{KEY} alice@laptop"}
TWO = {"policy": {"two_person": ["roles.vgo"]}, "reason": "four eyes"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.second = made.token_of(account(made, "second"))  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that is refused."""
    made = Server(tmp_path_factory.mktemp("untouched"))
    yield made
    made.close()


def account(server: Server, name: str) -> Any:
    new = UserCreate(username=name, password=SecretStr("a long enough one"), role=Role.ADMIN)
    return server.services.write_now(server.system, lambda work: users.create(work, new, "x"))


def add(server: Server, body: dict[str, Any], **options: Any) -> Any:
    return server.post("/api/v1/signers", json=body, **({"role": Role.ADMIN} | options))


def policy(server: Server, body: dict[str, Any], **options: Any) -> Any:
    return server.request("PUT", "/api/v1/signers/policy", json=body, **({"role": Role.ADMIN} | options))


def actions(server: Server) -> list[str]:
    quiet = {"user_create", "token_create"}
    return [entry["type"] for entry in server.audit() if entry["type"] not in quiet]


def test_a_key_is_added_listed_changed_and_revoked_for_good(server: Server) -> None:
    assert add(server, ALICE).json() == {"status": "done", "version": 1, "proposal": None}
    assert add(server, ALICE).json()["status"] == "unchanged"
    assert add(server, ALICE | {"username": "operator"}).json()["version"] == 2
    (signer,) = server.get("/api/v1/signers", role=Role.VIEWER).json()["signers"]
    assert (signer["principal"], signer["username"], signer["key"]) == ("alice@example.com", "operator", KEY)
    assert (signer["kind"], signer["fingerprint"]) == ("ssh", ed25519_key().fingerprint)
    place = f"/api/v1/signers/keys/{signer['id']}/revocation"
    done = server.request("PUT", place, role=Role.ADMIN, json={"reason": "stolen"}).json()
    assert (done["revoked_by"], done["revoked_reason"]) == ("admin", "stolen")
    assert server.request("PUT", place, role=Role.ADMIN, json={"reason": "again"}).status_code == 409
    again = add(server, ALICE)
    assert (again.status_code, again.json()["fault"]) == (409, "signers.revoked")
    assert actions(server) == ["signer_add", "signer_update", "signer_revoke"]
    assert server.get("/api/v1/signers", role=Role.VIEWER).json()["version"] == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"key": "ssh-ed25519 AAAA"}, "cut short"),
        ({"key": rsa_key(1024).line}, "1024 bits"),
        ({"key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"}, "no OpenPGP public key"),
        ({"principal": "a b"}, "one name"),
        ({"principal": "*@example.com"}, "wildcards"),
        ({"principal": "vigo-server"}, "this server itself"),
        ({"username": "nobody"}, "no account nobody"),
        ({"valid_after": "2026-01-02T00:00:00Z", "valid_before": "2026-01-01T00:00:00Z"}, "come after"),
    ],
)
def test_a_key_that_would_be_of_no_use_is_refused(untouched: Server, change: dict[str, str], why: str) -> None:
    answer = add(untouched, ALICE | change)
    assert answer.status_code == 400
    assert why in answer.text
    assert untouched.get("/api/v1/signers", role=Role.VIEWER).json() == {"version": 0, "signers": []}


def test_a_file_of_allowed_signers_is_taken_whole_or_not_at_all(server: Server) -> None:
    text = f"alice@example.com {KEY}\nbob@example.com {ecdsa_key().line}\n"
    place = "/api/v1/signers/import"
    bad = server.post(place, role=Role.ADMIN, json={"text": text + "eve@example.com nonsense\n"})
    assert (bad.status_code, "line 3" in bad.text) == (400, True)
    assert server.get("/api/v1/signers", role=Role.VIEWER).json()["signers"] == []
    assert server.post(place, role=Role.ADMIN, json={"text": text}).json()["version"] == 1
    names = [each["principal"] for each in server.get("/api/v1/signers", role=Role.VIEWER).json()["signers"]]
    assert names == ["alice@example.com", "bob@example.com"]
    twice = server.post(place, role=Role.ADMIN, json={"text": f"a@x {rsa_key().line}\nb@x {rsa_key().line}\n"})
    assert "stands twice" in twice.text


def test_a_policy_has_versions_that_only_grow_and_is_never_overwritten_unseen(server: Server) -> None:
    first = server.get("/api/v1/signers/policy", role=Role.VIEWER).json()
    assert (first["version"], first["policy"]["required"]) == (0, False)
    assert server.get("/api/v1/config/status", role=Role.VIEWER).json()["signatures"] == "not required"
    assert policy(server, {"policy": {"required": True}, "reason": "now", "version": 0}).json()["version"] == 1
    assert server.get("/api/v1/config/status", role=Role.VIEWER).json()["signatures"] == "required"
    stale = policy(server, {"policy": {}, "reason": "mine", "version": 0})
    assert (stale.status_code, stale.json()["fault"]) == (409, "signers.policy_moved")
    add(server, ALICE)  # the keys have the same counter; the policy stays that of version 1
    now = server.get("/api/v1/signers/policy", role=Role.VIEWER).json()
    assert (now["version"], now["changed_by"], now["reason"]) == (1, "admin", "now")
    assert policy(server, {"policy": {}, "reason": "back", "version": 1}).json()["version"] == 3
    assert policy(server, {"policy": {}, "reason": "back"}).json()["status"] == "unchanged"
    assert actions(server) == ["policy_change", "signer_add", "policy_change"]


@pytest.mark.parametrize(
    "body",
    [
        {"two_person": ["/roles.vgo"]},
        {"two_person": ["roles**"]},
        {"two_person": ["a//b"]},
        {"rules": [{"paths": [], "signers": ["a"]}]},
        {"rules": [{"paths": ["**"], "signers": []}]},
        {"rules": [{"paths": ["**"], "signers": ["a"], "threshold": 0}]},
        {"rules": [{"paths": ["x"] * 100, "signers": ["a"]}] * 6},
        {"exempt": ["HEAD"]},
        {"requierd": True},
    ],
)
def test_a_policy_that_says_nothing_sensible_is_refused(untouched: Server, body: dict[str, Any]) -> None:
    assert policy(untouched, {"policy": body, "reason": "x"}).status_code == 400


def test_while_two_people_are_asked_for_a_change_takes_two_people(server: Server) -> None:
    assert policy(server, TWO).json()["status"] == "done"  # nothing was asked for before
    answer = policy(server, {"policy": {}, "reason": "alone"})
    assert (answer.status_code, answer.json()["status"]) == (202, "proposed")
    waiting = answer.json()["proposal"]["id"]
    confirm = f"/api/v1/signers/proposals/{waiting}/confirmation"
    own = server.request("PUT", confirm, role=Role.ADMIN)
    assert (own.status_code, own.json()["fault"]) == (403, "signers.second_person")
    local = f"vgol_{server.services.local_secret}"  # whoever is on the server's host: it is not known who that is
    assert server.request("PUT", confirm, token=local, peer="127.0.0.1").status_code == 403
    assert server.get("/api/v1/signers/policy", role=Role.VIEWER).json()["policy"]["two_person"] == ["roles.vgo"]
    second = server.second  # type: ignore[attr-defined]
    done = server.request("PUT", confirm, token=second)
    assert (done.status_code, done.json()["version"]) == (200, 2)
    now = server.get("/api/v1/signers/policy", role=Role.VIEWER).json()
    assert (now["changed_by"], now["confirmed_by"], now["policy"]["two_person"]) == ("admin", "second", [])
    assert server.request("PUT", confirm, token=second).json()["fault"] == "signers.already_decided"
    assert [each for each in actions(server) if each != "access_denied"] == [
        *("policy_change", "proposal_create", "policy_change", "proposal_confirm"),
    ]


def test_a_rule_that_two_people_have_to_stand_for_is_not_taken_away_by_one(server: Server) -> None:
    rule = {"paths": ["**"], "signers": ["alice", "bob"], "threshold": 2}
    assert policy(server, {"policy": {"rules": [rule]}, "reason": "four eyes"}).json()["status"] == "done"
    alone = [
        policy(server, {"policy": {}, "reason": "gone"}),
        policy(server, {"policy": {"rules": [rule | {"threshold": 1}]}, "reason": "fewer"}),
        policy(server, {"policy": {"rules": [rule], "exempt": [GOOD]}, "reason": "mine"}),
        add(server, ALICE | {"username": "operator"}),
    ]
    assert [answer.json()["status"] for answer in alone] == ["proposed"] * 4
    assert server.get("/api/v1/signers/policy", role=Role.VIEWER).json()["policy"]["rules"] == [
        rule | {"branches": ["*"]}
    ]


def test_a_key_takes_two_people_as_well_and_its_revocation_one(server: Server) -> None:
    add(server, ALICE)
    policy(server, TWO)
    answer = add(server, {"principal": "eve@example.com", "key": ecdsa_key().line})
    assert answer.status_code == 202
    assert len(server.get("/api/v1/signers", role=Role.VIEWER).json()["signers"]) == 1
    second = server.second  # type: ignore[attr-defined]
    place = f"/api/v1/signers/proposals/{answer.json()['proposal']['id']}"
    assert server.request("PUT", f"{place}/confirmation", token=second).status_code == 200
    eve = server.get("/api/v1/signers", role=Role.VIEWER).json()["signers"][1]
    gone = server.request(
        "PUT", f"/api/v1/signers/keys/{eve['id']}/revocation", role=Role.ADMIN, json={"reason": "stolen"}
    )
    assert gone.status_code == 200


def test_a_proposal_is_withdrawn_or_lapses_and_one_made_against_another_policy_is_void(server: Server) -> None:
    policy(server, TWO)
    second = server.second  # type: ignore[attr-defined]
    ids = [
        policy(server, {"policy": {"required": flag, "two_person": paths}, "reason": "x"}).json()["proposal"]["id"]
        for flag, paths in ((True, ["a"]), (False, ["b"]), (True, ["c"]))
    ]
    places = [f"/api/v1/signers/proposals/{each}" for each in ids]
    assert server.delete(places[0], role=Role.ADMIN).status_code == 204
    assert server.request("PUT", f"{places[0]}/confirmation", token=second).status_code == 409
    assert server.request("PUT", f"{places[1]}/confirmation", token=second).status_code == 200
    void = server.request("PUT", f"{places[2]}/confirmation", token=second)
    assert (void.status_code, void.json()["fault"]) == (409, "signers.policy_moved")
    late = add(server, ALICE).json()["proposal"]["id"]
    server.clock.advance(8 * DAY / 1_000_000)
    fresh = server.token_of(account(server, "third"))
    lapsed = server.request("PUT", f"/api/v1/signers/proposals/{late}/confirmation", token=fresh)
    assert lapsed.json()["fault"] == "signers.already_decided"
    states = [each["state"] for each in server.get("/api/v1/signers/proposals", token=fresh).json()["proposals"]]
    assert states == ["waiting", "waiting", "confirmed", "withdrawn"]


def test_proposals_are_not_piled_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MAX_WAITING", 3)
    policy(server, TWO)
    answers = [
        policy(server, {"policy": {"exempt": [f"{number:040x}"]}, "reason": "x"}).status_code for number in range(4)
    ]
    assert answers == [202] * 3 + [409]


def test_an_approval_is_of_somebody_with_an_account_and_counts_once(server: Server) -> None:
    body = {"commit": GOOD, "reason": "read it"}
    local = f"vgol_{server.services.local_secret}"
    place = "/api/v1/signers/approvals"
    assert server.post(place, token=local, peer="127.0.0.1", json=body).status_code == 403
    assert server.post(place, role=Role.VIEWER, json=body).status_code == 403
    first = server.post(place, role=Role.DEVELOPER, json=body)
    assert (first.status_code, first.json()["username"]) == (200, "developer")
    server.clock.advance(5)
    assert server.post(place, role=Role.DEVELOPER, json=body).json() == first.json()
    server.post(place, role=Role.OPERATOR, json={"commit": OTHER})
    names = [each["username"] for each in server.get(place, role=Role.VIEWER).json()["approvals"]]
    assert names == ["operator", "developer"]
    (one,) = server.get(f"{place}?commit={GOOD}", role=Role.VIEWER).json()["approvals"]
    assert one["reason"] == "read it"
    assert actions(server).count("commit_approve") == 2


def diverge(server: Server) -> None:
    server.services.write_now(
        server.system, lambda work: revisions.record_in_force(work, commit=GOOD, plan_root="0" * 64, compiled_ms=1)
    )
    server.services.write_now(
        server.system,
        lambda work: revisions.record_failure(work, commit=OTHER, diagnostics=(), state=RevisionState.DIVERGED),
    )


def test_an_override_is_for_the_commit_that_is_kept_out_on_top_of_the_one_in_force(server: Server) -> None:
    diverge(server)
    place, body = "/api/v1/config/accept", {"commit": OTHER, "reason": "history was cleaned"}
    assert server.post(place, role=Role.OPERATOR, json=body).status_code == 403
    for wrong in (GOOD, "c" * 40):
        answer = server.post(place, role=Role.ADMIN, json=body | {"commit": wrong})
        assert (answer.status_code, answer.json()["fault"]) == (409, "signers.nothing_to_accept")
    assert server.post(place, role=Role.ADMIN, json={"commit": OTHER}).status_code == 400  # no reason
    assert server.post(place, role=Role.ADMIN, json=body).json()["status"] == "done"
    assert actions(server)[-1] == "config_accept"


def test_an_override_takes_two_people_and_is_void_when_something_else_is_in_force_by_then(server: Server) -> None:
    diverge(server)
    policy(server, TWO)
    body = {"commit": OTHER, "reason": "history was cleaned"}
    proposed = server.post("/api/v1/config/accept", role=Role.ADMIN, json=body)
    assert proposed.status_code == 202
    server.services.write_now(
        server.system, lambda work: revisions.record_in_force(work, commit="d" * 40, plan_root="0" * 64, compiled_ms=1)
    )
    place = f"/api/v1/signers/proposals/{proposed.json()['proposal']['id']}/confirmation"
    answer = server.request("PUT", place, token=server.second)  # type: ignore[attr-defined]
    assert (answer.status_code, answer.json()["fault"]) == (409, "signers.nothing_to_accept")


def test_every_move_of_the_ref_is_listed_with_what_became_of_it(server: Server) -> None:
    def see(commit: str | None) -> None:
        def write(work: Any) -> bool:
            return refs.gone(work, "main") if commit is None else refs.moved(work, "main", commit)

        server.services.write_now(server.system, write)
        server.clock.advance(1)

    see(None)  # it was never there
    see(GOOD)
    see(GOOD)
    diverge(server)
    see(OTHER)
    see("c" * 40)
    see(None)
    see(None)
    log = server.get("/api/v1/signers/log", role=Role.VIEWER).json()
    assert [(each["old"], each["new"], each["result"]) for each in log["moves"]] == [
        ("c" * 40, None, "deleted"),
        (OTHER, "c" * 40, "passed_over"),
        (GOOD, OTHER, "passed_over"),
        (None, GOOD, "in_force"),
    ]
    older = server.get(f"/api/v1/signers/log?before={log['moves'][2]['number']}", role=Role.VIEWER).json()["moves"]
    assert [each["new"] for each in older] == [GOOD]
    assert [each for each in actions(server) if each.startswith("ref_")] == ["ref_move"] * 3 + ["ref_delete"]


def test_a_commit_is_put_in_force_only_by_the_policy_that_it_was_judged_by(server: Server) -> None:
    policy(server, {"policy": {"required": True}, "reason": "now"})

    def put(version: int) -> None:
        server.services.write_now(
            server.system,
            lambda work: revisions.record_in_force(
                work, commit=GOOD, plan_root="0" * 64, compiled_ms=1, trust_version=version
            ),
        )

    with pytest.raises(revisions.JudgedByAnother):
        put(0)
    put(1)
    put(0)  # it is in force: nothing is judged anew
    assert server.get("/api/v1/config/status", role=Role.VIEWER).json()["commit"] == GOOD


def test_without_a_repository_no_commit_is_judged(server: Server) -> None:
    assert server.get(f"/api/v1/signers/commits/{GOOD}", role=Role.VIEWER).status_code == 503
    assert server.get("/api/v1/signers/commits/HEAD", role=Role.VIEWER).status_code == 404
