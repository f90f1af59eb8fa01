"""Schedules of cron: those that it takes, and what is wrong with others."""

from __future__ import annotations

import pytest

from schema import crontabs


@pytest.mark.parametrize(
    "text",
    ["@daily", "@reboot", "* * * * *", "*/5 0-23/2 1,15 JAN-dec mon-fri", "0 0 31 12 7", "59 23 * feb 0", "5  4 * * *"],
)
def test_what_cron_takes_is_taken(text: str) -> None:
    assert crontabs.complaint(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("@fortnightly", "@fortnightly is none of @reboot"),
        ("61 * * * *", "the minute 61: 61 is not from 0 to 59"),
        ("0 24 * * *", "the hour 24"),
        ("0 0 0 * *", "the day of the month 0"),
        ("0 0 * 13 *", "the month 13"),
        ("0 0 * * 8", "the day of the week 8"),
        ("0 0 * * funday", "funday is no number"),
        ("0 0 * mon *", "mon is not from 1 to 12"),
        ("30-10 * * * *", "30-10 ends before it begins"),
        ("*/0 * * * *", "a step"),
        ("5/10 * * * *", "a step needs * or a range"),
        ("1,,2 * * * *", "nothing is no number"),
        ("0 2 * *", "has 4 fields"),
    ],
)
def test_what_cron_passes_over_is_told(text: str, why: str) -> None:
    assert why in crontabs.complaint(text)
