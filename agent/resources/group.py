"""A local group. See `GroupSpec`. `system` says where a new group gets its number from; it changes none that exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, Kept, ResourceType
from agent.tools import accounts, former, shadow, unfinished
from agent.tools.accounts import Group
from agent.tools.unfinished import Unfinished
from schema.resources.group import GroupSpec


class GroupState(NamedTuple):
    """The group as it was found; None: there is none."""

    group: Group | None
    broken: Unfinished | None = None
    """What was begun with the group and never ended."""
    note: str = ""


def check(host: Host, spec: GroupSpec) -> GroupState:
    """See `ResourceType`."""
    return GroupState(accounts.read(host).groups.get(spec.group), unfinished.found(host, "group", spec.group))


def diff(spec: GroupSpec, state: GroupState) -> Sequence[Change]:
    """See `ResourceType`."""
    group = state.group
    half = [] if state.broken is None else [Change("group", f"broken off: {state.broken.word}", "whole")]
    if spec.state == "absent":
        return half if group is None else (*half, Change("state", "present", "absent"))
    if group is None:
        joining = [Change("members", None, ",".join(sorted(set(spec.members))))] if spec.members else []
        return [*half, Change("state", "absent", "present"), *joining]
    found = half
    if spec.gid not in (None, group.gid):
        found.append(Change("gid", str(group.gid), str(spec.gid)))
    if spec.members is not None and set(spec.members) != group.members:
        found.append(Change("members", ",".join(sorted(group.members)), ",".join(sorted(set(spec.members)))))
    return found


def apply(host: Host, spec: GroupSpec, state: GroupState) -> None:
    """See `ResourceType`."""
    broken = state.broken
    if broken is not None:
        shadow.resume_group(host, spec.group, broken)
        forget(host)
        state = check(host, spec)._replace(broken=None)
    if spec.state == "absent":
        if state.group is not None:
            shadow.remove_group(host, spec.group)
        unfinished.end(host, "group", spec.group)
        return
    differing = {change.field for change in diff(spec, state)}
    gid = [] if spec.gid is None else [f"--gid={spec.gid}"]
    if state.group is None:
        shadow.add_group(host, spec.group, [*(["--system"] if spec.system else []), *gid])
    elif "gid" in differing:
        shadow.change_group(host, spec.group, gid)
    if "members" in differing:
        shadow.set_members(host, spec.group, sorted(set(spec.members or ())))
    if broken is not None:
        unfinished.end(host, "group", spec.group)


def action(spec: GroupSpec, state: GroupState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.group is None else "update"


def shows_in(_host: Host, _spec: GroupSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return accounts.FILES


GROUP: Final = ResourceType(
    spec=GroupSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=shadow.lacking,
    of_machine=True,
    shows_in=shows_in,
    kept=Kept(lambda spec: (spec.group,), former.group_state, former.put_group_back),
)
