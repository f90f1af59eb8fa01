"""The one writer of configuration: whose commit it is, that it is valid, in force, told of, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from api.services import changes
from api.services.changes import Change
from api.services.work import Actor
from reconciler.documents import edit
from reconciler.repository.repository import Repository
from reconciler.repository.trees import Tree
from schema.access import Role
from schema.changes import WriteStatus, Written
from tests.factories.writing import WritingServer, contents, start


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
        b"# what all hosts have\nvars:\n  port: 443 # plain\nconfigcrates: [motd]\n"
    )
