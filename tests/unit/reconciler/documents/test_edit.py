"""Edits keep what they do not touch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.documents import edit
from reconciler.documents.compose import compose

TEXT = """\
# What everybody has.
configcrates: [motd, ssh]   # in this order

vars:
  dns_server: "1.1.1.1"  # quoted
  mode: "0644"
  admins:
    - alice
    # the night shift
    - bob
  text: |
    keep
      this
"""


def test_one_value_changes_and_nothing_else() -> None:
    assert edit.set_value(TEXT, ["vars", "dns_server"], "9.9.9.9") == TEXT.replace("1.1.1.1", "9.9.9.9")


def test_an_item_of_a_list_can_be_set() -> None:
    assert edit.set_value(TEXT, ["vars", "admins", 1], "carol") == TEXT.replace("- bob", "- carol")


def test_an_item_can_be_added_at_the_end() -> None:
    edited = edit.set_value(TEXT, ["vars", "admins", 2], "carol")
    assert compose(edited.encode()).data["vars"]["admins"] == ["alice", "bob", "carol"]


def test_maps_on_the_way_are_made() -> None:
    edited = edit.set_value(TEXT, ["vars", "nginx", "port"], 443)
    assert compose(edited.encode()).data["vars"]["nginx"] == {"port": 443}
    assert edited.startswith("# What everybody has.\n")


@pytest.mark.parametrize("value", ["yes", "0644", "", "null", "a: b", True, None, 12, 1.5, [1, "2"], {"a": ["b"]}])
def test_what_is_set_is_what_is_read(value: Any) -> None:
    edited = edit.set_value(TEXT, ["vars", "new"], value)
    composed = compose(edited.encode())
    assert composed.complaints == []
    assert composed.data["vars"]["new"] == value


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (TEXT, []),
        (TEXT, ["configcrates", "x"]),
        (TEXT, ["configcrates", 9]),
        (TEXT, ["configcrates", 0, "x"]),
        (TEXT, ["vars", "dns_server", "x"]),
        ("a: [", ["a"]),
        ("- a\n", ["a"]),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str, path: list[str | int]) -> None:
    with pytest.raises(edit.NotEditable):
        edit.set_value(text, path, 1)


@pytest.mark.parametrize(
    "source",
    sorted((Path(__file__).parents[4] / "examples" / "repo").rglob("common.vgo")),
    ids=lambda path: path.parent.name,
)
def test_the_example_repository_keeps_its_layout(source: Path) -> None:
    text = source.read_text()
    data = compose(text.encode()).data
    key, value = next(iter(data["vars"].items()))
    edited = edit.set_value(text, ["vars", key], value)
    assert compose(edited.encode()).data == data
    kept = [line for line in text.splitlines() if line.strip().startswith("#")]
    assert [line for line in edited.splitlines() if line.strip().startswith("#")] == kept


def test_an_item_that_goes_takes_no_other_with_it() -> None:
    removed = edit.remove_item(TEXT, ["vars", "admins", 0])
    assert compose(removed.encode()).data["vars"]["admins"] == ["bob"]
    assert removed.splitlines()[:6] == TEXT.splitlines()[:6]
    assert edit.remove_item("a: [b, c]  # d\n", ["a", 1]).split() == ["a:", "[b]", "#", "d"]
    for path in (["vars"], ["vars", "admins", 9], ["vars", "mode", 0], []):
        with pytest.raises(edit.NotEditable):
            edit.remove_item(TEXT, path)
    with pytest.raises(edit.NotEditable):
        edit.remove_item("a: [", ["a", 0])
