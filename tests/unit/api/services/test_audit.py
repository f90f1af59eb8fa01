"""The audit chain: no change without its entry, no entry without its change, and nothing can be altered unseen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel import Session

from api.services import audit, users
from api.services.audit import Walk
from api.services.work import Actor, Work
from api.storage import audit as rows
from api.storage.database import Database
from schema import canonical
from schema.access import Role
from schema.audit import GENESIS, AuditVerification, Leaf, leaf_hash
from schema.errors import Invalid
from schema.ids import DEFAULT_PROJECT, sha256
from schema.users import UserCreate
from tests.effort import tries
from tests.server import NOON, FakeClock, Server

ENTRIES = 12


def note(number: int) -> Callable[[Work], None]:
    def use_case(work: Work) -> None:
        payload = {"number": number, "text": "ä\u2028\n"} if number % 3 else None
        work.audit("note.write", "note", str(number), payload=payload)

    return use_case


def verify(server: Server) -> AuditVerification:
    return audit.verify(lambda query: server.services.read_now(server.system, query), DEFAULT_PROJECT)


def verify_in(session: Session, limit: int = 5) -> AuditVerification:
    walk = Walk(DEFAULT_PROJECT)
    while not walk.done:
        audit.verify_stretch(Work(Actor.system("test"), session, FakeClock()), walk, limit=limit)
    return audit.verification(walk)


def test_a_leaf_is_canonical_hashed_and_linked(server: Server) -> None:
    server.services.write_now(server.system, note(1), request_id="r-1")
    entries = server.services.db.read_now(lambda session: rows.stretch(session, DEFAULT_PROJECT, 0, 100))
    previous = GENESIS
    for index, entry in enumerate(entries):
        data = entry.leaf.encode()
        leaf = Leaf.model_validate(canonical.loads(data))
        assert entry.hash == leaf_hash(data) == sha256(b"\0" + data)
        assert (leaf.index, leaf.prev_hash, leaf.project) == (index, previous, DEFAULT_PROJECT)
        assert leaf.payload_digest == (None if entry.payload is None else sha256(entry.payload.encode()))
        previous = entry.hash
    digest = sha256('{"number":1,"text":"ä\u2028\\n"}'.encode())
    assert entries[-1].leaf == (
        '{"action":"note.write","actor":{"id":"test","name":"test","type":"system"},"auth":"system","index":10,'
        '"object":{"id":"1","type":"note"},"outcome":"success",'
        f'"payload_digest":"{digest}","prev_hash":"{entries[-2].hash}",'
        f'"project":"{DEFAULT_PROJECT}","request_id":"r-1","time":{NOON},"v":1}}'
    )


def test_a_failed_use_case_leaves_no_entry_and_a_gapless_chain(server: Server) -> None:
    def fails(work: Work) -> None:
        note(1)(work)
        raise LookupError

    before = server.audit()
    with pytest.raises(LookupError):
        server.services.write_now(server.system, fails)
    assert server.audit() == before
    assert verify(server) == AuditVerification(valid=True, entry_count=len(before), first_broken=None, error="")


def test_without_its_entry_a_change_does_not_happen(server: Server) -> None:
    block = "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no room'); END"
    server.services.db.write_now(lambda session: session.execute(text(block)))
    before = server.get("/api/v1/users", role=Role.ADMIN).json()
    new = {"username": "carol", "password": "a long enough one", "role": "viewer"}
    answer = server.post("/api/v1/users", role=Role.ADMIN, json=new)
    assert (answer.status_code, answer.json()["fault"]) == (503, "audit.unavailable")
    assert server.get("/api/v1/users", role=Role.ADMIN).json() == before
    server.services.db.write_now(lambda session: session.execute(text("DROP TRIGGER full")))
    assert server.post("/api/v1/users", role=Role.ADMIN, json=new).status_code == 201


def test_an_entry_too_large_undoes_what_it_was_about(server: Server) -> None:
    def large(work: Work) -> None:
        users.create(work, UserCreate(username="dave", password=SecretStr("x" * 12)), "hash")
        work.audit("note.write", "note", "1", payload={"text": ["x" * 1000] * 1100})

    with pytest.raises(audit.EntryTooLarge):
        server.services.write_now(server.system, large)
    assert "dave" not in server.get("/api/v1/users", role=Role.ADMIN).text
    assert verify(server).valid


def test_a_read_may_not_write_entries(server: Server) -> None:
    with pytest.raises(RuntimeError):
        server.services.read_now(server.system, note(1))


def test_entries_of_other_projects_are_another_chain(server: Server) -> None:
    other = "00000000-0000-5000-8000-000000000001"
    insert = text("INSERT INTO projects VALUES (:id, 'other', 0)")
    server.services.db.write_now(lambda session: session.execute(insert, {"id": other}))
    stranger = Actor("user", "s", "stranger", "token:x", Role.ADMIN, other)
    before = server.audit()
    server.services.write_now(stranger, note(7))
    assert server.audit() == before
    page = server.services.read_now(stranger, audit.events)
    assert [(event.index, event.operator) for event in page.events] == [(0, "stranger")]
    assert audit.verify(lambda query: server.services.read_now(stranger, query), other).entry_count == 1


def test_fields_that_join_to_the_same_text_are_different_leaves(server: Server) -> None:
    for kind, name in (("ab", "c"), ("a", "bc"), ('a","id":"b', "c")):
        server.services.write_now(server.system, lambda work, k=kind, n=name: work.audit("note.write", k, n))
    entries = server.services.db.read_now(lambda session: rows.page(session, DEFAULT_PROJECT, limit=3))
    digests = {sha256(canonical.dumps(canonical.loads(entry.leaf.encode())["object"])) for entry in entries}
    assert len(digests) == 3


# What an attacker with the file may do to it. Each mutant names the index that must be reported.


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A chain without the constraints that would stop an attacker: whoever writes the file takes them away first."""
    folder = tmp_path_factory.mktemp("chain")
    server = Server(folder)
    for number in range(ENTRIES):
        server.services.write_now(server.system, note(number))
    server.close()
    shutil.copy(folder / "vigo.db", folder / "bare.db")
    database = Database.open(folder / "bare.db", readers=1)

    def strip(session: Session) -> None:
        for table in ("audit_entries", "audit_payloads", "audit_heads"):
            session.execute(text(f"CREATE TABLE bare AS SELECT * FROM {table}"))
            session.execute(text(f"DROP TABLE {table}"))
            session.execute(text(f"ALTER TABLE bare RENAME TO {table}"))

    database.write_now(strip)
    yield database
    database.close_now()


class Undo(Exception):
    """Carries what was seen out of a transaction that is not to stay."""


def seen(chain: Database, mutate: Callable[[Session], Any]) -> tuple[Any, AuditVerification]:
    """What verification says of a mutated chain, and what the mutation returned."""

    def unit(session: Session) -> None:
        expected = mutate(session)
        raise Undo(expected, verify_in(session))

    with pytest.raises(Undo) as caught:
        chain.write_now(unit)
    return caught.value.args  # type: ignore[return-value]


def size(session: Session) -> int:
    return int(session.execute(text("SELECT size FROM audit_heads")).scalar_one())


def row(session: Session, index: int) -> dict[str, Any]:
    query = text("SELECT * FROM audit_entries WHERE idx = :i")
    return dict(session.execute(query, {"i": index}).mappings().one())


def insert(session: Session, values: dict[str, Any]) -> None:
    columns = ", ".join(values)
    session.execute(
        text(f"INSERT INTO audit_entries ({columns}) VALUES ({', '.join(':' + c for c in values)})"), values
    )


TOTAL = ENTRIES + 10
indexes = st.integers(0, TOTAL - 1)


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, Callable[[Session], int]]:
    kind = draw(st.sampled_from([
        "leaf", "column", "delete", "swap", "swap_leaves", "insert", "duplicate", "append", "truncate", "move",
        "payload", "payload_gone", "payload_added", "rewritten_tail", "negative",
    ]))  # fmt: skip
    index, other = draw(indexes), draw(indexes)
    position, letter = draw(st.integers(0, 10_000)), draw(st.characters(codec="utf-8", exclude_characters="\0"))
    column, value = draw(st.sampled_from([
        ("hash", "f" * 64), ("prev_hash", "f" * 64), ("time", 1), ("kind", "user_read"), ("operator", "mallory"),
        ("project_id", "x"), ("actor_id", "u9"), ("object_type", "user"), ("object_id", "other"),
    ]))  # fmt: skip

    def mutate(session: Session) -> int:
        run = session.execute
        if kind == "leaf":
            leaf = row(session, index)["leaf"]
            at = position % len(leaf)
            new = leaf[:at] + (letter if letter != leaf[at] else chr(ord(letter) ^ 1)) + leaf[at + 1 :]
            run(text("UPDATE audit_entries SET leaf = :leaf WHERE idx = :i"), {"leaf": new, "i": index})
        elif kind == "column":
            new = value if row(session, index)[column] != value else f"{value}0"  # a mutant is another value
            run(text(f"UPDATE audit_entries SET {column} = :value WHERE idx = :i"), {"value": new, "i": index})
        elif kind == "delete":
            run(text("DELETE FROM audit_entries WHERE idx = :i"), {"i": index})
        elif kind in {"swap", "swap_leaves"}:
            pair = sorted((index, other if other != index else (index + 1) % TOTAL))
            rows_ = [row(session, i) for i in pair]
            run(text("DELETE FROM audit_entries WHERE idx IN (:a, :b)"), {"a": pair[0], "b": pair[1]})
            for at, values in zip(pair, reversed(rows_), strict=True):
                insert(session, values | {"idx": at})
            return pair[0]
        elif kind == "insert":
            copy = row(session, other)
            run(text("UPDATE audit_entries SET idx = -idx - 1 WHERE idx >= :i"), {"i": index})
            run(text("UPDATE audit_entries SET idx = -idx WHERE idx < 0"))
            insert(session, copy | {"idx": index})
            return index if other != index else index + 1
        elif kind == "duplicate":
            insert(session, row(session, index))
        elif kind == "append":
            insert(session, row(session, index) | {"idx": TOTAL, "prev_hash": row(session, TOTAL - 1)["hash"]})
            return TOTAL
        elif kind == "truncate":
            run(text("DELETE FROM audit_entries WHERE idx >= :i"), {"i": index})
        elif kind == "move":
            run(text("UPDATE audit_entries SET idx = :to WHERE idx = :i"), {"to": TOTAL + 5, "i": index})
        elif kind == "payload":
            with_payload = [i for i in range(TOTAL) if payload_of(session, i) is not None]
            at = with_payload[index % len(with_payload)]
            run(text("UPDATE audit_payloads SET body = body || ' ' WHERE idx = :i"), {"i": at})
            return at
        elif kind == "payload_gone":
            with_payload = [i for i in range(TOTAL) if payload_of(session, i) is not None]
            at = with_payload[index % len(with_payload)]
            run(text("DELETE FROM audit_payloads WHERE idx = :i"), {"i": at})
            return at
        elif kind == "payload_added":
            without = [i for i in range(TOTAL) if payload_of(session, i) is None]
            at = without[index % len(without)]
            new = {"p": DEFAULT_PROJECT, "i": at}
            run(text("INSERT INTO audit_payloads (project_id, idx, body) VALUES (:p, :i, '{}')"), new)
            return at
        elif kind == "rewritten_tail":
            rewrite(session, index)
            return TOTAL - 1  # all links hold: only the head knows
        else:
            insert(session, row(session, index) | {"idx": -1})
            return -1
        return index

    return f"{kind} {index} {other} {position} {letter!r} {column}", mutate


def payload_of(session: Session, index: int) -> str | None:
    query = text("SELECT body FROM audit_payloads WHERE idx = :i")
    return session.execute(query, {"i": index}).scalar_one_or_none()


def rewrite(session: Session, index: int) -> None:
    """Put other words into an entry and link all after it anew: what a careful forger does."""
    previous = row(session, index - 1)["hash"] if index else GENESIS
    for at in range(index, TOTAL):
        values = canonical.loads(row(session, at)["leaf"].encode())
        values["prev_hash"] = previous
        if at == index:
            values["object"]["id"] = "forged"
            session.execute(text("UPDATE audit_entries SET object_id = 'forged' WHERE idx = :i"), {"i": at})
        leaf = canonical.dumps(values)
        new = {"leaf": leaf.decode(), "hash": leaf_hash(leaf), "prev": previous, "i": at}
        session.execute(
            text("UPDATE audit_entries SET leaf = :leaf, hash = :hash, prev_hash = :prev WHERE idx = :i"), new
        )
        previous = leaf_hash(leaf)


def test_the_untouched_chain_is_whole(chain: Database) -> None:
    expected, result = seen(chain, size)
    assert expected == TOTAL
    assert result == AuditVerification(valid=True, entry_count=TOTAL, first_broken=None, error="")


@settings(max_examples=tries(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutant=mutants())
def test_every_mutant_is_found_and_named(chain: Database, mutant: tuple[str, Callable[[Session], int]]) -> None:
    expected, result = seen(chain, mutant[1])
    assert not result.valid
    assert result.first_broken == expected
    assert result.error


def test_a_broken_link_is_told_as_documented(chain: Database) -> None:
    update = text("UPDATE audit_entries SET leaf = replace(leaf, 'note.write', 'note.burnt') WHERE idx = 15")
    _, result = seen(chain, lambda session: session.execute(update))
    assert result.first_broken == 15
    assert result.error.startswith("hash mismatch at entry 15: expected ")
    assert result.error.count("...") == 2


# Over REST, as documented.


def test_events_are_filtered_by_type_operator_and_time(server: Server) -> None:
    server.clock.advance(3600)
    new = {"username": "erin", "password": "a long enough one", "role": "viewer"}
    created = server.post("/api/v1/users", role=Role.ADMIN, json=new).json()
    for query in (
        "type=user.create&since=30m",
        "type=user_create&operator=admin",
        "since=2026-11-22T12:30:00Z&type=user_create",
    ):
        events = server.get(f"/api/v1/audit?{query}", role=Role.AUDITOR).json()["events"]
        assert [event["summary"] for event in events] == [f"user.create user {created['id']}"]
        assert events[0]["timestamp"] == "2026-11-22T13:00:00Z"
        assert events[0]["type"] == "user_create"
        assert events[0]["operator"] == "admin"
    assert server.get("/api/v1/audit?type=nothing", role=Role.AUDITOR).json() == {"events": []}
    assert server.get("/api/v1/audit?since=tomorrow", role=Role.AUDITOR).json()["fault"] == "audit.bad_since"


def test_a_page_has_a_limit_and_a_next(server: Server) -> None:
    for number in range(250):
        server.services.write_now(server.system, note(number))
    first = server.get("/api/v1/audit?limit=1000", role=Role.AUDITOR).json()["events"]
    assert len(first) == 200
    assert len(server.get("/api/v1/audit", role=Role.AUDITOR).json()["events"]) == 50
    second = server.get(f"/api/v1/audit?limit=200&before={first[-1]['index']}", role=Role.AUDITOR).json()["events"]
    assert [event["index"] for event in first + second] == list(range(259, -1, -1))


def test_verify_answers_as_documented(server: Server) -> None:
    answer = server.get("/api/v1/audit/verify", role=Role.AUDITOR).json()
    assert answer == {"valid": True, "entry_count": 10, "first_broken": None, "error": ""}


def test_no_secret_reaches_an_entry(server: Server) -> None:
    def leak(work: Work) -> None:
        text_ = f"sent {server.tokens[Role.ADMIN]} with Bearer abc.def and https://me:VIGOCANARY@host/"
        nested = [{"Password": "VIGOCANARY"}, {"x": SecretStr("VIGOCANARY"), "raw": b"VIGOCANARY"}]
        work.audit("note.write", "note", text_, payload={"text": text_, "list": nested, "api_key": 5, "token_id": "t1"})

    server.services.write_now(server.system, leak)
    body = server.services.read_now(server.system, lambda work: audit.payload(work, 10))
    entry = server.services.db.read_now(lambda session: rows.page(session, DEFAULT_PROJECT, limit=1))[0]
    told = entry.leaf + str(body)
    assert "VIGOCANARY" not in told
    assert server.tokens[Role.ADMIN][18:40] not in told
    assert "abc.def" not in told
    assert body["api_key"] == "[redacted]"
    assert body["token_id"] == "t1"


def test_bad_input_to_the_chain_is_an_invalid_fault() -> None:
    assert issubclass(audit.EntryTooLarge, Invalid)
    assert audit.BadSince.status == 400


def test_what_an_attacker_leaves_on_the_way_does_not_stop_the_log(server: Server, tmp_path: Path) -> None:
    forged = "evil\r\n2026-01-01 admin deleted everything\u2028\x1b[2J"
    server.services.write_now(server.system, lambda work: work.audit("note.write", "note", forged + "\0"))
    assert verify(server).valid
    event = server.audit()[-1]
    assert event["object_id"] == forged + "\ufffd"


def test_the_console_asks_in_its_own_words(server: Server) -> None:
    for number in range(45):
        server.services.write_now(server.system, note(number))
    admin = server.users[Role.ADMIN]
    answer = server.get("/api/v1/audit?page=2&action=note.write", role=Role.AUDITOR).json()
    assert answer["pagination"] == {"page": 2, "limit": 20, "total": 45, "totalPages": 3}
    assert [record["resource_id"] for record in answer["data"]] == [str(n) for n in range(24, 4, -1)]
    assert [event["object_id"] for event in answer["events"]] == [record["resource_id"] for record in answer["data"]]
    server.post("/api/v1/auth/tokens", role=Role.ADMIN, json={"name": "ci"})
    mine = server.get(f"/api/v1/audit?user_id={admin.id}&resource=token&limit=1", role=Role.AUDITOR).json()
    assert mine["data"][0] | {"id": "", "resource_id": ""} == {
        "id": "", "user_id": admin.id, "user": "admin", "team_id": DEFAULT_PROJECT, "action": "token.create",
        "resource": "token", "resource_id": "", "outcome": "success", "timestamp": "2026-11-22T12:00:00Z",
    }  # fmt: skip
    one = mine["data"][0]["resource_id"]
    assert server.get(f"/api/v1/audit?resource_id={one}", role=Role.AUDITOR).json()["pagination"]["total"] == 1
    for nothing in ("team_id=other", "from=2026-11-22T12:00:01Z", "to=2026-11-22T12:00:00Z", "page=99"):
        assert server.get(f"/api/v1/audit?{nothing}", role=Role.AUDITOR).json()["data"] == []
