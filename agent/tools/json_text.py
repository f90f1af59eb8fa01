"""JSON text (RFC 8259) as a document that can be edited: order and indentation stay; there are no comments."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

from agent.tools.documents import Format

_INDENT: Final = re.compile(r"[\[{,]\n([ \t]+)")


def plain(text: str) -> Any:
    """The data.

    Raises:
        ValueError: not JSON, a key twice, or a number that is none.
    """
    if not text.strip():
        return {}
    return json.loads(text, object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)


def edited(text: str, change: Callable[[Any], None]) -> str:
    """The text after a change, in the layout that it had: its indentation, spaces behind colons, its last newline."""
    document = plain(text)
    change(document)
    found = _INDENT.search(text)
    indent = found[1] if found else None if text.strip("\n{} \t") else 2
    compact = indent is None and bool(text.strip()) and '": ' not in text
    escaped = text.isascii() and "\\u" in text
    separators = (",", ":") if compact else (", ", ": ") if indent is None else (",", ": ")
    made = json.dumps(document, ensure_ascii=escaped, indent=indent, separators=separators)
    return made + ("\n" if text.endswith("\n") or not text else "")


JSON: Final = Format("JSON", plain, edited)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one map")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no number of JSON")
    return number
