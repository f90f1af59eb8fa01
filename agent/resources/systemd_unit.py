"""A unit of systemd: its file whole, or a drop-in. See `SystemdUnitSpec`.

systemd is told once, however much differs; and where somebody else has changed the file and not told it, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, ResourceType, Sources
from agent.tools import owned_file, systemctl, units
from agent.tools.owned_file import OwnedFile
from agent.tools.systemctl import Unit
from schema.resources.systemd_unit import SystemdUnitSpec


class ManagedUnit(NamedTuple):
    """A spec, and what its file should hold; None: it is to be absent."""

    spec: SystemdUnitSpec
    text: bytes | None

    @property
    def path(self) -> str:
        """Where the file is."""
        return f"{units.DIRECTORY}/{self.spec.unit}"

    @property
    def name(self) -> str:
        """The unit that the file is of."""
        return units.base(self.spec.unit)


class SystemdUnitState(NamedTuple):
    """The file, and the unit as systemd sees it."""

    file: OwnedFile
    unit: Unit
    note: str = ""


def prepare(spec: SystemdUnitSpec, sources: Sources) -> ManagedUnit:
    """Its content, once for many runs."""
    if spec.state == "absent":
        return ManagedUnit(spec, None)
    if spec.source is not None:
        return ManagedUnit(spec, sources(spec.source).load())
    text = spec.content or ""
    return ManagedUnit(spec, (text if text.endswith("\n") else f"{text}\n").encode("utf-8", "surrogateescape"))


def check(host: Host, managed: ManagedUnit) -> SystemdUnitState:
    """See `ResourceType`."""
    file, unit = owned_file.read(host, managed.path), systemctl.unit(host, managed.name)
    unmanaged = managed.spec.enabled is not None and unit.file in units.NEITHER
    note = f"a {unit.file} unit is neither enabled nor disabled" if unmanaged else file.note
    return SystemdUnitState(file, unit, note)


def diff(managed: ManagedUnit, state: SystemdUnitState) -> Sequence[Change]:
    """See `ResourceType`."""
    spec = managed.spec
    found = owned_file.changes(state.file, managed.text, field="unit")
    if not found and state.unit.outdated:
        found.append(Change("loaded", "an older file", "this file"))
    if spec.state == "absent":
        return found
    return [*found, *units.changes(state.unit, enabled=spec.enabled, running=spec.running)]


def apply(host: Host, managed: ManagedUnit, state: SystemdUnitState) -> None:
    """See `ResourceType`."""
    spec, name = managed.spec, managed.name
    if spec.state == "absent" and name == spec.unit and state.unit.load == "loaded":
        units.make_so(host, name, enabled=False, running=False)
    written = owned_file.changes(state.file, managed.text, field="unit")
    if written:
        owned_file.put(
            host,
            managed.path,
            state.file,
            managed.text,
            check=lambda candidate: units.verify(host, candidate, spec.unit),
        )
    if written or state.unit.outdated:
        systemctl.act(host, "daemon-reload")
        forget(host)
    if spec.state == "present":
        units.make_so(host, name, enabled=spec.enabled, running=spec.running)


def action(managed: ManagedUnit, state: SystemdUnitState) -> str:
    """See `ResourceType`."""
    return owned_file.action(state.file, managed.text)


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if systemctl.booted(host) else units.LACKING


def prefetch(host: Host, managed: Sequence[ManagedUnit]) -> None:
    """All units of the catalog in one call."""
    systemctl.load(host, [each.name for each in managed])


def paths(managed: ManagedUnit) -> Sequence[str]:
    """See `ResourceType`."""
    return (managed.path,)


def shows_in(host: Host, managed: ManagedUnit) -> Sequence[str]:
    """See `ResourceType`."""
    return systemctl.shown_in(host, managed.name)


SYSTEMD_UNIT: Final = ResourceType(
    spec=SystemdUnitSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    prefetch=prefetch,
    paths=paths,
    of_machine=True,
    shows_in=shows_in,
)
