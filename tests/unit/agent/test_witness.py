"""The kernel tells who wrote."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from agent import witness
from agent.witness import FanotifyWitness


@pytest.fixture
def seeing() -> FanotifyWitness:
    try:
        return FanotifyWitness()
    except OSError as error:
        pytest.skip(f"fanotify is not to be had: {error}")


def wait(seeing: FanotifyWitness, path: Path, words: str) -> str:
    for _ in range(500):
        if words in (who := seeing.seen(str(path))):
            return who
        time.sleep(0.02)
    return seeing.seen(str(path))


def test_the_program_that_wrote_is_named_without_its_arguments(seeing: FanotifyWitness, tmp_path: Path) -> None:
    path = tmp_path / "fought-over"
    seeing.attend(str(path))
    script = f"echo theirs > {path}; read _"
    with subprocess.Popen(["/bin/sh", "-c", script, "a-secret"], stdin=subprocess.PIPE) as other:
        who = wait(seeing, path, "process")
        assert who.startswith(f"process {other.pid} sh (")
        assert "a-secret" not in who
        other.communicate(b"\n")


def test_who_writes_aside_and_renames_is_seen_too(seeing: FanotifyWitness, tmp_path: Path) -> None:
    path = tmp_path / "fought-over"
    seeing.attend(str(path))
    script = f"echo theirs > {tmp_path}/aside; mv {tmp_path}/aside {path}; read _"
    with subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE) as other:
        assert wait(seeing, path, "process").startswith(f"process {other.pid} ")
        other.communicate(b"\n")


def test_our_own_hand_is_not_named_and_what_is_dismissed_is_forgotten(seeing: FanotifyWitness, tmp_path: Path) -> None:
    path = tmp_path / "fought-over"
    seeing.attend(str(path))
    path.write_text("ours")
    subprocess.run(["/bin/sh", "-c", f"echo theirs > {path}"], check=True)
    assert "process" in wait(seeing, path, "process")
    assert f"process {os.getpid()} " not in seeing.seen(str(path))
    seeing.dismiss(str(path))
    assert seeing.seen(str(path)) == ""


def test_who_writes_all_the_time_is_looked_at_once_after_each_repair(
    seeing: FanotifyWitness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(witness, "describe", lambda pid: looked.append(pid) or f"process {pid}")
    path = tmp_path / "fought-over"
    loop = f"for n in 1 2 3 4 5 6 7 8 9; do echo theirs > {path}; sleep 0.01; done"
    for repair in (1, 2):
        seeing.attend(str(path))
        with subprocess.Popen(["/bin/sh", "-c", loop]) as other:
            other.wait()
        assert wait(seeing, path, f"process {other.pid}")
        assert len(looked) == repair
        assert looked[-1] == other.pid


def test_of_a_busy_directory_only_so_much_is_looked_at(
    seeing: FanotifyWitness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "MAX_EVENTS", 5)
    looked: list[int] = []
    monkeypatch.setattr(witness, "describe", lambda pid: looked.append(pid) or f"process {pid}")
    seeing.attend(str(tmp_path / "fought-over"))
    subprocess.run(["/bin/sh", "-c", f"for n in $(seq 40); do echo > {tmp_path}/other-$n; done"], check=True)
    wait(seeing, tmp_path / "fought-over", "process")
    time.sleep(0.05)
    assert 1 <= len(looked) <= 5


def test_a_directory_that_is_not_there_is_no_trouble(seeing: FanotifyWitness, tmp_path: Path) -> None:
    seeing.attend(str(tmp_path / "nowhere" / "x"))
    assert seeing.seen(str(tmp_path / "nowhere" / "x")) == ""


def test_a_process_that_has_ended_is_still_a_number() -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
    assert witness.describe(ended.pid).startswith(f"process {ended.pid}")
