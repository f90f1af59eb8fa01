"""Packages of the host's own package manager. See `PackageSpec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.hosts.host import ALONG, forget
from agent.resources.types import Change, Kept, ResourceType
from agent.tools import packages
from agent.tools.packages import Backend, Package
from schema.resources.package import PackageSpec

if TYPE_CHECKING:
    from agent.along import Along

_GONE: Final = ("not-installed", "config-files")


class PackageState(NamedTuple):
    """What the host's package manager knows of them, each by the name that the spec has."""

    packages: Mapping[str, Package]
    upgrades: Mapping[str, str]
    """With `latest`: what there is a newer version of, and which."""
    others: frozenset[str] = frozenset()
    """What has another version than it should have."""
    note: str = ""


def check(host: Host, spec: PackageSpec) -> PackageState:
    """See `ResourceType`."""
    backend = packages.needed(host)
    backend.load(host, spec.package)
    found = {name: backend.package(host, name) for name in spec.package}
    along: Along | None = host.memo.get(ALONG)
    if along is not None and along.done:
        # Installed along with another a moment ago: this is its turn, and its change.
        found |= {name: along.done[name] for name in spec.package if name in along.done}
    upgrades, note = {}, ""
    if spec.state == "latest":
        installed = [name for name, package in found.items() if package.installed]
        held = [name for name in installed if found[name].held and spec.hold is not False]
        upgrades = dict(backend.upgrades(host, [name for name in installed if name not in held])) if installed else {}
        note = f"held on the host, so not upgraded: {', '.join(held)}" if held else ""
    version = spec.version
    others = [name for name, package in found.items() if version and not backend.is_version(package.version, version)]
    return PackageState(found, upgrades, frozenset(others), note)


def diff(spec: PackageSpec, state: PackageState) -> Sequence[Change]:
    """See `ResourceType`."""
    return [change for name in spec.package for change in _of_one(spec, state, name)]


def apply(host: Host, spec: PackageSpec, state: PackageState) -> None:
    """See `ResourceType`: what is held is let go, then changed, then held again, so that no tool refuses."""
    backend = packages.needed(host)
    if spec.state in ("absent", "purged"):
        gone = _gone(spec)
        there = [name for name, package in state.packages.items() if package.status not in gone]
        if there:
            backend.remove(host, there, purge=spec.state == "purged")
        return
    along: Along | None = host.memo.get(ALONG)
    done = set() if along is None else {name for name in spec.package if along.done.pop(name, None) is not None}
    wanted = {name: version for name, version in _wanted(spec, state).items() if name not in done}
    release = [
        name
        for name, package in state.packages.items()
        if package.held and (spec.hold is False or (spec.hold and name in wanted))
    ]
    upgrades = state.upgrades
    if release:
        backend.hold(host, release, held=False)
        if spec.state == "latest":  # dnf tells of no newer version of what is held
            forget(host)
            upgrades = backend.upgrades(host, [name for name in spec.package if name not in wanted])
    if wanted:
        _install(host, backend, wanted)
    if upgrades:
        backend.upgrade(host, list(upgrades))
    if spec.hold:
        forget(host)
        free = [name for name in spec.package if not backend.package(host, name).held]
        if free:
            backend.hold(host, free, held=True)


def action(spec: PackageSpec, state: PackageState) -> str:
    """See `ResourceType`."""
    if spec.state in ("absent", "purged"):
        return "purge" if spec.state == "purged" else "remove"
    return "update" if all(package.installed for package in state.packages.values()) else "install"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return packages.unsupported(host)


def prefetch(host: Host, specs: Sequence[PackageSpec]) -> None:
    """All packages of the catalog in one call, and in another what there is newer of those that follow."""
    backend = packages.needed(host)
    backend.load(host, [name for spec in specs for name in spec.package])
    latest = dict.fromkeys(name for spec in specs if spec.state == "latest" for name in spec.package)
    if installed := [name for name in latest if backend.package(host, name).installed]:
        backend.upgrades(host, installed)


def shows_in(host: Host, _spec: PackageSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return packages.shown_in(host)


PACKAGE: Final = ResourceType(
    spec=PackageSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    prefetch=prefetch,
    of_machine=True,
    needs_network=True,
    shows_in=shows_in,
    unseen="that there is a newer version",
    kept=Kept(lambda spec: spec.package, packages.state, packages.put_back),
)


def _wanted(spec: PackageSpec, state: PackageState) -> dict[str, str | None]:
    """What is to be installed, each with its version."""
    return {
        name: spec.version for name, package in state.packages.items() if not package.installed or name in state.others
    }


def _install(host: Host, backend: Backend, wanted: dict[str, str | None]) -> None:
    """Install them in one transaction, with those that follow; where that fails, without."""
    along: Along | None = host.memo.get(ALONG)
    more: dict[str, str | None] = {}
    if along is not None:
        followers = along.followers()
        backend.load(host, [name for follower in followers for name in follower.prepared.package])
        for follower in followers:
            spec: PackageSpec = follower.prepared
            if spec.state not in ("present", "latest") or spec.hold is not None:
                break
            state = check(host, spec)
            if new := {name: version for name, version in _wanted(spec, state).items() if name not in wanted}:
                follower.promise()
                more |= new
                along.done.update((name, state.packages[name]) for name in new)
    if along is not None and more:
        try:
            backend.install(host, {**wanted, **more})
        except HostFault:
            for name in more:
                along.done.pop(name, None)
        else:
            return
    backend.install(host, wanted)


def _of_one(spec: PackageSpec, state: PackageState, name: str) -> list[Change]:
    package = state.packages[name]
    of = f" of {name}" if len(spec.package) > 1 else ""
    if spec.state in ("absent", "purged"):
        there = package.status not in _gone(spec)
        return [Change(f"state{of}", package.version or package.status, spec.state)] if there else []
    found = []
    if not package.installed:
        found.append(Change(f"state{of}", package.status, spec.version or spec.state))
    elif name in state.others:
        found.append(Change(f"version{of}", package.version, spec.version))
    elif name in state.upgrades:
        found.append(Change(f"version{of}", package.version, state.upgrades[name]))
    if spec.hold is not None and package.held != spec.hold and (package.installed or spec.hold):
        found.append(Change(f"hold{of}", _word(held=package.held), _word(held=spec.hold)))
    return found


def _gone(spec: PackageSpec) -> Sequence[str]:
    """A package of which only the configuration is left is gone, but for `purged`."""
    return _GONE[:1] if spec.state == "purged" else _GONE


def _word(*, held: bool) -> str:
    return "held" if held else "not held"
