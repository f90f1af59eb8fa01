"""Second names, renames, extended attributes and long reads: the same on a machine of memory as on a real one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.hosts import Account, Host, HostFault, MemoryHost, RealHost, Stat, posix_acl
from agent.hosts.posix_acl import GROUP_OWNER, MASK, NOBODY, OTHER, OWNER, USER

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root: files of other owners")
ACL = {
    (OWNER, NOBODY): 6,
    (USER, 990): 6,
    (GROUP_OWNER, NOBODY): 4,
    (MASK, NOBODY): 6,
    (OTHER, NOBODY): 0,
}


@pytest.fixture(params=["memory", "real", "walk"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    if request.param == "memory":
        yield MemoryHost(confined=True, privileged=ROOT)
        return
    real = RealHost(tmp_path, openat2=request.param == "real")
    yield real
    real.close()


def stat_of(host: Host, path: str) -> Stat:
    found = host.lstat(path)
    assert found is not None
    return found


def with_list(host: Host, path: str) -> None:
    try:
        host.set_attribute(path, posix_acl.ACCESS, posix_acl.dump(ACL))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            pytest.skip("this file system has no access control lists")
        raise


def test_a_second_name_is_the_same_file_until_either_is_rewritten(host: Host) -> None:
    host.write("/a", b"1", mode=0o644)
    host.write("/b", b"2", mode=0o644)
    host.link("/b", "/a")
    assert host.same("/a", "/b")
    assert (host.read("/b"), stat_of(host, "/a").links) == (b"1", 2)
    for act in (lambda: host.chmod("/a", 0o600), lambda: host.set_attribute("/a", "user.x", b"")):
        with pytest.raises(HostFault, match="2 hard links"):
            act()
    host.link("/b", "/a")
    assert host.listdir("/") == ["a", "b"]
    host.write("/a", b"3", mode=0o644)
    assert not host.same("/a", "/b")
    assert (host.read("/b"), stat_of(host, "/b").links, host.same("/a", "/none")) == (b"1", 1, False)


def test_what_is_no_file_gets_no_second_name(host: Host) -> None:
    host.mkdir("/d", mode=0o755)
    host.symlink("/l", "d")
    for target in ("/d", "/l"):
        with pytest.raises(HostFault, match="no second name"):
            host.link("/x", target)
    with pytest.raises(OSError):
        host.link("/x", "/none")
    host.write("/f", b"", mode=0o644)
    with pytest.raises(OSError):
        host.link("/d", "/f")
    assert host.listdir("/") == ["d", "f", "l"]


def test_a_rename_replaces_a_file_and_never_a_directory(host: Host) -> None:
    host.write("/a", b"1", mode=0o644)
    host.write("/b", b"2", mode=0o644)
    host.rename("/a", "b")
    assert (host.listdir("/"), host.read("/b")) == (["b"], b"1")
    for name in ("d", "e"):
        host.mkdir(f"/{name}", mode=0o755)
    host.write("/d/x", b"1", mode=0o644)
    with pytest.raises(OSError):
        host.rename("/d", "e")
    with pytest.raises(OSError):
        host.rename("/b", "e")
    host.rename("/d", "f")
    assert host.read("/f/x") == b"1"
    with pytest.raises(OSError):
        host.rename("/none", "x")


def test_two_directories_change_places(host: Host) -> None:
    for name in ("d", "e"):
        host.mkdir(f"/{name}", mode=0o755)
        host.write(f"/{name}/{name}", b"", mode=0o644)
    host.exchange("/d", "e")
    assert (host.listdir("/"), host.listdir("/d"), host.listdir("/e")) == (["d", "e"], ["e"], ["d"])
    with pytest.raises(OSError):
        host.exchange("/d", "none")
    assert host.listdir("/") == ["d", "e"]


def test_a_list_is_the_mode_too(host: Host) -> None:
    host.write("/a", b"1", mode=0o644)
    with_list(host, "/a")
    assert stat_of(host, "/a").mode == 0o660
    host.chmod("/a", 0o640)
    kept = host.attribute("/a", posix_acl.ACCESS)
    assert kept is not None
    assert posix_acl.parse(kept) == {**ACL, (MASK, NOBODY): 4}
    host.set_attribute("/a", posix_acl.ACCESS, posix_acl.dump(posix_acl.of_mode(0o604)))
    assert (host.attribute("/a", posix_acl.ACCESS), stat_of(host, "/a").mode) == (None, 0o604)
    host.set_attribute("/a", posix_acl.ACCESS, None)


def test_what_replaces_a_file_keeps_its_list_where_that_is_asked_for(host: Host) -> None:
    host.write("/a", b"1", mode=0o644)
    with_list(host, "/a")
    host.write("/a", b"2", mode=stat_of(host, "/a").mode, keep=True)
    kept = host.attribute("/a", posix_acl.ACCESS)
    assert (host.read("/a"), stat_of(host, "/a").mode, kept) == (b"2", 0o660, posix_acl.dump(ACL))
    host.write("/a", b"3", mode=0o600, keep=True)
    assert stat_of(host, "/a").mode == 0o600
    host.write("/a", b"4", mode=0o600)
    assert host.attribute("/a", posix_acl.ACCESS) is None


def test_a_new_file_is_written_piece_by_piece_and_read_as_a_stream(host: Host) -> None:
    host.write("/a", (bytes([number]) * 3 for number in range(3)), mode=0o644)
    with host.stream("/a") as opened:
        opened.seek(3)
        assert opened.read() == b"\1\1\1\2\2\2"

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise HostFault("no more")

    with pytest.raises(HostFault, match="no more"):
        host.write("/a", broken(), mode=0o644)
    assert (host.listdir("/"), len(host.read("/a"))) == (["a"], 9)
    host.symlink("/l", "a")
    with pytest.raises(HostFault), host.stream("/l"):
        pass


@pytest.mark.parametrize("data", [b"", b"\2\0\0\0\1", b"\3\0\0\0", b"\2\0\0\0" + b"\0" * 8 * 5000])
def test_a_list_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(posix_acl.BadList):
        posix_acl.parse(data)


@as_root
def test_a_users_home_gets_second_names_of_what_is_theirs_alone(tmp_path: Path) -> None:
    for path in (tmp_path / "home/ada", tmp_path / "etc"):
        path.mkdir(parents=True)
    os.chown(tmp_path / "home/ada", 990, 990)
    (tmp_path / "etc/shadow").write_text("x")
    (tmp_path / "home/ada/roots").write_text("x")
    (tmp_path / "home/ada/own").write_text("x")
    os.chown(tmp_path / "home/ada/own", 990, 990)
    real = RealHost(tmp_path)
    ada = real.as_user(Account("ada", 990, 990, "/home/ada"))
    for target in ("/etc/shadow", "/home/ada/roots"):
        with pytest.raises(HostFault, match="not in the home of"):
            ada.link("/home/ada/x", target)
    ada.link("/home/ada/x", "/home/ada/own")
    assert ada.listdir("/home/ada") == ["own", "roots", "x"]
    real.close()
