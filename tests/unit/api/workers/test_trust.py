"""The compiler asks the judge: with facts from the database and commits from a repository, both real."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pygit2.enums import ObjectType

from api.services import break_glass, revisions
from api.services.signers import Judge, approvals, judging, keys, policies, refs
from api.services.work import Actor
from api.workers import trust
from api.workers.compiler import Compiler, GraphPlan
from reconciler.loop import effects, events
from reconciler.repository import write
from reconciler.repository.signing import SigningKey
from schema.access import Role
from schema.holds import BreakGlassOpen
from schema.revisions import RevisionState
from schema.signers import AcceptCommit, ApprovalAdd, Policy, PolicyUpdate, SignerAdd
from schema.time import HOUR
from tests.factories import commits
from tests.factories.commits import Key, ed25519_key, touched_key
from tests.server import Server

FILES = {"vigo.vgo": "language: 1\n", "environments.vgo": "environments:\n  production: {}\n"}
ALICE = ed25519_key(7)


class Bench:
    """A server's services, a repository, and a compiler between them."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "data")
        self.services = self.server.services
        self.repository = write.init(folder / "repo.git", bare=True)
        self.compiler = Compiler(self.repository, judge=Judge(self.services, "refs/heads/main"))
        self.base = self.put(FILES)
        self.force(self.base)

    def put(self, files: dict[str, str], *parents: str, by: Key | None = None, **more: str) -> str:
        return commits.write(self.repository, FILES | files, *parents, by=by, **more)

    def force(self, commit: str) -> None:
        self.write(lambda work: revisions.record_in_force(work, commit=commit, plan_root="0" * 64, compiled_ms=1))

    def write(self, use_case: Callable, role: Role = Role.ADMIN):  # type: ignore[type-arg,no-untyped-def]
        user = self.server.users[role]
        actor = Actor("user", user.id, user.username, "token:x", user.role)
        return self.services.write_now(actor, use_case)

    def asks(self, **policy: object) -> None:
        update = PolicyUpdate(policy=Policy(**policy), reason="x")  # type: ignore[arg-type]
        self.write(lambda work: policies.replace(work, update))

    def compile(self, commit: str, base: str | None = None, *, restore: bool = False) -> events.Event:
        return asyncio.run(self.compiler.compile(effects.Compile(commit, base, restore)))

    def why(self, commit: str) -> list[str]:
        """The codes of why a commit is not trusted."""
        event = self.compile(commit, self.base)
        assert isinstance(event, events.Untrusted)
        return [each.code for each in event.diagnostics]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.compiler.close()
    made.server.close()


def test_a_commit_compiles_under_the_version_that_it_is_trusted_by(bench: Bench) -> None:
    plain = bench.put({"a.vgo": "envoys: []\n"}, bench.base)
    event = bench.compile(plain, bench.base)
    assert isinstance(event, events.Compiled)
    assert isinstance(event.plan, GraphPlan)
    assert event.plan.trust_version == 0
    bench.asks(required=True)
    assert bench.why(plain) == ["signers.signature"]
    # What was in force before is made again unasked: nothing that is in force is taken away.
    assert isinstance(bench.compile(plain, restore=True), events.Compiled)
    signed = bench.put({}, bench.base, by=ALICE)
    assert bench.why(signed) == ["signers.unknown"]
    bench.write(lambda work: keys.add(work, SignerAdd(principal="alice@example.com", key=ALICE.line)))
    event = bench.compile(signed, bench.base)
    assert isinstance(event, events.Compiled)
    assert isinstance(event.plan, GraphPlan)
    assert event.plan.trust_version == 2


def test_a_key_that_expires_counts_for_what_the_server_saw_before(bench: Bench) -> None:
    clock = bench.server.clock
    first = bench.put({"a.vgo": "envoys: []\n"}, bench.base, by=ALICE)
    second = bench.put({"b.vgo": "envoys: []\n"}, first, by=ALICE)
    bench.write(lambda work: refs.moved(work, "refs/heads/main", first))
    limit = clock.now() + HOUR
    bench.write(lambda work: keys.add(work, SignerAdd(principal="a@example.com", key=ALICE.line, valid_before=limit)))
    bench.asks(required=True)
    clock.advance(2 * 3600)
    bench.write(lambda work: refs.moved(work, "refs/heads/main", second))
    assert isinstance(bench.compile(first, bench.base), events.Compiled)
    event = bench.compile(second, bench.base)
    assert isinstance(event, events.Untrusted)
    assert [each.message[:12] for each in event.diagnostics] == [second[:12]]


def test_an_override_is_for_one_commit_on_top_of_one(bench: Bench) -> None:
    other = bench.put({"a.vgo": "envoys: []\n"})
    assert bench.compile(other, bench.base) == events.Diverged(other, bench.base)
    # The loop was told that somebody accepted it; the record is what counts.
    assert bench.compile(other) == events.Diverged(other, bench.base)
    bench.write(lambda work: revisions.record_failure(work, commit=other, diagnostics=(), state=RevisionState.DIVERGED))
    bench.write(lambda work: approvals.accept(work, AcceptCommit(commit=other, reason="x")))
    assert isinstance(bench.compile(other), events.Compiled)
    bench.asks(required=True)
    assert isinstance(bench.compile(other), events.Untrusted)  # it has to be signed all the same
    bench.force("e" * 40)
    assert bench.compile(other) == events.Diverged(other, "e" * 40)


def test_who_approved_is_asked_of_the_database_and_so_is_who_still_may(bench: Bench) -> None:
    bench.write(lambda work: keys.add(work, SignerAdd(principal="a@example.com", key=ALICE.line, username="admin")))
    bench.asks(two_person=["hosts.vgo"])
    tip = bench.put({"hosts.vgo": "envoys: []\n"}, bench.base, by=ALICE)
    assert bench.why(tip) == ["signers.second-person"]
    for role in (Role.ADMIN, Role.AUDITOR):  # whoever signed it; whoever may not publish
        bench.write(lambda work: approvals.approve(work, ApprovalAdd(commit=tip)), role)
    assert bench.why(tip) == ["signers.second-person"]
    bench.write(lambda work: approvals.approve(work, ApprovalAdd(commit=tip)), Role.DEVELOPER)
    assert isinstance(bench.compile(tip, bench.base), events.Compiled)
    judged = asyncio.run(bench.compiler.judgement(tip))
    assert (judged.trusted, judged.commits, judged.version) == (True, 1, 2)


def test_break_glass_lets_a_commit_through_and_its_use_is_on_record_once(bench: Bench) -> None:
    bench.write(lambda work: keys.add(work, SignerAdd(principal="a@example.com", key=ALICE.line)))
    bench.asks(two_person=["hosts.vgo"])
    tip = bench.put({"hosts.vgo": "envoys: []\n"}, bench.base, by=ALICE)
    glass = BreakGlassOpen(commit=tip, until=bench.server.clock.now() + HOUR, reason="the site is down")
    bench.write(lambda work: break_glass.open_(work, glass))
    assert asyncio.run(bench.compiler.judgement(tip)).let_through == [tip]
    assert bench.services.read_now(bench.server.system, break_glass.page).break_glass[0].used_for == []
    for _ in range(2):
        assert isinstance(bench.compile(tip, bench.base), events.Compiled)
    assert bench.services.read_now(bench.server.system, break_glass.page).break_glass[0].used_for == [tip]
    assert [each["type"] for each in bench.server.audit()].count("break_glass_use") == 1
    bench.server.clock.advance(2 * 3600)
    assert bench.why(tip) == ["signers.second-person"]


def test_the_servers_own_key_is_known_and_nobody_else_may_claim_to_be_it(bench: Bench) -> None:
    key = SigningKey.from_seed(b"s" * 32)
    bench.services.committer = SimpleNamespace(key=key)  # type: ignore[assignment]
    bench.asks(required=True)
    raw = commits.unsigned(
        commits.write_tree(bench.repository, FILES), (bench.base,), message="x\n\nVigo-Actor: none\n"
    )
    made = commits.signed(raw, key.sign(raw))
    tip = str(bench.repository.git.odb.write(ObjectType.COMMIT, made))
    assert isinstance(bench.compile(tip, bench.base), events.Compiled)
    assert bench.why(bench.put({}, bench.base, by=touched_key())) == ["signers.unknown"]


def test_the_loop_is_told_of_what_changes_a_judgement_and_of_what_was_accepted(bench: Bench) -> None:
    told: list[events.Event] = []

    class Driver:
        """What the listener needs of one."""

        failure: RevisionState | None = RevisionState.UNTRUSTED

        def tell(self, event: events.Event) -> None:
            told.append(event)

        def status(self) -> Driver:
            return self

        async def until(self, _: object) -> Driver:
            return self

    async def story(steps: Callable[[Driver], Awaitable[None]]) -> None:
        driver = Driver()
        listening = asyncio.create_task(trust.listen(bench.services, driver))  # type: ignore[arg-type]
        await until(lambda: bench.services.events._listeners)
        await steps(driver)
        listening.cancel()

    async def until(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(50):
            while not holds():  # noqa: ASYNC110 - what is looked at tells nobody
                await asyncio.sleep(0.005)

    other = "d" * 40
    bench.write(lambda work: revisions.record_failure(work, commit=other, diagnostics=(), state=RevisionState.DIVERGED))
    user = bench.server.users[Role.ADMIN]
    actor = Actor("user", user.id, user.username, "token:x", user.role)

    async def steps(driver: Driver) -> None:
        await bench.services.write(actor, lambda work: approvals.approve(work, ApprovalAdd(commit=other)))
        await until(lambda: told)
        assert told == [events.Reload()]
        driver.failure = None
        await bench.services.write(actor, lambda work: approvals.approve(work, ApprovalAdd(commit="e" * 40)))
        await bench.services.write(actor, lambda work: approvals.accept(work, AcceptCommit(commit=other, reason="x")))
        await until(lambda: len(told) == 2)

    asyncio.run(story(steps))
    assert told == [events.Reload(), events.Accepted(other)]

    async def nothing(_: Driver) -> None:
        await until(lambda: told)

    told.clear()
    asyncio.run(story(nothing))  # as after a restart
    assert told == [events.Accepted(other)]


def test_a_commit_is_known_by_forty_digits(bench: Bench) -> None:
    bench.services.own["judge"] = bench.compiler.judgement
    assert asyncio.run(judging.judgement(bench.services, bench.base)).trusted
