"""A tree that is made from another is the tree that a whole walk gives, and knows what differs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.repository import listing
from reconciler.repository.faults import TreeRefused
from reconciler.repository.listing import DIRECTORY, FILE, LINK, ListedTree, Listing, Row

NAMES = ["a", "A", "b", "a-b", "a.b", "é", ".git", "x" * 240]
names = st.sampled_from(NAMES)
content = st.sampled_from([b"", b"one", b"two", None])
"""None is a link."""
directories: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(names, content, max_size=4),
    lambda below: st.dictionaries(names, st.one_of(content, below), max_size=4),
    max_leaves=12,
)


class Store:
    """Directories by tree id, as an object database has them."""

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}

    def put(self, directory: dict[str, Any]) -> str:
        rows = []
        for name, item in directory.items():
            if isinstance(item, dict):
                rows.append(Row(DIRECTORY, name.encode(), self.put(item)))
            else:
                rows.append(Row(LINK if item is None else FILE, name.encode(), listing.blob_id(item or b"link")))
        rows.sort(key=listing.order)
        oid = listing.tree_id(rows)
        self.listings[oid] = listing.check(rows, lambda _: 3)
        return oid

    def tree(self, directory: dict[str, Any], like: ListedTree | None = None) -> ListedTree:
        return ListedTree(self.put(directory), None, self.listings.__getitem__, lambda _: b"", like=like)


def said(tree: ListedTree) -> object:
    return tree.id, list(tree.entries().items()), dict(tree.subtrees()), dict(tree.refused())


@given(st.lists(directories, min_size=2, max_size=5))
def test_a_tree_made_from_another_is_the_same_as_by_itself(history: list[dict[str, Any]]) -> None:
    store = Store()
    latest: ListedTree | None = None
    for directory in history:
        anew, adapted = store.tree(directory), store.tree(directory, latest)
        assert said(adapted) == said(anew)
        if latest is not None:
            one, other = dict(latest.entries()), dict(adapted.entries())
            differing = {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}
            assert adapted.changes(latest) == latest.changes(adapted) == differing
        latest = adapted


@given(directories, st.lists(names, min_size=1, max_size=3), content)
def test_one_edit_is_followed(directory: dict[str, Any], path: list[str], item: bytes | None) -> None:
    store = Store()
    before = store.tree(directory)
    edited = dict(directory)
    at = edited
    for part in path[:-1]:
        below = at.get(part)
        at[part] = dict(below) if isinstance(below, dict) else {}
        at = at[part]
    at[path[-1]] = item
    assert said(store.tree(edited, before)) == said(store.tree(edited))


def test_limits_hold_whatever_was_listed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    few = {str(number): b"" for number in range(85)}
    before = store.tree(few)
    monkeypatch.setattr(listing, "MAX_FILES", 100)
    assert len(store.tree({**few, "more": {"1": b"", "2": b""}}, before).entries()) == 87
    with pytest.raises(TreeRefused):
        store.tree({**few, "more": {str(number): b"" for number in range(20)}}, before)
