"""A package from a file. See `NonrepoPackageSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, Kept, ResourceFailed, ResourceType
from agent.tools import packages
from agent.tools.packages import Package
from schema.resources.nonrepo_package import NonrepoPackageSpec

_GONE: Final = frozenset({"not-installed", "config-files"})
_OTHERS_MAY_WRITE: Final = 0o022


class NonrepoPackageState(NamedTuple):
    """What the host's package manager knows of it."""

    package: Package
    differs: bool = False
    """Whether it has another version."""
    note: str = ""


def check(host: Host, spec: NonrepoPackageSpec) -> NonrepoPackageState:
    """See `ResourceType`. The file is not looked at while the package is there."""
    backend = packages.needed(host)
    found = backend.package(host, spec.package)
    return NonrepoPackageState(found, spec.version is not None and not backend.is_version(found.version, spec.version))


def diff(spec: NonrepoPackageSpec, state: NonrepoPackageState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = state.package
    if spec.state == "absent":
        return () if found.status in _GONE else (Change("state", found.version or found.status, "absent"),)
    if not found.installed:
        return (Change("state", found.status, spec.version),)
    return (Change("version", found.version, spec.version),) if state.differs else ()


def apply(host: Host, spec: NonrepoPackageSpec, _state: NonrepoPackageState) -> None:
    """See `ResourceType`."""
    backend = packages.needed(host)
    if spec.state == "absent":
        backend.remove(host, [spec.package], purge=False)
        return
    assert spec.path is not None
    _vet(host, spec.path, spec.sha256)
    backend.install_file(host, spec.path)


def action(spec: NonrepoPackageSpec, state: NonrepoPackageState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "update" if state.package.installed else "install"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return packages.unsupported(host)


def prefetch(host: Host, specs: Sequence[NonrepoPackageSpec]) -> None:
    """All of them in one call."""
    packages.needed(host).load(host, [spec.package for spec in specs])


def shows_in(host: Host, _spec: NonrepoPackageSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return packages.shown_in(host)


NONREPO_PACKAGE: Final = ResourceType(
    spec=NonrepoPackageSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    prefetch=prefetch,
    of_machine=True,
    needs_network=True,
    shows_in=shows_in,
    kept=Kept(lambda spec: (spec.package,), packages.state, packages.put_back),
)


def _vet(host: Host, path: str, sha256: str | None) -> None:
    """Refuse a file that is another, or that somebody could make another between this look and the installation."""
    stat = host.lstat(path)
    if stat is None or stat.kind is not Kind.FILE:
        raise ResourceFailed(
            f"{path} is {'not there' if stat is None else f'a {stat.kind}'}; a file or download brings it"
        )
    if stat.uid != 0 or stat.mode & _OTHERS_MAY_WRITE:
        raise ResourceFailed(f"{path} can be written by others than root (owner {stat.uid}, mode {stat.mode:04o})")
    found = host.fingerprint(path, stat.size)
    if found is None or found[1] != sha256:
        raise ResourceFailed(f"{path} has the sha256 {found[1] if found else 'of nothing'}, not {sha256}")
