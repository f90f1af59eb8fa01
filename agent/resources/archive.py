"""A directory that is what an archive holds, and nothing else. See `ArchiveSpec`; `agent.tools.archives` reads it.

It is unpacked beside, under a name that is the same each time, so that the leftover of a kill is found again. Then both
change places at once, and what stood there before is removed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NamedTuple

from agent import places
from agent.hosts import Host, HostFault, Kind, Stat
from agent.resources.types import Change, Content, ResourceFailed, ResourceType, Sources
from agent.tools import archives, ownership
from agent.tools.archives import MANIFEST, Asked, Bounds, Member
from agent.tools.ownership import Ownership
from schema.resources.archive import ArchiveSpec

_FORMAT: Final = 1
_CHUNK: Final = 1024 * 1024
_MANIFEST_MODE: Final = 0o600
_SHOWN: Final = 5


class ManagedArchive(NamedTuple):
    """A spec, and the content that it names."""

    spec: ArchiveSpec
    content: Content | None


class ArchiveState(NamedTuple):
    """The directory as it was found."""

    stat: Stat | None
    archive: str | None = None
    """Digest of the archive that it should be; None: that cannot be told."""
    manifest: dict[str, Any] | None = None
    empty: bool = False
    drift: tuple[str, ...] = ()
    leftover: bool = False
    desired: Ownership = ownership.UNMANAGED

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def prepare(spec: ArchiveSpec, sources: Sources) -> ManagedArchive:
    """The digest of an archive of the repository."""
    return ManagedArchive(spec, None if spec.source is None else sources(spec.source))


def check(host: Host, managed: ManagedArchive) -> ArchiveState:
    """See `ResourceType`."""
    spec = managed.spec
    stat = host.lstat(spec.path)
    leftover = host.lstat(_beside(spec)) is not None
    desired = ownership.resolve(host, spec.owner, spec.group)
    state = ArchiveState(stat, _digest(host, managed), leftover=leftover, desired=desired)
    if stat is None or stat.kind is not Kind.DIRECTORY:
        return state
    manifest = _manifest(host, spec)
    if manifest is None:
        return state._replace(empty=not host.listdir(spec.path))
    drift = () if spec.state == "absent" else tuple(_drift(host, spec, manifest, desired))
    return state._replace(manifest=manifest, drift=drift)


def diff(managed: ManagedArchive, state: ArchiveState) -> Sequence[Change]:
    """See `ResourceType`."""
    spec = managed.spec
    found = [Change("leftover of a broken run", "present", "absent")] if state.leftover else []
    if spec.state == "absent":
        return [*found, Change("state", state.stat.kind, "absent")] if state.stat is not None else found
    if state.stat is None or state.stat.kind is not Kind.DIRECTORY:
        stands = "absent" if state.stat is None else state.stat.kind
        return [*found, Change("state", stands, Kind.DIRECTORY), Change("archive", None, _short(state.archive))]
    held = None if state.manifest is None else str(state.manifest["archive"])
    if held is None or held != state.archive:
        found.append(Change("archive", _short(held), _short(state.archive)))
    elif state.manifest is not None and state.manifest["asked"] != _asked(spec):
        found.append(Change("strip, links, setuid", str(state.manifest["asked"]), str(_asked(spec))))
    if state.drift:
        more = len(state.drift) - _SHOWN
        listed = ", ".join((*state.drift[:_SHOWN], *([f"{more} more"] if more > 0 else [])))
        found.append(Change("content", f"other than in the archive: {listed}", "as in the archive"))
    return found


def apply(host: Host, managed: ManagedArchive, state: ArchiveState) -> None:
    """See `ResourceType`."""
    spec = managed.spec
    if state.stat is not None and state.stat.kind is not Kind.DIRECTORY:
        raise ResourceFailed(f"{spec.path} is a {state.stat.kind}, not a directory: it is left alone")
    if state.stat is not None and state.manifest is None and not state.empty and not spec.force:
        raise ResourceFailed(f"{spec.path} was not made from an archive and is not empty: it is left alone (see force)")
    if state.desired.missing:
        raise ResourceFailed(state.desired.missing)
    beside = _beside(spec)
    if state.leftover:
        _remove(host, beside)
    if spec.state == "absent":
        if state.stat is not None:
            host.remove_tree(spec.path)
        return
    settled = state.manifest is not None and (state.manifest["archive"], state.manifest["asked"]) == (
        state.archive,
        _asked(spec),
    )
    if settled and not state.drift:
        return
    try:
        _unpack(host, managed, state, beside)
    except HostFault:
        _remove(host, beside)
        raise
    if state.stat is None:
        host.rename(beside, _name(spec))
    else:
        host.exchange(beside, _name(spec))
        _remove(host, beside)


def action(managed: ManagedArchive, state: ArchiveState) -> str:
    """See `ResourceType`."""
    if managed.spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def paths(managed: ManagedArchive) -> Sequence[str]:
    """See `ResourceType`."""
    return (managed.spec.path,)


def shows_in(_host: Host, managed: ManagedArchive) -> Sequence[str]:
    """See `ResourceType`."""
    return () if managed.spec.state == "absent" else (places.contents(managed.spec.path),)


ARCHIVE: Final = ResourceType(
    spec=ArchiveSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    shows_in=shows_in,
    unseen="what is below more directories than are watched",
)


def _unpack(host: Host, managed: ManagedArchive, state: ArchiveState, beside: str) -> None:
    spec, whose = managed.spec, state.desired
    bounds = Bounds(spec.max_bytes, spec.max_entries, spec.max_ratio)
    asked = Asked(spec.strip, links=spec.links == "within", setuid=spec.setuid)
    made: dict[str, list[Any]] = {}
    links: list[Member] = []
    with _opened(host, managed, state) as (stream, size, digest):
        host.mkdir(beside, mode=0o755, uid=whose.uid, gid=whose.gid)
        for member in archives.members(stream, size, bounds, asked):
            above = member.path.rpartition("/")[0]
            _make_directories(host, beside, above, made, whose)
            if member.kind is Kind.SYMLINK:
                links.append(member)
            elif member.kind is Kind.DIRECTORY:
                if member.path not in made:
                    host.mkdir(f"{beside}/{member.path}", mode=member.mode, uid=whose.uid, gid=whose.gid)
                elif made[member.path][1] != member.mode:
                    host.chmod(f"{beside}/{member.path}", member.mode)
                made[member.path] = [Kind.DIRECTORY.value, member.mode, 0, ""]
            else:
                made[member.path] = _write(host, beside, member, whose)
    # Last, so that nothing was ever written through one.
    for member in links:
        host.symlink(f"{beside}/{member.path}", member.target)
        made[member.path] = [Kind.SYMLINK.value, 0, 0, member.target]
    listed = {"format": _FORMAT, "archive": digest, "asked": _asked(spec), "entries": made}
    data = json.dumps(listed, separators=(",", ":"), sort_keys=True).encode()
    host.write(f"{beside}/{MANIFEST}", data, mode=_MANIFEST_MODE, uid=whose.uid, gid=whose.gid)


def _make_directories(host: Host, beside: str, path: str, made: dict[str, list[Any]], whose: Ownership) -> None:
    parts = path.split("/") if path else []
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        if above not in made:
            host.mkdir(f"{beside}/{above}", mode=0o755, uid=whose.uid, gid=whose.gid)
            made[above] = [Kind.DIRECTORY.value, 0o755, 0, ""]


def _write(host: Host, beside: str, member: Member, whose: Ownership) -> list[Any]:
    seen = hashlib.sha256()
    size = 0

    def counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            seen.update(piece)
            size += len(piece)
            yield piece

    path = f"{beside}/{member.path}"
    if member.copy_of:
        with host.stream(f"{beside}/{member.copy_of}") as other:
            host.write(
                path, counted(iter(lambda: other.read(_CHUNK), b"")), mode=member.mode, uid=whose.uid, gid=whose.gid
            )
    else:
        host.write(path, counted(member.data), mode=member.mode, uid=whose.uid, gid=whose.gid)
    return [Kind.FILE.value, member.mode, size, seen.hexdigest()]


@contextmanager
def _opened(host: Host, managed: ManagedArchive, state: ArchiveState) -> Iterator[tuple[BinaryIO, int, str]]:
    """The archive, its size and its digest, which is the one that was asked for."""
    spec = managed.spec
    if managed.content is not None:
        data = managed.content.load()
        digest = managed.content.sha256
        _judge(spec, digest)
        yield io.BytesIO(data), len(data), digest
        return
    assert spec.file is not None
    if host.lstat(spec.file) is None:
        raise ResourceFailed(f"{spec.file} does not exist")
    with host.stream(spec.file) as stream:
        seen, size = hashlib.sha256(), 0
        while piece := stream.read(_CHUNK):
            seen.update(piece)
            size += len(piece)
        _judge(spec, seen.hexdigest())
        if state.archive not in (None, seen.hexdigest()):
            raise ResourceFailed(f"{spec.file} was changed while it was read")
        stream.seek(0)
        yield stream, size, seen.hexdigest()


def _judge(spec: ArchiveSpec, digest: str) -> None:
    if spec.sha256 not in (None, digest):
        raise ResourceFailed(f"the archive has SHA-256 {digest}, not {spec.sha256}")


def _digest(host: Host, managed: ManagedArchive) -> str | None:
    spec = managed.spec
    if spec.state == "absent":
        return None
    if spec.sha256 is not None:
        return spec.sha256
    if managed.content is not None:
        return managed.content.sha256
    assert spec.file is not None
    stat = host.lstat(spec.file)
    found = None if stat is None else host.fingerprint(spec.file, stat.size)
    return None if found is None else found[1]


def _manifest(host: Host, spec: ArchiveSpec) -> dict[str, Any] | None:
    path = f"{spec.path}/{MANIFEST}"
    stat = host.lstat(path)
    if stat is None or stat.kind is not Kind.FILE:
        return None
    try:
        found = json.loads(host.read(path, limit=_CHUNK * 64))
        rows = found["entries"].items()
        good = found["format"] == _FORMAT and all(isinstance(path, str) and len(row) == 4 for path, row in rows)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return found if good and isinstance(found["archive"], str) and "asked" in found else None


def _drift(host: Host, spec: ArchiveSpec, manifest: dict[str, Any], desired: Ownership) -> Iterator[str]:
    """What is no longer as it was unpacked."""
    for path, (kind, mode, size, was) in [("", [Kind.DIRECTORY.value, 0o755, 0, ""]), *manifest["entries"].items()]:
        at = f"{spec.path}/{path}".rstrip("/")
        found = host.fingerprint(at, size if kind == Kind.FILE.value else None)
        if found is None or found[0].kind.value != kind:
            yield path
            continue
        stat, digest = found
        if kind == Kind.SYMLINK.value:
            differs = host.readlink(at) != was
        else:
            differs = (kind == Kind.FILE.value and digest != was) or (path != "" and stat.mode != mode)
            differs = differs or desired.uid not in (None, stat.uid) or desired.gid not in (None, stat.gid)
        if differs:
            yield path or "."


def _asked(spec: ArchiveSpec) -> list[Any]:
    return [spec.strip, spec.links, spec.setuid]


def _remove(host: Host, path: str) -> None:
    stat = host.lstat(path)
    if stat is not None and stat.kind is Kind.DIRECTORY:
        host.remove_tree(path)
    else:
        host.remove(path)


def _name(spec: ArchiveSpec) -> str:
    return spec.path.rstrip("/").rpartition("/")[2]


def _beside(spec: ArchiveSpec) -> str:
    above, _, name = spec.path.rstrip("/").rpartition("/")
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{above}/.vigo-{digest}.unpacked"


def _short(digest: str | None) -> str | None:
    return None if digest is None else f"sha256 {digest[:16]}"
