"""Another name of a file. See `HardlinkSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.hardlink import HardlinkSpec


class HardlinkState(NamedTuple):
    """What stands at the path, and whether it is the target already."""

    stat: Stat | None
    same: bool = False
    note: str = ""


def check(host: Host, spec: HardlinkSpec) -> HardlinkState:
    """See `ResourceType`."""
    return HardlinkState(host.lstat(spec.path), spec.target is not None and host.same(spec.path, spec.target))


def diff(spec: HardlinkSpec, state: HardlinkState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "absent":
        return () if state.stat is None else (Change("state", state.stat.kind, "absent"),)
    if state.same and state.stat is not None and state.stat.kind is Kind.FILE:
        return ()
    stands = "absent" if state.stat is None else "another file" if state.stat.kind is Kind.FILE else state.stat.kind
    return (Change("state", stands, f"hard link to {spec.target}"),)


def apply(host: Host, spec: HardlinkSpec, state: HardlinkState) -> None:
    """See `ResourceType`."""
    kind = None if state.stat is None else state.stat.kind
    if kind not in (None, Kind.FILE, Kind.SYMLINK):
        raise ResourceFailed(f"{spec.path} is a {kind}: it is left alone")
    if spec.state == "absent":
        if not spec.force and (kind is not Kind.FILE or (state.stat is not None and state.stat.links < 2)):
            raise ResourceFailed(f"{spec.path} is no second name of a file: it is left alone (force removes it)")
        host.remove(spec.path)
        return
    assert spec.target is not None
    if kind is not None and not spec.force:
        raise ResourceFailed(f"{spec.path} is there already and is left alone (force replaces it)")
    if host.lstat(spec.target) is None:
        raise ResourceFailed(f"{spec.target} does not exist")
    if spec.target == spec.path or state.same:
        raise ResourceFailed(f"{spec.path} and {spec.target} are one name")
    host.link(spec.path, spec.target)


def action(spec: HardlinkSpec, state: HardlinkState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def paths(spec: HardlinkSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,) if spec.target is None else (spec.path, spec.target)


HARDLINK: Final = ResourceType(
    spec=HardlinkSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True
)
