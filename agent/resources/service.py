"""A service of the host's init system, which is systemd. See `ServiceSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import systemctl
from agent.tools.systemctl import Unit
from schema.resources.service import ServiceSpec

_RUNNING: Final = frozenset({"active", "reloading"})
_STOPPED: Final = frozenset({"inactive", "failed"})
_ENABLED: Final = frozenset({"enabled", "alias"})
_NEITHER: Final = frozenset({"static", "indirect", "generated", "transient"})
"""Started by something else: such a unit has nothing that could be enabled or disabled."""
_SUFFIXES: Final = (".service", ".socket", ".timer", ".path", ".mount", ".target")


class ServiceState(NamedTuple):
    """The unit as systemd sees it."""

    unit: Unit
    note: str = ""


def check(host: Host, spec: ServiceSpec) -> ServiceState:
    """See `ResourceType`."""
    found = systemctl.unit(host, unit_name(spec))
    unmanaged = spec.enabled is not None and found.file in _NEITHER
    return ServiceState(found, f"a {found.file} unit is neither enabled nor disabled" if unmanaged else "")


def diff(spec: ServiceSpec, state: ServiceState) -> Sequence[Change]:
    """See `ResourceType`."""
    active, file = state.unit.active, state.unit.file
    found = []
    if spec.enabled is True and file not in _ENABLED | _NEITHER:
        found.append(Change("enabled", file or "no", "yes"))
    if spec.enabled is False and file in (*_ENABLED, "enabled-runtime"):
        found.append(Change("enabled", file, "no"))
    differs = {
        None: False,
        "running": active not in _RUNNING,
        "stopped": active not in _STOPPED,
        "restarted": True,
        "reloaded": active in _RUNNING,  # what does not run reads its configuration when it starts
    }[spec.state]
    if differs:
        found.append(Change("state", active, spec.state))
    return found


def apply(host: Host, spec: ServiceSpec, state: ServiceState) -> None:
    """See `ResourceType`."""
    name, unit = unit_name(spec), state.unit
    if unit.load == "not-found":
        raise ResourceFailed(f"there is no unit {name} on this host")
    if unit.outdated:
        systemctl.act(host, "daemon-reload")
    fields = {change.field for change in diff(spec, state)}
    if "enabled" in fields:
        systemctl.act(host, "enable" if spec.enabled else "disable", name)
    if "state" in fields:
        assert spec.state is not None
        verb = {"running": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload-or-restart"}[
            spec.state
        ]
        systemctl.act(host, verb, name)


def action(spec: ServiceSpec, state: ServiceState) -> str:
    """See `ResourceType`."""
    fields = {change.field for change in diff(spec, state)}
    if "state" not in fields:
        return "enable" if spec.enabled else "disable"
    return {"running": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}[
        spec.state or "running"
    ]


def is_act(spec: ServiceSpec) -> bool:
    """See `ResourceType`."""
    return spec.state in ("restarted", "reloaded")


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if systemctl.booted(host) else "needs systemd, which does not run this host"


def prefetch(host: Host, specs: Sequence[ServiceSpec]) -> None:
    """All units of the catalog in one call."""
    systemctl.load(host, [unit_name(spec) for spec in specs])


def unit_name(spec: ServiceSpec) -> str:
    """The unit's whole name: a service, where no other kind is named."""
    return spec.service if spec.service.endswith(_SUFFIXES) else f"{spec.service}.service"


SERVICE: Final = ResourceType(
    spec=ServiceSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    is_act=is_act,
    unsupported=unsupported,
    prefetch=prefetch,
    of_machine=True,
)
