"""docs/hostile-input.md names each case of its groups, and the tests that show it: it cannot lie."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "hostile-input.md"
CASES = [
    "A1",
    "A2",
    "A4",
    "A5",
    "A6",
    "A8",
    "A9",
    "A10",
    "A12",
    "A13",
    "A14",
    "A16",
    "A17",
    "A18",
    "A20",
    "B1",
    "B2",
    "B4",
    "B5",
    "B6",
    "B8",
    "B9",
    "B10",
    "B12",
    "E13",
    "F1",
    "F2",
    "F3",
    "F5",
    "F6",
    "F7",
    "F9",
    "F10",
    "F11",
    "F13",
    "F14",
    "G1",
    "G3",
    "G4",
    "G5",
    "G7",
    "G8",
    "G9",
    "G11",
    "G12",
    "G13",
    "G15",
    "H1",
    "H2",
    "H4",
    "H5",
    "H6",
    "H8",
    "H9",
    "H10",
    "I2",
    "I3",
    "I4",
    "I6",
    "I7",
    "I8",
    "I10",
    "I11",
    "M1",
    "M5",
    "N20",
    "N21",
    "N22",
    "N23",
]


class Row(NamedTuple):
    """One line of the page."""

    case: str
    then: str
    shown_by: tuple[str, ...]


@cache
def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and re.fullmatch(r"[A-Z]\d+", cells[0]):
            found.append(Row(cells[0], cells[2], tuple(re.findall(r"`([\w/]+\.py::\w+)`", line))))
    return found


@cache
def named_in(name: str) -> frozenset[str]:
    tree = ast.parse((TESTS / name).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_every_case_has_one_row() -> None:
    assert [row.case for row in rows()] == CASES


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.case)
def test_a_row_names_tests_that_are_there_or_says_that_nothing_is_built(row: Row) -> None:
    for each in row.shown_by:
        name, _, test = each.partition("::")
        assert test in named_in(name), each
    assert bool(row.shown_by) is not row.then.startswith("not built")


def test_every_test_of_a_case_is_in_its_row() -> None:
    named = {row.case.lower(): set(row.shown_by) for row in rows()}
    lacking = []
    for path in sorted((TESTS / "cases").glob("test_?_*.py")):
        name = f"cases/{path.name}"
        for test in named_in(name):
            found = re.match(r"test_([a-z]\d+)_", test)
            if found and f"{name}::{test}" not in named[found[1]]:
                lacking.append(f"{name}::{test}")
    assert lacking == []


def test_what_would_be_two_people_is_shown_by_tests_that_are_there() -> None:
    section = PAGE.read_text().partition("## One person who would be two")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", section)
    assert len(named) >= 10
    assert [test for name, test in named if test not in named_in(name)] == []


def test_what_ends_an_agent_is_shown_by_files_that_are_there() -> None:
    section = PAGE.read_text().partition("## An agent that is ended")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w/]+\.py)`", section)
    assert len(named) >= 8
    assert [name for name in named if not (TESTS / name).is_file()] == []
