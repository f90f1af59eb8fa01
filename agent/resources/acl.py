"""Who else may do what with a file or directory. See `AclSpec`.

The list is read and written as the extended attribute that it is: getfacl and setfacl need not be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind, Stat, posix_acl
from agent.hosts.posix_acl import GROUP, GROUP_OWNER, MASK, NOBODY, OTHER, OWNER, USER, BadList
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.acl import AclSpec

_BITS: Final = {"r": 4, "w": 2, "x": 1}


class AclState(NamedTuple):
    """The list as it was found, and as it should be; empty: there is none. `stat` None: nor is there the path."""

    stat: Stat | None
    before: dict[tuple[int, int], int]
    after: dict[tuple[int, int], int]
    missing: str = ""
    names: dict[tuple[int, int], str] = {}
    note: str = ""


def check(host: Host, spec: AclSpec) -> AclState:
    """See `ResourceType`."""
    stat = host.lstat(spec.path)
    if stat is None:
        return AclState(None, {}, {}, "" if spec.state == "absent" else f"{spec.path} does not exist")
    if stat.kind not in (Kind.FILE, Kind.DIRECTORY) or (spec.default and stat.kind is not Kind.DIRECTORY):
        raise ResourceFailed(f"{spec.path} is a {stat.kind}: it has no {'default ' * spec.default}access control list")
    held = host.attribute(spec.path, _attribute(spec))
    try:
        before = {} if held is None else posix_acl.parse(held)
    except BadList as error:
        raise ResourceFailed(f"{spec.path} has {error}") from error
    asked, unknown = _asked(host, spec)
    after = _desired(spec, before, before or posix_acl.of_mode(stat.mode), asked)
    names = {key: _name(host, key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return AclState(stat, before, after, unknown, names)


def diff(spec: AclSpec, state: AclState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.stat is None and spec.state == "absent":
        return ()
    if state.missing:
        return (Change("entries", None, ", ".join((*spec.users, *spec.groups))),)
    return [
        Change(state.names[key], _text(state.before.get(key)), _text(state.after.get(key)))
        for key in sorted(state.before.keys() | state.after.keys())
        if state.before.get(key) != state.after.get(key) and (key[0] in (USER, GROUP, MASK) or spec.default)
    ]


def apply(host: Host, spec: AclSpec, state: AclState) -> None:
    """See `ResourceType`."""
    if state.missing:
        raise ResourceFailed(state.missing)
    if state.after or spec.default:
        host.set_attribute(spec.path, _attribute(spec), posix_acl.dump(state.after) if state.after else None)
        return
    # Without the list the mask would stay behind as what the owning group may do.
    mode = posix_acl.mode_of({key: perms for key, perms in state.before.items() if key[0] != MASK}, 0)
    host.set_attribute(spec.path, _attribute(spec), posix_acl.dump(posix_acl.of_mode(mode)))


def paths(spec: AclSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


ACL: Final = ResourceType(spec=AclSpec, check=check, diff=diff, apply=apply, paths=paths, confinable=True)


def _attribute(spec: AclSpec) -> str:
    return posix_acl.DEFAULT if spec.default else posix_acl.ACCESS


def _asked(host: Host, spec: AclSpec) -> tuple[dict[tuple[int, int], int], str]:
    """(tag, id) → permissions, and which names this host does not know."""
    found, unknown = {}, []
    for tag, entries, lookup, what in (
        (USER, spec.users, host.uid, "user"),
        (GROUP, spec.groups, host.gid, "group"),
    ):
        for name, perms in entries.items():
            number = lookup(name)
            if number is not None:
                found[tag, number] = sum(_BITS[letter] for letter in perms if letter != "-")
            elif spec.state == "present":
                unknown.append(f"{what} {name}")
    return found, f"there is no {' and no '.join(unknown)} on this host" if unknown else ""


def _desired(
    spec: AclSpec,
    before: dict[tuple[int, int], int],
    base: dict[tuple[int, int], int],
    asked: dict[tuple[int, int], int],
) -> dict[tuple[int, int], int]:
    """The whole list; empty where permission bits say it all."""
    named = {key: perms for key, perms in before.items() if key[0] in (USER, GROUP)}
    if spec.state == "absent":
        named = {key: perms for key, perms in named.items() if key not in asked} if spec.users or spec.groups else {}
    else:
        named = asked if spec.exclusive else {**named, **asked}
    own = {key: base.get(key, 0) for key in ((OWNER, NOBODY), (GROUP_OWNER, NOBODY), (OTHER, NOBODY))}
    if not named:
        # A default list that was not ours may hold the base entries alone.
        return before if spec.default and posix_acl.is_plain(before) and (spec.users or spec.groups) else {}
    if spec.mask is not None:
        mask = sum(_BITS[letter] for letter in spec.mask if letter != "-")
    else:
        mask = own[GROUP_OWNER, NOBODY]
        for perms in named.values():
            mask |= perms
    return {**own, **named, (MASK, NOBODY): mask}


def _name(host: Host, key: tuple[int, int]) -> str:
    tag, number = key
    try:
        if tag == USER:
            return f"user {host.user_name(number)}"
        if tag == GROUP:
            return f"group {host.group_name(number)}"
    except HostFault:
        return f"entry {number}"
    return {OWNER: "owner", GROUP_OWNER: "owning group", MASK: "mask"}.get(tag, "others")


def _text(perms: int | None) -> str | None:
    return None if perms is None else "".join(letter if perms & bit else "-" for letter, bit in _BITS.items())
