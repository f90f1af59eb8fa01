"""Folders and what is typed over them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reconciler import repository
from reconciler.authoring.trees import Folder, Overlaid
from reconciler.repository.faults import RepositoryDamaged, RepositoryNotFound
from reconciler.repository.trees import Tree
from tests.factories.trees import tree

EXAMPLE = Path(__file__).parents[4] / "examples" / "repo"


def same(one: Tree, other: Tree) -> None:
    assert one.id == other.id
    assert dict(one.entries()) == dict(other.entries())
    assert list(one.entries()) == list(other.entries())
    assert dict(one.refused()) == dict(other.refused())
    assert dict(one.subtrees()) == dict(other.subtrees())


def test_a_folder_is_the_tree_that_validate_reads() -> None:
    same(Folder(EXAMPLE).tree(), repository.directory(EXAMPLE))


def test_what_is_refused_there_is_refused_here(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("x")
    (tmp_path / "a" / "link").symlink_to("/etc/passwd")
    (tmp_path / "a" / "big").write_bytes(b"x" * ((1 << 20) + 1))
    (tmp_path / "a" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "a" / "run").chmod(0o755)
    (tmp_path / "A.vgo").write_text("x: 1\n")
    (tmp_path / "a.vgo").write_text("x: 1\n")
    os.mkfifo(tmp_path / "pipe")
    same(Folder(tmp_path).tree(), repository.directory(tmp_path))


def test_what_changes_is_seen_and_what_does_not_is_not_read_again(tmp_path: Path) -> None:
    old = time.time() - 60
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (old, old))
    folder = Folder(tmp_path)
    first = folder.tree()
    (tmp_path / "two").write_text("TWO")
    stat = (tmp_path / "one").stat()
    (tmp_path / "one").write_text("ONE")  # as nothing that keeps time and size could show
    os.utime(tmp_path / "one", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = folder.tree()
    assert second.entries()["one"] == first.entries()["one"]
    assert second.read(second.entries()["two"].oid) == b"TWO"


def test_a_file_that_was_only_just_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one")
    folder = Folder(tmp_path)
    folder.tree()
    stat = (tmp_path / "one").stat()
    (tmp_path / "one").write_text("ONE")
    os.utime(tmp_path / "one", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found = folder.tree()
    assert found.read(found.entries()["one"].oid) == b"ONE"


def test_a_file_that_changed_since_is_not_passed_off_for_another(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one")
    found = Folder(tmp_path).tree()
    oid = found.entries()["one"].oid
    (tmp_path / "one").write_text("two")
    with pytest.raises(RepositoryDamaged):
        found.read(oid)
    (tmp_path / "one").unlink()
    with pytest.raises(RepositoryDamaged):
        found.read(oid)


def test_no_folder_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFound):
        Folder(tmp_path / "x").tree()


def test_what_is_typed_stands_over_what_is_there() -> None:
    below = tree({"b.vgo": "b: 1\n", "c.vgo": "c: 1\n"})
    over = Overlaid(below, {"b.vgo": b"b: 2\n", "a.vgo": b"a: 1\n"})
    assert list(over.entries()) == ["a.vgo", "b.vgo", "c.vgo", "vigo.vgo"]
    assert over.read(over.entries()["b.vgo"].oid) == b"b: 2\n"
    assert over.entries()["c.vgo"] is below.entries()["c.vgo"]
    assert over.read(over.entries()["c.vgo"].oid) == b"c: 1\n"
    assert over.id not in (below.id, Overlaid(below, {"b.vgo": b"b: 3\n"}).id)
