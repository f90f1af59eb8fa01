"""Texts side by side: what differs, for a person to read and for another text to be compared with."""

from __future__ import annotations

from difflib import SequenceMatcher
from hashlib import sha256
from typing import Final

MAX_LINES: Final = 2_000
"""Of either text; longer ones are told by size and digest."""
MAX_LINE: Final = 400
MAX_DIFF: Final = 16 * 1024
_AROUND: Final = 3


def difference(base: str, other: str) -> tuple[str, str]:
    """(unified diff, the lines that differ and no others: what two differences are compared by)."""
    one, two = base.splitlines(), other.splitlines()
    if base.endswith("\n") != other.endswith("\n") and base and other:
        for text, rows in ((base, one), (other, two)):
            if not text.endswith("\n"):
                rows.append("\\ no line feed at the end")
    if max(len(one), len(two)) > MAX_LINES:
        sides = [f"{len(rows)} lines, sha256 {digest(text)[:16]}" for rows, text in ((one, base), (two, other))]
        shown = f"-{sides[0]}\n+{sides[1]}"
        return shown, shown
    shown_rows: list[str] = []
    changed: list[str] = []
    for group in SequenceMatcher(None, one, two).get_grouped_opcodes(_AROUND):
        first, last = group[0], group[-1]
        shown_rows.append(f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@")
        for tag, start, end, other_start, other_end in group:
            if tag == "equal":
                shown_rows += [f" {_cut(row)}" for row in one[start:end]]
                continue
            for sign, rows in (("-", one[start:end]), ("+", two[other_start:other_end])):
                shown_rows += [f"{sign}{_cut(row)}" for row in rows]
                changed += [f"{sign}{row}" for row in rows]
    if not changed:  # they differ in how lines end
        changed = shown_rows = ["-(other line ends)", f"+(sha256 {digest(other)[:16]})"]
    text = "\n".join(shown_rows)
    if len(text) > MAX_DIFF:
        text = text[:MAX_DIFF].rpartition("\n")[0] + f"\n[... cut at {MAX_DIFF} characters]"
    key = "\n".join(changed)
    return text, key if len(key) <= MAX_DIFF else digest(key)


def _span(start: int, end: int) -> str:
    size = end - start
    return str(start + 1) if size == 1 else f"{start + 1 if size else start},{size}"


def _cut(row: str) -> str:
    return row if len(row) <= MAX_LINE else f"{row[:MAX_LINE]} [... {len(row) - MAX_LINE} more]"


def digest(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
