"""Secrets kept out of what is reported and logged: the values, and text that plainly derives from them.

Masked are a value, each longer line of it, and both as base64 (at any offset within a longer text), hexadecimal, JSON,
URL, shell and XML write them, and their SHA-256. A value too short to be masked without shredding the text around it
cannot be kept out this way: whoever shows text that may hold one asks `has_short`, and shows nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from schema.secrets import MASK

MIN_CHARS: Final = 4
"""Shorter values occur in any text by chance."""
_MIN_DERIVED: Final = 6


class Mask:
    """Knows the secrets of one target, and takes them out of texts."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._short: Final = frozenset(name for name, value in secrets.items() if 0 < len(value) < MIN_CHARS)
        forms = {form for value in secrets.values() if len(value) >= MIN_CHARS for form in _forms(value)}
        # The longest first: a form may hold another.
        self._forms: Final = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with every known form replaced."""
        if text:
            for form in self._forms:
                if form in text:
                    text = text.replace(form, MASK)
        return text

    def has_short(self, names: Iterable[str]) -> bool:
        """Whether one of these secrets is too short to be masked."""
        return bool(self._short) and not self._short.isdisjoint(names)


def _forms(value: str) -> Iterator[str]:
    pieces = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    for piece in pieces:
        if len(piece) < MIN_CHARS:
            continue
        yield piece
        yield from (form for form in _derived(piece) if len(form) >= _MIN_DERIVED)


def _derived(text: str) -> Iterator[str]:
    import html  # and a table of all its entities: not for an agent without secrets

    data = text.encode("utf-8", "surrogateescape")
    for offset in range(3):
        # Base64 writes three bytes as four characters: what a neighbour has a part in is cut off.
        encoded = base64.b64encode(b"\0" * offset + data)
        start = (0, 2, 3)[offset]
        end = len(encoded) if (offset + len(data)) % 3 == 0 else (offset + len(data)) // 3 * 4
        core = encoded[start:end].decode()
        yield core
        yield core.replace("+", "-").replace("/", "_")
    yield base64.b64encode(data).decode()
    yield base64.urlsafe_b64encode(data).decode()
    yield data.hex()
    yield data.hex().upper()
    yield hashlib.sha256(data).hexdigest()
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield quote(text, safe="")
    yield quote(text)
    yield quote_plus(text)
    yield shlex.quote(text)
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield text.upper()
    yield text.lower()
