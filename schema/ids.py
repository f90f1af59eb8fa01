"""Identifiers: UUIDv7 for rows, names for what is born in git, digests for content."""

from __future__ import annotations

import hashlib
import os
import re
import time
from threading import Lock
from typing import Annotated, Final
from uuid import UUID, uuid5

from pydantic import StringConstraints

NAMESPACE: Final = UUID("6f3b1c5e-2f0d-5b0e-9a76-0b7f2f6d3a10")
"""Root of the ids of objects born in git."""

DEFAULT_PROJECT: Final = str(uuid5(NAMESPACE, "project/default"))

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
EnvoyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOSTNAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
"""A host name in its only form here: lower case, RFC 1123 labels, no trailing dot."""

Hostname = Annotated[str, StringConstraints(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]


def new_id() -> str:
    """A fresh UUIDv7 in its text form: sorts by time of making."""
    return str(_uuid7())


def _uuid7() -> UUID:
    """RFC 9562, 5.7: milliseconds, then random bits; in one process each is later than the one before.

    Here, until Python 3.14 has it: the package that offers it reads the metadata of packages at its import, 35 ms.
    """
    global _last_ms
    with _LOCK:
        _last_ms = max(_last_ms + 1, time.time_ns() // 1_000_000)
        number = (_last_ms & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(os.urandom(10))
    return UUID(int=number & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)


_LOCK: Final = Lock()
_last_ms = 0


def git_id(project: str, kind: str, name: str) -> str:
    """The id of an object born in git: the same for the same (project, kind, name), anywhere."""
    return str(uuid5(NAMESPACE, f"{project}\0{kind}\0{name}"))


def sha256(data: bytes) -> str:
    """The digest that names content, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
