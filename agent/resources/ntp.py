"""Where the host's clock gets its time from. See `NtpSpec`.

chrony: the lines `server`, `pool` and `peer` of its configuration file are ours, all others stay. systemd-timesyncd: a
file of its own in timesyncd.conf.d(5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.ntp import NtpSpec

CHRONY: Final = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
TIMESYNCD: Final = "/etc/systemd/timesyncd.conf.d/vigo.conf"
_TIMESYNCD_PROGRAMS: Final = ("/usr/lib/systemd/systemd-timesyncd", "/lib/systemd/systemd-timesyncd")
_SOURCE: Final = re.compile(r"^\s*(server|pool|peer)\s")
_MAX_BYTES: Final = 256 * 1024


class NtpState(NamedTuple):
    """The configuration of the client that is there; both None: there is none."""

    path: str = ""
    stat: Stat | None = None
    lines: tuple[str, ...] = ()
    """Of chrony's file."""
    owned: OwnedFile | None = None
    """Of systemd-timesyncd's."""
    note: str = ""


def check(host: Host, spec: NtpSpec) -> NtpState:
    """See `ResourceType`."""
    if spec.client != "systemd-timesyncd":
        for path in CHRONY:
            stat = host.lstat(path)
            if stat is not None:
                if stat.kind is not Kind.FILE:
                    raise ResourceFailed(f"{path} is a {stat.kind}, not a regular file")
                text = host.read(path, limit=_MAX_BYTES).decode("utf-8", "surrogateescape")
                return NtpState(path, stat, tuple(text.removesuffix("\n").split("\n")) if text else ())
    if spec.client != "chrony" and any(host.lstat(path) is not None for path in _TIMESYNCD_PROGRAMS):
        owned = owned_file.read(host, TIMESYNCD)
        return NtpState(TIMESYNCD, owned=owned, note=owned.note)
    return NtpState()


def diff(spec: NtpSpec, state: NtpState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.owned is not None:
        return owned_file.changes(state.owned, _timesyncd(spec), field="servers")
    before = [line for line in state.lines if _SOURCE.match(line)]
    if [" ".join(line.split()) for line in before] == sources(spec):
        return ()
    return (Change("servers", "\n".join(before).encode("utf-8", "replace"), "\n".join(sources(spec)).encode()),)


def apply(host: Host, spec: NtpSpec, state: NtpState) -> None:
    """One write."""
    if state.owned is not None:
        owned_file.put(host, state.path, state.owned, _timesyncd(spec))
        return
    if state.stat is None:
        which = "chrony or systemd-timesyncd" if spec.client == "auto" else spec.client
        raise ResourceFailed(f"{which} is not installed on this host")
    first = next((at for at, line in enumerate(state.lines) if _SOURCE.match(line)), len(state.lines))
    kept = [line for line in state.lines[first:] if not _SOURCE.match(line)]
    text = "\n".join([*state.lines[:first], *sources(spec), *kept]) + "\n"
    stat = state.stat
    host.write(state.path, text.encode("utf-8", "surrogateescape"), mode=stat.mode, uid=stat.uid, gid=stat.gid)


def sources(spec: NtpSpec) -> list[str]:
    """The lines as chrony.conf(5) has them."""
    options = " iburst" if spec.iburst else ""
    return [
        f"{kind} {name}{options}" for kind, names in (("server", spec.servers), ("pool", spec.pools)) for name in names
    ]


def paths(_spec: NtpSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (*CHRONY, TIMESYNCD)


NTP: Final = ResourceType(
    spec=NtpSpec,
    check=check,
    diff=diff,
    apply=apply,
    paths=paths,
    confinable=True,
    of_machine=True,
    unseen="that the program is gone which keeps the time",
)


def _timesyncd(spec: NtpSpec) -> bytes:
    return f"{HEADER}[Time]\nNTP={' '.join([*spec.servers, *spec.pools])}\n".encode()
