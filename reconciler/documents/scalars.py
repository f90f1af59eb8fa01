"""What a plain scalar means: the core schema of YAML 1.2."""

from __future__ import annotations

import re
from typing import Any, Final

MAX_INTEGER: Final = 2**53 - 1
"""Beyond it JSON's numbers are not exact, and canonical JSON (RFC 8785) has no form."""

WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""Those that are no text."""
NUMERIC: Final = frozenset("+-.0123456789")
"""What those begin with that may be numbers."""

_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve(text: str) -> Any:
    """What a plain scalar means in YAML 1.2's core schema.

    Raises:
        OverflowError: a number that is infinite, no number, or beyond ±(2**53 - 1).
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMERIC:
        return text
    if _INT.fullmatch(text):
        # The length is looked at first: Python's conversion is quadratic.
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text.lstrip("+-0")) <= 20 else MAX_INTEGER + 1
        if abs(number) > MAX_INTEGER:
            raise OverflowError("beyond ±9007199254740991, where numbers are exact")
        return number
    if _FLOAT.fullmatch(text):
        real = float(text)
        if real in (float("inf"), float("-inf")):
            raise OverflowError("too large for a number")
        return real
    if _NOT_FINITE.fullmatch(text):
        raise OverflowError("not a finite number")
    return text
