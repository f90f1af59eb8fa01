"""Telling the kernel something through a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.hosts import Host, HostFault, RealHost
from tests.strategies import machines


@pytest.fixture(params=["memory", "real"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    if request.param == "memory":
        return machines.machine({"/x": "0\n", "/d": {"directory": True}, "/l": {"link": "x"}}, confined=True)
    (tmp_path / "x").write_text("0\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("x")
    return RealHost(tmp_path)


def test_the_file_itself_is_written(host: Host) -> None:
    host.poke("/x", b"1\n")
    assert host.read("/x") == b"1\n"


def test_what_is_no_file_that_is_there_is_refused(host: Host) -> None:
    for path in ("/d", "/l", "/none"):
        with pytest.raises((OSError, HostFault)):
            host.poke(path, b"1\n")
    assert host.read("/x") == b"0\n"
