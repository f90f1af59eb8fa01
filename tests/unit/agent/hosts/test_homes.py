"""A home in the hands of somebody who means ill: root works in it, and is led nowhere."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.hosts import Account, Host, HostFault, Kind, RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies import machines

ROOT = os.geteuid() == 0
ALICE = 61_001 if ROOT else os.geteuid()
GROUP = 61_002 if ROOT else os.getegid()
BOB = 61_003
as_root = pytest.mark.skipif(not ROOT, reason="needs root: files of other owners")
Give = Callable[..., None]


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def real(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealHost]:
    for name in ("home/alice", "etc", "root/.ssh"):
        (tmp_path / "r" / name).mkdir(parents=True)
    (tmp_path / "r/etc/shadow").write_text("root:hash\n")
    (tmp_path / "r/etc/shadow").chmod(0o600)
    (tmp_path / "r/etc/passwd").write_text(f"alice:x:{ALICE}:{GROUP}::/home/alice:/bin/sh\n")
    (tmp_path / "r/etc/group").write_text(f"alice:x:{GROUP}:\n")
    (tmp_path / "r/root/.ssh/authorized_keys").write_text("root's\n")
    host = RealHost(tmp_path / "r", openat2=request.param)
    yield host
    host.close()


@pytest.fixture
def root(tmp_path: Path, real: RealHost) -> Path:
    give(tmp_path / "r/home/alice")
    assert real.confined
    return tmp_path / "r"


@pytest.fixture
def home(root: Path) -> Path:
    return root / "home/alice"


@pytest.fixture
def host(real: RealHost, root: Path) -> Host:
    assert root.exists()
    return real.as_user(Account("alice", ALICE, GROUP, "/home/alice"))


def give(path: Path, uid: int = ALICE, gid: int = GROUP) -> None:
    if ROOT:
        os.chown(path, uid, gid, follow_symlinks=False)


def secrets(root: Path) -> tuple[object, ...]:
    """All that must never change, with owners and modes."""
    watched = (root / "etc/shadow", root / "root/.ssh", root / "root/.ssh/authorized_keys", root / "etc")
    found = [path.lstat() for path in watched]
    names = [sorted(path.name for path in (root / name).iterdir()) for name in ("root/.ssh", "etc")]
    return *((each.st_uid, each.st_gid, each.st_mode, each.st_ino, each.st_nlink) for each in found), names


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


def converge(host: Host, name: str, **spec: object) -> Converged:
    kind = TYPES[name]
    host.memo.clear()

    ready = kind.prepare(kind.spec.model_validate(spec), machines.sources({}))
    result: Converged = kind.converge(host, ready, dry_run=False)
    return result


SWAP = """
import os
os.write(1, b"!")
while True:
    for one, other in (("d", "x"), ("t", "d"), ("d", "t"), ("x", "d")):
        try:
            os.rename(one, other)
        except OSError:
            pass
"""
MINE = {"owner": "alice", "group": "alice"}


def test_what_is_made_in_a_home_is_the_users(host: Host, home: Path) -> None:
    host.write("/home/alice/f", b"x", mode=0o640)
    host.mkdir("/home/alice/a/b/c", mode=0o700)
    host.symlink("/home/alice/l", "/etc/shadow")
    assert {owner(home / name) for name in ("f", "a", "a/b", "a/b/c", "l")} == {(ALICE, GROUP)}
    assert stat.S_IMODE((home / "a").stat().st_mode) == 0o755
    assert [host.guards(path) for path in ("/home/alice/a", "/home//alice/./a")] == [True, True]
    assert [host.guards(path) for path in ("/home/alice", "/home/alicex/a", "/etc/x", "/")] == [False] * 4


def test_what_is_elsewhere_is_as_ever(host: Host, root: Path) -> None:
    host.write("/etc/f", b"x", mode=0o640)
    host.mkdir("/etc/d", mode=0o700)
    assert {owner(root / "etc" / name) for name in ("f", "d")} == {(os.geteuid(), os.getegid())}
    host.chmod("/home/alice", 0o700)
    assert stat.S_IMODE((root / "home/alice").stat().st_mode) == 0o700


def test_a_link_in_the_place_of_a_file_is_replaced_and_never_followed(host: Host, home: Path, root: Path) -> None:
    (home / ".bashrc").symlink_to("../../etc/shadow")
    before = secrets(root)
    result = converge(host, "file", path="/home/alice/.bashrc", content="mine\n", mode="0644", **MINE)
    assert result.outcome is Outcome.CHANGED
    assert not (home / ".bashrc").is_symlink()
    assert (home / ".bashrc").read_text() == "mine\n"
    assert "hash" not in result.diff
    assert secrets(root) == before
    assert (root / "etc/shadow").read_text() == "root:hash\n"


def test_a_link_is_not_read_changed_or_edited_through(host: Host, home: Path, root: Path) -> None:
    (home / ".bashrc").symlink_to(root / "etc/shadow")
    before = secrets(root)
    line = converge(host, "file_line", path="/home/alice/.bashrc", line="x")
    modes = converge(host, "file", path="/home/alice/.bashrc", mode="0666")
    assert (line.outcome, modes.outcome) == (Outcome.FAILED, Outcome.FAILED)
    with pytest.raises(HostFault):
        host.chmod("/home/alice/.bashrc", 0o666)
    with pytest.raises(HostFault):
        host.chown("/home/alice/.bashrc", ALICE, GROUP)
    assert secrets(root) == before


@pytest.mark.parametrize("target", ["/root/.ssh", "../../root/.ssh", "/etc"])
def test_a_link_on_the_way_is_refused_whoever_it_belongs_to(host: Host, home: Path, root: Path, target: str) -> None:
    (home / ".ssh").symlink_to(target)
    before = secrets(root)
    for whose in (ALICE, os.geteuid()):
        give(home / ".ssh", whose, GROUP)
        for result in (
            converge(host, "file", path="/home/alice/.ssh/authorized_keys", content="evil\n", **MINE),
            converge(host, "file", path="/home/alice/.ssh/shadow", state="absent"),
            converge(host, "directory", path="/home/alice/.ssh/new", **MINE),
            converge(host, "directory", path="/home/alice/.ssh", mode="0777", **MINE),
            converge(host, "symlink", path="/home/alice/.ssh/x", target="y"),
            converge(host, "file_line", path="/home/alice/.ssh/authorized_keys", line="evil", create=True),
        ):
            assert result.outcome is Outcome.FAILED
            assert "link" in result.error
        acts: list[Callable[[str], object]] = [
            host.lstat, host.read, host.listdir, host.remove, host.rmdir, host.remove_tree, host.readlink,
        ]  # fmt: skip
        for act in acts:
            with pytest.raises(HostFault):
                act("/home/alice/.ssh/authorized_keys")
    assert secrets(root) == before


@as_root
def test_a_directory_of_somebody_else_on_the_way_is_refused(host: Host, home: Path) -> None:
    (home / "d").mkdir()
    give(home / "d", BOB)
    result = converge(host, "file", path="/home/alice/d/f", content="x")
    assert result.error == f"/home/alice/d belongs to user {BOB}, not to alice"
    give(home / "d", 0, 0)
    assert converge(host, "file", path="/home/alice/d/f", content="x", **MINE).outcome is Outcome.CHANGED
    assert owner(home / "d/f") == (ALICE, GROUP)


@as_root
@pytest.mark.parametrize("whose", [0, BOB])
def test_a_second_name_of_what_is_not_theirs_is_left_alone(host: Host, home: Path, root: Path, whose: int) -> None:
    (root / "etc/theirs").write_text("hash\n")
    give(root / "etc/theirs", whose, 0)
    (home / ".bashrc").hardlink_to(root / "etc/theirs")
    before = secrets(root)
    for result in (
        converge(host, "file", path="/home/alice/.bashrc", mode="0666", **MINE),
        converge(host, "file", path="/home/alice/.bashrc", content="hasx\n", **MINE),
        converge(host, "file", path="/home/alice/.bashrc", content="long text\n", **MINE, backup=True),
        converge(host, "file_line", path="/home/alice/.bashrc", line="x"),
    ):
        assert result.outcome is Outcome.FAILED
        assert "left alone" in result.error
        assert "hash" not in result.diff
    assert (root / "etc/theirs").read_text() == "hash\n"
    assert owner(root / "etc/theirs") == (whose, 0)
    assert secrets(root) == before


@as_root
def test_a_file_that_was_moved_here_is_not_given_away_or_opened_up(host: Host, home: Path) -> None:
    moved = home / ".bashrc"
    moved.write_text("not theirs\n")
    moved.chmod(0o600)
    for spec in ({"mode": "0644"}, MINE, {"owner": "alice"}):
        result = converge(host, "file", path="/home/alice/.bashrc", **spec)
        assert result.error == "/home/alice/.bashrc is not alice's: its owner and mode are left alone"
    assert (owner(moved), stat.S_IMODE(moved.stat().st_mode)) == ((0, 0), 0o600)
    before = moved.stat().st_ino
    result = converge(host, "file", path="/home/alice/.bashrc", content="not theirs\n", mode="0644", **MINE)
    assert result.outcome is Outcome.CHANGED
    assert (moved.stat().st_ino != before, owner(moved)) == (True, (ALICE, GROUP))
    give(moved, BOB)
    assert converge(host, "file", path="/home/alice/.bashrc", content="y", **MINE).error == (
        f"/home/alice/.bashrc belongs to user {BOB}, not to alice: left alone"
    )


def test_a_home_that_is_a_link_is_refused(real: RealHost, root: Path) -> None:
    (root / "home/link").symlink_to("../root")
    host = real.as_user(Account("alice", ALICE, GROUP, "/home/link"))
    before = secrets(root)
    with pytest.raises(HostFault, match="/home/link is a symbolic link"):
        host.write("/home/link/.ssh/authorized_keys", b"evil", mode=0o644)
    with pytest.raises(HostFault):
        host.mkdir("/home/link/x/y", mode=0o755)
    assert secrets(root) == before


@as_root
def test_a_home_of_somebody_else_or_below_them_is_refused(real: RealHost, root: Path) -> None:
    for name in ("home/bob", "home/bob/alice"):
        (root / name).mkdir()
    give(root / "home/bob", BOB)
    host = real.as_user(Account("alice", ALICE, GROUP, "/home/bob"))
    with pytest.raises(HostFault, match="/home/bob belongs to user"):
        host.write("/home/bob/f", b"x", mode=0o644)
    give(root / "home/bob/alice")
    host = real.as_user(Account("alice", ALICE, GROUP, "/home/bob/alice"))
    with pytest.raises(HostFault, match="a directory above /home/bob/alice belongs to user"):
        host.write("/home/bob/alice/f", b"x", mode=0o644)
    give(root / "home/bob", 0, 0)
    host.write("/home/bob/alice/f", b"x", mode=0o644)


def test_a_path_that_climbs_out_is_refused(host: Host, root: Path) -> None:
    before = secrets(root)
    for path in ("/home/alice/../../etc/shadow", "/home/alice/x/../../bob", "home/alice/x"):
        with pytest.raises(HostFault):
            host.write(path, b"x", mode=0o644)
        with pytest.raises(HostFault):
            host.read(path)
    assert secrets(root) == before


def test_a_fifo_in_the_place_of_a_file_blocks_nobody(host: Host, home: Path) -> None:
    os.mkfifo(home / "f")
    result = converge(host, "file", path="/home/alice/f", content="x", **MINE)
    assert result.outcome is Outcome.FAILED
    assert host.lstat("/home/alice/f") is not None
    with pytest.raises(HostFault, match="special file"):
        host.read("/home/alice/f")


@pytest.mark.parametrize("trap", ["link", "moved"])
def test_a_swap_of_directories_leads_nowhere_however_it_is_timed(host: Host, home: Path, root: Path, trap: str) -> None:
    """The way is swapped again and again while root writes through it."""
    (home / "d").mkdir()
    give(home / "d")
    if trap == "link":
        (home / "t").symlink_to("../../root/.ssh")
    else:
        (home / "t").mkdir()
        give(home / "t")
    before = secrets(root)
    thief = subprocess.Popen([sys.executable, "-S", "-c", SWAP], cwd=home, stdout=subprocess.PIPE)
    assert thief.stdout is not None
    assert thief.stdout.read(1) == b"!"
    written = 0
    try:
        for number in range(250):
            with suppress(HostFault, OSError):
                host.write("/home/alice/d/authorized_keys", b"evil", mode=0o644)
                written += 1
            with suppress(HostFault, OSError):
                host.mkdir(f"/home/alice/d/n{number % 7}/m", mode=0o755)
            with suppress(HostFault, OSError):
                host.chmod("/home/alice/d/authorized_keys", 0o600)
            with suppress(HostFault, OSError):
                host.remove_tree(f"/home/alice/d/n{number % 7}")
            with suppress(HostFault, OSError):
                host.symlink("/home/alice/d/authorized_keys", "x")
            with suppress(HostFault, OSError):
                host.remove("/home/alice/d/authorized_keys")
    finally:
        thief.kill()
        thief.communicate()
    assert written > 0
    assert secrets(root) == before
    assert (root / "root/.ssh/authorized_keys").read_text() == "root's\n"


def test_durability_is_never_bought_by_following_the_user(host: Host, home: Path, root: Path) -> None:
    host.mkdir("/home/alice/d", mode=0o755)
    host.write("/home/alice/d/f", b"x", mode=0o644)
    (home / "d").rename(home / "e")
    (home / "d").symlink_to("../../root/.ssh")
    host.sync_pending()
    assert host.lstat("/home/alice/e/f") is not None


def test_a_confined_host_runs_nothing_for_a_user_either(host: Host) -> None:
    with pytest.raises(HostFault, match="confined"):
        host.run(["true"])


@pytest.fixture
def machine() -> Iterator[RealHost]:
    host = RealHost("/")
    yield host
    host.close()


@as_root
def test_a_program_runs_as_the_user_in_the_home_and_gains_nothing(
    machine: RealHost, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = Path(tmp_path_factory.mktemp("homes")) / "alice"
    home.mkdir(mode=0o700)
    for path in home.parents:
        if path.stat().st_uid == 0 and str(path) not in ("/", "/tmp"):
            path.chmod(0o755)
    give(home)
    host = machine.as_user(Account("alice", ALICE, GROUP, str(home)))
    ran = host.run(["/bin/sh", "-c", "id -u; id -g; id -G; pwd; echo $HOME $USER $LOGNAME; cat /etc/shadow"])
    lines = ran.text.splitlines()
    assert lines == [str(ALICE), str(GROUP), str(GROUP), str(home), f"{home} alice alice"]
    assert "ermission denied" in ran.stderr.decode()
    with pytest.raises(HostFault, match="no program is run as root"):
        host.run(["true"], user="root")
    (home / "w").symlink_to("/root")
    with pytest.raises(OSError, match=r"symbolic links|directory"):
        host.run(["true"], cwd=str(home / "w"))
    checked: list[str] = []

    def check(candidate: str) -> None:
        checked.append(host.run(["stat", "-c", "%u", candidate]).text.strip())

    host.write(f"{home}/f", b"x", mode=0o600, check=check)
    assert checked == [str(ALICE)]
    assert host.lstat(f"{home}/f") is not None
    assert host.lstat(f"{home}/f").kind is Kind.FILE  # type: ignore[union-attr]
