"""update-alternatives(1) of dpkg, and that of chkconfig: one group of alternatives is one file, and one link.

Both keep a group in the same form: `auto` or `manual`; the link; name and link of each slave; an empty line; then of
each alternative its path, its priority, and a line for each slave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind

TIMEOUT_S: Final = 60.0
_GROUPS: Final = ("/var/lib/dpkg/alternatives", "/var/lib/alternatives", "/var/lib/rpm/alternatives")
_LINKS: Final = "/etc/alternatives"
_PRIORITY: Final = re.compile(r"(?:@[^@]*@)?(-?\d+)")


class Group(NamedTuple):
    """One group as it is."""

    auto: bool = True
    link: str = ""
    current: str | None = None
    """Where the link leads."""
    priorities: Mapping[str, int] = {}
    """Path of each alternative → its priority."""


def group(host: Host, name: str) -> Group:
    """One group; an empty one where there is none of that name.

    Raises:
        HostFault: its file is damaged.
    """
    stat = host.lstat(f"{_LINKS}/{name}")
    current = host.readlink(f"{_LINKS}/{name}") if stat is not None and stat.kind is Kind.SYMLINK else None
    for directory in _GROUPS:
        path = f"{directory}/{name}"
        stat = host.lstat(path)
        if stat is not None and stat.kind is Kind.FILE:
            lines = host.read(path).decode("utf-8", "replace").split("\n")
            try:
                return Group(lines[0] == "auto", lines[1], current, _priorities(lines[2:]))
            except (IndexError, ValueError) as error:
                raise HostFault(f"{path} is damaged") from error
    return Group(current=current)


def shown_in(name: str) -> Sequence[str]:
    """Where it shows that a group is otherwise: `agent.places`."""
    return [f"{directory}/{name}" for directory in (*_GROUPS, _LINKS)]


def install(host: Host, link: str, name: str, path: str, priority: int) -> None:
    """Have a path among the alternatives of a group. Raises `HostFault`, as do all here."""
    _run(host, ["--install", link, name, path, str(priority)])


def select(host: Host, name: str, path: str) -> None:
    """Have a path be the one."""
    _run(host, ["--set", name, path])


def automatic(host: Host, name: str) -> None:
    """Have the path with the highest priority be the one."""
    _run(host, ["--auto", name])


def remove(host: Host, name: str, path: str) -> None:
    """Have a path be no alternative."""
    _run(host, ["--remove", name, path])


def _run(host: Host, argv: list[str]) -> None:
    ran = host.run(["update-alternatives", *argv], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"update-alternatives {argv[0]}: {ran.complaint}")


def _priorities(lines: Sequence[str]) -> Mapping[str, int]:
    slaves = lines.index("") // 2
    at = 2 * slaves + 1
    found = {}
    while at < len(lines) and lines[at]:
        number = _PRIORITY.match(lines[at + 1])
        if number is None:
            raise ValueError(lines[at + 1])
        found[lines[at]] = int(number[1])
        at += 2 + slaves
    return found
