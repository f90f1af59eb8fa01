"""The shadow suite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse


def reads(run: Sequence[str]) -> bool:
    """They only write."""
    return False


def _useradd(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    if any(line.startswith(f"{name}:") for line in files.lines(host, "/etc/passwd")):
        return refuse(f"useradd: user '{name}' already exists", 9)
    groups = _table(host, "/etc/group")
    if "gid" not in options and name in groups:
        return refuse(f"useradd: group {name} exists - if you want to add this user to that group, use -g.", 9)
    group = options.get("gid", name)
    if "gid" in options and group not in groups:
        return refuse(f"useradd: group '{group}' does not exist", 6)
    if lacking := _lacking(groups, options.get("groups", "")):
        return refuse(f"useradd: group '{lacking}' does not exist", 6)
    uid = options.get("uid") or _free(_table(host, "/etc/passwd"), system="system" in options)
    gid = groups[group][2] if group in groups else _free(groups, system="system" in options)
    home = options.get("home", f"/home/{name}")
    fields = [name, "x", uid, gid, options.get("comment", ""), home, options.get("shell", "/bin/sh")]
    _append(host, "/etc/passwd", ":".join(fields))
    _append(host, "/etc/shadow", f"{name}:!:19000:0:99999:7::{_days(options.get('expiredate', ''))}:")
    if group not in groups:
        _append(host, "/etc/group", f"{name}:x:{gid}:")
    if "groups" in options:
        _join_groups(host, name, options["groups"])
    if "create-home" in options and host.lstat(home) is None:
        host.mkdir(home, mode=0o755, uid=int(uid), gid=int(gid))
    return OK


def _usermod(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    users, groups = _table(host, "/etc/passwd"), _table(host, "/etc/group")
    if name not in users:
        return refuse(f"usermod: user '{name}' does not exist", 6)
    if "gid" in options and options["gid"] not in groups:
        return refuse(f"usermod: group '{options['gid']}' does not exist", 6)
    if lacking := _lacking(groups, options.get("groups", "")):
        return refuse(f"usermod: group '{lacking}' does not exist", 6)
    shadows = _table(host, "/etc/shadow")
    user, secret = users[name], shadows.get(name)
    if {"lock", "unlock", "expiredate"} & options.keys():
        secret = shadows[name] = secret or [name, "", "19000", "0", "99999", "7", "", "", ""]
        if "lock" in options:
            secret[1] = "!" + secret[1].removeprefix("!")
        if "unlock" in options and len(secret[1]) > 1:  # without a password it complains, and ends 0
            secret[1] = secret[1].removeprefix("!")
        secret[7] = _days(options["expiredate"]) if "expiredate" in options else secret[7]
        _rewrite(host, "/etc/shadow", shadows)
    if "move-home" in options and host.lstat(user[5]) is not None and host.lstat(options["home"]) is None:
        _move(host, user[5], options["home"])
    for place, option in ((2, "uid"), (4, "comment"), (5, "home"), (6, "shell")):
        user[place] = options.get(option, user[place])
    if "gid" in options:
        user[3] = groups[options["gid"]][2]
    _rewrite(host, "/etc/passwd", users)
    if "groups" in options:
        _join_groups(host, name, options["groups"], append="append" in options)
    return OK


def _userdel(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    users = _table(host, "/etc/passwd")
    home = users.pop(name)[5]
    if "remove" in options and host.lstat(home) is not None:
        host.remove_tree(home)
    shadows = _table(host, "/etc/shadow")
    if shadows.pop(name, None) is not None:
        _rewrite(host, "/etc/shadow", shadows)
    _rewrite(host, "/etc/passwd", users)
    return OK


def _chpasswd(host: MemoryHost, args: Sequence[str], stdin: bytes) -> Ran:
    assert list(args) == ["--encrypted"]
    name, _, value = stdin.decode().strip().partition(":")
    shadows = _table(host, "/etc/shadow")
    shadows.setdefault(name, [name, "!", "19000", "0", "99999", "7", "", "", ""])[1] = value
    _rewrite(host, "/etc/shadow", shadows)
    return OK


def _groupadd(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    groups = _table(host, "/etc/group")
    if name in groups:
        return refuse(f"groupadd: group '{name}' already exists", 9)
    gid = options.get("gid") or _free(groups, system="system" in options)
    if any(group[2] == gid for group in groups.values()):
        return refuse(f"groupadd: GID '{gid}' already exists", 4)
    _append(host, "/etc/group", f"{name}:x:{gid}:")
    return OK


def _groupmod(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    groups = _table(host, "/etc/group")
    if any(group[2] == options["gid"] for other, group in groups.items() if other != name):
        return refuse(f"groupmod: GID '{options['gid']}' already exists", 4)
    groups[name][2] = options["gid"]
    _rewrite(host, "/etc/group", groups)
    return OK


def _groupdel(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    _, name = _options(args)
    groups = _table(host, "/etc/group")
    gid = groups[name][2]
    if user := next((user[0] for user in _table(host, "/etc/passwd").values() if user[3] == gid), None):
        return refuse(f"groupdel: cannot remove the primary group of user '{user}'", 8)
    del groups[name]
    _rewrite(host, "/etc/group", groups)
    return OK


def _gpasswd(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    groups, users = _table(host, "/etc/group"), _table(host, "/etc/passwd")
    if lacking := _lacking(users, options["members"]):
        return refuse(f"gpasswd: user '{lacking}' does not exist", 3)
    groups[name][3] = options["members"]
    _rewrite(host, "/etc/group", groups)
    return OK


def _days(day: str) -> str:
    return str((date.fromisoformat(day) - date(1970, 1, 1)).days) if day else ""


def _move(host: MemoryHost, old: str, new: str) -> None:
    files.put(host, f"{old}.moving", "")  # one write
    host.nodes.pop(f"{old}.moving")
    for path in [path for path in host.nodes if path == old or path.startswith(f"{old}/")]:
        host.nodes[new + path.removeprefix(old)] = host.nodes.pop(path)


def _options(args: Sequence[str]) -> tuple[dict[str, str], str]:
    assert args[-2] == "--"
    return {word[2:].partition("=")[0]: word.partition("=")[2] for word in args[:-2]}, args[-1]


def _free(table: dict[str, list[str]], *, system: bool) -> str:
    taken = {int(line[2]) for line in table.values()}
    return str(
        next(number for number in (range(999, 100, -1) if system else range(1000, 60000)) if number not in taken)
    )


def _lacking(groups: dict[str, list[str]], names: str) -> str:
    return next((name for name in names.split(",") if name and name not in groups), "")


def _join_groups(host: MemoryHost, name: str, names: str, *, append: bool = False) -> None:
    groups = _table(host, "/etc/group")
    for group in groups.values():
        members = [member for member in group[3].split(",") if member and member != name]
        kept = append and name in group[3].split(",")
        group[3] = ",".join([*members, name] if kept or group[0] in names.split(",") else members)
    _rewrite(host, "/etc/group", groups)


def _table(host: MemoryHost, path: str) -> dict[str, list[str]]:
    return {line.split(":")[0]: line.split(":") for line in files.lines(host, path)}


def _rewrite(host: MemoryHost, path: str, table: dict[str, list[str]]) -> None:
    files.put(host, path, "".join(":".join(line) + "\n" for line in table.values()))


def _append(host: MemoryHost, path: str, line: str) -> None:
    files.put(host, path, "".join(f"{one}\n" for one in [*files.lines(host, path), line]))


PROGRAMS: dict[str, Program] = {
    "chpasswd": _chpasswd,
    "gpasswd": _gpasswd,
    "groupadd": _groupadd,
    "groupdel": _groupdel,
    "groupmod": _groupmod,
    "useradd": _useradd,
    "userdel": _userdel,
    "usermod": _usermod,
}
