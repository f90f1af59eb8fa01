"""The state directory: private, locked by one, and whole whatever happens."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent import durable
from agent.acceptance import Floor
from agent.objects import CACHE_BYTES, ObjectMissing, ObjectStore
from agent.state import AlreadyRunning, NotEnrolled, State, StateUnsafe, StateUnusable
from schema.ids import sha256

ROOT = os.geteuid() == 0


def test_it_is_made_private(tmp_path: Path) -> None:
    state = State.open(tmp_path / "a" / "b")
    for directory in (state.path, state.path / "objects", state.path / "spool"):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert state.target() is None
    assert state.read_model("floor.json", Floor) is None
    assert not state.enrolled()
    with pytest.raises(NotEnrolled):
        state.identity()


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state"
    path.mkdir()
    if ROOT:
        os.chown(path, 0, 4242)
    path.chmod(mode)
    if mode == 0o770 and not ROOT:
        pytest.skip("a group of one's own is no other")
    with pytest.raises(StateUnsafe, match="may be written by others"):
        State.open(path)


@pytest.mark.skipif(not ROOT, reason="needs root to give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()
    os.chown(path, 4242, 0)
    with pytest.raises(StateUnsafe, match="belongs to uid 4242"):
        State.open(path)


def test_a_parent_in_which_others_may_rename_it_is_refused(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    parent.chmod(0o777)
    with pytest.raises(StateUnsafe, match="parent may be written"):
        State.open(parent / "state")
    parent.chmod(0o1777)  # as /tmp
    State.open(parent / "state")


def test_a_link_or_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StateUnsafe, match="not a directory"):
        State.open(tmp_path / "link")
    (tmp_path / "file").write_text("")
    with pytest.raises((StateUnsafe, StateUnusable)):
        State.open(tmp_path / "file")


def test_one_agent_at_a_time(tmp_path: Path) -> None:
    state, other = State.open(tmp_path / "state"), State.open(tmp_path / "state")
    assert state.owner() is None
    with state.lock():
        assert other.owner() == os.getpid()
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"), other.lock():
            pass
    assert other.owner() is None
    with other.lock():
        pass


def test_the_lock_of_a_killed_agent_is_free(tmp_path: Path) -> None:
    script = "import sys, os; from agent.state import State; from pathlib import Path\n"
    script += "with State.open(Path(sys.argv[1])).lock(): os.kill(os.getpid(), 9)"
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "state")], cwd=Path(__file__).parents[3], check=False
    )
    assert ran.returncode == -9
    with State.open(tmp_path / "state").lock():
        pass


def test_what_was_never_finished_is_cleared_away(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state")
    names = ["", "objects", "spool", "originals", "undo", "undo/0198f000"]
    leftovers = [state.path / name / ".new-x" for name in names]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"half")
    with state.lock():
        assert not any(path.exists() for path in leftovers)


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    old = os.umask(0o077)
    try:
        durable.write(path, b"one", mode=0o644)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o644
    durable.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["open", "write", "fsync"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "f"
    durable.write(path, b"old")

    def full(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space"):
            durable.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading_is_bounded_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert durable.read(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="longer than 4 bytes"):
        durable.read(tmp_path / "f", 4)
    assert durable.read(tmp_path / "none", 4) is None
    (tmp_path / "link").symlink_to(tmp_path / "f")
    with pytest.raises(OSError, match=r"symbolic link|Too many levels"):
        durable.read(tmp_path / "link", 5)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    durable.remove(tmp_path / "none")
    (tmp_path / "f").write_bytes(b"")
    durable.remove(tmp_path / "f")
    assert not list(tmp_path.iterdir())


def test_a_small_file_that_says_nothing_is_none(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state")
    state.file("floor.json").write_bytes(b"\xff{")
    assert state.read_model("floor.json", Floor) is None


# objects


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    (tmp_path / "objects").mkdir()
    return ObjectStore(tmp_path / "objects")


def test_an_object_is_read_back_by_its_digest(objects: ObjectStore) -> None:
    digest = objects.write(b"data")
    assert digest == sha256(b"data")
    assert objects.read(digest) == b"data"
    assert objects.missing({digest: 4}) == []
    assert objects.missing({digest: 5, "0" * 64: 1}) == sorted([digest, "0" * 64])


def test_a_damaged_object_is_missing_and_removed(objects: ObjectStore, tmp_path: Path) -> None:
    digest = objects.write(b"data")
    (tmp_path / "objects" / digest).write_bytes(b"dat4")
    with pytest.raises(ObjectMissing):
        objects.read(digest)
    assert objects.missing({digest: 4}) == [digest]
    with pytest.raises(ObjectMissing):
        objects.read(digest)


def test_what_nothing_names_is_collected_from_disk_and_memory(objects: ObjectStore, tmp_path: Path) -> None:
    keep, drop = objects.write(b"keep"), objects.write(b"drop")
    assert objects.read(keep) + objects.read(drop) == b"keepdrop"
    assert objects.collect({keep}) == 1
    assert [path.name for path in (tmp_path / "objects").iterdir()] == [keep]
    with pytest.raises(ObjectMissing):
        objects.read(drop)


def test_memory_for_objects_is_bounded(objects: ObjectStore) -> None:
    for number in range(200):
        objects.read(objects.write(bytes([number]) * 60_000))
    assert objects._cached_bytes <= CACHE_BYTES
    assert objects._cached_bytes == sum(map(len, objects._cache.values()))
    big = objects.write(b"x" * 100_000)
    objects.read(big)
    assert big not in objects._cache
