"""A file that one resource owns whole, root's: its text, mode and owner, as one write.

For types that keep a file of their own in a directory that a program reads (cron.d, logrotate.d, sysctl.d). A link or a
special file in its place is replaced; a directory is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind, Stat
from agent.tools import ownership
from agent.tools.difference import Change
from agent.tools.ownership import Ownership

MODE: Final = 0o644
HEADER: Final = "# Kept by vigo: changes made here are undone.\n"
_MAX_BYTES: Final = 256 * 1024


class OwnedFile(NamedTuple):
    """The file as it was found; `stat` None: there is none."""

    stat: Stat | None
    content: bytes | None
    """None when it is no regular file, or too large to be ours."""
    desired: Ownership
    names: tuple[str, str]

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def read(host: Host, path: str) -> OwnedFile:
    """What is at a path, beside what is desired of its owner."""
    stat = host.lstat(path)
    desired = ownership.resolve(host, "root", "root")
    if stat is None:
        return OwnedFile(None, None, desired, ("", ""))
    readable = stat.kind is Kind.FILE and stat.size <= _MAX_BYTES
    return OwnedFile(stat, host.read(path) if readable else None, desired, ownership.names(host, desired, stat))


def changes(
    found: OwnedFile, text: bytes | None, *, field: str, mode: int = MODE, secret: bool = False
) -> list[Change]:
    """How it differs from `text`; None: it is to be absent. `field` names the content in the report."""
    stat = found.stat
    if text is None:
        return [] if stat is None else [Change("state", "present", "absent")]
    if stat is None:
        return [Change("state", "absent", "present"), Change(field, None, text, secret)]
    if stat.kind is not Kind.FILE:
        return [Change("state", stat.kind, Kind.FILE)]
    differs = [Change(field, found.content, text, secret)] if found.content != text else []
    if stat.mode != mode:
        differs.append(Change("mode", f"{stat.mode:04o}", f"{mode:04o}"))
    return [*differs, *ownership.changes(found.desired, stat, found.names)]


def put(
    host: Host,
    path: str,
    found: OwnedFile,
    text: bytes | None,
    *,
    mode: int = MODE,
    check: Callable[[str], None] | None = None,
) -> None:
    """Make it so: one write, whatever differs. A missing directory above it is made.

    Args:
        check: see `Host.write`.

    Raises:
        HostFault: a directory stands there.
    """
    if found.stat is not None and found.stat.kind is Kind.DIRECTORY:
        raise HostFault(f"{path} is a directory: it is left alone")
    if text is None:
        host.remove(path)
        return
    parent = path.rpartition("/")[0]
    if host.lstat(parent) is None:
        host.mkdir(parent, mode=0o755)
    host.write(path, text, mode=mode, uid=found.desired.uid, gid=found.desired.gid, check=check)


def action(found: OwnedFile, text: bytes | None) -> str:
    """One word for what `put` does."""
    if text is None:
        return "remove"
    return "create" if found.stat is None else "update"
