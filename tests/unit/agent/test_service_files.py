"""The unit is one that systemd takes, and it leaves to programs of resources what they need."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import DEFAULT_STATE
from agent.separation import USER
from agent.service_files import SYSUSERS, UNIT_NAME, systemd_unit


def parsed(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def test_it_runs_the_agent_and_lets_its_programs_end() -> None:
    service = parsed(systemd_unit("/usr/bin/vigo-agent"))["Service"]
    assert service["ExecStart"] == "/usr/bin/vigo-agent run"
    assert f"/var/lib/{service['StateDirectory']}" == DEFAULT_STATE
    assert service["StateDirectoryMode"] == "0700"
    assert (service["Restart"], service["KillMode"]) == ("always", "process")
    assert int(service["MemoryMax"].removesuffix("M")) > int(service["MemoryHigh"].removesuffix("M"))
    # What would keep root's programs from doing root's work.
    for name in ("RestrictAddressFamilies", "SystemCallFilter", "CapabilityBoundingSet", "User", "PrivateNetwork"):
        assert name not in service


@pytest.mark.parametrize("program", ["vigo-agent", "/a b", "/a\nb", "/a%h", "/a;b", "/$x", ""])
def test_a_program_that_a_unit_would_read_otherwise_is_refused(program: str) -> None:
    with pytest.raises(ValueError, match="no absolute path"):
        systemd_unit(program)


def test_its_user_is_the_one_that_a_link_looks_for() -> None:
    assert SYSUSERS.split()[1] == USER


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT_NAME
    unit.write_text(systemd_unit("/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT_NAME in line]) == (0, [])
