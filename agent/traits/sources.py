"""Where traits are read from: the host's files, the running kernel's files, and the simple formats in both."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agent.hosts import Host, HostFault, Kind

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
KEPT: Final = "kept by traits"
"""Key of the memo: what is there outlives a collection."""
MAX_NAMES: Final = 100_000
SETTINGS: Final = "/etc/vigo-agent/traits.toml"
_SETTINGS: Final = {("security_scan", "directory"): str, ("certificates", "directories"): list}
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


def kernel_readable(host: Host, path: str) -> str:
    """The same without blanks around it; empty where there is none, or where it may not be read."""
    try:
        return (kernel_text(host, path) or "").strip()
    except (OSError, HostFault):
        return ""


def readable(host: Host, path: str) -> str:
    """A file of the host; empty where there is none, or where it may not be read."""
    try:
        return text(host, path) or ""
    except (OSError, HostFault):
        return ""


def names(host: Host, directory: str) -> list[str]:
    """The names in a directory of the host, at most `MAX_NAMES`; none where there is no such directory.

    Raises:
        OSError: it may not be read.
    """
    for _ in range(_MAX_LINKS):
        found = host.lstat(directory)
        if found is None or found.kind not in (Kind.DIRECTORY, Kind.SYMLINK):
            return []
        if found.kind is Kind.DIRECTORY:
            return host.listdir(directory)[:MAX_NAMES]
        directory = posixpath.normpath(posixpath.join(posixpath.dirname(directory), host.readlink(directory)))
    return []


def kernel_names(host: Host, directory: str) -> list[str]:
    """The names in a directory of /proc or /sys: the host's own, else the running machine's; none where it is not."""
    try:
        found = names(host, directory)
        if not found and host.confined:
            return sorted(os.listdir(directory))[:MAX_NAMES]  # noqa: PTH208 - names alone
    except (OSError, HostFault):
        return []
    return found


def modified(host: Host, path: str) -> int | None:
    """When a file of the host was changed last, microseconds; None where there is none or the host does not tell."""
    try:
        with host.stream(path) as file:
            return os.fstat(file.fileno()).st_mtime_ns // 1000
    except (OSError, HostFault, AttributeError):  # one of memory has no number
        return None


def kept(host: Host) -> dict[str, Any]:
    """What collectors keep from one reading to the next, by their own keys."""
    found: dict[str, Any] = host.memo.setdefault(KEPT, {})
    return found


def meaningful(content: str, comments: str = "#") -> Iterator[str]:
    """The lines of a configuration file that say something, without blanks around them."""
    for line in content.splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in comments:
            yield stripped


def settings(host: Host) -> dict[str, Any]:
    """What an operator has set for traits: `SETTINGS`, empty where there is none.

    Raises:
        HostFault: it is no TOML, or sets what no trait knows.
    """
    content = readable(host, SETTINGS)
    if not content:
        return {}
    import tomllib

    try:
        found = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise HostFault(f"{SETTINGS}: {error}") from error
    for table, values in found.items():
        for key, value in values.items() if isinstance(values, dict) else [("", values)]:
            paths = [value] if _SETTINGS.get((table, key)) is str else value
            if (table, key) not in _SETTINGS or not isinstance(paths, list) or not all(map(_is_absolute, paths)):
                named, known = f"{table}.{key}".rstrip("."), ", ".join(sorted(map(".".join, _SETTINGS)))
                raise HostFault(f"{SETTINGS}: {named} is no setting, or no absolute path (known: {known})")
    return found


def _is_absolute(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/")


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


_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_SECRET: Final = re.compile(r"(?i)pass|secret|token|credential|\bkey\b|\.key$|apikey")
_WITH_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")


def unescaped(text: str) -> str:
    """As fstab(5) escapes blanks in names."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def options(text: str) -> list[str]:
    """Options as mount(8) takes them; of one that may hold a secret its name alone."""
    parted = (option.partition("=") for option in text.split(","))
    return [
        f"{name}=***" if value and _SECRET.search(name) else name + equals + value for name, equals, value in parted
    ]


def masked(text: str) -> str:
    """Words `NAME=value`, without the values of those that may hold a secret, and without passwords in addresses."""
    parted = (word.partition("=") for word in _WITH_PASSWORD.sub(r"\1:***@", text).split(" "))
    return " ".join(
        f"{name}=***" if value and _SECRET.search(name) else name + equals + value for name, equals, value in parted
    )


def mib(kib: str) -> int:
    """MiB of a value like `16318564 kB`."""
    return int(kib.split()[0]) // 1024
