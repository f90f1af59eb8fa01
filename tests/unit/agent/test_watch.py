"""Drift is seen through the kernel, in every way that a path can change, and never where the agent did it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from agent.hosts import Account, Host
from agent.patience import FREE
from agent.places import EVERYTHING
from agent.watch import DEBOUNCE_S, Watch, WatchedHost

SETTLE_S = 0.12
Change = Callable[[Path, WatchedHost], None]


class Watched:
    """A root with a watch on some of its paths."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = WatchedHost(root)
        self.notices = 0
        self.changed: set[str] = set()
        self.watch = Watch(self.host, self._noticed)

    def _noticed(self, paths: frozenset[str] | None) -> None:
        self.changed |= paths or frozenset()
        self.notices += 1

    def noticed(self, within_s: float = 8.0) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.notices:
                time.sleep(0.05)
                return True
            time.sleep(0.002)
        return False

    def quiet(self) -> bool:
        time.sleep(SETTLE_S)
        found, self.notices = self.notices, 0
        return found == 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc/app").mkdir(parents=True)
    (root / "etc/app/conf").write_text("good")
    (root / "etc/motd").write_text("good")
    (root / "etc/link").symlink_to("motd")
    return root


@contextlib.contextmanager
def watching(root: Path, paths: Iterable[str], places: frozenset[str] = frozenset()) -> Iterator[Watched]:
    made = Watched(root)
    try:
        made.watch.follow(paths, places)
        yield made
    finally:
        made.watch.close()
        made.host.close()


@pytest.fixture
def watched(root: Path) -> Iterator[Watched]:
    with watching(root, ["/etc/app/conf", "/etc/motd", "/etc/link", "/etc/app", "/srv/data/file"]) as made:
        yield made


CHANGES: dict[str, Callable[[Path], object]] = {
    "rewritten": lambda root: (root / "etc/motd").write_text("bad"),
    "rewritten with as many bytes": lambda root: (root / "etc/motd").write_text("evil"),
    "appended to": lambda root: os.write(os.open(root / "etc/motd", os.O_WRONLY | os.O_APPEND), b"more"),
    "truncated": lambda root: os.truncate(root / "etc/motd", 0),
    "removed": lambda root: (root / "etc/motd").unlink(),
    "replaced": lambda root: [(root / "etc/x").write_text("bad"), (root / "etc/x").rename(root / "etc/motd")],
    "moved away": lambda root: (root / "etc/motd").rename(root / "etc/elsewhere"),
    "given another mode": lambda root: (root / "etc/motd").chmod(0o777),
    "a link that leads elsewhere": lambda root: [(root / "etc/link").unlink(), (root / "etc/link").symlink_to("app")],
    "a directory given another mode": lambda root: (root / "etc/app").chmod(0o700),
    "below a directory that is moved away": lambda root: (root / "etc/app").rename(root / "etc/gone"),
    "below a directory two levels up that is moved away": lambda root: (root / "etc").rename(root / "gone"),
    "made where it should not be, directories and all": lambda root: [
        (root / "srv/data").mkdir(parents=True),
        (root / "srv/data/file").write_text("x"),
    ],
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_managed_path_is_seen_to_be(watched: Watched, change: str) -> None:
    CHANGES[change](watched.root)
    assert watched.noticed()


def test_it_says_which_paths_have_changed(watched: Watched) -> None:
    (watched.root / "etc/motd").write_text("bad")
    assert watched.noticed()
    assert watched.changed == {"/etc/motd"}
    (watched.root / "etc/app").rename(watched.root / "etc/gone")
    while "/etc/app/conf" not in watched.changed:
        time.sleep(0.005)
    assert watched.changed == {"/etc/motd", "/etc/app", "/etc/app/conf"}


def on_behalf(host: WatchedHost) -> Host:
    return host.as_user(Account("user", os.geteuid(), os.getegid(), "/etc"))


QUIET: dict[str, Change] = {
    "another file in the same directory": lambda root, _: (root / "etc/other").write_text("x") and None,
    "reading": lambda root, _: (root / "etc/motd").read_text() and None,
    "something within a managed directory": lambda root, _: (root / "etc/app/extra").write_text("x") and None,
    "our own write": lambda _, host: host.write("/etc/motd", b"ours", mode=0o644),
    "our own chmod": lambda _, host: host.chmod("/etc/motd", 0o600),
    "our own link": lambda _, host: host.symlink("/etc/link", "elsewhere"),
    "our own removal": lambda _, host: host.remove("/etc/motd"),
    "our own write on behalf of a user": lambda _, host: on_behalf(host).write("/etc/motd", b"ours", mode=0o644),
    "our own removal on behalf of a user": lambda _, host: on_behalf(host).remove("/etc/app/conf"),
    "our own directory": lambda _, host: host.mkdir("/etc/app2", mode=0o755),
}


@pytest.mark.parametrize("change", sorted(QUIET))
def test_no_drift_is_seen_in(watched: Watched, change: str) -> None:
    QUIET[change](watched.root, watched.host)
    assert watched.quiet()


def test_a_change_right_behind_our_own_is_seen(watched: Watched) -> None:
    watched.host.write("/etc/motd", b"ours", mode=0o644)
    (watched.root / "etc/motd").write_text("theirs, and longer")
    assert watched.noticed()


def test_a_path_that_comes_into_being_with_its_directory_is_watched_from_then_on(watched: Watched) -> None:
    (watched.root / "srv/data").mkdir(parents=True)
    watched.quiet()
    (watched.root / "srv/data/file").write_text("x")
    assert watched.noticed()
    watched.quiet()
    (watched.root / "srv/data/file").write_text("other")
    assert watched.noticed()


def test_a_directory_that_is_replaced_is_watched_again(watched: Watched) -> None:
    (watched.root / "etc/app").rename(watched.root / "etc/old")
    assert watched.noticed()
    (watched.root / "etc/app").mkdir()
    watched.host.write("/etc/app/conf", b"good", mode=0o644)
    watched.quiet()
    (watched.root / "etc/app/conf").write_text("bad")
    assert watched.noticed()


def test_what_is_followed_no_longer_is_not_seen(watched: Watched) -> None:
    watched.watch.follow(["/etc/app/conf"])
    (watched.root / "etc/motd").write_text("bad")
    assert watched.quiet()
    (watched.root / "etc/app/conf").write_text("bad")
    assert watched.noticed()


def test_a_link_on_the_way_is_followed_within_the_root(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (watched.root / "var").symlink_to("/etc")
    (watched.root / "out").symlink_to(tmp_path / "outside")
    watched.watch.follow(["/var/motd", "/out/secret"])
    (tmp_path / "outside/secret").write_text("not ours to see")
    assert watched.quiet()
    (watched.root / "etc/motd").write_text("bad")
    assert watched.noticed()


def rewritten(watched: Watched, path: str, times: int) -> None:
    """Again and again, as soon as it has been told."""
    for number in range(times):
        watched.notices = 0
        (watched.root / path).write_text(f"bad {number}")
        assert watched.noticed()


def test_who_rewrites_one_path_in_a_loop_keeps_nothing_else_from_being_seen(watched: Watched) -> None:
    rewritten(watched, "etc/motd", FREE)
    watched.changed.clear()
    watched.notices = 0
    (watched.root / "etc/motd").write_text("once more")
    assert watched.quiet()
    began = time.monotonic()
    (watched.root / "etc/app/conf").write_text("bad")
    assert watched.noticed()
    assert watched.changed == {"/etc/app/conf"}
    while "/etc/motd" not in watched.changed:
        time.sleep(0.005)
    assert time.monotonic() - began < 60.0


def test_a_pause_goes_on_whatever_is_followed_and_ends_with_what_is_not(watched: Watched) -> None:
    rewritten(watched, "etc/motd", FREE)
    watched.watch.follow(["/etc/motd"])
    watched.changed.clear()
    (watched.root / "etc/motd").write_text("once more")
    time.sleep(SETTLE_S)
    assert watched.changed == set()
    watched.watch.follow(["/etc/app/conf"])
    time.sleep(1.1)  # longer than its pause
    assert watched.changed == set()


def test_what_was_ours_may_end_later_than_the_watch(root: Path) -> None:
    made = Watched(root)
    made.watch.follow([], frozenset({"/etc/motd", "/etc/app/"}))
    no_longer = made.watch.ours(frozenset({"/etc/motd", "/etc/app/"}))
    made.watch.close()
    pipes = [os.pipe2(os.O_NONBLOCK) for _ in range(8)]  # they get the numbers that it had
    try:
        for _, write in pipes:
            os.write(write, b"others'")
        no_longer()
        assert [os.read(read, 100) for read, _ in pipes] == [b"others'"] * 8
    finally:
        for end in itertools.chain(*pipes):
            os.close(end)
        made.host.close()


def test_a_burst_is_few_notices(watched: Watched) -> None:
    began = time.monotonic()
    for number in range(200):
        (watched.root / "etc/motd").write_text(str(number))
    assert watched.noticed()
    time.sleep(0.2)
    assert watched.notices <= (time.monotonic() - began) / DEBOUNCE_S
    assert watched.notices < 100


def test_a_thousand_files_are_followed(tmp_path: Path) -> None:
    root = tmp_path / "many"
    for directory in range(10):
        (root / f"d{directory}").mkdir(parents=True)
    paths = [f"/d{number % 10}/f{number}" for number in range(1000)]
    for path in paths:
        (root / path[1:]).write_text("x")
    watched = Watched(root)
    try:
        watched.watch.follow(paths)
        watched.watch.follow(paths)
        (root / "d3/f33").write_text("y")
        assert watched.noticed()
    finally:
        watched.watch.close()
        watched.host.close()


PLACES = frozenset({"/srv/app/", "/srv/tree//", "/srv/held///", "/etc/passwd", "/proc/sys/a"})


@pytest.fixture
def placed(root: Path) -> Iterator[Watched]:
    """A watch on places of every kind, that began when all of them were there."""
    for path in ("srv/app/sub", "srv/app/free", "srv/tree/deep/er", "srv/held/in", "proc/sys"):
        (root / path).mkdir(parents=True)
    for path in ("srv/app/conf", "srv/app/sub/conf", "srv/tree/deep/er/x", "srv/held/in/x", "proc/sys/a", "etc/passwd"):
        (root / path).write_text("good")
    with watching(root, ["/etc/motd", "/srv/app/conf", "/srv/app/sub/conf"], PLACES) as made:
        yield made


SHOWN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a name in a swept directory": ("/srv/app/", lambda root: (root / "srv/app/evil").write_text("x")),
    "a link in a swept directory": ("/srv/app/", lambda root: (root / "srv/app/evil").symlink_to("x")),
    "a name below it, beside what is managed": ("/srv/app/", lambda root: (root / "srv/app/sub/evil").mkdir()),
    "a name moved in": (
        "/srv/app/",
        lambda root: (root / "etc/x").mkdir() or (root / "etc/x").rename(root / "srv/app/x"),
    ),
    "a mode deep in a tree": ("/srv/tree//", lambda root: (root / "srv/tree/deep/er/x").chmod(0o600)),
    "a name deep in a tree": ("/srv/tree//", lambda root: (root / "srv/tree/deep/er/y").write_text("x")),
    "a tree that is gone": ("/srv/tree//", lambda root: (root / "srv/tree").rename(root / "srv/gone")),
    "a content deep in a tree": ("/srv/held///", lambda root: (root / "srv/held/in/x").write_text("evil")),
    "a file of many": ("/etc/passwd", lambda root: (root / "etc/passwd").write_text("more")),
}


@pytest.mark.parametrize("what", sorted(SHOWN))
def test_a_place_shows(placed: Watched, what: str) -> None:
    place, act = SHOWN[what]
    act(placed.root)
    assert placed.noticed()
    assert place in placed.changed
    assert placed.changed <= {place, place.rstrip("/")}


HIDDEN: dict[str, Change] = {
    "our own removal of what was in a swept directory": lambda _, host: host.remove("/srv/app/free/x"),
    "our own file in a swept directory": lambda _, host: host.write("/srv/app/other", b"x", mode=0o644),
    "what nobody manages below what nobody manages": lambda root, _: (root / "srv/app/free/x").write_text("x") and None,
    "a content in a tree whose names and modes count": lambda root, _: (
        (root / "srv/tree/deep/er/x").write_text("x") and None
    ),
    "our own mode in a tree": lambda _, host: host.chmod("/srv/tree/deep/er/x", 0o600),
}


@pytest.mark.parametrize("what", sorted(HIDDEN))
def test_no_place_shows(placed: Watched, what: str) -> None:
    HIDDEN[what](placed.root, placed.host)
    assert placed.quiet()


def test_what_we_removed_is_no_news_though_the_run_has_ended_by_then(placed: Watched) -> None:
    (placed.root / "srv/app/evil").write_text("x")
    assert placed.noticed()
    assert placed.quiet() or placed.quiet()
    placed.host.remove("/srv/app/evil")
    placed.watch.follow(["/etc/motd", "/srv/app/conf", "/srv/app/sub/conf"], PLACES)
    assert placed.quiet()


def test_a_directory_that_comes_into_a_tree_is_watched(placed: Watched) -> None:
    (placed.root / "srv/tree/new/er").mkdir(parents=True)
    assert placed.noticed()
    placed.quiet()
    placed.changed.clear()
    (placed.root / "srv/tree/new/er/x").write_text("x")
    assert placed.noticed()
    assert placed.changed == {"/srv/tree//"}


def test_what_our_programs_do_at_a_place_is_ours_and_nothing_else_is(placed: Watched) -> None:
    no_longer = placed.watch.ours(frozenset({"/etc/passwd", "/srv/tree//"}))
    (placed.root / "etc/passwd").write_text("ours")
    (placed.root / "srv/tree/ours").write_text("x")
    (placed.root / "etc/motd").write_text("theirs")
    no_longer()
    assert placed.noticed()
    placed.quiet()
    assert placed.changed == {"/etc/motd"}
    (placed.root / "etc/passwd").write_text("theirs, and longer")
    assert placed.noticed()
    assert "/etc/passwd" in placed.changed


def test_what_is_done_to_a_place_whenever_we_work_there_waits_as_any_other(placed: Watched) -> None:
    waits = []
    for number in range(FREE + 1):
        placed.changed.clear()
        (placed.root / "etc/passwd").write_text(f"theirs {number}")
        placed.watch.ours(frozenset({"/etc/passwd"}))()
        began = time.monotonic()
        while not placed.changed:
            time.sleep(0.005)
        waits.append(time.monotonic() - began)
    assert waits[-1] > 0.5


def test_what_was_done_before_we_began_is_told_when_we_have_ended(placed: Watched) -> None:
    (placed.root / "etc/passwd").write_text("theirs")
    no_longer = placed.watch.ours(frozenset({"/etc/passwd"}))
    (placed.root / "etc/passwd").write_text("ours, and longer")
    no_longer()
    assert placed.noticed()
    assert placed.changed == {"/etc/passwd"}


def test_more_directories_than_are_watched_below_one_are_said(
    placed: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.watch.MAX_BELOW", 2)
    for number in range(4):
        (placed.root / f"srv/tree/d{number}").mkdir()
    placed.watch.follow([], frozenset({"/srv/tree//"}))
    placed.watch.follow([], PLACES)
    assert "the full check sees the rest" in caplog.text


def test_more_events_than_the_kernel_keeps_hide_nothing_and_accuse_nobody(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("this kernel keeps very many")
    monkeypatch.setattr("agent.watch.DEBOUNCE_S", 1.0)  # so long, they queue up
    monkeypatch.setattr("agent.watch.MAX_DEBOUNCE_S", 1.0)
    first, second = (os.open(watched.root / f"etc/{name}", os.O_CREAT | os.O_WRONLY) for name in "ab")
    for _ in range(most // 2 + 10):  # of somebody else's files; two in turn, since the kernel makes equal ones one
        os.pwrite(first, b"x", 0)
        os.pwrite(second, b"x", 0)
    os.close(first)
    os.close(second)
    shutil.rmtree(watched.root / "etc/app")
    (watched.root / "etc/app").mkdir(mode=0o700)
    (watched.root / "etc/app/conf").write_text("bad")
    assert watched.noticed()
    assert watched.changed == {"/etc/app", "/etc/app/conf", EVERYTHING}
    # The directory that was made meanwhile is watched.
    monkeypatch.setattr("agent.watch.DEBOUNCE_S", DEBOUNCE_S)
    watched.notices = 0
    (watched.root / "etc/app/conf").write_text("worse")
    assert watched.noticed()


def test_whoever_makes_directories_below_a_tree_takes_none_from_managed_paths(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.watch.MAX_BELOW_ALL", 3)
    monkeypatch.setattr("agent.watch.MAX_DIRECTORIES", 12)
    for number in range(30):
        (watched.root / f"srv/tree/d{number}").mkdir(parents=True)
    watched.watch.follow(["/etc/motd"], frozenset({"/srv/tree//"}))
    watched.watch.follow(["/etc/motd", "/etc/app/conf"], frozenset({"/srv/tree//"}))
    (watched.root / "etc/app/conf").write_text("bad")
    assert watched.noticed()
    assert "/etc/app/conf" in watched.changed
