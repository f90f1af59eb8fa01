"""Who a path should belong to: names to ids, and what is done where that cannot be.

On the machine itself a name that does not exist, or an owner that we may not set, is a failure. A confined root is
often a bare directory, run by anybody: there, ownership that cannot be resolved or changed is *not managed*, and the
report says so. A dry run does not fail on a name: an earlier resource may be about to make that account.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.hosts import Host, Stat
from agent.tools.difference import Change


class Ownership(NamedTuple):
    """What is desired of owner and group, as far as this host can have it; None is left as it is."""

    uid: int | None = None
    gid: int | None = None
    owner: str | None = None
    group: str | None = None
    note: str = ""
    """What is not managed here, and why."""
    missing: str = ""
    """What keeps it from being applied."""


UNMANAGED: Final = Ownership()
_NO_NAMES: Final = ("", "")


def resolve(host: Host, owner: str | None, group: str | None) -> Ownership:
    """The ids of two names, either of which may not be given; looked up once until the host changes."""
    if owner is None and group is None:
        return UNMANAGED
    key = (Ownership, owner, group)
    found: Ownership | None = host.memo.get(key)
    if found is None:
        found = host.memo[key] = _resolve(host, owner, group)
    return found


def changes(desired: Ownership, stat: Stat, names: tuple[str, str]) -> list[Change]:
    """How owner and group differ; `names` are those of the observed owner and group."""
    found = []
    if desired.uid != stat.uid and (desired.uid is not None or (desired.owner is not None and desired.missing)):
        found.append(Change("owner", names[0], desired.owner))
    if desired.gid != stat.gid and (desired.gid is not None or (desired.group is not None and desired.missing)):
        found.append(Change("group", names[1], desired.group))
    return found


def names(host: Host, desired: Ownership, stat: Stat) -> tuple[str, str]:
    """Names of the observed owner and group, looked up only where they differ."""
    if desired.uid == stat.uid and desired.gid == stat.gid:
        return _NO_NAMES
    return (
        "" if desired.owner is None or desired.uid == stat.uid else host.user_name(stat.uid),
        "" if desired.group is None or desired.gid == stat.gid else host.group_name(stat.gid),
    )


def _resolve(host: Host, owner: str | None, group: str | None) -> Ownership:
    if host.confined and not host.privileged:
        return Ownership(note="owner and group are not managed: only root may set them")
    uid = None if owner is None else host.uid(owner)
    gid = None if group is None else host.gid(group)
    unknown = [f"user {owner}"] if owner is not None and uid is None else []
    unknown += [f"group {group}"] if group is not None and gid is None else []
    if not unknown:
        return Ownership(uid, gid, owner, group)
    if host.confined:
        return Ownership(uid, gid, owner, group, note=f"not managed: the root has no {' and no '.join(unknown)}")
    return Ownership(uid, gid, owner, group, missing=f"there is no {' and no '.join(unknown)} on this host")
