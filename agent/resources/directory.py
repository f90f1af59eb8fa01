"""A directory. See `DirectorySpec`. A file or link in its place is never replaced; a mount point is never removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import ownership
from agent.tools.ownership import Ownership
from schema.resources.directory import DirectorySpec

DEFAULT_MODE: Final = 0o755


class DirectoryState(NamedTuple):
    """The directory as it was found."""

    stat: Stat | None
    desired: Ownership
    names: tuple[str, str]

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def check(host: Host, spec: DirectorySpec) -> DirectoryState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    desired = ownership.resolve(host, spec.owner, spec.group)
    return DirectoryState(stat, desired, ("", "") if stat is None else ownership.names(host, desired, stat))


def diff(spec: DirectorySpec, state: DirectoryState) -> Sequence[Change]:
    """See `ResourceType`."""
    stat = state.stat
    if spec.state == "absent":
        return () if stat is None else (Change("state", stat.kind, "absent"),)
    if stat is None:
        return (Change("state", "absent", Kind.DIRECTORY),)
    if stat.kind is not Kind.DIRECTORY:
        return (Change("state", stat.kind, Kind.DIRECTORY),)
    found = []
    if spec.mode is not None and stat.mode != int(spec.mode, 8):
        found.append(Change("mode", f"{stat.mode:04o}", f"{int(spec.mode, 8):04o}"))
    return [*found, *ownership.changes(state.desired, stat, state.names)]


def apply(host: Host, spec: DirectorySpec, state: DirectoryState) -> None:
    """See `ResourceType`."""
    stat = state.stat
    if stat is not None and stat.kind is not Kind.DIRECTORY:
        raise ResourceFailed(f"{spec.path} is a {stat.kind}, not a directory: it is left alone")
    if spec.state == "absent":
        if spec.force:
            host.remove_tree(spec.path)
        else:
            host.rmdir(spec.path)
        return
    if state.desired.missing:
        raise ResourceFailed(state.desired.missing)
    uid, gid = state.desired.uid, state.desired.gid
    if stat is None:
        mode = DEFAULT_MODE if spec.mode is None else int(spec.mode, 8)
        host.mkdir(spec.path, mode=mode, uid=uid, gid=gid)
        return
    mode = stat.mode if spec.mode is None else int(spec.mode, 8)
    moves = (uid is not None and uid != stat.uid) or (gid is not None and gid != stat.gid)
    if moves:
        host.chown(spec.path, uid, gid)
    # A change of owner clears set-id bits, so that they have to be set again.
    if mode != stat.mode or (moves and mode & 0o6000):
        host.chmod(spec.path, mode)


def action(spec: DirectorySpec, state: DirectoryState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def paths(spec: DirectorySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


DIRECTORY: Final = ResourceType(
    spec=DirectorySpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True
)
