"""What differs, for a person to read: bounded, with nothing that is secret.

Invariant: what `describe` returns is at most `MAX_DIFF_CHARS` and a mark, valid Unicode, and holds no value of a change
that is `secret`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from schema.ids import sha256
from schema.protocol.reports import (
    MAX_DIFF_CHARS,
    MAX_NAME_CHARS,
    MAX_OBSERVED,
    MAX_OBSERVED_CHARS,
    ObservedAttribute,
)
from schema.secrets import MASK

MAX_SHOWN_BYTES: Final = 256 * 1024
"""Larger content is named by size and digest alone."""
_HOLDS_NO_SECRET: Final = frozenset({"state", "mode", "owner", "group", "uid", "gid", "enabled", "version"})
"""Fields whose values are words, names and numbers that the host knows anyway."""
_MAX_LINES: Final = 2_000
_MAX_LINE_CHARS: Final = 400
_CUT: Final = "\n[... cut at 16 KiB]"


class Change(NamedTuple):
    """One thing that differs. None is absence; bytes are the content of a file, shown line by line."""

    field: str
    before: str | bytes | None
    after: str | bytes | None
    secret: bool = False
    """Neither value may be shown."""


def describe(changes: Sequence[Change], *, tainted: bool = False) -> str:
    """All changes as text. With `tainted`, what was there before is not shown: it may hold a secret of yesterday."""
    text = "\n".join(_one(change, tainted=tainted) for change in changes)
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= MAX_DIFF_CHARS else text[:MAX_DIFF_CHARS] + _CUT


def observed(changes: Sequence[Change], *, tainted: bool = False) -> list[ObservedAttribute]:
    """What was found in place of what was desired, whole, for whoever decides which of them shall be.

    Nothing is told that is secret, as in `describe`; what is long or no text is named alone; at most `MAX_OBSERVED`.
    """
    return [_attribute(change, tainted=tainted) for change in changes[:MAX_OBSERVED]]


def _attribute(change: Change, *, tainted: bool) -> ObservedAttribute:
    name = change.field[:MAX_NAME_CHARS]
    if change.secret or (tainted and change.field not in _HOLDS_NO_SECRET):
        return ObservedAttribute(name=name, hidden=True)
    sides = [_whole(value) for value in (change.before, change.after)]
    if any(side is None and value is not None for side, value in zip(sides, change[1:3], strict=True)):
        return ObservedAttribute(name=name, cut=True)
    return ObservedAttribute(name=name, found=sides[0], desired=sides[1])


def _whole(value: str | bytes | None) -> str | None:
    if isinstance(value, bytes):
        value = _text(value) if len(value) <= MAX_OBSERVED_CHARS else None
    if value is None or len(value) > MAX_OBSERVED_CHARS:
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # bytes of a path that are no text
        return None
    return value


def _one(change: Change, *, tainted: bool) -> str:
    if change.secret:
        return f"{change.field}: (not shown)"
    if isinstance(change.before, bytes) or isinstance(change.after, bytes):
        return _content(change, tainted=tainted)
    before = MASK if tainted and change.before and change.field not in _HOLDS_NO_SECRET else change.before
    shown = ["(none)" if value is None else _short(str(value)) or "(empty)" for value in (before, change.after)]
    return f"{change.field}: {shown[0]} → {shown[1]}"


def _content(change: Change, *, tainted: bool) -> str:
    before, after = _bytes(change.before), _bytes(change.after)
    earlier, later = _text(before), _text(after)
    if earlier is None or later is None:
        sides = ["(none)" if value is None else f"{len(value)} bytes" for value in (change.before, change.after)]
        if not tainted:
            sides = [
                side if value is None else f"{side}, sha256 {sha256(whole)[:16]}"
                for side, value, whole in zip(sides, change[1:3], (before, after), strict=True)
            ]
        kind = "binary" if max(len(before), len(after)) <= MAX_SHOWN_BYTES else "large"
        return f"{change.field} ({kind}): {sides[0]} → {sides[1]}"
    old, new = earlier.splitlines(), later.splitlines()
    if max(len(old), len(new)) > _MAX_LINES:
        return f"{change.field}: {len(old)} lines → {len(new)} lines"
    if new and not old:  # what is new needs no comparison
        lines = [f"@@ -0,0 +1{f',{len(new)}' if len(new) > 1 else ''} @@", *(f"+{line}" for line in new)]
    else:
        from difflib import unified_diff  # seldom: most of what differs is new

        lines = list(unified_diff(old, new, lineterm="", n=3))[2:]
    if tainted:
        lines = [f"-{MASK}" if line.startswith("-") else line for line in lines]
    if not lines:
        return f"{change.field}: line endings differ"
    return "\n".join([f"{change.field}:", *(_short(line) for line in lines)])


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _text(data: bytes) -> str | None:
    if len(data) > MAX_SHOWN_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LINE_CHARS else text[:_MAX_LINE_CHARS] + f"… ({len(text)} characters)"
