"""Which server a command talks to, and as whom.

The first found wins: options; `VIGO_SERVER`, `VIGO_TOKEN` and `VIGO_CA`; `~/.config/vigo/cli.toml`; and on the server's
own host the access file that `vigo serve` keeps in its data directory for whoever may read that. A token is never an
argument, since every process sees arguments.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from api.cli.exits import Problem

ACCESS_FILE: Final = "local-access.json"
"""In the data directory, 0600, written by the server at each start: `{"server", "token", "ca"}`."""
READY_FILE: Final = "ready.json"
"""In the data directory while the server answers."""
DEFAULT_DATA_DIR: Final = Path("/var/lib/vigo")


@dataclass(frozen=True)
class Access:
    """Which server, as whom, trusted by what."""

    server: str
    token: str | None
    ca: Path | None

    def __repr__(self) -> str:
        return f"Access(server={self.server!r}, ca={self.ca!r})"


def discover(
    *,
    server: str | None = None,
    token_file: Path | None = None,
    ca: Path | None = None,
    data_dir: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """Which server to talk to, as whom: the first of the places that the module names.

    Raises:
        Problem: no place names a server, a named file cannot be read, or others may read one that holds a token.
    """
    token = _secret_line(token_file) if token_file is not None else environment.get("VIGO_TOKEN") or None
    found: dict[str, Any] = {}
    if data_dir is not None:
        found = _local(data_dir / ACCESS_FILE)
        if token_file is None:
            token = None
    elif server is None or token is None:
        found = _configured(environment) or _local_default(environment)
    address = server or found.get("server")
    if address is None:
        raise Problem(
            "which server?",
            hint="give --server URL or VIGO_SERVER, write ~/.config/vigo/cli.toml, or on the server's host --data-dir"
            " or VIGO_DATA_DIR: a directory with which `vigo serve` has run",
        )
    if server is not None and found.get("server") not in (None, server):
        found = {}  # what is known of one server is not told to another
    trusted = ca or (Path(found["ca"]).expanduser() if found.get("ca") else None)
    return Access(_checked(address), token or found.get("token"), trusted)


def _checked(address: str) -> str:
    url = urlsplit(address)
    local = url.hostname in {"localhost", "127.0.0.1", "::1"}
    if url.scheme not in {"https", "http"} or not url.hostname or url.username or url.query:
        raise Problem(f"{address!r} is not a server's address", hint="write it as https://host:8443")
    if url.scheme == "http" and not local:
        raise Problem("a token is not sent over http", hint="use https://")
    return address.rstrip("/")


def _configured(environment: Mapping[str, str]) -> dict[str, Any]:
    base = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
    path = Path(base) / "vigo" / "cli.toml"
    if not path.is_file():
        return {}
    import tomllib

    try:
        with path.open("rb") as stream:
            found = tomllib.load(stream)
    except (OSError, ValueError) as error:
        raise Problem(f"{path}: {error}") from error
    unknown = sorted(set(found) - {"server", "token", "token_file", "ca"})
    if unknown or not all(isinstance(value, str) for value in found.values()):
        raise Problem(f"{path}: expected the texts server, token or token_file, and ca; not {', '.join(unknown)}")
    if "token" in found:
        _refuse_if_shared(path)
    elif "token_file" in found:
        found["token"] = _secret_line(Path(found["token_file"]).expanduser())
    return found


def _local_default(environment: Mapping[str, str]) -> dict[str, Any]:
    path = Path(environment.get("VIGO_DATA_DIR") or DEFAULT_DATA_DIR) / ACCESS_FILE
    return _local(path) if os.access(path, os.R_OK) else {}


def _local(path: Path) -> dict[str, Any]:
    import json

    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Problem(
            f"no server has run with this data directory: {path} is not there", hint="start it with `vigo serve`"
        ) from error
    except PermissionError as error:
        raise Problem(f"{path} is not yours to read", hint="run this as the server's user, or use a token") from error
    except ValueError as error:
        raise Problem(f"{path} is damaged", hint="restart the server: it writes this file anew") from error
    return dict(found)


def _secret_line(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.readline().strip()
    try:
        _refuse_if_shared(path)
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise Problem(f"cannot read the token: {path}: {error.strerror}") from error


def _refuse_if_shared(path: Path) -> None:
    # A pipe (`--token-file <(pass vigo)`) has no other readers.
    if path.is_file() and path.stat().st_mode & 0o077:
        raise Problem(f"{path} holds a token and others may read it", hint=f"chmod 600 {path}")
