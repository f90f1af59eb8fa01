"""Swap files, as the real programs make and read them."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from agent.hosts import HostFault, RealHost
from agent.tools import swaps

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(name, path="/usr/sbin:/sbin") for name in ("mkswap", "blkid")),
    reason="needs root, mkswap and blkid",
)


def test_a_swap_file_is_whole_and_of_root_alone(tmp_path: Path) -> None:
    host, path = RealHost("/"), tmp_path / "it's a $(file)"
    swaps.make_file(host, str(path), 1024 * 1024)
    found = path.stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (1024 * 1024, 0o600)
    assert swaps.content(host, str(path)) == "swap"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HostFault, match="the swap file: "):
        swaps.make_file(RealHost("/"), str(tmp_path / "small"), 4096)  # mkswap wants ten pages
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_swap_is_known_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("words\n" * 1000)
    assert swaps.content(RealHost("/"), str(path)) == ""
