"""Where traits are read from: the host's files, the running kernel's files, and the simple formats in both."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agent.hosts import Host, HostFault, Kind

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
_MAX_LINKS: Final = 16


class Partly(Exception):
    """A trait of which a part could not be told: the part that could, and why the rest could not."""

    def __init__(self, values: dict[str, Any], why: str) -> None:
        super().__init__(why)
        self.values: Final = values
        self.why: Final = why


def text(host: Host, path: str) -> str | None:
    """A file of the host, links to it followed within the host; None where there is none."""
    for _ in range(_MAX_LINKS):
        found = host.lstat(path)
        if found is None:
            return None
        if found.kind is not Kind.SYMLINK:
            return host.read(path, limit=MAX_FILE_BYTES).decode("utf-8", "replace")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), host.readlink(path)))
    raise HostFault(f"{path}: too many symbolic links")


def kernel_text(host: Host, path: str) -> str | None:
    """A file of /proc or /sys: the host's own, else, where a directory stands for the host, the running machine's."""
    found = text(host, path)
    if found is None and host.confined:
        try:
            return Path(path).read_text("utf-8", "replace")
        except OSError:
            return None
    return found


def needed(content: str | None, path: str) -> str:
    """The content of a file that a trait cannot do without.

    Raises:
        LookupError: there is no such file.
    """
    if content is None:
        raise LookupError(f"{path} is not there")
    return content


def assignments(content: str) -> dict[str, str]:
    """The variables of a file like os-release(5): `NAME=value`, the value perhaps quoted."""
    found = {}
    for line in content.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[key] = value.replace("\\", "")
    return found


def fields(content: str) -> dict[str, str]:
    """The fields of a file like /proc/meminfo or /proc/cpuinfo: `Name: value`; of a repeated name, the first."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def records(content: str, width: int) -> Iterator[list[str]]:
    """The lines of a file like passwd(5), split at colons; those with fewer than `width` parts are left out."""
    for line in content.splitlines():
        parts = line.split(":")
        if len(parts) >= width and line[:1] not in ("#", "+", "-"):
            yield parts


def mib(kib: str) -> int:
    """MiB of a value like `16318564 kB`."""
    return int(kib.split()[0]) // 1024
