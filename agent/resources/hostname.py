"""The host's own name: the file, the kernel, and /etc/hosts. See `HostnameSpec`.

In a confined root the kernel is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import hosts_file, owned_file, parts
from agent.tools.owned_file import OwnedFile
from agent.tools.parts import Whole
from schema.resources.hostname import HostnameSpec

FILE: Final = "/etc/hostname"
LIVE: Final = "/proc/sys/kernel/hostname"
_ADDRESS: Final = "127.0.1.1"


class HostnameState(NamedTuple):
    """The name as it was found. `live` None: the kernel is not asked."""

    file: OwnedFile
    live: str | None
    hosts: Whole
    note: str = ""


def check(host: Host, spec: HostnameSpec) -> HostnameState:
    """See `ResourceType`."""
    live = None if host.confined else host.read(LIVE).decode("utf-8", "replace").strip()
    hosts = parts.read(host, hosts_file.FILE) if spec.hosts else Whole(None)
    file = owned_file.read(host, FILE)
    return HostnameState(file, live, hosts, file.note)


def diff(spec: HostnameSpec, state: HostnameState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    if (before := _written(state.file)) != spec.hostname:
        found.append(Change("hostname", before, spec.hostname))
    else:
        found += [each for each in _file_changes(spec, state) if each.field != "hostname"]
    if state.live not in (None, spec.hostname):
        found.append(Change("live", state.live, spec.hostname))
    if (after := desired(spec, state.hosts.lines)) != state.hosts.lines:
        found.append(Change("hosts", _shown(state.hosts.lines), _shown(after)))
    return found


def apply(host: Host, spec: HostnameSpec, state: HostnameState) -> None:
    """See `ResourceType`."""
    if _written(state.file) != spec.hostname or _file_changes(spec, state):
        owned_file.put(host, FILE, state.file, _text(spec))
    if (after := desired(spec, state.hosts.lines)) != state.hosts.lines:
        parts.write(host, hosts_file.FILE, state.hosts, state.hosts.joined(after))
    if state.live not in (None, spec.hostname):
        host.poke(LIVE, _text(spec))


def desired(spec: HostnameSpec, lines: Sequence[str]) -> list[str]:
    """The lines of /etc/hosts as they should be; the same when nothing is to be done."""
    names = list(dict.fromkeys([spec.hostname, spec.hostname.partition(".")[0]]))
    result = list(lines)
    if not spec.hosts:
        return result
    held = {at: entry for at, line in enumerate(lines) if (entry := hosts_file.entry(line)) is not None}
    if any(set(names) <= set(entry.names) for entry in held.values()):
        return result
    for at, entry in held.items():
        if str(entry.address) == _ADDRESS:  # Debian's line: of the name before
            result[at] = entry._replace(names=tuple(names)).line
            return result
    return hosts_file.put(result, _ADDRESS, names)


def paths(spec: HostnameSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (FILE, hosts_file.FILE.path) if spec.hosts else (FILE,)


def shows_in(host: Host, _spec: HostnameSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return () if host.confined else (LIVE,)


HOSTNAME: Final = ResourceType(
    spec=HostnameSpec,
    check=check,
    diff=diff,
    apply=apply,
    paths=paths,
    confinable=True,
    of_machine=True,
    shows_in=shows_in,
)


def _text(spec: HostnameSpec) -> bytes:
    return f"{spec.hostname}\n".encode()


def _written(file: OwnedFile) -> str | None:
    """The name in the file: hostname(5) allows comments."""
    if file.content is None:
        return None
    lines = [line.strip() for line in file.content.decode("utf-8", "replace").splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def _file_changes(spec: HostnameSpec, state: HostnameState) -> list[Change]:
    """Its mode and owner; how the same name is written is nobody's business."""
    return owned_file.changes(state.file, state.file.content or _text(spec), field="hostname")


def _shown(lines: Sequence[str]) -> str | None:
    entries = [entry for entry in map(hosts_file.entry, lines) if entry is not None and str(entry.address) == _ADDRESS]
    return "; ".join(" ".join([str(entry.address), *entry.names]) for entry in entries) or None
