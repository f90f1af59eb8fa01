"""Access control lists and capabilities on a real file system, as the kernel and the usual programs see them."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost, posix_acl
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies import machines

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root: other users, and capabilities")
STRANGER = 61_500


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody may enter, where the file system has access control lists."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        path = Path(made)
        path.chmod(0o755)
        try:
            os.setxattr(path, posix_acl.ACCESS, posix_acl.dump(posix_acl.of_mode(0o755)))
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            pytest.skip("the file system of /tmp has no access control lists")
        yield path


def converge(name: str, **spec: Any) -> Converged:
    host = RealHost("/")
    kind = TYPES[name]
    ready = kind.prepare(kind.spec.model_validate(spec), machines.sources({}))
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
    host.close()
    return result


def can_read(path: Path, uid: int) -> bool:
    program = (
        "import os, sys; os.setgroups([]); os.setgid(61501); os.setuid(int(sys.argv[2])); open(sys.argv[1]).read()"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, path, str(uid)], capture_output=True, check=False, timeout=60
    )
    return ran.returncode == 0


@as_root
def test_who_has_an_entry_may_read_and_nobody_else(place: Path) -> None:
    path = place / "x"
    path.write_text("text")
    path.chmod(0o600)
    assert converge("acl", path=str(path), users={str(STRANGER): "r"}).outcome is Outcome.CHANGED
    assert can_read(path, STRANGER)
    assert not can_read(path, STRANGER + 1)
    assert converge("acl", path=str(path), users={str(STRANGER): "r"}, mask="").outcome is Outcome.CHANGED
    assert not can_read(path, STRANGER)
    assert converge("acl", path=str(path), state="absent").outcome is Outcome.CHANGED
    assert path.stat().st_mode & 0o777 == 0o600
    assert posix_acl.ACCESS not in os.listxattr(path)


@as_root
def test_what_is_made_in_a_directory_begins_with_its_default_list(place: Path) -> None:
    assert converge("acl", path=str(place), users={str(STRANGER): "rx"}, default=True).outcome is Outcome.CHANGED
    (place / "x").write_text("text")
    (place / "x").chmod(0o640)
    assert can_read(place / "x", STRANGER)


def test_an_edited_file_keeps_its_list(place: Path) -> None:
    path = place / "x"
    path.write_text("a\n")
    converge("acl", path=str(path), users={str(STRANGER): "r"})
    before = os.getxattr(path, posix_acl.ACCESS)
    inode = path.stat().st_ino
    assert converge("file_line", path=str(path), line="b").outcome is Outcome.CHANGED
    assert (os.getxattr(path, posix_acl.ACCESS), path.read_text()) == (before, "a\nb\n")
    assert path.stat().st_ino != inode


def test_an_edited_file_gets_no_list_from_its_directory(place: Path) -> None:
    path = place / "x"
    path.write_text("a\n")
    path.chmod(0o600)
    converge("acl", path=str(place), users={str(STRANGER): "r"}, default=True)
    assert converge("file_line", path=str(path), line="b").outcome is Outcome.CHANGED
    assert posix_acl.ACCESS not in os.listxattr(path)
    assert path.stat().st_mode & 0o777 == 0o600


@as_root
@pytest.mark.skipif(shutil.which("getcap") is None, reason="needs getcap (libcap2-bin)")
def test_capabilities_are_those_that_getcap_names(place: Path) -> None:
    path = place / "x"
    path.write_text("")
    try:
        os.setxattr(path, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    except PermissionError:
        pytest.skip("this root may give no capabilities")
    assert converge("capability", path=str(path), permitted=["net_raw"]).outcome is Outcome.UNCHANGED
    given = converge("capability", path=str(path), permitted=["net_bind_service", "bpf"], inheritable=["kill"])
    assert (given.outcome, given.error) == (Outcome.CHANGED, "")
    shown = subprocess.run(["getcap", path], capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown.split()[1] == "cap_kill=ei" or "cap_net_bind_service,cap_bpf" in shown
    assert converge("capability", path=str(path), state="absent").outcome is Outcome.CHANGED
    assert subprocess.run(["getcap", path], capture_output=True, check=True, timeout=60).stdout == b""
