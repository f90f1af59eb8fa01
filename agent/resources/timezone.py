"""The time zone of the host. See `TimezoneSpec`; the files are those of localtime(5) and Debian's /etc/timezone.

Where systemd runs the host, timedatectl changes it, so that its own service knows; elsewhere the link is made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import systemctl
from schema.resources.timezone import TimezoneSpec

LINK: Final = "/etc/localtime"
NAME: Final = "/etc/timezone"
ZONES: Final = "/usr/share/zoneinfo"
_MAX_LINE: Final = 4096


class TimezoneState(NamedTuple):
    """The zone that the link names, what stands at the link, and what the file says; None: there is none."""

    link: str | None
    kind: Kind | None
    name: str | None
    known: bool
    """Whether the host's database has the zone."""
    note: str = ""


def check(host: Host, spec: TimezoneSpec) -> TimezoneState:
    """See `ResourceType`."""
    stat, named = host.lstat(LINK), host.lstat(NAME)
    link = None
    if stat is not None and stat.kind is Kind.SYMLINK:
        target = host.readlink(LINK)
        link = target.partition("/zoneinfo/")[2] or target
    name = None
    if named is not None and named.kind is Kind.FILE:
        name = host.read(NAME, limit=_MAX_LINE).decode("utf-8", "replace").strip()
    return TimezoneState(link, None if stat is None else stat.kind, name, _has(host, spec.timezone))


def diff(spec: TimezoneSpec, state: TimezoneState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = []
    if state.link != spec.timezone:
        found.append(Change("timezone", state.link or (state.kind and str(state.kind)), spec.timezone))
    if state.name not in (None, spec.timezone):
        found.append(Change(NAME, state.name, spec.timezone))
    return found


def apply(host: Host, spec: TimezoneSpec, state: TimezoneState) -> None:
    """See `ResourceType`."""
    if not state.known:
        raise ResourceFailed(f"this host knows no time zone {spec.timezone} (is tzdata installed?)")
    if state.kind in (Kind.DIRECTORY, Kind.OTHER):
        raise ResourceFailed(f"{LINK} is a {state.kind}: it is left alone")
    if state.link != spec.timezone:
        if not host.confined and systemctl.booted(host) and host.which("timedatectl") is not None:
            ran = host.run(["timedatectl", "--no-ask-password", "set-timezone", spec.timezone])
            if ran.code != 0:
                raise HostFault(f"timedatectl: {ran.complaint}")
        else:
            host.symlink(LINK, f"{ZONES}/{spec.timezone}")
    stat = host.lstat(NAME)
    if state.name not in (None, spec.timezone) and stat is not None and stat.kind is Kind.FILE:
        host.write(NAME, f"{spec.timezone}\n".encode(), mode=stat.mode, uid=stat.uid, gid=stat.gid)


def paths(_spec: TimezoneSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (LINK, NAME)


TIMEZONE: Final = ResourceType(
    spec=TimezoneSpec, check=check, diff=diff, apply=apply, paths=paths, confinable=True, of_machine=True
)


def _has(host: Host, zone: str) -> bool:
    stat = host.lstat(f"{ZONES}/{zone}")
    return stat is not None and stat.kind in (Kind.FILE, Kind.SYMLINK)
