"""A commit that is killed at any of its system calls: the next one is made, and the work tree follows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.repository import unfinished, write
from reconciler.repository.faults import WorkTreeChanged
from reconciler.repository.repository import Repository, open_local
from reconciler.repository.unfinished import JOURNAL
from tests.effort import tries
from tests.factories.kills import CHANGING, KILL, chosen, needs_strace

AUTHOR = write.Author("Jane Doe", "jane@example.com")
FIRST: dict[str, bytes | None] = {"a.vgo": b"1", "d/b.vgo": b"1", "kept": b"1"}
SECOND: dict[str, bytes | None] = {"a.vgo": b"2", "d/b.vgo": None, "e/new.vgo": b"3"}
THIRD: dict[str, bytes | None] = {"a.vgo": b"5", "d/b.vgo": b"7"}


@pytest.fixture
def lives(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Repository]:
    """Make the second commit in a child that is killed just before a system call; the repository as it is left."""
    bare: bool = request.param
    write.commit(write.init(tmp_path / "given", bare=bare), "main", FIRST, AUTHOR, "first")
    place, trace = tmp_path / "place", tmp_path / "trace"

    def live(*strace: str) -> Repository:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(tmp_path / "given", place)
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), signal.SIGSTOP)
                write.commit(open_local(place), "main", SECOND, AUTHOR, "second")
                os._exit(0)
            finally:  # no test runs in the child, whatever happens
                os._exit(1)
        os.waitpid(child, os.WUNTRACED)
        options = ["-o", str(trace), "-p", str(child), "-e", f"trace={CHANGING}", "-e", "signal=none", *strace]
        with subprocess.Popen(["strace", *options], stderr=subprocess.PIPE) as tracing:
            assert tracing.stderr is not None
            assert b"attached" in tracing.stderr.readline()
            os.kill(child, signal.SIGCONT)
            _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) == (-signal.SIGKILL if strace else 0)
        return open_local(place)

    return live


@needs_strace
@pytest.mark.parametrize("lives", [False, True], ids=["work tree", "bare"], indirect=True)
def test_what_a_kill_leaves_of_a_commit_is_finished(
    lives: Callable[..., Repository], git: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "ABANDONED_S", 0.05)
    lives()
    calls = re.findall(r"^(\w+)\(", (tmp_path / "trace").read_text(), re.MULTILINE)
    points = [(call, number) for call, many in Counter(calls).items() for number in range(1, many + 1)]
    for call, number in chosen(points, tries(7, len(points))):
        left = lives("-e", f"inject={call}:{KILL}:when={number}")
        unfinished.settle(left)
        if left.work_tree is not None:
            assert git(left.work_tree, "status", "--porcelain") == ""
        write.commit(left, "main", THIRD, AUTHOR, "third")
        assert left.tree(left.resolve("main")).read(left.tree(left.resolve("main")).entries()["a.vgo"].oid) == b"5"
        assert git(left.path, "fsck", "--strict", "--full", "--no-dangling") == ""
        assert not [path for path in tmp_path.joinpath("place").rglob("*") if re.search(r"\.lock$|\.vigo$", path.name)]


def begun(work: Repository) -> tuple[str, str]:
    """A commit whose work tree has not followed, as after a kill."""
    assert work.work_tree is not None
    first = write.commit(work, "main", FIRST, AUTHOR, "first")
    index = (work.path / "index").read_bytes()
    second = write.commit(work, "main", {"a.vgo": b"2", "kept": b"2"}, AUTHOR, "second")
    (work.path / "index").write_bytes(index)
    (work.work_tree / "a.vgo").write_bytes(b"1")
    (work.path / JOURNAL).write_text(f"refs/heads/main {first} {second}\n")
    return first, second


def test_what_somebody_has_changed_meanwhile_is_theirs(work: Repository, git: Callable[..., str]) -> None:
    begun(work)
    top = work.work_tree
    assert top is not None
    (top / "kept").write_bytes(b"mine")
    unfinished.settle(work)
    assert ((top / "a.vgo").read_bytes(), (top / "kept").read_bytes()) == (b"2", b"mine")
    assert "a.vgo" not in git(top, "status", "--porcelain")
    with pytest.raises(WorkTreeChanged):
        write.commit(work, "main", {"kept": b"3"}, AUTHOR, "third")


def test_the_lock_of_a_git_that_is_at_work_is_respected(work: Repository) -> None:
    begun(work)
    (work.path / "index.lock").write_text("")
    with pytest.raises(WorkTreeChanged):
        unfinished.settle(work)
    assert (work.path / "index.lock").exists()
    (work.path / "index.lock").unlink()
    unfinished.settle(work)
    unfinished.settle(work)
    assert (work.path / JOURNAL).read_bytes() == b""


def test_another_content_of_the_lock_of_a_ref_is_left_alone(work: Repository) -> None:
    _, second = begun(work)
    lock = work.path / "refs/heads/main.lock"
    lock.write_text(f"{'0' * 40}\n")
    unfinished.settle(work)
    assert lock.exists()
    lock.write_text(f"{second}\n")
    begun_again = f"refs/heads/main - {second}\n"
    (work.path / JOURNAL).write_text(begun_again)
    unfinished.settle(work)
    assert not lock.exists()


@pytest.mark.parametrize("said", ["", "x", "refs/heads/main - ", "../x - y", "refs/heads/absent - " + "0" * 40 + "\n"])
def test_a_torn_journal_says_nothing(work: Repository, said: str) -> None:
    write.commit(work, "main", FIRST, AUTHOR, "first")
    (work.path / JOURNAL).write_text(said)
    assert write.commit(work, "main", THIRD, AUTHOR, "third") == work.resolve("main")


def test_a_work_tree_that_cannot_follow_yet_does_so_later(
    work: Repository, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write.commit(work, "main", FIRST, AUTHOR, "first")
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.repository.work_tree.follow", full)
        second = write.commit(work, "main", {"a.vgo": b"2"}, AUTHOR, "second")
    assert "do not follow" in caplog.text
    assert work.resolve("main") == second
    write.commit(work, "main", {"a.vgo": b"3"}, AUTHOR, "third")
    assert work.work_tree is not None
    assert git(work.work_tree, "status", "--porcelain") == ""
