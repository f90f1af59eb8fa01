"""Redaction: what may be a secret is taken out of a payload before it reaches the audit log, by name and by looks.

By name: a mapping's value whose key speaks of a secret, at any depth. By type: `SecretStr`, `SecretBytes`, raw bytes.
By looks, inside any text: our tokens, bearer headers, private keys in PEM, passwords in URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel, SecretBytes, SecretStr

REDACTED: Final = "[redacted]"
_MAX_DEPTH: Final = 32
_SECRET_KEY: Final = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|credential|authorization|cookie|api_?key|private_?key|sealed|\bpin\b|otp|"
    r"recovery_?code|session_?key",
    re.IGNORECASE,
)
_ABOUT: Final = re.compile(r"_(id|ids|name|names|count|expires_at|created_at|type)$", re.IGNORECASE)
"""A key like `token_id` says something about a secret and holds none."""
_LOOKS: Final = (
    re.compile(r"\bv(?:got|get|gol)_[A-Za-z0-9_]{8,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=[Bb]earer )\S+|(?<=[Bb]asic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=password=)[^\s&;]+|(?<=passwd=)[^\s&;]+|(?<=token=)[^\s&;]+|(?<=secret=)[^\s&;]+"),
)


def redact(value: Any) -> Any:
    """The same value as plain JSON data, without what may be a secret."""
    return _redact(value, _MAX_DEPTH)


def redact_text(text: str) -> str:
    """The same text, without what looks like a secret."""
    for look in _LOOKS:
        text = look.sub(REDACTED, text)
    return text


def _redact(value: Any, depth: int) -> Any:
    if depth == 0 or isinstance(value, SecretStr | SecretBytes | bytes | bytearray | memoryview):
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return _redact(value.value, depth)
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, BaseModel):
        return _redact(dict(value), depth)
    if isinstance(value, Mapping):
        return {
            redact_text(str(key)): REDACTED if item is not None and _is_secret(str(key)) else _redact(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(item, depth - 1) for item in value]
    return redact_text(str(value))


def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _ABOUT.search(key)
