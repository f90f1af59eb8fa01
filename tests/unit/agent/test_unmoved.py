"""A stat is believed only where whatever happens to a file shows in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from stat import S_IFREG
from typing import Any

import pytest

from agent import converge, unmoved
from agent.desired import Desired
from agent.hosts import RealHost
from agent.hosts.host import Exact
from agent.journal import Journal
from agent.unmoved import REREAD_S, Belief, Unmoved
from schema.ids import new_id
from schema.protocol.reports import Outcome, Report, Trigger
from tests.strategies import catalogs
from tests.strategies.catalogs import Ticking


class Counting(RealHost):
    """A directory as a host that counts how often content was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_paths: list[str] = []

    def fingerprint(self, path: str, size: int | None) -> Any:
        self.read_paths.append(path)
        return super().fingerprint(path, size)

    def matching(self, folder: str, files: Sequence[Exact]) -> Sequence[bool]:
        self.read_paths += [f"{folder}/{file.name}" for file in files]
        return super().matching(folder, files)


def resources(count: int = 3) -> list[dict[str, Any]]:
    return [
        {"name": f"f{n}", "type": "file", "path": f"/etc/f{n}", "content": f"{n}\n", "mode": "0644"}
        for n in range(count)
    ]


@pytest.fixture
def host(tmp_path: Path) -> Counting:
    (tmp_path / "root/etc").mkdir(parents=True)
    return Counting(tmp_path / "root")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is there has been left alone for long enough."""
    monkeypatch.setattr(unmoved, "SETTLED_S", -1.0)


def runner(host: Counting, desired: Desired | None = None) -> Callable[..., tuple[Report, list[str]]]:
    wanted = desired or catalogs.state(catalogs.crate("base", resources()))
    journal, clock = Journal(None), Ticking()

    def run(*, believing: bool = True) -> tuple[Report, list[str]]:
        host.read_paths.clear()
        report = converge.run(
            wanted,
            host,
            traits={},
            journal=journal,
            trigger=Trigger.INTERVAL,
            ids=new_id,
            clock=clock,
            believing=believing,
        )
        return report, list(host.read_paths)

    return run


@pytest.mark.usefixtures("later")
def test_what_nobody_touched_is_read_once_and_reported_each_time(host: Counting) -> None:
    run = runner(host)
    run()
    assert len(run()[1]) == 3
    report, read = run()
    assert read == []
    assert [(each.id, each.outcome) for each in report.resources] == [
        (f"base/f{n}", Outcome.UNCHANGED) for n in range(3)
    ]
    assert len(run(believing=False)[1]) == 3
    assert run()[1] == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_text("x\n"),  # as long as it was
        lambda path: path.chmod(0o600),
        lambda path: path.unlink(),
        lambda path: (path.with_suffix(".new").write_text("x\n"), path.with_suffix(".new").rename(path)),
        lambda path: (path.write_text("x\n"), os.utime(path, ns=(1, 1))),
        lambda path: (path.rename(path.with_suffix(".old")), path.symlink_to("/etc/f2")),
    ],
    ids=["rewritten", "mode", "gone", "replaced", "with old times", "a link"],
)
def test_whatever_is_done_to_a_file_is_seen_and_put_right(host: Counting, act: Callable[[Path], object]) -> None:
    run = runner(host)
    for _ in range(3):
        run()
    path = host.root / "etc/f1"
    time.sleep(0.02)  # more than a tick of the file system's clock
    act(path)
    report, read = run()
    assert set(read) >= {"/etc/f1"}
    assert next(each for each in report.resources if each.id == "base/f1").outcome is Outcome.CHANGED
    assert path.read_text() == "1\n"
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("later")
def test_a_change_in_the_same_run_ends_belief_in_what_was_seen_before_it(host: Counting) -> None:
    run = runner(host)
    for _ in range(3):
        run()
    (host.root / "etc/f0").unlink()
    assert set(run()[1]) == {"/etc/f0", "/etc/f1", "/etc/f2"}


def test_what_was_written_a_moment_ago_is_not_believed(host: Counting) -> None:
    run = runner(host)
    for _ in range(3):
        assert len(run()[1]) >= 3


def test_a_time_to_come_is_not_believed(host: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmoved, "SETTLED_S", 0.0)
    run = runner(host)
    run()
    ahead = time.time_ns() + 3_600_000_000_000
    for number in range(3):
        os.utime(host.root / f"etc/f{number}", ns=(ahead, ahead))
    for _ in range(3):
        assert len(run()[1]) == 3


@pytest.mark.usefixtures("later")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_account_that_gets_another_id_is_noticed(host: Counting) -> None:
    (host.root / "etc/passwd").write_text("web:x:1200:1200::/:/bin/sh\n")
    named = [{**each, "owner": "web"} for each in resources(1)]
    run = runner(host, catalogs.state(catalogs.crate("base", named)))
    for _ in range(3):
        run()
    assert run()[1] == []
    (host.root / "etc/passwd").write_text("web:x:1300:1300::/:/bin/sh\n")
    run()
    assert (host.root / "etc/f0").stat().st_uid == 1300


@pytest.mark.usefixtures("later")
def test_conditions_are_asked_anew_and_absent_files_are_looked_for(host: Counting) -> None:
    wanted = [
        {**resources(1)[0], "when": "file_exists('/etc/on')"},
        {"name": "gone", "type": "file", "path": "/etc/gone", "state": "absent"},
    ]
    (host.root / "etc/on").touch()
    run = runner(host, catalogs.state(catalogs.crate("base", wanted)))
    for _ in range(3):
        run()
    (host.root / "etc/on").unlink()
    (host.root / "etc/gone").touch()
    report, _ = run()
    assert [each.outcome for each in report.resources] == [Outcome.SKIPPED, Outcome.CHANGED]
    assert not (host.root / "etc/gone").exists()


def test_a_host_without_times_is_never_believed() -> None:
    from agent.hosts import MemoryHost

    host = MemoryHost()
    assert list(host.signatures("/etc", ["a", "b"])) == [None, None]
    files = [Exact(name, S_IFREG, None, None, None, None, None) for name in "ab"]
    assert list(Unmoved().matching(host, "/etc", files)) == [False, False]


def test_routine_runs_believe_and_every_few_hours_one_reads_everything() -> None:
    now = [0.0]
    belief = Belief(lambda: now[0])
    assert [belief.holds(each) for each in (Trigger.INTERVAL, Trigger.INTERVAL, Trigger.ONCE)] == [False, True, False]
    assert [belief.holds(each) for each in (Trigger.APPLY, Trigger.DRIFT, Trigger.START)] == [True, True, False]
    now[0] = REREAD_S
    assert [belief.holds(each) for each in (Trigger.INTERVAL, Trigger.INTERVAL)] == [False, True]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_account_that_a_file_of_the_same_run_made_is_known_to_the_next_file(host: Counting) -> None:
    (host.root / "etc/passwd").write_text("web:x:1200:1200::/:/bin/sh\n")
    wanted = [
        {"name": "before", "type": "file", "path": "/srv/a", "content": "a\n", "owner": "web"},
        {"name": "accounts", "type": "file", "path": "/etc/passwd", "content": "web:x:1300:1300::/:/bin/sh\n"},
        {"name": "after", "type": "file", "path": "/srv/b", "content": "b\n", "owner": "web"},
    ]
    runner(host, catalogs.state(catalogs.crate("base", wanted)))()
    assert [(host.root / f"srv/{name}").stat().st_uid for name in "ab"] == [1200, 1300]
