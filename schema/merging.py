"""How vars merge: maps by key, all else replaces, `key+` appends to a list.

The compiler merges what a profile gives; the host puts that over each crate's own defaults. Both by this, so that what
a trace shows is what a template sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

APPEND: Final = "+"
"""Last character of a key whose list is appended to what weaker levels gave."""


def merge(
    weaker: Mapping[str, Any],
    stronger: Mapping[str, Any],
    conflicts: list[tuple[str, ...]] | None = None,
    path: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The stronger vars over the weaker; neither is changed, parts of both are shared.

    An append that finds no list below it stays an append (`settle` ends that), so that merging is associative. One that
    finds something else replaces it, and its path goes into `conflicts`.
    """
    merged = dict(weaker)
    for key, value in stronger.items():
        if key.endswith(APPEND) and len(key) > 1 and isinstance(value, list):
            base = key[:-1]
            below = merged.get(base)
            if isinstance(below, list):
                merged[base] = below + value
            elif base in merged:
                if conflicts is not None:
                    conflicts.append((*path, key))
                merged[base] = value
            else:
                open_ = merged.get(key)
                merged[key] = open_ + value if isinstance(open_, list) else value
        else:
            merged.pop(key + APPEND, None)
            below = merged.get(key)
            if isinstance(below, dict) and isinstance(value, dict):
                merged[key] = merge(below, value, conflicts, (*path, key))
            else:
                merged[key] = value
    return merged


def merge_closed(weaker: Mapping[str, Any], stronger: Mapping[str, Any]) -> dict[str, Any]:
    """The same, quicker, of vars in which nothing appends, however deep."""
    merged = {**weaker, **stronger}
    for key, value in stronger.items():
        if type(value) is dict and type(below := weaker.get(key)) is dict:
            merged[key] = merge_closed(below, value)
    return merged


def settle(vars_: Mapping[str, Any]) -> dict[str, Any]:
    """Vars in which an append that nothing is below has become the list itself."""
    settled: dict[str, Any] = {}
    for key, value in vars_.items():
        if isinstance(value, dict):
            settled[key] = settle(value)
        elif key.endswith(APPEND) and len(key) > 1 and isinstance(value, list):
            settled.setdefault(key[:-1], value)
        else:
            settled[key] = value
    return settled


def effective(crate_vars: Mapping[str, Any], catalog_vars: Mapping[str, Any]) -> dict[str, Any]:
    """What `vars` is in the expressions of one crate: the catalog's over the crate's own defaults."""
    return settle(merge(crate_vars, catalog_vars))
