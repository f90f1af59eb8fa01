"""Plain data as block YAML that YAML 1.1 and 1.2 readers take alike: what could be read in two ways is quoted."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")
_UNPRINTABLE: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is, and YAML does not take as text, or takes for the end of a line."""
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"})


def yaml_text(value: Any, indent: int) -> str:
    """The document, with a newline at its end."""
    lines: list[str] = []
    _write(value, 0, indent, lines, "")
    return "\n".join(lines) + "\n"


def _write(value: Any, column: int, indent: int, lines: list[str], lead: str) -> None:
    """Append the lines of a value; `lead` is what its first line begins with."""
    if isinstance(value, dict) and value:
        for key in sorted(value, key=str):
            _entry(f"{lead}{_scalar(key)}:", value[key], column, indent, lines)
            lead = " " * column
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, dict | list) and item:
                _write(item, column + 2, indent, lines, f"{lead}- ")
            else:
                lines.append(f"{lead}- {_scalar(item)}")
            lead = " " * column
    else:
        lines.append(lead + _scalar(value))


def _entry(key: str, value: Any, column: int, indent: int, lines: list[str]) -> None:
    if isinstance(value, dict | list) and value:
        lines.append(key)
        inner = column + indent
        _write(value, inner, indent, lines, " " * inner)
    else:
        lines.append(f"{key} {_scalar(value)}")


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("neither infinite nor no number at all")
        # Readers of YAML 1.1 take no float whose mantissa has no point.
        mantissa, exponent, power = repr(value).partition("e")
        return mantissa + (".0" if exponent and "." not in mantissa else "") + exponent + power
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
