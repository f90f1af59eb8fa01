"""Hostile cases, group G, where a source is followed: what a child meets first, and what nobody is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler import repository
from reconciler.repository import write
from reconciler.repository.faults import ReadingLimit, RepositoryDamaged, TreeRefused
from reconciler.repository.proofs import Proofs, ReadLimits
from schema.access import Role
from tests.cases import crafted
from tests.cases.conftest import AUTHOR
from tests.cases.crafted import BLOB, MIB, TREE
from tests.server import Server
from tests.unit.reconciler.repository.git_server import Authority, GitServer

OK = crafted.whole(BLOB, b"language: 1\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    yield made
    made.close()


def tip(place: Path) -> str:
    return (place / "refs/heads/main").read_text().strip()


def test_g7_a_child_meets_what_is_hard_to_read_before_the_server_does(tmp_path: Path) -> None:
    one, other, four = b"\x21" * 20, b"\x22" * 20, crafted.whole(BLOB, b"base")
    deep = [crafted.tree([(b"100644", b"a.vgo", OK.name)])]
    for _ in range(200):
        deep.append(crafted.tree([(b"40000", b"d", deep[-1].name)]))
    long = [crafted.tree([(b"100644", b"%03d" % number + b"x" * (15 * MIB), OK.name)]) for number in range(4)]
    fan = crafted.tree([(b"40000", b"%03d" % number, each.name) for number, each in enumerate(long)])
    rows = b"".join(b"100644 %06d\0%b" % (number, OK.name) for number in range(110_000))
    places = {
        crafted.repository(tmp_path / "loop", [crafted.delta(one, other, 4, 4), crafted.delta(other, one, 4, 4)], file=one): RepositoryDamaged,
        crafted.repository(tmp_path / "delta", [four, crafted.delta(one, four.name, 4, 2**60)], file=one): None,
        crafted.repository(tmp_path / "wide", [OK], root=crafted.whole(TREE, rows)): TreeRefused,
        crafted.repository(tmp_path / "deep", [OK, *deep[:-1]], root=deep[-1]): None,
        crafted.repository(tmp_path / "long", [OK, *long], root=fan): ReadingLimit,
    }  # fmt: skip
    for place, fault in places.items():
        limits = ReadLimits(memory_bytes=36 * MIB if place.name == "long" else 512 * MIB)
        with closing(Proofs(place, limits)) as proofs:
            if fault is None:
                proofs.first(tip(place))  # the file alone is refused, which is for the compiler to say
            else:
                with pytest.raises(fault):
                    proofs.first(tip(place))


def test_g15_the_server_serves_no_repository_to_anybody(server: Server) -> None:
    for path in (
        "/config.git/info/refs?service=git-receive-pack", "/config.git/info/refs?service=git-upload-pack",
        "/config.git/HEAD", "/.git/config", "/info/refs?service=git-receive-pack", "/repo/objects/info/packs",
    ):  # fmt: skip
        assert server.get(path, role=Role.ADMIN).status_code == 404
    for service in ("git-receive-pack", "git-upload-pack", "git-upload-archive"):
        assert server.post(f"/config.git/{service}", role=Role.ADMIN, content=b"0000").status_code == 404


def test_g15_who_reads_a_remote_asks_for_nothing_but_what_readers_ask_for(tmp_path: Path) -> None:
    origin = write.init(tmp_path / "srv/config.git", bare=True)
    write.commit(origin, "main", {"vigo.vgo": b"language: 1\n"}, AUTHOR, "first")
    remote, authority = GitServer(tmp_path / "srv"), Authority(tmp_path / "authority")
    with remote.serving(authority.issue("localhost")):
        access = repository.Access(ca_file=authority.path)
        repository.open(f"{remote.url}/config.git", cache_dir=tmp_path / "cache", access=access).fetch()
    assert {path for path, _ in remote.seen} == {
        "/config.git/info/refs?service=git-upload-pack",
        "/config.git/git-upload-pack",
    }
