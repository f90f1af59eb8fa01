"""A symbolic link. See `SymlinkSpec`. Its target is data: never followed, never required to exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.symlink import SymlinkSpec


class SymlinkState(NamedTuple):
    """What stands at the path; `target` only of a link."""

    kind: Kind | None
    target: str | None = None
    note: str = ""


def check(host: Host, spec: SymlinkSpec) -> SymlinkState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    if stat is None:
        return SymlinkState(None)
    return SymlinkState(stat.kind, host.readlink(spec.path) if stat.kind is Kind.SYMLINK else None)


def diff(spec: SymlinkSpec, state: SymlinkState) -> Sequence[Change]:
    """See `ResourceType`."""
    if spec.state == "absent":
        return () if state.kind is None else (Change("state", state.kind, "absent"),)
    if state.kind is Kind.SYMLINK:
        return () if state.target == spec.target else (Change("target", state.target, spec.target),)
    return (Change("state", state.kind or "absent", Kind.SYMLINK), Change("target", None, spec.target))


def apply(host: Host, spec: SymlinkSpec, state: SymlinkState) -> None:
    """See `ResourceType`."""
    if state.kind not in (None, Kind.SYMLINK) and not (state.kind is Kind.FILE and spec.force):
        raise ResourceFailed(f"{spec.path} is a {state.kind}, not a link: it is left alone{_advice(spec, state)}")
    if spec.state == "absent":
        host.remove(spec.path)
    else:
        host.symlink(spec.path, spec.target)


def action(spec: SymlinkSpec, state: SymlinkState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.kind is None else "update"


def paths(spec: SymlinkSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


SYMLINK: Final = ResourceType(
    spec=SymlinkSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True
)


def _advice(spec: SymlinkSpec, state: SymlinkState) -> str:
    return " (force replaces a file)" if state.kind is Kind.FILE and not spec.force else ""
