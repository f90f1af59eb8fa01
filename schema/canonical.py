"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

What is signed or hashed passes through here. A receiver checks the signature over the bytes it received, then reads
them with `loads`, which accepts nothing but the canonical form: no duplicate keys, no trailing data, no other spelling.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

import rfc8785

MAX_DEPTH: Final = 64


class NotCanonical(ValueError):
    """The bytes are not the canonical form of any value."""


def dumps(value: Any) -> bytes:
    """The canonical bytes of a JSON value.

    Raises:
        NotCanonical: the value has no JSON form (NaN, an integer beyond 2**53, a lone surrogate, a non-string key).
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise NotCanonical(str(error)) from error


def loads(data: bytes) -> Any:
    """The value whose canonical form these bytes are.

    Raises:
        NotCanonical: not JSON, or JSON in another form than the canonical one.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_number)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NotCanonical(f"not JSON: {error}") from error
    _check_depth(value)
    if dumps(value) != data:
        raise NotCanonical("JSON, but not in canonical form (RFC 8785)")
    return value


def _refuse_constant(name: str) -> float:
    assert not math.isfinite(float(name))
    raise ValueError(f"{name} has no place in JSON")


def _number(digits: str) -> int | float:
    """A whole number; where it is too large for one, the floating-point number that is written so (1e20 is)."""
    value = int(digits)
    return value if abs(value) < 2**53 else float(digits)


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for item in value.values():
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_depth(item, depth + 1)
