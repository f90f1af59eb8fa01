"""A package repository of apt, dnf or zypper. See `RepositorySpec`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.resources.types import Change, Content, ResourceFailed, ResourceType, Sources
from agent.tools import packages, repositories
from agent.tools.repositories import Form
from schema import openpgp
from schema.resources.repository import RepositorySpec

MODE: Final = 0o644
_MAX_FILE_BYTES: Final = 2 * openpgp.MAX_KEYS_BYTES


class ManagedRepository(NamedTuple):
    """A spec, and the keys that it brings, held against the fingerprints that it names."""

    spec: RepositorySpec
    key: bytes | None
    refused: str = ""
    """Why the keys are not those."""


class RepositoryState(NamedTuple):
    """What stands at each path that is its own; None where nothing does."""

    files: Mapping[str, bytes | None]
    desired: Mapping[str, bytes | None]
    odd: Sequence[tuple[str, str]] = ()
    """Paths at which something else than a regular file with mode 0644 stands, and what."""
    fetched: bool = True
    """Whether its package lists are there."""
    note: str = ""


def prepare(spec: RepositorySpec, sources: Sources) -> ManagedRepository:
    """Hold the keys against their fingerprints, once for many runs."""
    content: Content | None = sources(spec.source) if spec.source is not None and spec.state == "present" else None
    key = content.load() if content is not None else None if spec.key is None else spec.key.encode()
    if key is None or spec.state == "absent":
        return ManagedRepository(spec, None)
    return ManagedRepository(spec, key, _refusal(spec, key))


def check(host: Host, managed: ManagedRepository) -> RepositoryState:
    """See `ResourceType`. Keys that are others than the spec says fail it before anything is written."""
    if managed.refused:
        raise ResourceFailed(managed.refused)
    form = _form(host)
    desired = form.files(managed.spec, managed.key)
    found, odd = {}, []
    for path in desired:
        stat = host.lstat(path)
        if stat is not None and stat.kind is not Kind.FILE:
            odd.append((path, str(stat.kind)))
        elif stat is not None and stat.mode != MODE:
            odd.append((path, f"{stat.mode:04o}"))
        regular = stat is not None and stat.kind is Kind.FILE
        found[path] = host.read(path, limit=_MAX_FILE_BYTES) if regular else None
    used = managed.spec.state == "present" and managed.spec.enabled
    return RepositoryState(found, desired, odd, not used or form.fetched(host, managed.spec))


def diff(_managed: ManagedRepository, state: RepositoryState) -> Sequence[Change]:
    """See `ResourceType`. Keys are told by their fingerprints."""
    changes: list[Change] = []
    odd = dict(state.odd)
    for path, after in state.desired.items():
        before = state.files[path]
        if before != after:
            is_key = not path.endswith((".sources", ".repo"))
            changes.append(Change("key", _named(before), _named(after)) if is_key else Change("source", before, after))
        elif path in odd and after is not None:
            changes.append(Change("mode", odd[path], f"{MODE:04o}"))
        elif path in odd:
            changes.append(Change("state", odd[path], "absent"))
    if not state.fetched:
        changes.append(Change("lists", "not fetched", "fetched"))
    return changes


def apply(host: Host, managed: ManagedRepository, state: RepositoryState) -> None:
    """See `ResourceType`: keys first, then what names them; what leaves goes in the other order."""
    form = _form(host)
    for path, kind in state.odd:
        if kind in (Kind.DIRECTORY, Kind.OTHER):
            raise ResourceFailed(f"{path} is a {kind}: it is not replaced")
    leaving = [path for path, content in state.desired.items() if content is None]
    staying = {path: content for path, content in state.desired.items() if content is not None}
    check_key: Callable[[str], None] | None = None
    if form.imports_keys:
        check_key = lambda candidate: form.import_key(host, candidate)  # noqa: E731 - of this host
    odd = dict(state.odd)
    for path, content in staying.items():
        directory = path.rpartition("/")[0]
        if host.lstat(directory) is None:
            host.mkdir(directory, mode=0o755)
        if state.files[path] != content or path in odd:
            host.write(path, content, mode=MODE, check=check_key if path != form.path(managed.spec) else None)
    if managed.spec.state == "present" and managed.spec.enabled:
        _fetch(host, form, managed.spec, state)
    for path in leaving:
        if state.files[path] is not None or path in odd:
            host.remove(path)


def action(managed: ManagedRepository, state: RepositoryState) -> str:
    """See `ResourceType`."""
    if managed.spec.state == "absent":
        return "remove"
    return "update" if any(content is not None for content in state.files.values()) else "create"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    name = packages.named(host)
    if name in ("apk", "pacman"):
        return f"has no form for {name}: its repositories are lines of a file"
    return packages.unsupported(host)


def shows_in(host: Host, managed: ManagedRepository) -> Sequence[str]:
    """See `ResourceType`."""
    return list(_form(host).files(managed.spec, managed.key))


REPOSITORY: Final = ResourceType(
    spec=RepositorySpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    of_machine=True,
    needs_network=True,
    shows_in=shows_in,
    unseen="that its package lists are gone",
)


def _form(host: Host) -> Form:
    return repositories.form(packages.named(host) or "")


def _fetch(host: Host, form: Form, spec: RepositorySpec, state: RepositoryState) -> None:
    """Fetch its lists; where that fails, what it was before is put back, so that it does not break all others."""
    path = form.path(spec)
    try:
        form.fetch(host, spec)
    except HostFault:
        before = state.files[path]
        if before is None:
            host.remove(path)
        else:
            host.write(path, before, mode=MODE)
        raise


def _refusal(spec: RepositorySpec, key: bytes) -> str:
    try:
        found = openpgp.fingerprints(key)
    except openpgp.NoKeys as error:
        return f"the key of {spec.repository}: {error}"
    if stray := sorted(set(found) - set(spec.fingerprint)):
        return f"the key of {spec.repository} has the fingerprint {', '.join(stray)}, which is not given"
    if lacking := sorted(set(spec.fingerprint) - set(found)):
        return f"the key of {spec.repository} has no key with the fingerprint {', '.join(lacking)}"
    return ""


def _named(key: bytes | None) -> str | None:
    """What keys are called."""
    if key is None:
        return None
    try:
        return ", ".join(openpgp.fingerprints(key))
    except openpgp.NoKeys as error:
        return f"no keys: {error}"
