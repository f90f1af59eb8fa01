"""aide(1): where its configuration is, what that says of the database, and whether it can be read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind

CHECK_TIMEOUT_S: Final = 120.0
INIT_TIMEOUT_S: Final = 4 * 3600.0
_MACRO: Final = re.compile(r"@@\{(\w+)\}")


class Layout(NamedTuple):
    """How a distribution lays it out."""

    config: str
    directory: str
    """Of files that are included."""
    includes: bool
    """Whether the configuration includes it as it comes."""


DEBIAN: Final = Layout("/etc/aide/aide.conf", "/etc/aide/aide.conf.d", includes=True)
OTHER: Final = Layout("/etc/aide.conf", "/etc/aide.d", includes=False)
INCLUDE: Final = f"@@include {OTHER.directory} ^[A-Za-z0-9_-]+$"


class Databases(NamedTuple):
    """The one that it compares with, and the one that it makes."""

    held: str
    made: str


def layout(host: Host) -> Layout:
    """This host's."""
    return DEBIAN if host.lstat(DEBIAN.config) is not None else OTHER


def databases(text: str) -> Databases | None:
    """Where a configuration has them; None when they are no files."""
    macros: dict[str, str] = {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and words[0] == "@@define":
            macros[words[1]] = words[2].strip()
        key, mark, value = line.partition("=")
        if mark and key.strip() in ("database", "database_in", "database_out"):
            whole = _MACRO.sub(lambda match: macros.get(match[1], match[0]), value.strip())
            if whole.startswith("file:/"):
                found["out" if key.strip().endswith("out") else "in"] = re.sub("^file:/+", "/", whole)
    return Databases(found["in"], found["out"]) if len(found) == 2 else None


def check(host: Host, config: str) -> None:
    """Accept the configuration with all that it includes.

    Raises:
        HostFault: aide does not, with what it said.
    """
    ran = host.run(["aide", "--config-check", f"--config={config}"], timeout_s=CHECK_TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"aide: {ran.complaint}")


def init(host: Host, config: str, where: Databases) -> None:
    """Make the database, and put it where it is compared with.

    Raises:
        HostFault: aide fails, or does not put it where its configuration says.
    """
    ran = host.run(["aide", "--init", f"--config={config}"], timeout_s=INIT_TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"aide: {ran.complaint}")
    stat = host.lstat(where.made)
    if stat is None or stat.kind is not Kind.FILE:
        raise HostFault(f"aide made no database at {where.made}")
    directory, _, name = where.held.rpartition("/")
    if where.made.rpartition("/")[0] != directory:
        raise HostFault(f"{where.made} and {where.held} are in two directories: move it by hand")
    host.rename(where.made, name)
