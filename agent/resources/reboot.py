"""A restart of the host. See `RebootSpec`.

What keeps it from a loop: for one boot (the kernel's boot id) it asks once; a path it depends on lies in /run, which is
empty after a start; a reason without a path counts once, for ever; and never within `min_uptime_min` of a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.reboot import RebootSpec

DIRECTORY: Final = "/var/lib/vigo-agent/reboots"
BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
UPTIME: Final = "/proc/uptime"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAX_BYTES: Final = 4096


class RebootState(NamedTuple):
    """Whether it is due now, and if not, why it waits."""

    due: bool
    boot: str
    remembered: str
    """The boot that a restart was last asked for in; empty: none."""
    note: str = ""


def check(host: Host, spec: RebootSpec) -> RebootState:
    """See `ResourceType`."""
    boot = _line(host, BOOT_ID)
    if not boot:
        raise ResourceFailed(f"{BOOT_ID} does not tell which boot this is")
    remembered = _line(host, path(spec))
    if spec.if_exists is not None and host.lstat(spec.if_exists) is None:
        return RebootState(due=False, boot=boot, remembered=remembered)
    if remembered == boot:
        return RebootState(due=False, boot=boot, remembered=remembered, note="a restart has been asked for")
    if remembered and spec.if_exists is None:
        return RebootState(due=False, boot=boot, remembered=remembered)
    uptime_min = float(_line(host, UPTIME).split(" ")[0] or 0) / 60
    if uptime_min < spec.min_uptime_min:
        note = f"waits: the host started less than {spec.min_uptime_min} minutes ago"
        return RebootState(due=False, boot=boot, remembered=remembered, note=note)
    if not is_open(spec, _now()):
        note = f"waits for its window: {' '.join([*spec.days, *([spec.window] if spec.window else [])])}"
        return RebootState(due=False, boot=boot, remembered=remembered, note=note)
    return RebootState(due=True, boot=boot, remembered=remembered)


def diff(spec: RebootSpec, state: RebootState) -> Sequence[Change]:
    """See `ResourceType`."""
    return (Change("restart", None, f"in {spec.delay_min} minutes: {spec.message}"),) if state.due else ()


def apply(host: Host, spec: RebootSpec, state: RebootState) -> None:
    """Ask first, then remember: to ask twice only moves the time, and to remember alone would never restart."""
    ran = host.run(["shutdown", "-r", f"+{spec.delay_min}", spec.message.lstrip("-")])
    if ran.code != 0:
        raise HostFault(f"shutdown: {ran.complaint}")
    if host.lstat(DIRECTORY) is None:
        host.mkdir(DIRECTORY, mode=0o700)
    host.write(path(spec), f"{state.boot}\n".encode(), mode=0o600)


def action(_spec: RebootSpec, _state: RebootState) -> str:
    """See `ResourceType`."""
    return "restart"


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if host.which("shutdown") else "needs shutdown, which this host does not have"


def path(spec: RebootSpec) -> str:
    """Where the boot is remembered."""
    return f"{DIRECTORY}/{spec.reboot}"


def is_open(spec: RebootSpec, now: datetime) -> bool:
    """Whether the host may restart at this time of its clock."""
    begins = now
    if spec.window is not None:
        first, last = spec.window.split("-")
        time = now.strftime("%H:%M")
        if first < last:
            if not first <= time < last:
                return False
        elif time < last:
            begins = now - timedelta(days=1)
        elif time < first:
            return False
    return not spec.days or _DAYS[begins.weekday()] in spec.days


REBOOT: Final = ResourceType(
    spec=RebootSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=unsupported,
    of_machine=True,
    unseen="it is something to be done, not a state",
)


def _now() -> datetime:
    return datetime.now().astimezone()


def _line(host: Host, place: str) -> str:
    stat = host.lstat(place)
    if stat is None or stat.kind is not Kind.FILE:
        return ""
    return host.read(place, limit=_MAX_BYTES).decode("utf-8", "replace").strip()
