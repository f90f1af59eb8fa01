"""Reports wait in order until the server has them; a full spool drops the oldest and counts; a full disk stops nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.spool import MAX_MEMORY_BYTES, Spool
from tests.effort import tries


def ids(spool: Spool, after: int = 0) -> list[str]:
    entries, _ = spool.read(after, limit=10_000, limit_bytes=2**40)
    return [entry.id for entry in entries]


def test_reports_come_back_in_order_and_survive(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    places = [spool.put(f"r{number}", f"data {number}".encode()) for number in range(5)]
    assert places == sorted(places)
    assert ids(spool) == ["r0", "r1", "r2", "r3", "r4"]
    spool.forget(places[1])
    again = Spool(tmp_path)
    assert ids(again) == ["r0", "r2", "r3", "r4"]
    assert again.size_bytes == 4 * 6
    assert again.put("r5", b"x") > places[-1]
    assert again.read(0, limit=1, limit_bytes=1)[0][0].data == b"data 0"


def test_reading_is_bounded_by_number_and_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(4):
        spool.put(f"r{number}", b"x" * 100)
    entries, more = spool.read(0, limit=2, limit_bytes=10_000)
    assert ([each.id for each in entries], more) == (["r0", "r1"], True)
    entries, more = spool.read(entries[-1].sequence, limit=2, limit_bytes=10_000)
    assert ([each.id for each in entries], more) == (["r2", "r3"], False)
    entries, more = spool.read(0, limit=10, limit_bytes=150)
    assert ([each.id for each in entries], more) == (["r0"], True)
    entries, more = spool.read(0, limit=10, limit_bytes=1)  # one that is larger than the bound comes all the same
    assert ([each.id for each in entries], more) == (["r0"], True)


def test_a_full_spool_drops_the_oldest_and_counts_for_ever(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1000)
    for number in range(15):
        spool.put(f"r{number}", b"x" * 100)
    assert ids(spool) == [f"r{number}" for number in range(5, 15)]
    assert spool.dropped == 5
    assert Spool(tmp_path, max_bytes=1000).dropped == 5
    few = Spool(tmp_path, max_reports=3)
    few.put("last", b"x")
    assert ids(few) == ["r13", "r14", "last"]
    assert few.dropped == 13


def test_forgetting_twice_or_what_never_was_is_no_error(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    place = spool.put("a", b"x")
    spool.forget(place)
    spool.forget(place)
    spool.forget(999)
    assert len(spool) == 0
    assert spool.size_bytes == 0


def test_a_report_that_somebody_removed_holds_nothing_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("a", b"x")
    spool.put("b", b"y")
    next(tmp_path.glob("*-a.json")).unlink()
    assert ids(spool) == ["b"]
    assert len(spool) == 1


@pytest.mark.parametrize("name", ["../x", "", "a/b", "a b", "x" * 65, "ü"])
def test_an_id_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the id of a report"):
        Spool(tmp_path).put(name, b"x")
    assert not list(tmp_path.iterdir())


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x")
    spool = Spool(tmp_path)
    spool.put("a", b"x")
    assert ids(spool) == ["a"]


class FullDisk:
    """No space for new files while `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.full = True
        real = os.open

        def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if self.full and flags & os.O_CREAT and str(path).startswith(str(directory)):
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, flags, *rest, **options)

        monkeypatch.setattr(os, "open", opened)


def test_a_full_disk_keeps_reports_in_memory_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    spool.put("a", b"on disk")
    disk = FullDisk(monkeypatch, tmp_path)
    spool.put("b", b"in memory")
    spool.put("c", b"in memory")
    assert "No space left on device" in spool.problem
    assert ids(spool) == ["a", "b", "c"]
    assert ids(Spool(tmp_path)) == ["a"]
    disk.full = False
    spool.put("d", b"on disk")
    assert spool.problem == ""
    assert ids(spool) == ids(Spool(tmp_path)) == ["a", "b", "c", "d"]


def test_what_waits_in_memory_is_sent_and_forgotten_like_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    FullDisk(monkeypatch, tmp_path)
    place = spool.put("a", b"in memory")
    assert spool.read(0, limit=1, limit_bytes=99)[0][0].data == b"in memory"
    spool.forget(place)
    assert len(spool) == 0


def test_memory_for_reports_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    FullDisk(monkeypatch, tmp_path)
    for number in range(10):
        spool.put(f"r{number}", b"x" * (MAX_MEMORY_BYTES // 4))
    assert ids(spool) == ["r6", "r7", "r8", "r9"]
    assert spool.dropped == 6


def test_a_kill_between_two_reports_loses_neither(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from agent.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for n in range(10): spool.put(f'r{n}', b'x' * 5000)\n"
        "os.kill(os.getpid(), 9)"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=Path(__file__).parents[3], check=False)
    assert ran.returncode == -9
    assert ids(Spool(tmp_path)) == [f"r{number}" for number in range(10)]


class SpoolModel(RuleBasedStateMachine):
    """The spool beside a list."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.spool = Spool(self.path, max_bytes=500)
        self.model: list[tuple[int, str, int]] = []
        self.made = self.dropped = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(size=st.integers(1, 200))
    def put(self, size: int) -> None:
        self.made += 1
        place = self.spool.put(f"r{self.made}", b"x" * size)
        while self.model and sum(each[2] for each in self.model) + size > 500:
            self.model.pop(0)
            self.dropped += 1
        self.model.append((place, f"r{self.made}", size))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.model))
        self.spool.forget(entry[0])
        self.model.remove(entry)

    @rule()
    def restart(self) -> None:
        self.spool = Spool(self.path, max_bytes=500)

    @invariant()
    def they_agree(self) -> None:
        assert ids(self.spool) == [each[1] for each in self.model]
        assert self.spool.size_bytes == sum(each[2] for each in self.model)
        assert self.spool.dropped == self.dropped
        places = [each[0] for each in self.model]
        assert places == sorted(places)


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(max_examples=tries(10), stateful_step_count=25)
