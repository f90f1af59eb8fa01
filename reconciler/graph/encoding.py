"""Canonical JSON, fast: what is signed or hashed here is built from pieces that are encoded once.

The bytes are those of `schema.canonical`. orjson writes the same for plain data without floats (RFC 8785 spells them as
ECMAScript does) and with keys in the Basic Multilingual Plane (it sorts by UTF-16 code units); anything else takes the
slow way. A property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from reconciler.documents.compose import is_plain
from schema.canonical import dumps as canonical


def dumps(value: Any, *, plain: bool = False) -> bytes:
    """The canonical bytes of data that YAML gave.

    Args:
        plain: it is known to be (`Parsed.plain`), and need not be looked through.
    """
    if plain or is_plain(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return canonical(value)


def text(value: str) -> bytes:
    """The canonical bytes of a string."""
    return orjson.dumps(value)


def joined_map(pieces: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of a map, of which each key is given with the canonical bytes of itself and its value."""
    joined = b",".join([pieces[key] for key in sorted(pieces)])
    if not joined.isascii():
        joined = b",".join([pieces[key] for key in sorted(pieces, key=_utf_16)])
    return b"{%b}" % joined


def pair(key: str, value: bytes) -> bytes:
    """The canonical bytes of one key of a map and of its value, which is encoded already."""
    return orjson.dumps(key) + b":" + value


def joined_list(pieces: Iterable[bytes]) -> bytes:
    """The canonical bytes of a list whose items are encoded already."""
    return b"[" + b",".join(pieces) + b"]"


def _utf_16(key: str) -> bytes:
    """RFC 8785, 3.2.3: keys stand by UTF-16 code units, which for ASCII is the order of characters."""
    return key.encode("utf-16-be")
