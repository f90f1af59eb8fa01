"""Layout: the edits that bring a text into the canonical layout, so small that the cursor stays where it is."""

from __future__ import annotations

import difflib
from typing import Final

from reconciler.authoring.texts import Edit, Span, Text
from reconciler.documents.formatting import canonical
from reconciler.documents.kinds import Kind

MAX_COMPARED: Final = 3_000
"""Lines that are compared one by one; what differs in a longer text is one edit."""


def edits(kind: Kind, text: Text) -> list[Edit]:
    """The edits to the canonical layout; none when a text has it. Lines keep what ends them.

    Raises:
        NotFormattable: it cannot be read, or another layout would change what it says.
    """
    written = canonical(text.source.encode("utf-8", "surrogatepass"), kind).decode("utf-8")
    before, after = text.lines, Text(written).lines
    if max(len(before), len(after)) > MAX_COMPARED:
        changes = [("replace", *_differing(before, after))]
    else:
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    return [_edit(text, after, *places) for _, *places in changes if before != after]


def _edit(text: Text, after: list[str], begin: int, end: int, first: int, last: int) -> Edit:
    """Lines `begin` to `end` become those from `first` to `last`."""
    before = text.lines
    made = after[first:last]
    if end < len(before):
        return Edit(Span(begin + 1, 1, end + 1, 1), "".join(line + text.newline for line in made))
    if begin == 0:
        return Edit(text.whole, text.newline.join(made))
    # At the text's end there is no line break to keep: the one before the change goes with it.
    span = Span(begin, len(before[begin - 1]) + 1, len(before), len(before[-1]) + 1)
    return Edit(span, "".join(text.newline + line for line in made))


def _differing(before: list[str], after: list[str]) -> tuple[int, int, int, int]:
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return head, len(before) - tail, head, len(after) - tail
