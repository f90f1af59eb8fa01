"""The journal survives whatever ends the process, and never grows without bound."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import journal as journals
from agent.journal import Entry, Journal, JournalFull

ENTRY = Entry("d1", "file", "/etc/x", "keep")


def written(directory: Path) -> list[object]:
    return [json.loads(line) for line in (directory / journals.FILE).read_text().splitlines()]


def test_what_was_flushed_is_remembered(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.reached("a/x", ENTRY)
    first.reached("a/y", ENTRY._replace(path="", digest="d2"))
    first.remember_origin("/etc/x", {"kind": "absent"})
    first.owe(["a/reload"])
    first.flush()
    first.close()
    again = Journal(tmp_path)
    assert again.entries == {"a/x": ENTRY, "a/y": Entry("d2", "file", "", "keep")}
    assert again.origins == {"/etc/x": {"kind": "absent"}}
    assert again.owed == {"a/reload"}
    assert again.salt == first.salt
    assert again.digest(b"x") == first.digest(b"x") != Journal(None).digest(b"x")


def test_what_was_taken_back_is_forgotten(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.reached("a/x", ENTRY)
    first.remember_origin("/etc/x", {"kind": "absent"})
    first.owe(["a/reload"])
    first.flush()
    first.forget("a/x")
    first.forget_origin("/etc/x")
    first.paid("a/reload")
    first.flush()
    first.close()
    again = Journal(tmp_path)
    assert (again.entries, again.origins, again.owed) == ({}, {}, set())


def test_a_debt_and_an_origin_are_written_before_anything_else_happens(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.owe(["a/reload", "a/restart"])
    first.remember_origin("/etc/x", {"kind": "file", "mode": 420}, b"before")
    killed = Journal(tmp_path)
    assert killed.owed == {"a/reload", "a/restart"}
    digest = killed.origins["/etc/x"]["sha256"]
    assert killed.original(digest) == b"before"
    killed.close()
    first.close()


def test_a_run_without_changes_writes_nothing(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.reached("a/x", ENTRY)
    first.flush()
    before = (tmp_path / journals.FILE).stat()
    first.reached("a/x", ENTRY)
    first.set_aside("a/none")
    first.forget("a/none")
    first.paid("a/none")
    first.owe([])
    first.flush()
    assert (tmp_path / journals.FILE).stat() == before
    first.close()


def test_a_resource_that_was_set_aside_has_no_digest(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.reached("a/x", ENTRY)
    first.set_aside("a/x")
    assert first.entries == {"a/x": ENTRY._replace(digest="")}


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_torn_end_costs_only_what_was_torn(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    directory = tmp_path_factory.mktemp("journal")
    first = Journal(directory)
    for number in range(10):
        first.reached(f"a/{number}", ENTRY)
    first.flush()
    first.close()
    path = directory / journals.FILE
    os.truncate(path, min(cut, path.stat().st_size))
    torn = Journal(directory)
    assert list(torn.entries) == [f"a/{number}" for number in range(len(torn.entries))]
    torn.reached("b/new", ENTRY)
    torn.flush()
    torn.close()
    again = Journal(directory)
    assert set(again.entries) == {*torn.entries}
    again.close()
    assert not (directory / "journal.damaged").exists()


def test_damage_in_the_middle_is_set_aside_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = Journal(tmp_path)
    for number in range(10):
        first.reached(f"a/{number}", ENTRY)
    first.flush()
    first.close()
    path = tmp_path / journals.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:5], b"\x00garbage\n", *lines[6:]]))
    again = Journal(tmp_path)
    assert list(again.entries) == ["a/0", "a/1", "a/2", "a/3"]
    assert "damaged" in caplog.text
    assert (tmp_path / "journal.damaged").exists()
    again.close()


def test_an_endless_journal_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / journals.FILE).open("wb") as file:
        file.truncate(journals.MAX_JOURNAL_BYTES + 1)
    assert Journal(tmp_path).entries == {}
    assert (tmp_path / "journal.damaged").exists()


def test_it_is_written_anew_when_little_of_it_is_live(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.remember_origin("/gone", {"kind": "file"}, b"gone")
    first.remember_origin("/kept", {"kind": "file"}, b"kept")
    first.forget_origin("/gone")
    for number in range(3000):
        first.reached("a/x", ENTRY._replace(digest=str(number)))
    first.flush()
    assert len(written(tmp_path)) == 3
    kept = str(first.origins["/kept"]["sha256"])
    assert {path.name for path in (tmp_path / journals.ORIGINALS).iterdir()} == {kept, "key"}
    assert first.original(kept) == b"kept"
    assert b"kept" not in (tmp_path / journals.ORIGINALS / kept).read_bytes()
    first.reached("a/y", ENTRY)
    first.flush()
    first.close()
    again = Journal(tmp_path)
    assert again.entries == {"a/x": ENTRY._replace(digest="2999"), "a/y": ENTRY}
    again.close()


def test_a_file_too_large_is_not_kept(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(JournalFull):
        first.remember_origin("/x", {"kind": "file"}, b"x" * (journals.MAX_ORIGINAL_BYTES + 1))
    assert first.origins == {}
    first.close()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.reached("a/x", ENTRY)
    first.flush()
    size = (tmp_path / journals.FILE).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        first.reached("a/y", ENTRY)
        with pytest.raises(OSError, match="too large"):
            first.flush()
        with pytest.raises(OSError, match="too large"):
            first.owe(["a/reload"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert (tmp_path / journals.FILE).stat().st_size == size
    assert first.owed == set()
    first.flush()
    first.close()
    again = Journal(tmp_path)
    assert set(again.entries) == {"a/x", "a/y"}
    again.close()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    first = Journal(tmp_path / "state")
    first.reached("a/x", ENTRY)
    first.remember_origin("/x", {"kind": "file"}, b"content")
    first.flush()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").rglob("*")}
    assert modes == {
        journals.FILE: 0o600,
        journals.ORIGINALS: 0o700,
        "key": 0o600,
        next(iter(modes.keys() - {journals.FILE, journals.ORIGINALS, "key"})): 0o600,
    }
    first.close()


def test_without_a_directory_it_remembers_as_long_as_it_lives() -> None:
    memory = Journal(None)
    memory.reached("a/x", ENTRY)
    memory.owe(["a/reload"])
    memory.remember_origin("/x", {"kind": "file"}, b"before")
    memory.flush()
    assert memory.original(memory.origins["/x"]["sha256"]) == b"before"
    assert memory.entries == {"a/x": ENTRY}
