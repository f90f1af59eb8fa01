"""A file system in its place. See `MountSpec`.

What is mounted is read once for all, from the kernel. It is mounted before fstab is written: an entry that cannot be
mounted never waits there for the next start of the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import fstab, mounts
from agent.tools.fstab import Entry, Fstab
from agent.tools.mounts import Mount
from schema.resources.mount import MountSpec

_OPPOSITES: Final = {
    "ro": "rw",
    "nosuid": "suid",
    "nodev": "dev",
    "noexec": "exec",
    "noatime": "atime",
    "nodiratime": "diratime",
    "sync": "async",
}
"""Options that the kernel tells of whatever is mounted, and what says that they are not wished."""


class MountState(NamedTuple):
    """The table, and what is mounted there."""

    table: Fstab
    live: Mount | None
    same_device: bool
    note: str = ""


def check(host: Host, spec: MountSpec) -> MountState:
    """See `ResourceType`."""
    live = mounts.live(host).get(spec.path)
    same = live is not None and spec.state == "mounted" and _is_same(host, spec, live)
    return MountState(fstab.read(host), live, same)


def diff(spec: MountSpec, state: MountState) -> Sequence[Change]:
    """See `ResourceType`."""
    return [*_table(spec, state), *_live(spec, state)]


def apply(host: Host, spec: MountSpec, state: MountState) -> None:
    """What is mounted first, then the table."""
    fields = {change.field for change in _live(spec, state)}
    if spec.state in ("unmounted", "absent"):
        if fields:
            mounts.unmount(host, spec.path)
    elif fields == {"live options"}:
        mounts.remount(host, spec.path, spec.options)
    elif fields:
        if state.live is not None:
            mounts.unmount(host, spec.path)
        _make_place(host, spec.path)
        mounts.mount(host, spec.device, spec.path, spec.fstype, spec.options)
    elif (
        state.live is not None and spec.state == "mounted" and "options" in {each.field for each in _table(spec, state)}
    ):
        mounts.remount(host, spec.path, spec.options)
    if _table(spec, state):
        fstab.put(host, state.table, lambda entry: entry.path == spec.path, _entry(spec))


def action(spec: MountSpec, state: MountState) -> str:
    """See `ResourceType`."""
    live = {change.field for change in _live(spec, state)}
    if spec.state in ("unmounted", "absent"):
        return "unmount" if live else "remove"
    return "update" if not live else "mount" if "live" in live or "live device" in live else "remount"


def paths(_spec: MountSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (fstab.PATH,)


def shows_in(host: Host, spec: MountSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return () if host.confined else (mounts.shown_in(spec.path),)


MOUNT: Final = ResourceType(
    spec=MountSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    of_machine=True,
    needs_network=True,
    shows_in=shows_in,
    unseen="that a label or a UUID stands for another device",
)


def _entry(spec: MountSpec) -> Entry | None:
    if spec.state == "absent":
        return None
    return Entry(spec.device, spec.path, spec.fstype, tuple(spec.options), spec.dump, spec.passno)


def _table(spec: MountSpec, state: MountState) -> list[Change]:
    if spec.state == "unmounted":
        return []
    found = [entry for _, entry in state.table.find(lambda entry: entry.path == spec.path)]
    desired = _entry(spec)
    if desired is None:
        return [Change("fstab", entry.line(), None) for entry in found]
    if not found:
        return [Change("fstab", None, desired.line())]
    changes = [Change("fstab", entry.line(), None) for entry in found[1:]]
    before = found[0]
    pairs = {
        "device": (before.device, desired.device),
        "fstype": (before.fstype, desired.fstype),
        "dump": (str(before.dump), str(desired.dump)),
        "passno": (str(before.passno), str(desired.passno)),
    }
    changes += [Change(field, old, new) for field, (old, new) in pairs.items() if old != new]
    if before.kept != desired.kept:
        changes.append(Change("options", ",".join(before.options), ",".join(desired.options)))
    return changes


def _live(spec: MountSpec, state: MountState) -> list[Change]:
    live = state.live
    if spec.state == "present":
        return []
    if spec.state in ("unmounted", "absent"):
        return [] if live is None else [Change("live", "mounted", "unmounted")]
    if live is None:
        return [Change("live", "unmounted", "mounted")]
    if not state.same_device:
        return [Change("live device", live.source, spec.device)]
    missing = [
        name
        for name, opposite in _OPPOSITES.items()
        if (name in spec.options and name not in live.options)
        or (name in live.options and (opposite in spec.options or (name == "ro" and "ro" not in spec.options)))
    ]
    if not missing:
        return []
    shown = sorted(set(_OPPOSITES) & live.options)
    return [Change("live options", ",".join(shown) or "rw", ",".join(spec.options))]


def _is_same(host: Host, spec: MountSpec, live: Mount) -> bool:
    if {"bind", "rbind"} & set(spec.options):
        return True  # the kernel tells the file system that the directory is of
    types = spec.fstype.split(",")
    if "auto" not in types and live.fstype not in types and not live.fstype.startswith("fuse"):
        # nfs is told as nfs4
        return any(live.fstype.startswith(each) for each in types) and live.source == spec.device
    if not spec.device.startswith("/") and "=" not in spec.device:
        return ":" not in spec.device or live.source.rstrip("/") == spec.device.rstrip("/")
    wished = mounts.resolved(host, spec.device)
    # A root of the kernel's own naming, and a name that udev does not know (yet), say nothing.
    return (
        live.source in (wished, "/dev/root")
        or not wished.startswith("/")
        or mounts.resolved(host, live.source) == wished
    )


def _make_place(host: Host, path: str) -> None:
    stat = host.lstat(path)
    if stat is None:
        host.mkdir(path, mode=0o755)
    elif stat.kind is Kind.OTHER or stat.kind is Kind.SYMLINK:
        raise ResourceFailed(f"{path} is a {stat.kind}: nothing is mounted on it")
