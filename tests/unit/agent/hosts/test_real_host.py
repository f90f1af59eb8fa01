"""A real host stays beneath its root, whoever plants what on the way, and its writes are whole or not done."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.hosts import HostFault, Kind, RealHost, Stat

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of other owners")


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealHost]:
    (tmp_path / "root").mkdir()
    real = RealHost(tmp_path / "root", openat2=request.param)
    yield real
    real.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the root, with a file that must never change."""
    there = tmp_path / "outside"
    there.mkdir()
    (there / "secret").write_text("before")
    return there


def untouched(outside: Path) -> bool:
    return [(path.name, path.read_text()) for path in outside.iterdir()] == [("secret", "before")]


def test_it_reads_back_what_it_wrote(host: RealHost, root: Path) -> None:
    host.write("/a", b"text", mode=0o640)
    assert host.read("/a") == b"text"
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o640
    found = host.fingerprint("/a", 4)
    assert found == (
        Stat(Kind.FILE, 0o640, os.geteuid(), (root / "a").stat().st_gid, 4, 1),
        "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1",
    )
    assert host.fingerprint("/a", 5) == (found[0], None)
    assert host.fingerprint("/a", None) == (found[0], None)
    assert host.listdir("/") == ["a"]


def test_what_is_not_there_is_none(host: RealHost) -> None:
    host.write("/file", b"", mode=0o644)
    for path in ("/a", "/a/b", "/file/below"):
        assert host.lstat(path) is None
        assert host.fingerprint(path, 0) is None
    host.remove("/a/b")
    host.rmdir("/a")


@pytest.mark.parametrize("path", ["relative", "/a/../../outside/secret", "/..", "/a\0b", "/x/../" + "a" * 5000])
def test_a_path_that_could_lead_out_is_refused(host: RealHost, outside: Path, path: str) -> None:
    with pytest.raises(HostFault):
        host.read(path)
    with pytest.raises(HostFault):
        host.write(path, b"after", mode=0o644)
    with pytest.raises(HostFault):
        host.remove(path)
    assert untouched(outside)


def test_slashes_and_dots_mean_nothing(host: RealHost) -> None:
    host.write("//etc/./x", b"1", mode=0o644)
    assert host.read("/etc/x") == host.read("/etc//x/") == b"1"


@pytest.mark.parametrize("target", ["../outside", "../../../../../../{tmp}/outside", "{tmp}/outside"])
def test_a_link_on_the_way_never_leads_out(
    host: RealHost, root: Path, outside: Path, target: str, tmp_path: Path
) -> None:
    (root / "dir").symlink_to(target.format(tmp=tmp_path))
    assert host.lstat("/dir/secret") is None
    with pytest.raises(OSError):
        host.read("/dir/secret")
    with pytest.raises(OSError):
        host.chmod("/dir/secret", 0o777)
    with pytest.raises(OSError):
        host.chown("/dir/secret", os.getuid(), None)
    host.remove("/dir/secret")
    # A missing parent is made, but within the root, where the link leads as chroot sees it.
    host.write("/dir/secret", b"after", mode=0o644)
    host.mkdir("/dir/made", mode=0o755)
    host.symlink("/dir/link", "x")
    host.remove_tree("/dir/made")
    assert untouched(outside)


def test_a_link_within_the_root_is_followed_as_chroot_would(host: RealHost, root: Path) -> None:
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("/usr/lib")
    (root / "lib2").symlink_to("usr/../usr/./lib")
    host.write("/lib/x", b"1", mode=0o644)
    assert host.read("/lib2/x") == (root / "usr/lib/x").read_bytes() == b"1"
    assert host.lstat("/lib") == Stat(Kind.SYMLINK, 0o777, os.geteuid(), root.stat().st_gid, 8, 1)


def test_a_last_component_that_is_a_link_is_data(host: RealHost, root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside / "secret")
    assert host.readlink("/link") == str(outside / "secret")
    found = host.fingerprint("/link", 6)
    assert found is not None
    assert (found[0].kind, found[1]) == (Kind.SYMLINK, None)
    with pytest.raises(HostFault, match="symbolic link"):
        host.read("/link")
    with pytest.raises(HostFault, match="symlink"):
        host.chmod("/link", 0o777)
    host.write("/link", b"after", mode=0o644)
    assert not (root / "link").is_symlink()
    assert untouched(outside)


def test_links_in_a_circle_end(host: RealHost, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        host.read("/a/x")


@as_root
def test_a_users_link_leads_only_to_what_is_the_users(host: RealHost, root: Path) -> None:
    for name in ("etc", "home/user/real"):
        (root / name).mkdir(parents=True)
    for name in ("home/user", "home/user/real"):
        os.chown(root / name, 1234, 1234)
    for name, target in (("own", "real"), ("grab", "/etc"), ("up", "../..")):
        (root / "home/user" / name).symlink_to(target)
        os.chown(root / "home/user" / name, 1234, 1234, follow_symlinks=False)
    host.write("/home/user/own/x", b"1", mode=0o644)
    for way in ("grab", "up", "up/etc"):
        with pytest.raises(HostFault, match="leads out of what is theirs"):
            host.write(f"/home/user/{way}/passwd", b"x", mode=0o644)
    assert (root / "home/user/real/x").read_bytes() == b"1"
    assert list((root / "etc").iterdir()) == []


def test_a_hard_link_keeps_its_other_name_as_it_is(host: RealHost, root: Path, outside: Path) -> None:
    os.link(outside / "secret", root / "hard")
    before = (outside / "secret").stat()
    with pytest.raises(HostFault, match="2 hard links"):
        host.chmod("/hard", 0o777)
    with pytest.raises(HostFault, match="2 hard links"):
        host.chown("/hard", os.getuid(), None)
    host.write("/hard", b"after", mode=0o600)
    assert untouched(outside)
    assert stat.S_IMODE((outside / "secret").stat().st_mode) == stat.S_IMODE(before.st_mode)


def test_a_fifo_does_not_block_and_is_not_read(host: RealHost, root: Path) -> None:
    os.mkfifo(root / "fifo")
    found = host.fingerprint("/fifo", 0)
    assert found is not None
    assert (found[0].kind, found[1]) == (Kind.OTHER, None)
    with pytest.raises(HostFault, match="special file"):
        host.read("/fifo")
    with pytest.raises(HostFault, match="special file"):
        host.chmod("/fifo", 0o777)


def test_a_planted_candidate_is_not_written_through(host: RealHost, root: Path, outside: Path) -> None:
    host.write("/x", b"1", mode=0o644)
    seen: list[str] = []
    host.write("/x", b"2", mode=0o644, check=seen.append)
    candidate = root / seen[0].lstrip("/")
    candidate.symlink_to(outside / "secret")
    host.write("/x", b"3", mode=0o644)
    assert (root / "x").read_bytes() == b"3"
    assert not candidate.is_symlink()
    assert untouched(outside)


def test_a_refused_candidate_leaves_all_as_it_was(host: RealHost, root: Path) -> None:
    host.write("/x", b"1", mode=0o644)

    def refuse(path: str) -> None:
        assert (root / path.lstrip("/")).read_bytes() == b"2"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        host.write("/x", b"2", mode=0o644, check=refuse)
    assert [path.name for path in root.iterdir()] == ["x"]
    assert host.read("/x") == b"1"


def test_a_leftover_of_a_killed_run_is_taken_away(host: RealHost, root: Path) -> None:
    names: list[str] = []
    host.write("/x", b"1", mode=0o644, check=names.append)
    (root / names[0].lstrip("/")).write_text("half")
    host.write("/x", b"2", mode=0o644)
    assert [path.name for path in root.iterdir()] == ["x"]


def test_a_file_does_not_replace_a_directory(host: RealHost, root: Path) -> None:
    (root / "d").mkdir()
    with pytest.raises(IsADirectoryError):
        host.write("/d", b"", mode=0o644)
    with pytest.raises(IsADirectoryError):
        host.symlink("/d", "x")
    assert [path.name for path in root.iterdir()] == ["d"]


def test_a_directory_is_made_with_its_parents(host: RealHost, root: Path) -> None:
    host.mkdir("/a/b/c", mode=0o2770)
    assert stat.S_IMODE((root / "a/b/c").stat().st_mode) == 0o2770
    assert stat.S_IMODE((root / "a/b").stat().st_mode) == 0o755
    host.chmod("/a/b/c", 0o700)
    assert stat.S_IMODE((root / "a/b/c").stat().st_mode) == 0o700


def test_a_tree_is_removed_without_following_links(host: RealHost, root: Path, outside: Path) -> None:
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/link").symlink_to(outside)
    (root / "d/f").write_text("x")
    host.remove_tree("/d")
    assert list(root.iterdir()) == []
    assert untouched(outside)


def test_the_root_itself_is_not_ours_to_change(host: RealHost) -> None:
    with pytest.raises(HostFault):
        host.rmdir("/")
    with pytest.raises(HostFault):
        host.remove_tree("/")


def test_a_file_larger_than_the_limit_is_not_read(host: RealHost) -> None:
    host.write("/x", b"12345", mode=0o644)
    assert host.read("/x", limit=5) == b"12345"
    with pytest.raises(HostFault, match="larger than 4 bytes"):
        host.read("/x", limit=4)


def test_a_directory_that_becomes_a_link_in_the_middle_leads_nowhere(host: RealHost, root: Path, outside: Path) -> None:
    (root / "d").mkdir()
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                (root / "d").rename(root / "aside")
                (root / "d").symlink_to(outside)
                time.sleep(0.0003)
                (root / "d").unlink()
            with contextlib.suppress(OSError):
                shutil.rmtree(root / "d", ignore_errors=True)
                (root / "aside").rename(root / "d")
                time.sleep(0.0003)

    swapping = threading.Thread(target=swap)
    swapping.start()
    done = 0
    try:
        for _ in range(1500):
            with contextlib.suppress(OSError, HostFault):
                host.write("/d/secret", b"after", mode=0o666)
                done += 1
            with contextlib.suppress(OSError, HostFault):
                host.chmod("/d/secret", 0o777)
                host.remove("/d/secret")
    finally:
        over.set()
        swapping.join()
    assert done > 0
    assert untouched(outside)
    assert stat.S_IMODE((outside / "secret").stat().st_mode) != 0o777


def test_everything_is_synced_once_at_the_end(host: RealHost) -> None:
    for number in range(300):
        host.write(f"/{number}", b"x", mode=0o644)
    host.sync_pending()
    host.write("/0", b"y", mode=0o644)
    host.remove("/1")
    host.symlink("/2", "nowhere")
    host.sync_pending()


def test_a_confined_host_runs_nothing_and_takes_names_from_its_own_files(host: RealHost, root: Path) -> None:
    with pytest.raises(HostFault, match="confined"):
        host.run(["true"])
    assert host.which("sh") is None
    assert (host.uid("root"), host.gid("root"), host.uid("nobody"), host.uid("77")) == (0, 0, None, 77)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("broken\nweb:x:990:991::/:/bin/sh\n")
    (root / "etc/group").write_text("www:x:991:\n")
    host.memo.clear()
    assert (host.uid("web"), host.gid("www"), host.gid("web")) == (990, 991, None)
    assert (host.user_name(990), host.group_name(991), host.user_name(5)) == ("web", "www", "5")


@as_root
def test_an_owner_is_set_with_the_file(host: RealHost, root: Path) -> None:
    host.write("/x", b"", mode=0o4755, uid=1234, gid=1235)
    found = host.lstat("/x")
    assert found is not None
    assert (found.uid, found.gid, found.mode) == (1234, 1235, 0o4755)
    host.chown("/x", None, 0)
    found = host.lstat("/x")
    assert found is not None
    assert (found.uid, found.gid) == (1234, 0)


def test_the_machine_itself_is_read_through_its_links() -> None:
    host = RealHost("/")
    assert not host.confined
    assert host.read("/proc/self/stat").startswith(str(os.getpid()).encode())
    assert host.uid("root") == 0
    assert host.uid("no-such-user") is None
    assert host.user_name(0) == "root"
    assert host.which("sh") is not None
    assert host.which("no-such-program") is None
    host.close()


def test_strange_names_are_names(host: RealHost, root: Path) -> None:
    for name in ("-rf", "a b", "$(id)", "ünï", "new\nline", os.fsdecode(b"\xff\xfe"), "a..b"):
        host.write(f"/{name}", b"x", mode=0o600)
        assert host.read(f"/{name}") == b"x"
    assert len(list(root.iterdir())) == 7
    assert sys.getfilesystemencoding() == "utf-8"
