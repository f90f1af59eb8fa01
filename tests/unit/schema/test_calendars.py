"""Calendar events: right and wrong ones, as systemd itself judges them where it is at hand."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from schema import calendars

RIGHT = (
    "daily", "hourly UTC", "monthly Europe/Berlin", "Mon..Fri *-*-* 02:00", "*-*-* 4:00:00", "02:30", "Mon", "Sat,Sun 12:00",
    "*:0/15", "*-*-01 03:00 Europe/Berlin", "2026-02-*", "Mon *-05~03", "Mon *-05~07/1", "*-*~01", "Thu,Fri 2012-*-1,5 11:12:13",
    "5/10:00", "*:*:0/30", "Mon-Fri", "2003-03-05 05:40", "1-2", "00:00:59.5", "Mon, 10:00", "Mon UTC", "mon..wed,sat 10:00",
    "*-*-* *:*:*", "8..17/2:00", "1..3,5-6",
)  # fmt: skip
WRONG = (
    "", " ", "bogus", "* * *", "Sun 25:00", "12:61", "daily x y", "weekly 03:00", "00:60", "*-13-01", "*-*-32", "*-*-0",
    "10..8:00", "*-*-* 00:0/0", "Montag", "UTC", "2026-11-22T10:00", "02:00 Mon",
)  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_what_systemd_takes_is_taken(text: str) -> None:
    assert calendars.complaint(text) == ""


@pytest.mark.parametrize("text", WRONG)
def test_what_systemd_refuses_is_refused_with_a_reason(text: str) -> None:
    assert calendars.complaint(text)


def test_a_reason_names_the_part() -> None:
    assert calendars.complaint("Mon 25:00") == "has a hour '25' that there is not"
    assert calendars.complaint("daily 3") == "has '3' too much"
    assert calendars.complaint("Mon\nTue") == "is no calendar event"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_itself_agrees() -> None:
    ran = subprocess.run(["systemd-analyze", "calendar", "--", *RIGHT], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for text in WRONG:
        assert subprocess.run(["systemd-analyze", "calendar", "--", text], capture_output=True, check=False).returncode
