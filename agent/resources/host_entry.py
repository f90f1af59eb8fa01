"""A name in /etc/hosts. See `HostEntrySpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import hosts_file, parts
from agent.tools.parts import Whole
from schema.resources.host_entry import HostEntrySpec


def check(host: Host, _spec: HostEntrySpec) -> Whole:
    """See `ResourceType`."""
    return parts.read(host, hosts_file.FILE)


def diff(spec: HostEntrySpec, state: Whole) -> Sequence[Change]:
    """See `ResourceType`."""
    before, after = state.lines, desired(spec, state.lines)
    if before == after:
        return ()
    old, new = (hosts_file.shown(lines, spec.host) for lines in (before, after))
    if old == new:  # an alias is taken from another
        return [Change("aliases", None, ",".join(spec.aliases))]
    return [Change("entry", old, new)]


def apply(host: Host, spec: HostEntrySpec, state: Whole) -> None:
    """See `ResourceType`."""
    parts.write(host, hosts_file.FILE, state, state.joined(desired(spec, state.lines)))


def desired(spec: HostEntrySpec, lines: Sequence[str]) -> list[str]:
    """The lines as they should be; the same when nothing is to be done."""
    if spec.state == "absent":
        return hosts_file.drop(lines, spec.host, spec.address)
    assert spec.address is not None
    names = dict.fromkeys([spec.host, *spec.aliases])
    return hosts_file.put(lines, spec.address, list(names))


def action(spec: HostEntrySpec, state: Whole) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if hosts_file.shown(state.lines, spec.host) is None else "update"


def paths(_spec: HostEntrySpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (hosts_file.FILE.path,)


HOST_ENTRY: Final = ResourceType(
    spec=HostEntrySpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    of_machine=True,
)
