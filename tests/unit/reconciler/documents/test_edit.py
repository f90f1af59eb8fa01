"""An edit changes one value and leaves every other byte a person wrote."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from reconciler.documents import edit
from reconciler.documents.edit import NotEditable

SOURCE = """\
# What every host has.
vars:
  port: 80        # the front
  name: 'shop'
  "quoted": yes
  list: [a, b]
  nested:
    - one   # first
    - two
"""
EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "repo").rglob("*.vgo"))


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in {"+++", "---"}]


def test_one_value_is_replaced_and_its_comment_stays() -> None:
    after = edit.set_value(SOURCE, ["vars", "port"], 443)

    assert changed_lines(SOURCE, after) == ["-  port: 80        # the front", "+  port: 443       # the front"]


def test_a_new_value_is_added_and_no_header_with_it() -> None:
    after = edit.set_value(SOURCE, ["vars", "size"], "4G")

    assert changed_lines(SOURCE, after) == ["+  size: 4G"]


def test_maps_on_the_way_are_made() -> None:
    assert edit.set_value("a: 1\n", ["b", "c"], True) == "a: 1\nb:\n  c: true\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_no_line_of_the_examples_is_rewritten_beyond_its_layout(path: Path) -> None:
    before = path.read_text()

    after = edit.set_value(before, ["probe"], "x")

    assert after.split() == [*before.split(), "probe:", "x"]


@pytest.mark.parametrize("path", [[], ["vars", "port", "deeper"], ["vars", "nested", 9], [0]])
def test_a_path_that_leads_nowhere_is_refused(path: list[str | int]) -> None:
    with pytest.raises(NotEditable):
        edit.set_value(SOURCE, path, 1)


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(NotEditable):
        edit.set_value("a: [\n", ["a"], 1)
