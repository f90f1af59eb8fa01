"""Swap space: a file or a device. See `SwapSpec`.

What a file or device holds is asked (blkid) before anything is done to it: a mistake in a path costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import fstab, mounts, swaps
from agent.tools.fstab import Entry, Fstab
from schema.resources.swap import SwapSpec

MODE: Final = 0o600


class SwapState(NamedTuple):
    """What is at the path, its priority if it is in use, and the table."""

    stat: Stat | None
    priority: int | None
    table: Fstab
    note: str = ""


def check(host: Host, spec: SwapSpec) -> SwapState:
    """See `ResourceType`."""
    in_use = swaps.live(host)
    priority = in_use.get(spec.path)
    if priority is None and spec.path.startswith("/dev/"):
        priority = in_use.get(mounts.resolved(host, spec.path))
    return SwapState(host.lstat(spec.path), priority, fstab.read(host))


def diff(spec: SwapSpec, state: SwapState) -> Sequence[Change]:
    """See `ResourceType`."""
    table = [entry for _, entry in state.table.find(_is(spec))]
    found: list[Change] = []
    if spec.state == "absent":
        found += [Change("fstab", entry.line(), None) for entry in table]
        if state.priority is not None:
            found.append(Change("live", "in use", "not in use"))
        if state.stat is not None and not _is_device(spec):
            found.append(Change("state", "present", "absent"))
        return found
    if not _is_device(spec):
        size = None if state.stat is None else state.stat.size
        if size != spec.size_bytes:
            found.append(Change("size", None if size is None else str(size), str(spec.size_bytes)))
        elif state.stat is not None and state.stat.mode != MODE:
            found.append(Change("mode", f"{state.stat.mode:04o}", f"{MODE:04o}"))
    if state.priority is None:
        found.append(Change("live", "not in use", "in use"))
    elif spec.priority is not None and spec.priority >= 0 and state.priority != spec.priority:
        found.append(Change("priority", str(state.priority), str(spec.priority)))
    if [entry.kept for entry in table] != [_entry(spec).kept]:
        found.append(Change("fstab", "; ".join(entry.line() for entry in table) or None, _entry(spec).line()))
    return found


def apply(host: Host, spec: SwapSpec, state: SwapState) -> None:
    """In use first, then in the table: an entry that cannot be used never waits for the next start."""
    fields = {change.field for change in diff(spec, state)}
    if spec.state == "absent":
        _remove(host, spec, state)
    else:
        _vet(host, spec, state)
        if state.priority is not None and fields & {"size", "priority"}:
            swaps.leave(host, spec.path)
        if "size" in fields:
            assert spec.size_bytes is not None
            swaps.make_file(host, spec.path, spec.size_bytes)
        elif "mode" in fields:
            host.chmod(spec.path, MODE)
        if "live" in fields or fields & {"size", "priority"}:
            swaps.use(host, spec.path, spec.priority if (spec.priority or 0) >= 0 else None)
    if "fstab" in fields:
        fstab.put(host, state.table, _is(spec), None if spec.state == "absent" else _entry(spec))


def action(spec: SwapSpec, state: SwapState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def paths(_spec: SwapSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (fstab.PATH,)


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    lacking = [name for name in ("swapon", "mkswap", "blkid") if host.which(name) is None]
    return f"needs {' and '.join(lacking)}, which this host does not have" if lacking else None


def shows_in(_host: Host, _spec: SwapSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (swaps.TABLE,)


SWAP: Final = ResourceType(
    spec=SwapSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    of_machine=True,
    shows_in=shows_in,
    unseen="what a device that is not in use holds",
)


def _vet(host: Host, spec: SwapSpec, state: SwapState) -> None:
    """Refuse what is there already and is no swap; make an empty device ready where that is wished."""
    stat = state.stat
    if stat is None:
        if _is_device(spec):
            raise ResourceFailed(f"there is no device {spec.path}")
        return
    if stat.kind is not (Kind.OTHER if _is_device(spec) else Kind.FILE) and not (
        _is_device(spec) and stat.kind is Kind.SYMLINK
    ):
        raise ResourceFailed(f"{spec.path} is a {stat.kind}: it is left alone")
    if state.priority is not None:
        return
    holds = swaps.content(host, spec.path)
    if holds == "swap":
        return
    if not _is_device(spec) or holds:
        raise ResourceFailed(f"{spec.path} is there and holds {holds or 'something unknown'}: it is left alone")
    if not spec.format:
        raise ResourceFailed(f"{spec.path} is not made ready as swap (format: true does that)")
    swaps.make_ready(host, spec.path)


def _remove(host: Host, spec: SwapSpec, state: SwapState) -> None:
    removes = state.stat is not None and not _is_device(spec)
    if removes and state.priority is None and swaps.content(host, spec.path) != "swap":
        raise ResourceFailed(f"{spec.path} is no swap file: it is left alone")
    if state.priority is not None:
        swaps.leave(host, spec.path)
    if removes:
        host.remove(spec.path)


def _is_device(spec: SwapSpec) -> bool:
    return spec.path.startswith("/dev/")


def _is(spec: SwapSpec) -> Callable[[Entry], bool]:
    return lambda entry: entry.fstype == "swap" and entry.device == spec.path


def _entry(spec: SwapSpec) -> Entry:
    options = ("defaults",) if spec.priority is None or spec.priority < 0 else (f"pri={spec.priority}",)
    return Entry(spec.path, "none", "swap", options)
