"""What files say of hosts, for commands that ask no server: names, and what hosts are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.cli.exits import Problem

MAX_HOSTS: Final = 200_000
MAX_FILE_BYTES: Final = 512 * 1024 * 1024


def names(path: Path) -> list[str]:
    """The names in a file, one a line; what follows a `#` is none.

    Raises:
        Problem: it cannot be read, or names too many.
    """
    lines = (line.partition("#")[0].strip().lower().rstrip(".") for line in _text(path).splitlines())
    found = list(dict.fromkeys(filter(None, lines)))
    if len(found) > MAX_HOSTS:
        raise Problem(f"{path} names {len(found)} hosts; at most {MAX_HOSTS} are looked at")
    return found


def traits(path: Path) -> dict[str, Mapping[str, Any]]:
    """Traits by host name, of a file that is a map of them, or what `GET /api/v1/inventory` answers.

    Raises:
        Problem: it cannot be read, or is something else.
    """
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise Problem(f"{path} is not JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("envoys"), list):
        found = {each.get("hostname"): each.get("traits") for each in found["envoys"] if isinstance(each, dict)}
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise Problem(f"{path} does not say traits by host name", hint='{"web01.example.com": {"os": {...}}}')
    return {str(name).lower(): each for name, each in found.items()}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Problem(f"{path} has more than {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}") from error
