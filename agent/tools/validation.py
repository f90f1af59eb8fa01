"""A command that looks at a finished candidate before it replaces anything, and what is kept of what it replaces."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final

from agent.hosts import Host, HostFault, Stat

BACKUP_SUFFIX: Final = ".vigo-backup"
NOT_RUN: Final = "validate is not run in a confined root"
TIMEOUT_S: Final = 60.0
_CHUNK: Final = 1024 * 1024


def checker(host: Host, command: str | None) -> Callable[[str], None] | None:
    """What `Host.write` calls with the path of the candidate; None: there is nothing to run."""
    if command is None or host.confined:
        return None
    return lambda candidate: _validate(host, command, candidate)


def note(host: Host, command: str | None) -> str:
    """What a report says where the command is not run."""
    return NOT_RUN if command is not None and host.confined else ""


def back_up(host: Host, path: str, stat: Stat) -> None:
    """Keep a regular file as it is now, beside itself, however long it is."""
    with host.stream(path) as opened:
        pieces = iter(lambda: opened.read(_CHUNK), b"")
        host.write(path + BACKUP_SUFFIX, pieces, mode=stat.mode, uid=stat.uid, gid=stat.gid)


def _validate(host: Host, command: str, candidate: str) -> None:
    """Run it without a shell: the path is one argument, whatever is in it."""
    try:
        argv = [word.replace("%", candidate) for word in shlex.split(command)]
        ran = host.run(argv, timeout_s=TIMEOUT_S)
    except (HostFault, ValueError) as error:
        raise HostFault(f"validate: {error}") from error
    if ran.code != 0:
        raise HostFault(f"validate refused the new content: {ran.complaint}")
