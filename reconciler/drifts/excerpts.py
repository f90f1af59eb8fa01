"""Excerpts: in one line, what differs. Of a text of many lines that is the first line that does, not the first line.

Invariant: nothing stands in an excerpt that the agent has not told, and it has masked what is secret; an excerpt is at
most `MAX_CHARS` long and has no line break.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schema.protocol.reports import ObservedAttribute

MAX_CHARS: Final = 240
_SIDE: Final = 70
"""Characters of each side."""
_BEFORE: Final = 12
"""That are left of what two long lines have in common before they differ."""

Sides = tuple[str | None, str | None]
"""What was found and what is desired; None is absence."""


def excerpt(one: ObservedAttribute, differing: Sequence[str | None] | None = None) -> str:
    """`mode: 0666, desired 0644`.

    Args:
        differing: the lines that differ (`of_diff`), where the agent found the whole too long to be told.
    """
    if one.hidden:
        return f"{one.name}: not shown, it may be secret"
    if one.cut:
        if differing is None:
            return f"{one.name}: too long to be told"
        found, desired = differing
        return _line(one.name, found, desired, 0)
    if "\n" not in f"{one.found or ''}{one.desired or ''}".rstrip("\n"):
        return _line(one.name, one.found, one.desired, 0)
    if one.found is None or one.desired is None:
        return _line(one.name, _counted(one.found), _counted(one.desired), 0)
    was, now = one.found.splitlines(), one.desired.splitlines()
    while was and now and was[0] == now[0]:
        del was[0], now[0]
    while was and now and was[-1] == now[-1]:
        del was[-1], now[-1]
    if not was and not now:
        return f"{one.name}: only line endings differ"
    return _line(one.name, was[0] if was else None, now[0] if now else None, max(len(was), len(now)) - 1)


def of_diff(diff: str, name: str) -> Sides | None:
    """The first lines that differ in an attribute, from what a report shows of a resource (`agent.tools.difference`);
    None where it shows no lines of it."""
    lines = diff.splitlines()
    if f"{name}:" not in lines:
        return None
    found: dict[str, str] = {}
    for line in lines[lines.index(f"{name}:") + 1 :]:
        if line[:1] not in "+- @\\" or (found and line[:1] in " @"):
            break
        if line[:1] in "+-":
            found.setdefault(line[0], line[1:])
    return (found.get("-"), found.get("+")) if found else None


def _line(name: str, found: str | None, desired: str | None, more: int) -> str:
    found, desired = _clipped(found, desired)
    tail = f" (and {more} more line{'s' if more > 1 else ''})" if more > 0 else ""
    return f"{name[:40]}: {_told(found)}, desired {_told(desired)}{tail}"[:MAX_CHARS]


def _counted(side: str | None) -> str | None:
    return None if side is None else f"{len(side.splitlines())} lines"


def _clipped(found: str | None, desired: str | None) -> Sides:
    """Both sides, short, with the place where they begin to differ."""
    if found is None or desired is None or max(len(found), len(desired)) <= _SIDE:
        return _short(found), _short(desired)
    same = next(
        (at for at, (one, other) in enumerate(zip(found, desired, strict=False)) if one != other),
        min(len(found), len(desired)),
    )
    start = max(0, same - _BEFORE)
    mark = "…" if start else ""
    return _short(mark + found[start:]), _short(mark + desired[start:])


def _short(side: str | None) -> str | None:
    if side is None:
        return None
    side = side.strip()
    return side if len(side) <= _SIDE else f"{side[:_SIDE]}…"


def _told(side: str | None) -> str:
    return "(none)" if side is None else " ".join(side.split()) or "(empty)"
