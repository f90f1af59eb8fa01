"""Accounts as they were before a run, and what makes them so again: an undo of `user` and `group`.

An account that the run made is removed only while nothing but the skeleton of a home is there; one that has been used
by then is shut (locked and expired), for what is in its home would belong to whoever gets its number next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.hosts import Host, HostFault, Kind
from agent.tools import accounts, homes, shadow, unfinished

_SHUT: Final = "1"
"""A day that has passed: of 1970, as `usermod --expiredate` takes it."""
_MAX_ENTRIES: Final = 100
_MAIL: Final = ("/var/mail", "/var/spool/mail")

State = Mapping[str, Any]


def user_state(host: Host, name: str) -> State:
    """An account; empty where there is none."""
    known = accounts.reread(host)
    user = known.users.get(name)
    if user is None:
        return {}
    held = accounts.shadow(host, name, fresh=True)
    return {
        "uid": user.uid,
        "gid": user.gid,
        "group": known.group_of(user),
        "groups": sorted(known.groups_of(name)),
        "comment": user.comment,
        "home": user.home,
        "shell": user.shell,
        "hash": held.password_hash,
        "expires": held.expires,
        "homed": host.lstat(user.home) is not None,
    }


def put_user_back(host: Host, name: str, before: State, now: State) -> str:
    """Make an account what it was. Returns what of it could not be; raises `HostFault`."""
    if (broken := unfinished.found(host, "user", name)) is not None:
        shadow.resume_user(host, name, broken)
        unfinished.end(host, "user", name)
        now = user_state(host, name)
    if not before:
        return _unmake(host, name, now) if now else ""
    said = ""
    if not now:
        making = ["--no-create-home", f"--uid={before['uid']}"]
        own = before["group"] == name and name not in accounts.reread(host).groups
        if own:  # userdel took it along
            shadow.add_group(host, name, [f"--gid={before['gid']}"])
        shadow.add_user(host, name, [*making, *_options(before, ())])
        if before["homed"] and host.lstat(before["home"]) is None:
            said = f"the account is back; {before['home']} went with it, and was not kept"
    else:
        differing = [key for key in before if before[key] != now[key]]
        moved = "home" in differing and before["homed"] and host.lstat(before["home"]) is None
        moving = ["--move-home"] if moved else []
        options = _options(before, [key for key in before if key not in differing])
        if options:
            shadow.change_user(host, name, [*moving, *options])
    if accounts.shadow(host, name, fresh=True).password_hash != before["hash"]:
        shadow.set_password_hash(host, name, before["hash"])
    return said


def group_state(host: Host, name: str) -> State:
    """A group; empty where there is none."""
    group = accounts.reread(host).groups.get(name)
    return {} if group is None else {"gid": group.gid, "members": sorted(group.members)}


def put_group_back(host: Host, name: str, before: State, now: State) -> str:
    """Make a group what it was. Returns what of it could not be; raises `HostFault`."""
    if (broken := unfinished.found(host, "group", name)) is not None:
        shadow.resume_group(host, name, broken)
        unfinished.end(host, "group", name)
        now = group_state(host, name)
    if not before:
        if now:
            shadow.remove_group(host, name)
        return ""
    if not now:
        shadow.add_group(host, name, [f"--gid={before['gid']}"])
    elif now["gid"] != before["gid"]:
        shadow.change_group(host, name, [f"--gid={before['gid']}"])
    users = accounts.reread(host).users
    members = [each for each in before["members"] if each in users]
    if members != now.get("members", []):
        shadow.set_members(host, name, members)
    gone = sorted(set(before["members"]) - set(members))
    return f"no longer there to be its members: {', '.join(gone)}" if gone else ""


def _unmake(host: Host, name: str, now: State) -> str:
    home = str(now["home"])
    left = _left_in(host, home, int(now["uid"]))
    if left == "":
        left = _mail_of(host, name)
    if left is None:
        shadow.remove_user(host, name, home=False)
    elif not left:
        shadow.remove_user(host, name, home=True)
    else:
        shadow.change_user(host, name, ["--lock", f"--expiredate={_SHUT}"])
        return f"locked and expired, not removed: there is {left}"
    return ""


def _mail_of(host: Host, name: str) -> str:
    """Where mail of an account lies, which userdel(8) would remove with its home; empty where there is none."""
    for path in (f"{folder}/{name}" for folder in _MAIL):
        stat = host.lstat(path)
        if stat is not None and (stat.kind is not Kind.FILE or stat.size):
            return path
    return ""


def _left_in(host: Host, home: str, uid: int) -> str | None:
    """What somebody has put into a home, for a person; empty for nothing, None where it is no home of theirs."""
    stat = host.lstat(home)
    if stat is None or stat.kind is not Kind.DIRECTORY or stat.uid != uid:
        return None
    todo, count = [""], 0
    while todo:
        here = todo.pop()
        for entry in host.listdir(home + here):
            path, model = f"{home}{here}/{entry}", f"{homes.SKELETON}{here}/{entry}"
            there, given = host.lstat(path), host.lstat(model)
            count += 1
            if there is None:
                continue
            if given is None or given.kind is not there.kind or given.size != there.size or count > _MAX_ENTRIES:
                return path
            if there.kind is Kind.DIRECTORY:
                todo.append(f"{here}/{entry}")
            elif there.kind is not Kind.FILE or host.read(path) != host.read(model):
                return path
    return ""


def _options(before: State, but: Sequence[str]) -> list[str]:
    """Those of useradd and usermod that give an account what it had."""
    values = {
        "uid": str(before["uid"]),
        "group": str(before["group"]),
        "groups": ",".join(before["groups"]),
        "comment": before["comment"],
        "home": before["home"],
        "shell": before["shell"],
        "expires": before["expires"] if not str(before["expires"]).isdigit() else _day(int(before["expires"])),
    }
    words = {"group": "gid", "expires": "expiredate"}
    return [f"--{words.get(key, key)}={value}" for key, value in values.items() if key not in but]


def _day(days: int) -> str:
    from datetime import date, timedelta

    try:
        return str(date(1970, 1, 1) + timedelta(days=days))
    except OverflowError as error:
        raise HostFault(f"day {days} is none") from error
