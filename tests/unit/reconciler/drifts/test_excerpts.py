"""A line says what differs: never the first line of a file, and never more than the agent told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.tools.difference import Change, describe
from reconciler.drifts.excerpts import MAX_CHARS, excerpt, of_diff
from schema.protocol.reports import ObservedAttribute
from schema.secrets import MASK
from tests.effort import tries

KEPT = "# Kept by vigo: changes made here are undone.\n"
LONG = "options " + ",".join(f"rotate{n}" for n in range(40))


@pytest.mark.parametrize(
    ("found", "desired", "told"),
    [
        ("0666", "0644", "x: 0666, desired 0644"),
        (None, "0644", "x: (none), desired 0644"),
        ("", "0644", "x: (empty), desired 0644"),
        (f"{KEPT}vm.swappiness = 60\n", f"{KEPT}vm.swappiness = 10\n", "x: vm.swappiness = 60, desired vm.swappiness = 10"),
        ("a\nb\nmore\nc\n", "a\nb\nc\n", "x: more, desired (none)"),
        ("a\nc\n", "a\nb\nd\nc\n", "x: (none), desired b (and 1 more line)"),
        ("a\n1\n2\n3\nc\n", "a\nb\nc\n", "x: 1, desired b (and 2 more lines)"),
        ("a\nb\n", "a\nb", "x: only line endings differ"),
        ("a\r\nb\r\n", "a\nb\n", "x: only line endings differ"),
        (None, "a\nb\n", "x: (none), desired 2 lines"),
        ("a\nb\n", None, "x: 2 lines, desired (none)"),
        (f"{LONG},no\nz\n", f"{LONG},yes\nz\n", "x: …38,rotate39,no, desired …38,rotate39,yes"),
    ],
)  # fmt: skip
def test_the_line_that_differs_is_shown(found: str | None, desired: str | None, told: str) -> None:
    assert excerpt(ObservedAttribute(name="x", found=found, desired=desired)) == told


def test_what_is_not_told_is_not_shown() -> None:
    assert excerpt(ObservedAttribute(name="x", hidden=True), ("a", "b")) == "x: not shown, it may be secret"
    assert excerpt(ObservedAttribute(name="x", cut=True)) == "x: too long to be told"


@pytest.mark.parametrize("tainted", [False, True])
def test_of_a_long_file_the_report_shows_which_line_differs(tainted: bool) -> None:
    lines = [f"line {n}" for n in range(1000)]
    desired = "\n".join(lines)
    found = desired.replace("line 700", "LINE 700")
    changes = [Change("mode", "0600", "0644"), Change("content", found.encode(), desired.encode())]
    sides = of_diff(describe(changes, tainted=tainted), "content")
    told = excerpt(ObservedAttribute(name="content", cut=True), sides)
    assert told == f"content: {MASK if tainted else 'LINE 700'}, desired line 700"
    assert of_diff(describe(changes), "mode") is None
    assert of_diff("", "content") is None
    assert of_diff(describe([Change("content", b"\0", b"a")]), "content") is None


@settings(max_examples=tries(15))
@given(st.text(max_size=400), st.text(max_size=400), st.booleans())
def test_an_excerpt_is_one_short_line(found: str, desired: str, cut: bool) -> None:
    one = ObservedAttribute(name="x" * 200, found=None if cut else found, desired=desired, cut=cut)
    told: Any = excerpt(one, (found, desired) if cut else None)
    assert len(told) <= MAX_CHARS
    assert len(told.splitlines()) == 1
