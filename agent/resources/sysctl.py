"""A parameter of the running kernel. See `SysctlSpec`.

Both are read as files, a few microseconds each, and the kernel is told through /proc/sys: no program is run. A value is
compared word by word, for the kernel answers with tabs where a person writes blanks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.sysctl import SysctlSpec

DIRECTORY: Final = "/etc/sysctl.d"
LIVE: Final = "/proc/sys"
_MAX_BYTES: Final = 64 * 1024


class SysctlState(NamedTuple):
    """What the file and the running kernel say; `live` None: it is not asked, or has no such key."""

    file: OwnedFile
    live: str | None
    lacking: bool
    """The running kernel has no such key."""
    note: str = ""


def check(host: Host, spec: SysctlSpec) -> SysctlState:
    """See `ResourceType`."""
    file = owned_file.read(host, path(spec))
    if spec.state == "absent" or not spec.live or host.confined:
        return SysctlState(file, None, lacking=False, note=file.note)
    try:
        live = host.read(live_path(spec), limit=_MAX_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        note = f"this kernel has no {dotted(spec)}" if spec.optional else ""
        return SysctlState(file, None, lacking=True, note=note or file.note)
    except PermissionError:
        raise ResourceFailed(f"{dotted(spec)} cannot be read, so that it cannot be verified (live: false)") from None
    return SysctlState(file, " ".join(live.split()), lacking=False, note=file.note)


def diff(spec: SysctlSpec, state: SysctlState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = owned_file.changes(state.file, text(spec), field="file")
    desired = " ".join(spec.value.split())
    if state.live is not None and state.live != desired:
        found.append(Change("value", state.live, desired))
    if state.lacking and not spec.optional:
        found.append(Change("value", None, desired))
    return found


def apply(host: Host, spec: SysctlSpec, state: SysctlState) -> None:
    """The kernel first: a value that it refuses is not kept for the next start."""
    if state.lacking and not spec.optional:
        raise ResourceFailed(f"this kernel has no {dotted(spec)}: is its module loaded? (optional: true lets it be)")
    fields = [change.field for change in diff(spec, state)]
    if "value" in fields:
        host.poke(live_path(spec), " ".join(spec.value.split()).encode() + b"\n")
    if fields != ["value"]:
        owned_file.put(host, path(spec), state.file, text(spec))


def action(spec: SysctlSpec, state: SysctlState) -> str:
    """See `ResourceType`."""
    return owned_file.action(state.file, text(spec))


def dotted(spec: SysctlSpec) -> str:
    """The key as sysctl(8) prints it: a dot within a part becomes a slash there."""
    return spec.key.translate({ord("/"): ".", ord("."): "/"}) if "/" in spec.key else spec.key


def path(spec: SysctlSpec) -> str:
    """The file for the next start: after those of packages."""
    return f"{DIRECTORY}/99-vigo-{dotted(spec).replace('/', '_')}.conf"


def live_path(spec: SysctlSpec) -> str:
    """Where the running kernel has it."""
    return f"{LIVE}/{spec.key if '/' in spec.key else spec.key.replace('.', '/')}"


def text(spec: SysctlSpec) -> bytes | None:
    """The file; None when it is to be absent."""
    if spec.state == "absent":
        return None
    return f"{HEADER}{dotted(spec)} = {' '.join(spec.value.split())}\n".encode()


def paths(spec: SysctlSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


def may_cut_off(spec: SysctlSpec) -> bool:
    """See `ResourceType`: `net.ipv6.conf.all.disable_ipv6` and its like."""
    return spec.live and dotted(spec).startswith("net.")


def shows_in(host: Host, spec: SysctlSpec) -> Sequence[str]:
    """See `ResourceType`."""
    asked = spec.live and spec.state == "present" and not host.confined
    return (live_path(spec),) if asked else ()


SYSCTL: Final = ResourceType(
    spec=SysctlSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    of_machine=True,
    may_cut_off=may_cut_off,
    shows_in=shows_in,
)
