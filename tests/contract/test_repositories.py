"""Laws of the repositories, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel import Session

from api.services import audit, revisions, tokens, users
from api.services.audit import Walk
from api.services.container import Services
from api.services.work import Actor, Work
from api.storage import audit as audit_rows
from api.storage import projects
from api.storage import revisions as revision_rows
from api.storage import tokens as token_rows
from api.storage import users as user_rows
from api.storage.database import BadUrl, Database
from api.storage.engines import DatabaseConflict, DatabaseUnavailable
from schema.access import Role
from schema.diagnostics import Diagnostic
from schema.errors import Conflict
from schema.ids import DEFAULT_PROJECT, new_id
from schema.revisions import Revision, RevisionState
from schema.tokens import Token
from schema.users import User, UserCreate
from tests.postgres import Postgres

OTHER = "00000000-0000-5000-8000-000000000001"
SYSTEM = Actor.system("test")


@pytest.fixture
def other(database: Database) -> str:
    """A second project."""
    database.write_now(lambda s: s.execute(text("INSERT INTO projects VALUES (:id, 'other', 0)"), {"id": OTHER}))
    return OTHER


def account(name: str, role: Role = Role.VIEWER) -> User:
    return User(id=new_id(), username=name, role=role, created_at=1)


def add_user(database: Database, project: str, user: User) -> User:
    return database.write_now(lambda session: user_rows.add(session, project, user, f"hash of {user.username}"))


# The database itself.


def test_a_failed_unit_leaves_nothing(database: Database) -> None:
    def broken(session: Session) -> None:
        user_rows.add(session, DEFAULT_PROJECT, account("ann"), "hash")
        raise LookupError

    with pytest.raises(LookupError):
        database.write_now(broken)
    assert database.read_now(lambda session: user_rows.page(session, DEFAULT_PROJECT)) == []


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((DatabaseUnavailable, Exception)) as caught:
        database.read_now(lambda session: user_rows.add(session, DEFAULT_PROJECT, account("ann"), "hash"))
    assert "read" in str(caught.value.__cause__ or caught.value).lower()
    assert database.read_now(lambda session: user_rows.count(session, DEFAULT_PROJECT)) == 0


def test_neighbours_in_a_batch_do_not_suffer_from_one_that_fails(database: Database) -> None:
    first = add_user(database, DEFAULT_PROJECT, account("ann"))
    release = threading.Event()
    futures = [database.writer.submit(lambda _: release.wait(10) and None)]
    for user in (account("bob"), first, account("cat")):
        futures.append(
            database.writer.submit(lambda session, u=user: user_rows.add(session, DEFAULT_PROJECT, u, "h") and None)
        )
    release.set()
    outcomes = [future.exception(10) for future in futures]
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), DatabaseConflict, type(None)]
    page = database.read_now(lambda session: user_rows.page(session, DEFAULT_PROJECT))
    assert [user.username for user in page] == ["ann", "bob", "cat"]


def test_concurrent_writes_share_commits_and_all_arrive(database: Database) -> None:
    async def all_at_once() -> None:
        makers = [account(f"u{number:03}") for number in range(60)]
        await asyncio.gather(
            *(database.write(lambda s, u=user: user_rows.add(s, DEFAULT_PROJECT, u, "h")) for user in makers)
        )

    before = database.writer.commits
    asyncio.run(all_at_once())
    assert database.read_now(lambda session: user_rows.count(session, DEFAULT_PROJECT)) == 60
    assert database.writer.commits - before < 60


def test_projects_are_listed_by_name(database: Database, other: str) -> None:
    assert database.read_now(projects.names) == {DEFAULT_PROJECT: "default", OTHER: "other"}
    assert database.read_now(lambda session: projects.exists(session, OTHER))
    assert not database.read_now(lambda session: projects.exists(session, "nobody's"))


def test_a_connection_that_breaks_is_told_and_replaced(postgres: Postgres) -> None:
    with postgres.database() as url:
        database = Database.open(url, readers=1)
        ann = add_user(database, DEFAULT_PROJECT, account("ann"))

        def cut(session: Session) -> None:
            user_rows.add(session, DEFAULT_PROJECT, account("bob"), "h")
            session.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(DatabaseUnavailable):
            database.write_now(cut)
        cat = add_user(database, DEFAULT_PROJECT, account("cat"))
        with pytest.raises(DatabaseUnavailable):
            database.read_now(lambda s: s.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert database.read_now(lambda session: user_rows.page(session, DEFAULT_PROJECT)) == [ann, cat]
        database.close_now()


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        Database.open(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(BadUrl):
        Database.open("mysql://root@localhost/vigo")


def test_an_error_does_not_repeat_what_was_to_be_stored(database: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as caught:
        database.write_now(lambda s: s.execute(text("INSERT INTO no_such_table VALUES (:x)"), {"x": "VIGOCANARY"}))
    assert "VIGOCANARY" not in str(caught.value)


# Users and tokens.


def test_a_user_is_found_by_id_and_name_in_its_project_alone(database: Database, other: str) -> None:
    ann = add_user(database, DEFAULT_PROJECT, account("ann"))
    assert database.read_now(lambda s: user_rows.find(s, DEFAULT_PROJECT, ann.id)) == ann
    assert database.read_now(lambda s: user_rows.find_by_name(s, DEFAULT_PROJECT, "ann")) == (ann, "hash of ann")
    assert database.read_now(lambda s: user_rows.find(s, other, ann.id)) is None
    assert database.read_now(lambda s: user_rows.find_by_name(s, other, "ann")) is None
    assert database.read_now(lambda s: user_rows.page(s, other)) == []


def test_a_name_is_one_users_in_a_project(database: Database, other: str) -> None:
    add_user(database, DEFAULT_PROJECT, account("ann"))
    with pytest.raises(Conflict):
        add_user(database, DEFAULT_PROJECT, account("ann"))
    add_user(database, other, account("ann"))
    assert database.read_now(lambda s: user_rows.count(s, DEFAULT_PROJECT)) == 1


def test_users_are_listed_by_name_up_to_a_limit(database: Database) -> None:
    for name in ("cat", "ann", "bob"):
        add_user(database, DEFAULT_PROJECT, account(name))
    assert [u.username for u in database.read_now(lambda s: user_rows.page(s, DEFAULT_PROJECT, 2))] == ["ann", "bob"]


def test_what_is_changed_of_a_user_is_what_is_found(database: Database) -> None:
    ann = add_user(database, DEFAULT_PROJECT, account("ann", Role.ADMIN))
    changed = ann.model_copy(update={"role": Role.OPERATOR, "disabled": True, "email": "a@x", "display_name": "Ann Ä"})
    database.write_now(lambda s: user_rows.update(s, DEFAULT_PROJECT, changed, now=2))
    database.write_now(lambda s: user_rows.set_password_hash(s, DEFAULT_PROJECT, ann.id, "new", now=2))
    assert database.read_now(lambda s: user_rows.find_by_name(s, DEFAULT_PROJECT, "ann")) == (changed, "new")
    assert database.read_now(lambda s: user_rows.count(s, DEFAULT_PROJECT, role=Role.ADMIN)) == 0


def token(name: str, user: User, created: int, life: int = 100) -> Token:
    return Token(
        id=f"{name:0>12}", name=name, user=user.username, created_at=created, expires_at=created + life, revoked=False
    )


def test_a_token_lives_until_it_expires_or_is_revoked(database: Database, other: str) -> None:
    ann = add_user(database, DEFAULT_PROJECT, account("ann"))
    for number in range(3):
        made = token(f"t{number}", ann, number)
        database.write_now(
            lambda s, t=made: token_rows.add(s, DEFAULT_PROJECT, t, user_id=ann.id, secret_sha256=t.id * 5)
        )
    names = [t.name for t in database.read_now(lambda s: token_rows.page(s, DEFAULT_PROJECT, ann.id))]
    assert names == ["t2", "t1", "t0"]
    holder = database.read_now(lambda s: token_rows.holder(s, f"{'t1':0>12}"))
    assert holder is not None
    assert (holder.user_id, holder.role, holder.expires_at, holder.revoked) == (ann.id, Role.VIEWER, 101, False)
    assert database.read_now(lambda s: token_rows.find(s, other, holder.secret_sha256[:12])) is None
    count: Callable[[Session], int] = lambda s: token_rows.count_live(s, DEFAULT_PROJECT, ann.id, now=101)  # noqa: E731
    assert database.read_now(count) == 1
    database.write_now(lambda s: token_rows.revoke(s, DEFAULT_PROJECT, f"{'t2':0>12}", now=50))
    assert database.read_now(count) == 0
    assert database.write_now(lambda s: token_rows.revoke_all(s, DEFAULT_PROJECT, ann.id, now=60)) == 2
    revoked = database.read_now(lambda s: token_rows.find(s, DEFAULT_PROJECT, f"{'t2':0>12}"))
    assert revoked is not None
    assert revoked[0].revoked
    assert database.write_now(lambda s: token_rows.remove_all(s, DEFAULT_PROJECT, ann.id)) == 3
    assert database.read_now(lambda s: token_rows.holder(s, f"{'t1':0>12}")) is None


def test_the_last_admin_stays(services: Services) -> None:
    new = UserCreate(username="ann", password=SecretStr("a long password"), role=Role.ADMIN)
    ann = services.write_now(SYSTEM, lambda work: users.create(work, new, "h"))
    for lose in (
        lambda work: users.remove(work, ann.id),
        lambda work: users.update(work, ann.id, users.UserUpdate(role=Role.VIEWER)),
        lambda work: users.update(work, ann.id, users.UserUpdate(disabled=True)),
    ):
        with pytest.raises(users.LastAdmin):
            services.write_now(SYSTEM, lose)
    second = new.model_copy(update={"username": "bob"})
    services.write_now(SYSTEM, lambda work: users.create(work, second, "h"))
    services.write_now(SYSTEM, lambda work: users.remove(work, ann.id))
    assert [user.username for user in services.read_now(SYSTEM, users.page).users] == ["bob"]


def test_a_user_goes_with_its_tokens(services: Services) -> None:
    new = UserCreate(username="ann", password=SecretStr("a long password"), role=Role.VIEWER)
    ann = services.write_now(SYSTEM, lambda work: users.create(work, new, "h"))
    actor = Actor("user", ann.id, "ann", "basic", Role.VIEWER)
    made = services.write_now(actor, lambda work: tokens.create(work, tokens.TokenCreate(name="ci")))
    assert asyncio.run(tokens.authenticate(services, made.token)).id == ann.id
    services.write_now(SYSTEM, lambda work: users.remove(work, ann.id))
    with pytest.raises(tokens.BadToken):
        asyncio.run(tokens.authenticate(services, made.token))


# Revisions.

PLACE = Diagnostic(code="yaml.syntax", file="a.vgo", line=3, column=7, message="no", hint="yes")


def commit(number: int) -> str:
    return f"{number:040x}"


def test_one_revision_is_in_force_and_sequences_have_no_gap(services: Services) -> None:
    for number in (1, 2, 2):
        services.write_now(
            SYSTEM,
            lambda work, n=number: revisions.record_in_force(work, commit=commit(n), plan_root="r", compiled_ms=1.25),
        )
    services.write_now(SYSTEM, lambda work: revisions.record_failure(work, commit=commit(3), diagnostics=[PLACE]))
    services.write_now(SYSTEM, lambda work: revisions.record_failure(work, commit=commit(3), diagnostics=[PLACE]))
    page = services.read_now(SYSTEM, revisions.page)
    assert [(r.sequence, r.commit, r.state) for r in page] == [
        (3, commit(3), RevisionState.FAILED),
        (2, commit(2), RevisionState.IN_FORCE),
        (1, commit(1), RevisionState.SUPERSEDED),
    ]
    assert page[0].diagnostics == [PLACE]
    assert page[1].compiled_ms == 1.25
    assert services.read_now(SYSTEM, revisions.in_force) == page[1]
    assert [r.sequence for r in services.read_now(SYSTEM, lambda w: revisions.page(w, before=3, limit=1))] == [2]
    status = services.read_now(SYSTEM, revisions.status)
    assert (status.healthy, status.version, status.commit, status.failed_commit) == (False, 2, commit(2), commit(3))
    assert status.last_error == "a.vgo:3:7: error[yaml.syntax]: no (hint: yes)"


def test_the_database_itself_refuses_a_second_revision_in_force(database: Database, other: str) -> None:
    def put(project: str, sequence: int) -> None:
        revision = Revision(sequence=sequence, commit=commit(1), state=RevisionState.IN_FORCE, seen_at=1)
        database.write_now(lambda session: revision_rows.add(session, project, revision))

    put(DEFAULT_PROJECT, 1)
    with pytest.raises(Conflict):
        put(DEFAULT_PROJECT, 2)
    put(other, 1)


# The audit chain.


def whole(services: Services) -> bool:
    answer = audit.verify(lambda query: services.read_now(SYSTEM, query), DEFAULT_PROJECT)
    return answer.valid


def write_entries(services: Services, name: str, number: int) -> list[tuple[float, int, float]]:
    """(time before, index, time after) of each."""
    clock, found = services.clock, []
    for _ in range(number):
        before = clock.monotonic()

        def use_case(work: Work) -> int:
            work.audit("note.write", "note", name, payload={"by": name})
            return audit_rows.head(work.session, work.project_id).size

        index = services.write_now(SYSTEM, use_case)
        found.append((before, index, clock.monotonic()))
    return found


def test_many_threads_make_one_line(services: Services) -> None:
    seen: list[list[tuple[float, int, float]]] = []
    threads = [
        threading.Thread(target=lambda n=number: seen.append(write_entries(services, f"t{n}", 25)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert whole(services)
    stored = services.db.read_now(lambda s: audit_rows.stretch(s, DEFAULT_PROJECT, 0, 1_000))
    assert [entry.idx for entry in stored] == list(range(200))
    assert len({entry.prev_hash for entry in stored}) == 200
    told = [entry for entries in seen for entry in entries]
    assert sorted(index for _, index, _ in told) == list(range(200))
    for asked, index, _ in told:
        assert all(earlier < index for _, earlier, acknowledged in told if acknowledged < asked)


def test_the_key_of_the_chain_refuses_a_fork(services: Services) -> None:
    write_entries(services, "one", 2)
    entries = services.db.read_now(lambda s: audit_rows.stretch(s, DEFAULT_PROJECT, 0, 10))
    for forked in (entries[1]._replace(idx=2), entries[1]._replace(prev_hash="f" * 64), entries[1]._replace(idx=-1)):
        with pytest.raises((Conflict, audit_rows.AuditUnavailable)):
            services.db.write_now(lambda s, e=forked: audit_rows.append(s, DEFAULT_PROJECT, [e]))
    assert whole(services)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET leaf = replace(leaf, 'two', 'six') WHERE idx = 2",
        "DELETE FROM audit_entries WHERE idx = 2",
        "UPDATE audit_payloads SET body = '{}' WHERE idx = 2",
    ],
)
def test_a_change_is_found_and_named(services: Services, statement: str) -> None:
    for name in ("nil", "one", "two", "tri"):
        write_entries(services, name, 1)
    services.db.write_now(lambda session: session.execute(text(statement)))
    walk = Walk(DEFAULT_PROJECT)
    while not walk.done:
        services.read_now(SYSTEM, lambda work: audit.verify_stretch(work, walk, limit=1))
    assert (walk.broken, walk.size) == (2, 4)


def test_entries_are_filtered_and_paged_newest_first(services: Services) -> None:
    for name in ("nil", "one", "two"):
        write_entries(services, name, 2)
    page = services.read_now(SYSTEM, lambda w: audit.events(w, kind="note.write", operator="test", since="1h", limit=4))
    assert [event.object_id for event in page.events] == ["two", "two", "one", "one"]
    rest = services.read_now(SYSTEM, lambda w: audit.events(w, before=page.events[-1].index))
    assert [event.object_id for event in rest.events] == ["nil", "nil"]
    assert services.read_now(SYSTEM, lambda w: audit.events(w, operator="nobody")).events == []
    assert services.read_now(SYSTEM, lambda w: audit.events(w, since="2999-01-01T00:00:00Z")).events == []
