"""Canonical JSON, fast: what is signed or hashed here is built from pieces that are encoded once.

The bytes are those of `schema.canonical`. orjson writes the same for plain data without floats (RFC 8785 spells them as
ECMAScript does) and with keys in the Basic Multilingual Plane (it sorts by UTF-16 code units); anything else takes the
slow way. A property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from schema.canonical import dumps as canonical


def dumps(value: Any) -> bytes:
    """The canonical bytes of plain data that YAML gave."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if _plain(value) else canonical(value)


def text(value: str) -> bytes:
    """The canonical bytes of a string."""
    return orjson.dumps(value)


def joined_map(pieces: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of a map whose values are encoded already."""
    return b"{" + b",".join([orjson.dumps(key) + b":" + pieces[key] for key in sorted(pieces, key=_order)]) + b"}"


def joined_list(pieces: Iterable[bytes]) -> bytes:
    """The canonical bytes of a list whose items are encoded already."""
    return b"[" + b",".join(pieces) + b"]"


def _order(key: str) -> bytes:
    return key.encode("utf-16-be")


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is dict:
        return all((key.isascii() or max(key) <= "\uffff") and _plain(item) for key, item in value.items())
    return kind is list and all(map(_plain, value))
