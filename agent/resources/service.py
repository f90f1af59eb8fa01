"""A service of the host's init system: systemd, OpenRC or sysvinit. See `ServiceSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import init_system, units
from agent.tools.init_system import InitSystem
from agent.tools.systemctl import Unit
from schema.resources.service import ServiceSpec

_VERBS: Final = {"running": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload-or-restart"}
_SUFFIXES: Final = (".service", ".socket", ".timer", ".path", ".mount", ".target")


class ServiceState(NamedTuple):
    """The unit as the init system sees it."""

    unit: Unit
    note: str = ""


def check(host: Host, spec: ServiceSpec) -> ServiceState:
    """See `ResourceType`."""
    init = _init(host)
    found = init.unit(host, unit_name(spec, init))
    unmanaged = spec.enabled is not None and found.file in units.NEITHER
    return ServiceState(found, f"a {found.file} unit is neither enabled nor disabled" if unmanaged else "")


def diff(spec: ServiceSpec, state: ServiceState) -> Sequence[Change]:
    """See `ResourceType`."""
    active, file = state.unit.active, state.unit.file
    found = []
    if spec.masked is not None and spec.masked != file.startswith("masked"):
        found.append(Change("masked", _yes(not spec.masked), _yes(spec.masked)))
    if spec.enabled is True and file not in units.ENABLED | units.NEITHER:
        found.append(Change("enabled", file or "no", "yes"))
    if spec.enabled is False and file in (*units.ENABLED, "enabled-runtime"):
        found.append(Change("enabled", file, "no"))
    differs = {
        None: False,
        "running": active not in units.RUNNING,
        "stopped": active not in units.STOPPED,
        "restarted": True,
        "reloaded": active in units.RUNNING,  # what does not run reads its configuration when it starts
    }[spec.state]
    if differs:
        found.append(Change("state", active, spec.state))
    return found


def apply(host: Host, spec: ServiceSpec, state: ServiceState) -> None:
    """See `ResourceType`."""
    init = _init(host)
    name, unit = unit_name(spec, init), state.unit
    if unit.load == "not-found" and not spec.masked:  # what is not there yet can be masked
        raise ResourceFailed(f"there is no unit {name} on this host")
    if unit.active == "unknown" and spec.state in ("running", "stopped"):
        raise ResourceFailed(f"whether {name} runs is not known: its script has no status")
    if unit.outdated:
        init.act(host, "daemon-reload")
    fields = {change.field for change in diff(spec, state)}
    if "masked" in fields:
        init.act(host, "mask" if spec.masked else "unmask", name)
        forget(host)
        fields = {change.field for change in diff(spec, check(host, spec))}
    if "enabled" in fields:
        init.act(host, "enable" if spec.enabled else "disable", name)
    if "state" in fields:
        init.act(host, _VERBS[spec.state or "running"], name)


def action(spec: ServiceSpec, state: ServiceState) -> str:
    """See `ResourceType`."""
    fields = {change.field for change in diff(spec, state)}
    if "state" not in fields:
        if "enabled" not in fields:
            return "mask" if spec.masked else "unmask"
        return "enable" if spec.enabled else "disable"
    return {"running": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}[
        spec.state or "running"
    ]


def is_act(spec: ServiceSpec) -> bool:
    """See `ResourceType`."""
    return spec.state in ("restarted", "reloaded")


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    if host.confined or init_system.of(host) is None:
        return "needs systemd, OpenRC or sysvinit, none of which runs this host"
    return None


def prefetch(host: Host, specs: Sequence[ServiceSpec]) -> None:
    """All units of the catalog in one call."""
    init = _init(host)
    init.load(host, [unit_name(spec, init) for spec in specs])


def unit_name(spec: ServiceSpec, init: InitSystem) -> str:
    """The service's whole name; for systemd a service, where no other kind is named."""
    if not init.SUFFIX:
        return spec.service.removesuffix(".service")
    return spec.service if spec.service.endswith(_SUFFIXES) else f"{spec.service}{init.SUFFIX}"


def shows_in(host: Host, spec: ServiceSpec) -> Sequence[str]:
    """See `ResourceType`."""
    init = _init(host)
    return init.shown_in(host, unit_name(spec, init))


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
    # What OpenRC and sysvinit start is a child of who asks for it, and would never get what that has given up.
    needs_network=True,
    shows_in=shows_in,
    unseen="whether a service of sysvinit runs",
)


def _init(host: Host) -> InitSystem:
    found = init_system.of(host)
    if found is None:
        raise ResourceFailed("no init system runs this host")
    return found


def _yes(value: bool) -> str:  # noqa: FBT001 - of one value
    return "yes" if value else "no"
