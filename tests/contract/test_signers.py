"""Who may sign what, kept on SQLite and on PostgreSQL alike; and what is kept has an end."""

from __future__ import annotations

import pytest

from api.storage import signers as rows
from api.storage.database import Database
from schema.ids import DEFAULT_PROJECT, new_id
from schema.signers import (
    Approval,
    Policy,
    Proposal,
    ProposalKind,
    ProposalState,
    RefResult,
    Rule,
    Signer,
    SignerKind,
)

HERE = DEFAULT_PROJECT


def test_keys_versions_and_policies_come_back_as_they_were_put(database: Database) -> None:
    signer = Signer(
        id=new_id(), principal="alice@example.com", kind=SignerKind.GPG, fingerprint="A" * 40, key="k" * 60_000,
        username="alice", valid_after=1, valid_before=2**57, added_at=3, added_by="admin",
    )  # fmt: skip
    policy = Policy(required=True, rules=[Rule(paths=["**"], signers=["alice"])], exempt=["a" * 40])
    said = {"summary": "s", "changed_at": 5, "changed_by": "a", "confirmed_by": "b", "reason": "r"}

    def write(session) -> tuple[int, int]:
        rows.put(session, HERE, signer)
        first = rows.add_version(session, HERE, policy, None, **said)
        rows.put(session, HERE, signer.model_copy(update={"revoked_at": 9, "revoked_reason": "lost"}))
        return first, rows.add_version(session, HERE, policy, first, **said)

    assert database.write_now(write) == (1, 2)
    (kept,) = database.read_now(lambda session: rows.signers(session, HERE))
    assert kept == signer.model_copy(update={"revoked_at": 9, "revoked_reason": "lost"})
    found = database.read_now(lambda session: rows.policy(session, HERE))
    assert (found.version, found.policy, found.confirmed_by) == (1, policy, "b")
    assert database.read_now(lambda session: rows.version(session, HERE)) == 2


def test_proposals_wait_until_they_are_decided(database: Database) -> None:
    def proposal(expires_at: int) -> Proposal:
        return Proposal(
            id=new_id(), kind=ProposalKind.POLICY, summary="s", body="{}", reason="r", state=ProposalState.WAITING,
            proposed_at=1, proposed_by="a", expires_at=expires_at,
        )  # fmt: skip

    old, new = proposal(10), proposal(20)
    for each in (old, new):
        database.write_now(lambda session, each=each: rows.add_proposal(session, HERE, each))
    assert database.read_now(lambda session: rows.count_waiting(session, HERE, now=10)) == 1
    decided = {"decided_at": 7, "decided_by": "b"}
    database.write_now(lambda session: rows.decide(session, HERE, new.id, ProposalState.CONFIRMED, **decided))
    assert database.read_now(lambda session: rows.proposals(session, HERE, limit=5)) == [
        new.model_copy(update={"state": ProposalState.CONFIRMED, **decided}),
        old,
    ]
    assert database.read_now(lambda session: rows.find_proposal(session, "another", old.id)) is None


def test_what_is_kept_has_an_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEPT_MOVES", "KEPT_APPROVALS", "KEPT_ACCEPTS"):
        monkeypatch.setattr(rows, name, 3)

    def write(session) -> None:
        for number in range(6):
            commit = f"{number:040x}"
            rows.approve(session, HERE, Approval(commit=commit, username="a", approved_at=number, reason=""))
            rows.accept(session, HERE, rows.Accept(commit, "b" * 40), now=number, by="a", reason="")
            rows.add_move(session, HERE, "main", "", commit, seen_at=number, result=RefResult.WAITING)

    database.write_now(write)
    kept = [f"{number:040x}" for number in (5, 4, 3)]
    assert [each.commit for each in database.read_now(lambda session: rows.approvals(session, HERE))] == kept
    assert [each.new for each in database.read_now(lambda session: rows.moves(session, HERE, limit=9))] == kept
    assert database.read_now(lambda session: rows.last_accept(session, HERE)) == rows.Accept(kept[0], "b" * 40)
    seen = database.read_now(lambda session: rows.first_seen(session, HERE, [kept[0], "f" * 40]))
    assert seen == {kept[0]: 5}
