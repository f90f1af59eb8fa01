"""A regular file. See `FileSpec`.

A symbolic link in its place is replaced when content is managed; a directory or a special file never is. A file with
several hard links is rewritten, never changed in place, so that its other names keep what they have. In a confined root
missing parents are made (the packages that would bring them cannot be), and `validate` is not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from stat import S_IFREG
from typing import Final, NamedTuple

from agent.glance import Rests
from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, Content, ResourceFailed, ResourceType, Sources
from agent.tools import ownership, validation
from agent.tools.difference import MAX_SHOWN_BYTES
from agent.tools.ownership import Ownership
from schema.ids import sha256
from schema.resources.file import FileSpec

DEFAULT_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class ManagedFile:
    """What was worked out of a spec once. It is kept for each file, and the spec, of six times its size, is not."""

    path: str
    absent: bool
    content: Content | None
    size: int | None
    mode: int | None
    owner: str | None
    group: str | None
    owned: bool
    validate: str | None
    backup: bool
    sensitive: bool


class FileState(NamedTuple):
    """The file as it was found."""

    stat: Stat | None
    sha256: str | None = None
    text: bytes | None = None
    """What it holds, where that differs and may be shown."""
    desired: Ownership = ownership.UNMANAGED
    names: tuple[str, str] = ("", "")
    note: str = ""


def prepare(spec: FileSpec, sources: Sources) -> ManagedFile:
    """The digest of what it should hold, and its mode as a number."""
    content = None
    if spec.source is not None:
        content = sources(spec.source)
    elif spec.content is not None:
        text = spec.content
        data = text.encode("utf-8", "surrogateescape")
        # As bytes again when it is written: it is held once already.
        content = Content(sha256(data), len(data), lambda: text.encode("utf-8", "surrogateescape"))
    return ManagedFile(
        path=spec.path,
        absent=spec.state == "absent",
        content=content,
        size=None if content is None else content.size,
        mode=None if spec.mode is None else int(spec.mode, 8),
        owner=spec.owner,
        group=spec.group,
        owned=spec.owner is not None or spec.group is not None,
        validate=spec.validate_,
        backup=spec.backup,
        sensitive=spec.sensitive,
    )


def check(host: Host, file: ManagedFile) -> FileState:
    """One open, one fstat, one read."""
    found = host.fingerprint(file.path, file.size)
    desired = ownership.resolve(host, file.owner, file.group) if file.owned else ownership.UNMANAGED
    if found is None:
        return FileState(None, desired=desired, note=_note(host, file, desired, rewritten=True))
    stat, digest = found
    if file.content is None or digest == file.content.sha256 or file.absent:
        same = not file.owned or (desired.uid == stat.uid and desired.gid == stat.gid)
        names = ("", "") if same else ownership.names(host, desired, stat)
        return FileState(stat, digest, None, desired, names, desired.note)
    shown = stat.kind is Kind.FILE and stat.size <= MAX_SHOWN_BYTES and not file.sensitive
    return FileState(
        stat,
        digest,
        host.read(file.path, limit=2 * MAX_SHOWN_BYTES) if shown else None,
        desired,
        ownership.names(host, desired, stat),
        _note(host, file, desired, rewritten=True),
    )


def diff(file: ManagedFile, state: FileState) -> Sequence[Change]:
    """See `ResourceType`."""
    stat = state.stat
    if file.absent:
        return () if stat is None else (Change("state", stat.kind, "absent"),)
    if stat is None:
        return (Change("state", "absent", Kind.FILE), *_content(file, state))
    if stat.kind is not Kind.FILE:
        return (Change("state", stat.kind, Kind.FILE), *_content(file, state))
    found: list[Change] = []
    if file.content is not None and state.sha256 != file.content.sha256:
        found += _content(file, state)
    if file.mode is not None and stat.mode != file.mode:
        found.append(Change("mode", f"{stat.mode:04o}", f"{file.mode:04o}"))
    if file.owned:
        found += ownership.changes(state.desired, stat, state.names)
    return found


def apply(host: Host, file: ManagedFile, state: FileState) -> None:
    """See `ResourceType`."""
    stat = state.stat
    replaceable = stat is None or stat.kind is Kind.FILE or (stat.kind is Kind.SYMLINK and file.content is not None)
    if stat is not None and not (replaceable or (file.absent and stat.kind is Kind.SYMLINK)):
        raise ResourceFailed(f"{file.path} is a {stat.kind}: it is not replaced by a file")
    if file.absent:
        if file.backup and stat is not None and stat.kind is Kind.FILE:
            validation.back_up(host, file.path, stat)
        host.remove(file.path)
        return
    if state.desired.missing:
        raise ResourceFailed(state.desired.missing)
    regular = stat if stat is not None and stat.kind is Kind.FILE else None
    differs = file.content is not None and state.sha256 != file.content.sha256
    anew = file.content is not None and regular is not None and (regular.links > 1 or host.guards(file.path))
    if regular is None or differs or anew:
        _rewrite(host, file, state, regular, keep=differs)
        return
    uid = state.desired.uid if state.desired.uid != regular.uid else None
    gid = state.desired.gid if state.desired.gid != regular.gid else None
    mode = regular.mode if file.mode is None else file.mode
    if uid is not None or gid is not None:
        host.chown(file.path, uid, gid)
    # A change of owner clears set-id bits, so that they have to be set again.
    if mode != regular.mode or ((uid is not None or gid is not None) and mode & 0o6000):
        host.chmod(file.path, mode)


def action(file: ManagedFile, state: FileState) -> str:
    """See `ResourceType`."""
    if file.absent:
        return "remove"
    return "create" if state.stat is None else "update"


def paths(file: ManagedFile) -> Sequence[str]:
    """See `ResourceType`."""
    return (file.path,)


def leaves(file: ManagedFile) -> Sequence[object]:
    """See `ResourceType`: a file elsewhere gives no account another id."""
    names = (file.owner, file.group)
    return () if file.path.startswith("/etc/") or file.validate else ((Ownership, *names),)


def rests(file: ManagedFile) -> Rests | None:
    """See `ResourceType`."""
    if file.absent:
        return None
    digest = None if file.content is None else file.content.sha256
    return Rests(file.path, S_IFREG, file.mode, file.size, digest, file.owner, file.group)


FILE: Final = ResourceType(
    spec=FileSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    leaves=leaves,
    rests=rests,
    there=lambda state: state.stat is not None,
    confinable=True,
)


def _rewrite(host: Host, file: ManagedFile, state: FileState, regular: Stat | None, *, keep: bool) -> None:
    data = file.content.load() if file.content is not None else b""
    mode = file.mode
    if mode is None:
        mode = DEFAULT_MODE if regular is None else regular.mode
    uid, gid = state.desired.uid, state.desired.gid
    if regular is not None:
        uid = regular.uid if uid is None else uid
        gid = regular.gid if gid is None else gid
        if file.backup and keep:
            validation.back_up(host, file.path, regular)
    check = validation.checker(host, file.validate)
    host.write(file.path, data, mode=mode, uid=uid, gid=gid, check=check)


def _content(file: ManagedFile, state: FileState) -> Sequence[Change]:
    if file.content is None:
        return ()
    if file.sensitive:
        return (Change("content", None, None, secret=True),)
    before = state.text
    if file.content.size > MAX_SHOWN_BYTES or (
        before is None and state.stat is not None and state.stat.kind is Kind.FILE
    ):
        size = state.stat.size if state.stat is not None else None
        return (Change("content", None if size is None else f"{size} bytes", f"{file.content.size} bytes"),)
    return (Change("content", before, file.content.load()),)


def _note(host: Host, file: ManagedFile, desired: Ownership, *, rewritten: bool) -> str:
    if rewritten and host.confined and file.validate is not None and not file.absent:
        return f"{desired.note}; {validation.NOT_RUN}" if desired.note else validation.NOT_RUN
    return desired.note
