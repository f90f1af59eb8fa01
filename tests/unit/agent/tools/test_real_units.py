"""Unit files, as the real systemd-analyze reads them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.hosts import HostFault, RealHost
from agent.resources import systemd_timer
from agent.tools import units
from schema.resources.systemd_timer import SystemdTimerSpec

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-analyze") is None, reason="needs root and systemd-analyze"
)


def verify(tmp_path: Path, name: str, text: str) -> None:
    candidate = tmp_path / "candidate"
    candidate.write_text(text)
    units.verify(RealHost("/"), str(candidate), name)


def test_what_systemd_can_read_passes(tmp_path: Path) -> None:
    verify(tmp_path, "shop.service", "[Service]\nExecStart=/bin/true\n")
    verify(tmp_path, "shop.service", "[Service]\nExecStart=/no/such/program\n")


def test_what_it_cannot_read_is_refused_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(HostFault, match="Unknown key 'Bogus'"):
        verify(tmp_path, "shop.service", "[Service]\nExecStart=/bin/true\nBogus=1\n")
    with pytest.raises(HostFault, match="Failed to parse calendar specification"):
        verify(tmp_path, "shop.timer", "[Timer]\nOnCalendar=whatever\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidate"]


def test_a_drop_in_is_read_with_its_unit(tmp_path: Path) -> None:
    verify(tmp_path, "systemd-journald.service.d/x.conf", "[Service]\nLimitNOFILE=65536\n")
    with pytest.raises(HostFault, match="Unknown key 'LimitNONE'"):
        verify(tmp_path, "systemd-journald.service.d/x.conf", "[Service]\nLimitNONE=1\n")


def test_what_a_timer_writes_is_what_systemd_reads(tmp_path: Path) -> None:
    spec = SystemdTimerSpec.model_validate(
        {
            "timer": "shop",
            "on_calendar": ["daily", "Mon..Fri *-*~01 02:00 UTC"],
            "command": """printf '%s\\n' "$HOME" '"' \\\\ 100% > /tmp/x; exit 0""",
            "environment": {"A": 'b "c" \\ %d $e'},
            "working_directory": "/srv/100% sure",
            "description": "ends with \\",
            "timeout_s": 60,
        }
    )
    service, timer = systemd_timer.texts(spec)
    assert service
    assert timer
    verify(tmp_path, "shop.service", service.decode())
    verify(tmp_path, "shop.timer", timer.decode() + "Also=\n")
