"""The one writer of configuration: whose commit it is, that it is valid, in force, told of, and never lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2

from api.services import changes
from api.services.changes import Change, ChangeNotValid, Prepared
from api.services.work import Actor
from api.storage.database import Database
from reconciler import repository
from reconciler.documents import edit
from reconciler.repository import write as git_write
from reconciler.repository.faults import BranchProtected, PushFailed
from reconciler.repository.repository import Repository
from reconciler.repository.trees import Tree
from schema.access import Role
from schema.changes import WriteStatus, Written
from tests.factories.writing import AUTHOR, START, WritingServer, contents, start
from tests.unit.reconciler.repository.git_server import Authority, GitServer


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return start(tmp_path / "config.git")


@pytest.fixture
def server(tmp_path: Path, origin: Repository) -> Iterator[WritingServer]:
    made = WritingServer(tmp_path, origin.path)
    yield made
    made.close()


def port(number: int) -> Callable[[Tree], Mapping[str, bytes]]:
    return lambda tree: {"common.vgo": edit.set_value(text(tree, "common.vgo"), ["vars", "port"], number).encode()}


def text(tree: Tree, path: str) -> str:
    return tree.read(tree.entries()[path].oid).decode()


def write(server: WritingServer, change: Change, *, role: Role = Role.OPERATOR, **options: object) -> Written:
    user = server.users[role]
    actor = Actor("user", user.id, user.username, "basic", user.role)
    return asyncio.run(changes.write(server.services, actor, change, **options))  # type: ignore[arg-type]


def test_a_change_is_the_callers_commit_signed_by_the_server_and_in_force(
    server: WritingServer, origin: Repository
) -> None:
    asyncio.run(server.look())
    before = origin.resolve("main")
    written = write(server, Change("Serve on 443", port(443), reason="TLS is here."))
    assert (written.status, written.branch, written.version) == (WriteStatus.IN_FORCE, "main", 2)
    assert written.commit == origin.resolve("main")
    raw = origin.git[written.commit].read_raw().decode()
    assert f"parent {before}\nauthor operator <operator@vigo.invalid> " in raw
    assert "\ncommitter vigo-server <vigo-server@vigo.invalid> " in raw
    assert "\ngpgsig -----BEGIN SSH SIGNATURE-----\n " in raw
    user = server.users[Role.OPERATOR]
    assert raw.endswith(
        f"\n\nServe on 443\n\nTLS is here.\n\nVigo-Change-Id: {written.change_id}\nVigo-Actor: {user.id}\n"
    )
    assert contents(origin)["common.vgo"] == (
        b"# what all hosts have\nvars:\n  port: 443  # plain\nconfigcrates: [motd]\n"
    )


def entries(server: WritingServer) -> list[tuple[str, str]]:
    return [(each["type"], each["outcome"]) for each in server.audit() if each["type"].startswith("change_")]


def log(git: Repository, rev: str = "main") -> list[str]:
    """Summaries, newest first."""
    found, at = [], git.resolve(rev)
    while at:
        info = git.commit_info(at)
        found.append(info.summary)
        at = info.parents[0] if info.parents else ""
    return found


def appended(word: str) -> Change:
    """One more line in a file that all write to."""
    return Change(
        f"add {word}",
        lambda tree: {"files/words": tree.read(tree.entries()["files/words"].oid) + word.encode() + b"\n"},
    )


def test_author_and_address_are_those_of_the_account(server: WritingServer, origin: Repository) -> None:
    user = server.users[Role.OPERATOR]
    new = {"display_name": "Jane <root> Doe\n", "email": "jane@example.com"}
    assert server.request("PUT", f"/api/v1/users/{user.id}", role=Role.ADMIN, json=new).status_code == 200
    write(server, Change("Serve on 443\nAuthor: somebody", port(443)))
    info = origin.commit_info(origin.resolve("main"))
    assert (info.author, info.email, info.summary) == ("Jane root Doe", "jane@example.com", "Serve on 443")


def test_what_does_not_compile_is_refused_and_leaves_nothing_behind(server: WritingServer, origin: Repository) -> None:
    asyncio.run(server.look())
    tip, objects = origin.resolve("main"), sorted(origin.path.glob("objects/??/*"))
    for edits, code in (
        ({"common.vgo": b"configcrates: [absent]\n"}, "crate.unknown"),
        ({"web.vgo": b"envoys: [\n"}, "yaml.syntax"),
    ):
        with pytest.raises(ChangeNotValid) as caught:
            write(server, Change("break it", lambda _, edits=edits: edits))
        assert [each["code"] for each in caught.value.details["diagnostics"]] == [code]
    assert origin.resolve("main") == tip
    assert sorted(origin.path.glob("objects/??/*")) == objects
    assert entries(server) == []


def test_nothing_to_change_is_no_commit(server: WritingServer, origin: Repository) -> None:
    tip = origin.resolve("main")
    written = write(server, Change("the same", port(80)))
    assert (written.status, written.commit, written.change_id) == (WriteStatus.UNCHANGED, tip, "")
    assert origin.resolve("main") == tip
    assert entries(server) == []


def test_the_intent_is_on_record_before_the_ref_moves_and_the_outcome_after(
    server: WritingServer, origin: Repository
) -> None:
    written = write(server, Change("Serve on 443", port(443)))
    assert entries(server) == [("change_begin", "success"), ("change_commit", "success")]
    told = server.get(f"/api/v1/changes/{written.change_id}", role=Role.VIEWER).json()
    assert {word: told[word] for word in ("state", "commit", "paths", "actor", "branch", "kind")} == {
        "state": "committed",
        "commit": origin.resolve("main"),
        "paths": ["common.vgo"],
        "actor": "operator",
        "branch": "main",
        "kind": "edit",
    }
    listed = server.get("/api/v1/changes?limit=1", role=Role.VIEWER).json()["changes"]
    assert [each["id"] for each in listed] == [written.change_id]
    signer = server.get("/api/v1/config/signer", role=Role.VIEWER).json()
    assert signer["allowed_signers"] == f'vigo-server namespaces="git" {signer["public_key"]}'


def test_a_commit_that_is_not_in_force_in_time_is_accepted(server: WritingServer, origin: Repository) -> None:
    server.blind = True
    written = write(server, Change("Serve on 443", port(443)), wait_s=0.4)
    assert (written.status, written.commit) == (WriteStatus.ACCEPTED, origin.resolve("main"))


def test_the_same_key_is_the_same_change(server: WritingServer, origin: Repository) -> None:
    first = write(server, Change("Serve on 443", port(443)), key="k1")
    write(server, Change("back", port(80)))
    again = write(server, Change("Serve on 443", port(443)), key="k1")
    assert (again.commit, again.change_id, again.status) == (first.commit, first.change_id, WriteStatus.IN_FORCE)
    assert write(server, Change("Serve on 443", port(443)), key="k1", role=Role.ADMIN).commit != first.commit
    assert log(origin)[:3] == ["Serve on 443", "back", "Serve on 443"]
    for other in (Change("back", port(80)), Change("Serve on 443", port(443), reason="because")):
        with pytest.raises(changes.AlreadyAsked, match=first.change_id):
            write(server, other, key="k1")
    assert log(origin)[:3] == ["Serve on 443", "back", "Serve on 443"]


def test_who_asks_again_at_once_gets_the_same_commit(server: WritingServer, origin: Repository) -> None:
    async def twice() -> list[Written]:
        asked = (changes.write(server.services, server.system, appended("one"), key="k") for _ in range(2))
        return await asyncio.gather(*asked)

    git_write.commit(origin, "main", {"files/words": b""}, AUTHOR, "nothing yet")
    first, second = asyncio.run(twice())
    assert (first.status, first.commit, first.change_id) == (WriteStatus.IN_FORCE, second.commit, second.change_id)
    assert contents(origin)["files/words"] == b"one\n"


@pytest.mark.parametrize("where", ["setting", "file", "asked"])
def test_on_a_protected_branch_it_is_a_proposal_and_says_so(tmp_path: Path, origin: Repository, where: str) -> None:
    server = WritingServer(tmp_path, origin.path, settings={"protected": where == "setting"})
    if where == "file":
        git_write.commit(origin, "main", {"vigo.vgo": b"language: 1\nprotected: true\n"}, AUTHOR, "protect")
    tip = origin.resolve("main")
    written = write(server, Change("Serve on 443!", port(443)), propose=where == "asked")
    assert written.status is WriteStatus.PROPOSED
    assert written.branch == f"vigo/serve-on-443-{written.change_id[-8:]}"
    assert (origin.resolve(written.branch), origin.resolve("main")) == (written.commit, tip)
    assert entries(server)[-1] == ("change_propose", "success")
    # Taking the protection away is for review as well.
    unprotect = Change("unprotect", lambda _: {"vigo.vgo": b"language: 1\n# free\n"})
    assert where == "asked" or write(server, unprotect).status is WriteStatus.PROPOSED
    server.close()


def test_what_the_policy_would_not_let_through_is_a_proposal_and_never_on_the_branch(
    server: WritingServer, origin: Repository
) -> None:
    policy = {"rules": [{"paths": ["common.vgo"], "signers": ["admin"]}]}
    put = {"policy": policy, "reason": "only they"}
    assert server.request("PUT", "/api/v1/signers/policy", role=Role.ADMIN, json=put).status_code == 200
    tip = origin.resolve("main")
    written = write(server, Change("Serve on 443", port(443)))
    assert (written.status, origin.resolve("main")) == (WriteStatus.PROPOSED, tip)
    assert "operator" in written.message
    assert write(server, Change("Serve on 443", port(443)), role=Role.ADMIN).status is WriteStatus.IN_FORCE


class Behind:
    """A committer before which, or in place of whose answer, something happens."""

    def __init__(self, real: Any, publish: Callable[..., Any]) -> None:
        self._real = real
        self._publish = publish

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def publish(self, prepared: Prepared, branch: str) -> None:
        await self._publish(self._real, prepared, branch)


def test_a_branch_that_the_remote_protects_becomes_a_proposal(server: WritingServer, origin: Repository) -> None:
    async def publish(real: Any, prepared: Prepared, branch: str) -> None:
        if branch == "main":
            raise BranchProtected("GH006")
        await real.publish(prepared, branch)

    tip = origin.resolve("main")
    server.services.committer = Behind(server.committer, publish)
    written = write(server, Change("Serve on 443", port(443)))
    assert written.status is WriteStatus.PROPOSED
    assert (origin.resolve(written.branch), origin.resolve("main")) == (written.commit, tip)
    assert [verb for verb, _ in entries(server)] == ["change_begin", "change_begin", "change_propose"]


@pytest.mark.parametrize("landed", [True, False])
def test_a_remote_that_does_not_answer_is_asked_what_it_has(
    server: WritingServer, origin: Repository, *, landed: bool
) -> None:
    async def publish(real: Any, prepared: Prepared, branch: str) -> None:
        if landed:
            await real.publish(prepared, branch)
        raise PushFailed("the connection broke", sent=True)

    tip = origin.resolve("main")
    server.services.committer = Behind(server.committer, publish)
    change = Change("Serve on 443", port(443))
    if landed:
        assert write(server, change).status is WriteStatus.IN_FORCE
        assert entries(server)[-1] == ("change_commit", "success")
    else:
        with pytest.raises(PushFailed):
            write(server, change)
        assert origin.resolve("main") == tip
        assert entries(server)[-1] == ("change_fail", "failed")


def test_somebody_else_who_was_first_is_never_overwritten(server: WritingServer, origin: Repository) -> None:
    others = iter(range(3))

    async def publish(real: Any, prepared: Prepared, branch: str) -> None:
        if (n := next(others, None)) is not None:
            git_write.commit(origin, "main", {f"other{n}.vgo": b"envoys: []\n"}, AUTHOR, f"other {n}")
        await real.publish(prepared, branch)

    server.services.committer = Behind(server.committer, publish)
    assert write(server, Change("Serve on 443", port(443))).status is WriteStatus.IN_FORCE
    assert log(origin) == ["Serve on 443", "other 2", "other 1", "other 0", "start"]
    assert b"port: 443" in contents(origin)["common.vgo"]


@pytest.mark.parametrize("each_writes", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_eight_writers_of_one_file_lose_nothing(tmp_path: Path, each_writes: int) -> None:
    origin = start(tmp_path / "config.git", START | {"files/words": b""})
    servers = [WritingServer(tmp_path / str(n), origin.path) for n in range(4)]

    async def some(server: WritingServer, name: str) -> None:
        for n in range(each_writes):
            actor = Actor.system("test")
            written = await changes.write(server.services, actor, appended(f"{name}.{n}"), wait_s=120.0)
            assert written.status is WriteStatus.IN_FORCE, written

    async def all_at_once() -> None:
        await asyncio.gather(*(some(server, f"{at}.{n}") for at, server in enumerate(servers) for n in range(2)))

    asyncio.run(all_at_once())
    words = contents(origin)["files/words"].decode().split()
    assert sorted(words) == sorted(f"{at}.{n}.{m}" for at in range(4) for n in range(2) for m in range(each_writes))
    assert len(log(origin)) == 1 + 8 * each_writes
    for server in servers:
        server.close()


@pytest.mark.parametrize("each_asks", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_writers_of_one_remote_lose_nothing(tmp_path: Path, each_asks: int) -> None:
    origin = start(tmp_path / "srv/config.git", START | {"files/words": b""})
    with (origin.path / "config").open("a") as config:
        config.write("[http]\n\treceivepack = true\n")
    authority = Authority(tmp_path / "authority")
    remote = GitServer(tmp_path / "srv")
    with remote.serving(authority.issue("localhost")):
        access = repository.Access(ca_file=authority.path)
        servers = [WritingServer(tmp_path / str(n), f"{remote.url}/config.git", access=access) for n in range(2)]

        async def all_at_once() -> list[Written]:
            actor = Actor.system("test")
            return await asyncio.gather(
                *(
                    changes.write(server.services, actor, appended(f"{at}.{n}"), wait_s=120.0)
                    for at, server in enumerate(servers)
                    for n in range(each_asks)
                )
            )

        written = asyncio.run(all_at_once())
    assert {each.status for each in written} == {WriteStatus.IN_FORCE}
    words = sorted(contents(origin)["files/words"].decode().split())
    assert words == sorted(f"{at}.{n}" for at in range(2) for n in range(each_asks))
    assert len(log(origin)) == 1 + 2 * each_asks
    for server in servers:
        server.close()


KILLED = textwrap.dedent(
    """
    import asyncio, os, sys
    from pathlib import Path
    from api.services import changes
    from api.services.changes import Change
    from tests.factories.writing import WritingServer

    folder, when = Path(sys.argv[1]), sys.argv[2]
    server = WritingServer(folder, folder / "config.git")
    real = server.committer.publish

    async def publish(prepared, branch):
        if when == "after":
            await real(prepared, branch)
        os._exit(9)

    server.committer.publish = publish
    edit = lambda tree: {"files/words": tree.read(tree.entries()["files/words"].oid) + b"one\\n"}
    asyncio.run(changes.write(server.services, server.system, Change("add one", edit), key="k"))
    """
)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_killed_between_intent_and_outcome_loses_nothing_and_doubles_nothing(
    tmp_path: Path, when: str
) -> None:
    origin = start(tmp_path / "config.git", START | {"files/words": b""})
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), when], capture_output=True, env={**os.environ}, timeout=60
    )
    assert done.returncode == 9, done.stderr.decode()
    landed = when == "after"
    assert contents(origin)["files/words"] == (b"one\n" if landed else b"")

    with closing(dbapi2.connect(tmp_path / "data/vigo.db")) as database, database:
        for table in ("tokens", "users"):  # the factory makes them anew
            database.execute(f"DELETE FROM {table}")
    server = WritingServer(tmp_path, origin.path, database=Database.open(tmp_path / "data/vigo.db", readers=2))
    (left,) = server.get("/api/v1/changes", role=Role.ADMIN).json()["changes"]
    assert left["state"] == "begun"

    # Whoever asks again under the same key waits until that is known and is told, or gets it now: there is one commit.
    async def asked_again() -> Written:
        async with asyncio.TaskGroup() as tasks:
            again = tasks.create_task(changes.write(server.services, server.system, appended("one"), key="k"))
            with server.services.events.listen() as listener:
                assert await changes.settle(server.services) == 0
                assert (await anext(listener)).data["state"] == ("committed" if landed else "failed")
        return again.result()

    assert asyncio.run(asked_again()).status is WriteStatus.IN_FORCE
    made = [("change_commit", "success")] if landed else [("change_fail", "failed"), ("change_begin", "success")]
    assert entries(server)[1 : 1 + len(made)] == made
    assert contents(origin)["files/words"] == b"one\n"
    server.close()
