"""When a host may restart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.resources import reboot
from schema.resources.reboot import RebootSpec


@pytest.mark.parametrize(
    ("spec", "now", "is_open"),
    [
        ({}, "2026-11-22 12:00", True),
        ({"window": "02:00-04:30"}, "2026-11-22 02:00", True),
        ({"window": "02:00-04:30"}, "2026-11-22 04:30", False),
        ({"window": "22:00-04:00"}, "2026-11-22 23:59", True),
        ({"window": "22:00-04:00"}, "2026-11-22 03:59", True),
        ({"window": "22:00-04:00"}, "2026-11-22 12:00", False),
        ({"window": "22:00-24:00"}, "2026-11-22 23:59", True),
        ({"days": ["sun"]}, "2026-11-22 12:00", True),
        ({"days": ["mon"]}, "2026-11-22 12:00", False),
        # The window of Saturday night ends on Sunday morning.
        ({"days": ["sat"], "window": "22:00-04:00"}, "2026-11-22 03:00", True),
        ({"days": ["sun"], "window": "22:00-04:00"}, "2026-11-22 03:00", False),
        ({"days": ["sun"], "window": "22:00-04:00"}, "2026-11-22 22:00", True),
    ],
)
def test_a_window_is_open(spec: dict[str, Any], now: str, *, is_open: bool) -> None:
    when = datetime.strptime(now, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert reboot.is_open(RebootSpec.model_validate({"reboot": "x", **spec}), when) is is_open
