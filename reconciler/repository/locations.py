"""Where a repository may be: a path of this machine, or an https or ssh URL. Nothing else.

The URL's grammar is narrower than RFC 3986 on purpose: no query, no fragment, no password, no quoting, no component
that a program could take for an option.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.repository.faults import LocationRefused
from reconciler.repository.names import printable

MAX_URL_CHARS: Final = 1024

_USER: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)"
_ADDRESS6: Final = r"\[[0-9A-Fa-f:.]{2,45}\]"
_PART: Final = r"[A-Za-z0-9_~.][A-Za-z0-9_~.+@-]*"
_URL: Final = re.compile(
    rf"(?P<scheme>https|ssh)://(?:(?P<user>{_USER})@)?(?P<host>{_HOST}|{_ADDRESS6})(?::(?P<port>[0-9]{{1,5}}))?"
    rf"(?P<path>(?:/{_PART})+/?)"
)
_SCP: Final = re.compile(rf"(?P<user>{_USER})@(?P<host>{_HOST}):(?P<path>{_PART}(?:/{_PART})*/?)")


class Remote(NamedTuple):
    """A remote repository: scheme, user, host, port and path, each checked."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}://{user}{self.host}{port}{self.path}"

    @property
    def key(self) -> str:
        """What its copy on this machine is named by: no two remotes share one, whatever their base names."""
        return hashlib.sha256(str(self).encode()).hexdigest()


def parse(location: str | os.PathLike[str]) -> Path | Remote:
    """A path or a remote.

    Raises:
        LocationRefused: `ext::…`, `file://…`, `git://…`, a leading `-`, a password in the URL, or anything else.
    """
    text = os.fspath(location)
    if not text or "\0" in text or text.startswith("-"):
        raise LocationRefused(f"{_shown(text)} is not a place to read a repository from")
    if isinstance(location, os.PathLike):
        return Path(text)
    found = _URL.fullmatch(text) if len(text) <= MAX_URL_CHARS else None
    if found is not None:
        return _remote(text, found["scheme"], found["user"], found["host"], found["port"], found["path"])
    found = _SCP.fullmatch(text) if len(text) <= MAX_URL_CHARS else None
    if found is not None:
        return _remote(text, "ssh", found["user"], found["host"], None, "/" + found["path"])
    if ":" in text.split("/", 1)[0]:
        # A message must not repeat the password that may be why it is refused.
        raise LocationRefused(
            "a repository is read from a path of this machine, or from https://host/path or ssh://user@host/path"
            " without a password"
        )
    return Path(text)


def _remote(text: str, scheme: str, user: str | None, host: str, port: str | None, path: str) -> Remote:
    number = int(port) if port is not None else None
    if number is not None and not 0 < number < 65536:
        raise LocationRefused(f"{_shown(text)} has a port that does not exist")
    if any(part in {".", ".."} for part in path.split("/")):
        raise LocationRefused(f"{_shown(text)} has `.` or `..` in its path")
    return Remote(scheme, user, host.lower(), number, path)


def _shown(text: str) -> str:
    return repr(printable(os.fsencode(text[:80])))
