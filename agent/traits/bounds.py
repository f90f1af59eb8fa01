"""What a trait may hold: texts, lists, maps and the whole are cut to a size, and whether anything was is told."""

from __future__ import annotations

import math
from typing import Any, Final

MAX_TEXT_CHARS: Final = 2_048
MAX_ITEMS: Final = 5_000
"""Keys of one map, items of one list: what is beyond is left out, and that is reported."""
MAX_DEPTH: Final = 8
MAX_TRAITS_BYTES: Final = 1_000_000
"""Of all together; the server keeps 1 MiB."""
_MAX_INT: Final = 2**53


def bounded(value: Any, depth: int = 0) -> tuple[Any, bool]:
    """The value as plain JSON data, with long texts, lists and maps cut; and whether anything was."""
    if isinstance(value, str):
        text = value[:MAX_TEXT_CHARS].encode("utf-8", "replace").decode()
        return text, len(value) > MAX_TEXT_CHARS
    if isinstance(value, bool) or value is None:
        return value, False
    if isinstance(value, int):  # canonical JSON holds no larger ones
        return max(-_MAX_INT + 1, min(_MAX_INT - 1, value)), abs(value) >= _MAX_INT
    if isinstance(value, float):
        return (value, False) if math.isfinite(value) else (0.0, True)
    if depth >= MAX_DEPTH:
        return "", True
    if isinstance(value, dict):
        items = [(bounded(key), bounded(item, depth + 1)) for key, item in sorted(value.items())[:MAX_ITEMS]]
        cut = len(value) > MAX_ITEMS or any(key[1] or item[1] for key, item in items)
        return {key[0]: item[0] for key, item in items}, cut
    if isinstance(value, list):
        listed = [bounded(item, depth + 1) for item in value[:MAX_ITEMS]]
        return [item for item, _ in listed], len(value) > MAX_ITEMS or any(cut for _, cut in listed)
    raise ValueError(f"a trait holds a {type(value).__name__}")
