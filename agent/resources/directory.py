"""A directory. See `DirectorySpec`. A file or link in its place is never replaced; a mount point is never removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from stat import S_IFDIR
from typing import Final, NamedTuple

from agent import places
from agent.glance import Rests
from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import ownership, sweeping
from agent.tools.ownership import Ownership
from schema.resources.directory import DirectorySpec

DEFAULT_MODE: Final = 0o755
_MAX_SHOWN: Final = 25


class Entry(NamedTuple):
    """One of those below: what is there, and what it should be, None where that is so or is left."""

    path: str
    stat: Stat
    mode: int | None
    uid: int | None
    gid: int | None


class DirectoryState(NamedTuple):
    """The directory as it was found."""

    stat: Stat | None
    desired: Ownership
    names: tuple[str, str]
    below: tuple[Entry, ...] = ()
    """What is not as it should be, with `recurse`."""
    surplus: tuple[tuple[str, Kind], ...] = ()
    """What nobody manages, with `purge`; each with all below it."""

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def check(host: Host, spec: DirectorySpec) -> DirectoryState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    desired = ownership.resolve(host, spec.owner, spec.group)
    state = DirectoryState(stat, desired, ("", "") if stat is None else ownership.names(host, desired, stat))
    if stat is None or stat.kind is not Kind.DIRECTORY:
        return state
    gone = sweeping.surplus(host, spec.path) if spec.purge else []
    return state._replace(below=tuple(_below(host, spec, desired, gone)) if spec.recurse else (), surplus=tuple(gone))


def diff(spec: DirectorySpec, state: DirectoryState) -> Sequence[Change]:
    """See `ResourceType`."""
    stat = state.stat
    if spec.state == "absent":
        return () if stat is None else (Change("state", stat.kind, "absent"),)
    if stat is None:
        return (Change("state", "absent", Kind.DIRECTORY),)
    if stat.kind is not Kind.DIRECTORY:
        return (Change("state", stat.kind, Kind.DIRECTORY),)
    found: list[Change] = []
    if spec.mode is not None and stat.mode != int(spec.mode, 8):
        found.append(Change("mode", f"{stat.mode:04o}", f"{int(spec.mode, 8):04o}"))
    found += ownership.changes(state.desired, stat, state.names)
    for entry in state.below[:_MAX_SHOWN]:
        found += _changes(entry)
    found += [Change("below", path, None) for path, _ in state.surplus[:_MAX_SHOWN]]
    more = max(0, len(state.below) - _MAX_SHOWN) + max(0, len(state.surplus) - _MAX_SHOWN)
    return [*found, Change("below", f"and {more} more", None)] if more else found


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
    for path, kind in state.surplus:
        if kind is Kind.DIRECTORY:
            host.remove_tree(path)
        else:
            host.remove(path)
    for entry in state.below:
        _dress(host, entry)


def action(spec: DirectorySpec, state: DirectoryState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def paths(spec: DirectorySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


def shows_in(_host: Host, spec: DirectorySpec) -> Sequence[str]:
    """See `ResourceType`."""
    if spec.state == "absent" or not (spec.recurse or spec.purge):
        return ()
    return (places.below(spec.path) if spec.recurse else places.within(spec.path),)


def rests(spec: DirectorySpec) -> Rests | None:
    """See `ResourceType`."""
    if spec.state == "absent" or spec.recurse or spec.purge:
        return None
    mode = None if spec.mode is None else int(spec.mode, 8)
    return Rests(spec.path, S_IFDIR, mode, None, None, spec.owner, spec.group)


DIRECTORY: Final = ResourceType(
    spec=DirectorySpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    rests=rests,
    confinable=True,
    shows_in=shows_in,
    unseen="what is below more directories than are watched",
)


def _below(host: Host, spec: DirectorySpec, desired: Ownership, gone: list[tuple[str, Kind]]) -> Iterator[Entry]:
    """All below it that is not as it should be, but for what is removed."""
    modes = {
        Kind.FILE: None if spec.file_mode is None else int(spec.file_mode, 8),
        Kind.DIRECTORY: None if spec.dir_mode is None else int(spec.dir_mode, 8),
    }
    removed = {path for path, _ in gone}
    for path, stat in sweeping.below(host, spec.path):
        if stat.kind not in modes or _is_below(path, removed):
            continue
        mode = modes[stat.kind]
        entry = Entry(
            path,
            stat,
            None if mode == stat.mode else mode,
            None if desired.uid == stat.uid else desired.uid,
            None if desired.gid == stat.gid else desired.gid,
        )
        if entry[2:] != (None, None, None):
            yield entry


def _is_below(path: str, removed: set[str]) -> bool:
    """Whether a path is one of `removed`, or below one."""
    while path:
        if path in removed:
            return True
        path = path.rpartition("/")[0]
    return False


def _changes(entry: Entry) -> Iterator[Change]:
    stat = entry.stat
    if entry.mode is not None:
        yield Change(f"{entry.path} mode", f"{stat.mode:04o}", f"{entry.mode:04o}")
    if entry.uid is not None:
        yield Change(f"{entry.path} uid", str(stat.uid), str(entry.uid))
    if entry.gid is not None:
        yield Change(f"{entry.path} gid", str(stat.gid), str(entry.gid))


def _dress(host: Host, entry: Entry) -> None:
    moves = entry.uid is not None or entry.gid is not None
    if moves:
        host.chown(entry.path, entry.uid, entry.gid)
    mode = entry.stat.mode if entry.mode is None else entry.mode
    # A change of owner clears set-id bits, so that they have to be set again.
    if mode != entry.stat.mode or (moves and mode & 0o6000):
        host.chmod(entry.path, mode)
