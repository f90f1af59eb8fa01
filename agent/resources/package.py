"""A package of the host's own package manager, which is apt. See `PackageSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import apt, dpkg
from agent.tools.dpkg import Package
from schema.resources.package import PackageSpec


class PackageState(NamedTuple):
    """What dpkg knows of it."""

    package: Package
    note: str = ""


def check(host: Host, spec: PackageSpec) -> PackageState:
    """See `ResourceType`. The first of a run reads all packages."""
    return PackageState(dpkg.package(host, spec.package))


def diff(spec: PackageSpec, state: PackageState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = state.package
    if spec.state == "present":
        if not found.installed:
            return (Change("state", found.status, spec.version or "present"),)
        if spec.version is not None and found.version != spec.version:
            return (Change("version", found.version, spec.version),)
        return ()
    gone = ("not-installed",) if spec.state == "purged" else ("not-installed", "config-files")
    return () if found.status in gone else (Change("state", found.version or found.status, spec.state),)


def apply(host: Host, spec: PackageSpec, _state: PackageState) -> None:
    """See `ResourceType`."""
    if spec.state == "present":
        apt.install(host, spec.package, spec.version)
    else:
        apt.remove(host, spec.package, purge=spec.state == "purged")


def action(spec: PackageSpec, state: PackageState) -> str:
    """See `ResourceType`."""
    if spec.state == "present":
        return "update" if state.package.installed else "install"
    return "purge" if spec.state == "purged" else "remove"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    lacking = [program for program in ("apt-get", "dpkg-query") if host.which(program) is None]
    return f"needs {lacking[0]}, which this host does not have" if lacking else None


PACKAGE: Final = ResourceType(
    spec=PackageSpec, check=check, diff=diff, apply=apply, action=action, unsupported=unsupported, of_machine=True
)
