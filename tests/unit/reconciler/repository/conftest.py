"""Real repositories, and objects that git itself would not write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from pygit2.enums import ObjectType

from reconciler import repository
from reconciler.repository import write
from reconciler.repository.repository import Repository
from tests.unit.reconciler.repository.git_server import Authority, GitServer

AUTHOR = write.Author("Jane Doe", "jane@example.com")
Row = tuple[int, bytes, str]


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Run git's own program in a directory, with no configuration but the repository's."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Jane Doe",
        "GIT_AUTHOR_EMAIL": "jane@example.com",
        "GIT_COMMITTER_NAME": "Jane Doe",
        "GIT_COMMITTER_EMAIL": "jane@example.com",
    }

    def run(where: Path, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=where, env=environment, input=stdin, capture_output=True, check=True, timeout=30
        )
        return done.stdout.decode().strip()

    return run


@pytest.fixture
def bare(tmp_path: Path) -> Repository:
    return write.init(tmp_path / "bare.git", bare=True)


@pytest.fixture
def work(tmp_path: Path) -> Repository:
    return write.init(tmp_path / "work")


@pytest.fixture
def put(bare: Repository) -> Callable[..., str]:
    """Write an object of any bytes to the bare repository, valid or not; its id."""

    def run(kind: ObjectType, data: bytes) -> str:
        return str(bare.git.odb.write(kind, data))

    return run


@pytest.fixture
def tree_of(put: Callable[..., str]) -> Callable[[Iterable[Row]], str]:
    """Write a tree object with exactly these rows, in this order."""

    def run(rows: Iterable[Row]) -> str:
        return put(ObjectType.TREE, b"".join(b"%o %b\0" % row[:2] + bytes.fromhex(row[2]) for row in rows))

    return run


@pytest.fixture
def commit_of(put: Callable[..., str]) -> Callable[..., str]:
    """Write a commit of a tree, of which nothing is checked."""

    def run(tree: str, *parents: str, head: bytes = b"Jane <jane@example.com> 1700000000 +0000") -> str:
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + head, b"committer " + head]
        return put(ObjectType.COMMIT, b"\n".join(lines) + b"\n\nmessage\n")

    return run


@pytest.fixture
def blob(put: Callable[..., str]) -> str:
    return put(ObjectType.BLOB, b"content\n")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return write.init(tmp_path / "srv/config.git", bare=True)


@pytest.fixture
def https(tmp_path: Path, origin: Repository, authority: Authority) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "srv")
    with server.serving(authority.issue("localhost")):
        yield server


@pytest.fixture
def opened(tmp_path: Path, https: GitServer, authority: Authority) -> Repository:
    access = repository.Access(ca_file=authority.path)
    return repository.open(f"{https.url}/config.git", cache_dir=tmp_path / "cache", access=access)
