"""A local account. See `UserSpec`.

`system` is about the making of an account, `remove_home` about its end: they change none that exists. A home directory
is made with the account; one that is missing later is made again, empty, only where `create_home` is written in the
spec, for many accounts have a home that is not meant to be there. `move_home` is about a change of `home` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import forget
from agent.resources.types import Change, Kept, ResourceFailed, ResourceType
from agent.tools import accounts, former, homes, shadow, unfinished
from agent.tools.accounts import Shadow, User
from agent.tools.unfinished import Unfinished
from schema.resources.user import UserSpec

HOME_MODE: Final = 0o700
_EPOCH: Final = date(1970, 1, 1)


class UserState(NamedTuple):
    """The account as it was found; None: there is none."""

    user: User | None
    group: str = ""
    groups: frozenset[str] = frozenset()
    shadow: Shadow = accounts.NO_SHADOW
    own_group: bool = False
    """Whether a group of the same name is there already."""
    homeless: bool = False
    """Whether the home directory is missing that the spec asks for."""
    broken: Unfinished | None = None
    """What was begun with the account and never ended."""
    note: str = ""


def check(host: Host, spec: UserSpec) -> UserState:
    """See `ResourceType`."""
    known = accounts.read(host)
    user = known.users.get(spec.user)
    broken = unfinished.found(host, "user", spec.user)
    if user is None:
        return UserState(None, own_group=spec.user in known.groups, broken=broken)
    secret = (spec.password_hash, spec.locked, spec.expires) != (None, None, None)
    held = accounts.shadow(host, spec.user) if secret else accounts.NO_SHADOW
    homeless = (
        "create_home" in spec.model_fields_set and spec.create_home and host.lstat(spec.home or user.home) is None
    )
    return UserState(user, known.group_of(user), known.groups_of(spec.user), held, homeless=homeless, broken=broken)


def diff(spec: UserSpec, state: UserState) -> Sequence[Change]:
    """See `ResourceType`."""
    user = state.user
    half = [] if state.broken is None else [Change("account", f"broken off: {state.broken.word}", "whole")]
    if spec.state == "absent":
        return half if user is None else (*half, Change("state", "present", "absent"))
    if user is None:
        observed: dict[str, str | None] = dict.fromkeys(_desired(spec))
    else:
        observed = {
            "uid": str(user.uid),
            "group": state.group,
            "groups": ",".join(sorted(state.groups)),
            "comment": user.comment,
            "home": user.home,
            "shell": user.shell,
            "expires": _day(state.shadow.expires),
        }
        if spec.append and state.groups >= set(spec.groups or ()) - {state.group}:
            observed["groups"] = _desired(spec).get("groups")
    found = [
        Change(field, observed[field], value) for field, value in _desired(spec).items() if observed[field] != value
    ]
    held = state.shadow.password_hash
    if spec.password_hash is not None and spec.password_hash != (held if spec.locked is None else held.lstrip("!")):
        found.append(Change("password_hash", None, None, secret=True))
    if spec.locked is not None and spec.locked != held.startswith("!"):
        before = None if user is None else _YES[held.startswith("!")]
        found.append(Change("locked", before, _YES[spec.locked]))
    if user is not None and state.homeless:
        found.append(Change("create_home", "absent", spec.home or user.home))
    return [*half, Change("state", "absent", "present"), *found] if user is None else [*half, *found]


def apply(host: Host, spec: UserSpec, state: UserState) -> None:
    """See `ResourceType`."""
    broken = state.broken
    if broken is None:
        _make_so(host, spec, state, {})
        return
    number = shadow.resume_user(host, spec.user, broken)
    forget(host)
    _make_so(host, spec, check(host, spec), {} if number is None else {"uid": str(number)})
    if broken.word == "make" and spec.state == "present" and spec.create_home:
        homes.furnish(host, accounts.reread(host).users[spec.user], mode=HOME_MODE)
    unfinished.end(host, "user", spec.user)


def _make_so(host: Host, spec: UserSpec, state: UserState, given: dict[str, str]) -> None:
    """Make the account so; one that was broken off whole, for it may stand in one file and not in the other."""
    if spec.state == "absent":
        if state.user is not None:
            shadow.remove_user(host, spec.user, home=spec.remove_home)
        return
    given |= {**_desired(spec), **({"expires": ""} if spec.expires == "never" else {})}
    differing = {change.field for change in diff(spec, state)}
    asked = differing if state.broken is None else given.keys()
    options = [f"--{_OPTIONS[field]}={value}" for field, value in given.items() if field in asked]
    if state.user is None:
        making = ["--system"] if spec.system else []
        making.append("--create-home" if spec.create_home else "--no-create-home")
        if spec.group is None and state.own_group:
            making.append(f"--gid={spec.user}")  # useradd would make that group, and refuses when it is there
        shadow.add_user(host, spec.user, [*making, *options])
    elif options:
        changing = ["--append"] if spec.append and "groups" in asked else []
        changing += ["--move-home"] if spec.move_home and "home" in differing else []
        shadow.change_user(host, spec.user, [*changing, *options])
    if "password_hash" in differing:
        assert spec.password_hash is not None
        lock = "!" if spec.locked else ""
        shadow.set_password_hash(host, spec.user, lock + spec.password_hash)
    elif "locked" in differing or (state.user is None and spec.locked is False):
        _lock(host, spec)
    if state.user is not None and state.homeless:
        user = accounts.reread(host).users[spec.user]
        host.mkdir(user.home, mode=HOME_MODE, uid=user.uid, gid=user.gid)


def _lock(host: Host, spec: UserSpec) -> None:
    """Lock or unlock what /etc/shadow holds by now: useradd has locked a new account already."""
    held = accounts.shadow(host, spec.user, fresh=True).password_hash
    if spec.locked == held.startswith("!"):
        return
    if not spec.locked and not held.lstrip("!"):
        raise ResourceFailed(f"{spec.user} has no password: unlocked, anybody could log in. Give password_hash")
    shadow.change_user(host, spec.user, ["--lock" if spec.locked else "--unlock"])


def action(spec: UserSpec, state: UserState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.user is None else "update"


def shows_in(host: Host, spec: UserSpec) -> Sequence[str]:
    """See `ResourceType`."""
    known = accounts.read(host).users.get(spec.user)
    home = spec.home or (known.home if known is not None else "")
    made = "create_home" in spec.model_fields_set and spec.create_home
    return [*accounts.FILES, *([home] if made and home else [])]


USER: Final = ResourceType(
    spec=UserSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    unsupported=shadow.lacking,
    of_machine=True,
    shows_in=shows_in,
    kept=Kept(lambda spec: (spec.user,), former.user_state, former.put_user_back),
)

_YES: Final = {True: "yes", False: "no"}
_OPTIONS: Final = {
    "uid": "uid",
    "group": "gid",
    "groups": "groups",
    "comment": "comment",
    "home": "home",
    "shell": "shell",
    "expires": "expiredate",
}
"""Field → the long option that useradd and usermod share."""


def _desired(spec: UserSpec) -> dict[str, str]:
    fields = {
        "uid": None if spec.uid is None else str(spec.uid),
        "group": spec.group,
        "groups": None if spec.groups is None else ",".join(sorted(set(spec.groups) - {spec.group})),
        "comment": spec.comment,
        "home": spec.home,
        "shell": spec.shell,
        "expires": spec.expires,
    }
    return {field: value for field, value in fields.items() if value is not None}


def _day(days: str) -> str:
    """What /etc/shadow counts from 1970; empty is never."""
    return str(_EPOCH + timedelta(days=int(days))) if days.isdigit() and len(days) < 7 else days or "never"
