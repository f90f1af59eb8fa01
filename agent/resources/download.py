"""A file that is fetched over HTTP or HTTPS, known by its digest. See `DownloadSpec`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import fetch, ownership
from agent.tools.ownership import Ownership
from schema.resources.download import DownloadSpec

DEFAULT_MODE: Final = 0o644
_MIB: Final = 1024 * 1024


class DownloadState(NamedTuple):
    """The file as it was found."""

    stat: Stat | None
    sha256: str | None = None
    desired: Ownership = ownership.UNMANAGED
    names: tuple[str, str] = ("", "")

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def check(host: Host, spec: DownloadSpec) -> DownloadState:
    """See `ResourceType`."""
    desired = ownership.resolve(host, spec.owner, spec.group)
    stat, digest = _fingerprint(host, spec.path)
    return DownloadState(stat, digest, desired, ("", "") if stat is None else ownership.names(host, desired, stat))


def diff(spec: DownloadSpec, state: DownloadState) -> Sequence[Change]:
    """See `ResourceType`."""
    stat = state.stat
    if stat is None or stat.kind is not Kind.FILE:
        stands = "absent" if stat is None else stat.kind
        return (Change("state", stands, Kind.FILE), Change("content", None, _short(spec.sha256)))
    found = []
    if state.sha256 != spec.sha256:
        found.append(Change("content", _short(state.sha256), _short(spec.sha256)))
    if spec.mode is not None and stat.mode != int(spec.mode, 8):
        found.append(Change("mode", f"{stat.mode:04o}", f"{int(spec.mode, 8):04o}"))
    return [*found, *ownership.changes(state.desired, stat, state.names)]


def apply(host: Host, spec: DownloadSpec, state: DownloadState) -> None:
    """See `ResourceType`."""
    stat = state.stat
    if stat is not None and stat.kind not in (Kind.FILE, Kind.SYMLINK):
        raise ResourceFailed(f"{spec.path} is a {stat.kind}: it is not replaced by a file")
    if state.desired.missing:
        raise ResourceFailed(state.desired.missing)
    regular = stat if stat is not None and stat.kind is Kind.FILE else None
    if regular is not None and state.sha256 == spec.sha256:
        _dress(host, spec, state, spec.path, regular, regular)
        return
    above = spec.path.rpartition("/")[0] or "/"
    if host.lstat(above) is None:
        raise ResourceFailed(f"{above} does not exist")
    part = _part(host, spec)
    fresh = _fetched(host, spec, part)
    _dress(host, spec, state, part, fresh, regular)
    host.rename(part, spec.path.rpartition("/")[2])


def action(_spec: DownloadSpec, state: DownloadState) -> str:
    """See `ResourceType`."""
    return "create" if state.stat is None else "update"


def paths(spec: DownloadSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


DOWNLOAD: Final = ResourceType(
    spec=DownloadSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, needs_network=True
)


def _fetched(host: Host, spec: DownloadSpec, part: str) -> Stat:
    """The whole file, beside its place, as it should be."""
    for _ in range(2):
        before, digest = _fingerprint(host, part)
        said = ""
        if digest != spec.sha256:
            said = fetch.fetch(
                host,
                spec.url,
                part,
                headers=spec.headers,
                ca_file=spec.ca_file,
                max_bytes=spec.max_mib * _MIB,
                timeout_s=spec.timeout_s,
            )
        stat, digest = _fingerprint(host, part)
        if stat is not None and digest == spec.sha256:
            return stat
        if said:
            raise ResourceFailed(f"cannot be fetched: {said}")
        host.remove(part)
        if before is None or not before.size:
            break
        # What had come before was of another file; once more, from its beginning.
    raise ResourceFailed(f"what was fetched has SHA-256 {digest}, not {spec.sha256}: it is thrown away")


def _dress(host: Host, spec: DownloadSpec, state: DownloadState, path: str, stat: Stat, old: Stat | None) -> None:
    """Give the file at a path its owner and mode: as they should be, else as those of the old one."""
    uid, gid = state.desired.uid, state.desired.gid
    if old is not None and host.privileged:
        uid = old.uid if uid is None else uid
        gid = old.gid if gid is None else gid
    moves = (uid is not None and uid != stat.uid) or (gid is not None and gid != stat.gid)
    if moves:
        host.chown(path, uid, gid)
    mode = int(spec.mode, 8) if spec.mode is not None else DEFAULT_MODE if old is None else old.mode
    if mode != stat.mode or (moves and mode & 0o6000):
        host.chmod(path, mode)


def _part(host: Host, spec: DownloadSpec) -> str:
    """Where it is fetched to: the same each time, so that it goes on; what came of another file there is removed."""
    above, _, name = spec.path.rpartition("/")
    start = f".vigo-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}-"
    mine = f"{start}{spec.sha256[:16]}.part"
    for other in host.listdir(above or "/"):
        if other.startswith(start) and other.endswith(".part") and other != mine:
            host.remove(f"{above}/{other}")
    return f"{above}/{mine}"


def _fingerprint(host: Host, path: str) -> tuple[Stat | None, str | None]:
    stat = host.lstat(path)
    if stat is None or stat.kind is not Kind.FILE:
        return stat, None
    found = host.fingerprint(path, stat.size)
    return (None, None) if found is None else found


def _short(digest: str | None) -> str | None:
    return None if digest is None else f"sha256 {digest[:16]}"
