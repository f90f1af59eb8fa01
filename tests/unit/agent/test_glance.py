"""What a glance takes for right is right, whatever was done to it; and what is right is seen at a glance."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import converge
from agent.glance import RIGHT
from agent.hosts import HostFault, RealHost
from agent.journal import Journal
from schema.ids import new_id
from schema.protocol.reports import Outcome, Report, Trigger
from tests.effort import tries
from tests.strategies import catalogs
from tests.strategies.catalogs import Ticking

ME: Final = {"owner": str(os.geteuid()), "group": str(os.getegid())}
FILES: Final[list[dict[str, Any]]] = [
    {"path": "/etc/whole", "content": "one\n", "mode": "0644", **ME},
    {"path": "/etc/bare"},
    {"path": "/etc/empty", "content": ""},
    {"path": "/etc//doubled", "content": "two\n", "mode": "0600"},
    {"path": "/etc/./dotted", "content": "two\n"},
    {"path": "/etc/below/deep", "content": "x" * 5_000, "owner": ME["owner"]},
    {"path": "/etc/gone", "state": "absent"},
    {"path": "/rooted", "content": "three\n", "group": ME["group"]},
]
DIRECTORIES: Final[list[dict[str, Any]]] = [
    {"path": "/etc/below", "mode": "0755", **ME},
    {"path": "/etc/swept", "purge": True},
    {"path": "/etc/deep", "recurse": True, "dir_mode": "0700"},
    {"path": "/etc/free"},
]


def resources() -> list[dict[str, Any]]:
    listed = [("directory", each) for each in DIRECTORIES] + [("file", each) for each in FILES]
    return [{"name": f"r{number}", "type": kind, **each} for number, (kind, each) in enumerate(listed)]


def _other(path: Path) -> None:
    """As long as it was."""
    if path.is_file():
        path.write_bytes(path.read_bytes()[::-1].replace(b"\n", b"?"))


def _longer(path: Path) -> None:
    if path.is_file():
        path.write_bytes(path.read_bytes() + b"more")


def _linked(path: Path) -> None:
    aside = path.with_name(f"{path.name}-{new_id()}")
    path.rename(aside)
    path.symlink_to(aside.name)


def _gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _swapped(path: Path) -> None:
    was_directory = path.is_dir()
    _gone(path)
    path.write_text("") if was_directory else path.mkdir()


def _fifo(path: Path) -> None:
    _gone(path)
    os.mkfifo(path)


HARM: Final[dict[str, Callable[[Path], object]]] = {
    "other bytes": _other,
    "shorter": lambda path: os.truncate(path, 0) if path.is_file() else None,
    "longer": _longer,
    "mode": lambda path: path.chmod(0o640),
    "set-id": lambda path: path.chmod(0o4644),
    "behind a link": _linked,
    "gone": _gone,
    "of another kind": _swapped,
    "a fifo": _fifo,
    "more in it": lambda path: (path / "stray").touch() if path.is_dir() else None,
    "its directory moved": lambda path: _linked(path.parent) if path.parent.name == "below" else None,
}
PLACES: Final = sorted({each["path"] for each in (*FILES, *DIRECTORIES)})


class Here:
    """A directory as a host on which all of it was put in place."""

    def __init__(self, root: Path, written: list[dict[str, Any]] | None = None) -> None:
        (root / "etc").mkdir(parents=True)
        self.host = RealHost(root)
        self.wanted = catalogs.state(catalogs.crate("base", written or resources()))
        self.journal = Journal(None)
        self.run()

    def run(self, *, believing: bool = False) -> Report:
        return converge.run(
            self.wanted,
            self.host,
            traits={},
            journal=self.journal,
            trigger=Trigger.INTERVAL,
            ids=new_id,
            clock=Ticking(),
            believing=believing,
        )

    def right(self, *, believing: bool = False) -> set[str]:
        """The paths of what a glance takes for right."""
        plan = self.wanted.plan
        assert plan is not None
        self.host.memo.clear()
        plan.glance.take(self.host, plan.steps, self.journal, believing=believing)
        return {plan.steps[index].resource.spec["path"] for index in self.host.memo[RIGHT]}

    def as_ever(self) -> set[str]:
        """The paths of what differs in nothing when it is checked."""
        plan, found = self.wanted.plan, set()
        assert plan is not None
        self.host.memo.clear()
        for step in plan.steps:
            assert step.kind is not None
            for instance in step.instances or ():
                try:
                    state = step.kind.check(self.host, instance.prepared)
                except (HostFault, OSError):
                    continue
                if not step.kind.diff(instance.prepared, state) and not state.note:
                    found.add(step.resource.spec["path"])
        return found


GLANCED: Final = {each["path"] for each in FILES if "state" not in each} | {
    each["path"] for each in DIRECTORIES if not each.keys() & {"purge", "recurse"}
}


@settings(max_examples=tries(15))
@given(
    harm=st.lists(st.tuples(st.sampled_from(sorted(HARM)), st.sampled_from(PLACES)), max_size=4),
    believing=st.booleans(),
)
def test_a_glance_finds_right_what_a_check_finds_right(harm: list[tuple[str, str]], *, believing: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        here = Here(Path(name) / "root")
        assert here.right() == GLANCED
        for how, where in harm:
            path = here.host.root / where.lstrip("/")
            if os.path.lexists(path):
                HARM[how](path)
        expected = here.as_ever() & GLANCED
        assert here.right(believing=believing) == expected
        here.host.close()


def test_a_glance_is_enough_for_what_is_right_and_never_for_what_is_not(tmp_path: Path) -> None:
    named = [
        {"name": f"f{n}", "type": "file", "path": f"/etc/f{n}", "content": f"{n}\n", "mode": "0644"} for n in range(3)
    ]
    here = Here(tmp_path / "root", named)
    assert here.right() == {"/etc/f0", "/etc/f1", "/etc/f2"}
    (here.host.root / "etc/f1").write_text("x\n")
    report = here.run()
    assert [each.outcome for each in report.resources] == [Outcome.UNCHANGED, Outcome.CHANGED, Outcome.UNCHANGED]
    assert [each.corrective for each in report.resources] == [False, True, False]
    (here.host.root / "etc/f2").unlink()
    (here.host.root / "etc/f2").mkdir()
    report = here.run()
    assert [each.outcome for each in report.resources] == [Outcome.UNCHANGED, Outcome.UNCHANGED, Outcome.FAILED]
    assert "is a directory" in report.resources[2].error


def test_what_is_passed_by_still_owns_its_path_and_each_item_is_still_in_the_catalog(tmp_path: Path) -> None:
    written: list[dict[str, Any]] = [
        {"name": "first", "type": "file", "path": "/etc/{{ item }}", "content": "x\n", "foreach": ["a", "b"]},
        {"name": "twice", "type": "file", "path": "/etc/b", "content": "y\n"},
    ]
    here = Here(tmp_path / "root", written)
    for _ in range(2):
        report = here.run()
        assert [(each.id, each.outcome) for each in report.resources] == [
            ("base/first[0]", Outcome.UNCHANGED),
            ("base/first[1]", Outcome.UNCHANGED),
            ("base/twice", Outcome.FAILED),
        ]
        assert "is managed by base/first[1] already" in report.resources[2].error
    assert sorted(here.journal.entries) == ["base/first[0]", "base/first[1]"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_account_that_gets_another_id_is_noticed_at_a_glance(tmp_path: Path) -> None:
    named = [{"name": "f", "type": "file", "path": "/etc/f", "content": "x\n", "owner": "web"}]
    here = Here(tmp_path / "root", named)
    (here.host.root / "etc/passwd").write_text("web:x:1200:1200::/:/bin/sh\n")
    here.run()
    assert here.right() == {"/etc/f"}
    (here.host.root / "etc/passwd").write_text("web:x:1300:1300::/:/bin/sh\n")
    assert here.right() == set()
    here.run()
    assert (here.host.root / "etc/f").stat().st_uid == 1300
    assert here.right() == {"/etc/f"}


def test_what_has_left_the_journal_or_was_undone_is_not_taken_for_right(tmp_path: Path) -> None:
    here = Here(tmp_path / "root")
    here.journal.set_aside("base/r5")
    assert here.right() == GLANCED - {"/etc/bare"}
