"""Programs of memory machines: models of what the real ones do, as far as resource types rely on it.

Each keeps its state in files of the machine, so that a full disk can hit any of its writes. Where a real program can be
had in a test, another test runs the real one (tests/unit/agent/tools).

A shell knows `true`, `false`, `exit N`, `test -e PATH`, `touch PATH`, `rm PATH`, `sleep` (which times out) and
`act WORDS`, which notes that it was run (`scripts`) and fails if the last word is `fails`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from agent.hosts import HostFault, MemoryHost, Ran
from agent.hosts.memory import Node, Program

OK = Ran(0, b"", b"")
SCRIPTS = "/model/scripts"
UNITS = "/model/units"
LISTS = "/model/apt-lists"
MIRROR = "/model/apt-mirror"
STATUS = "/var/lib/dpkg/status"


def is_read(run: Sequence[str]) -> bool:
    """Whether a run of a program changes nothing by itself."""
    return run[0] == "dpkg-query" or "show" in run[:3]


def scripts(host: MemoryHost) -> list[str]:
    """What `act` was called with, in order."""
    return _lines(host, SCRIPTS)


def refuse(text: str, code: int = 1) -> Ran:
    """A program that complains."""
    return Ran(code, b"", text.encode())


def _checker(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    """A validator: refuses a file that holds the word `invalid`."""
    try:
        bad = b"invalid" in host.read(args[-1])
    except (OSError, HostFault) as error:
        return refuse(str(error))
    return refuse(f"{args[-1]}: syntax error") if bad else OK


# the shell


def _shell(host: MemoryHost, args: Sequence[str], script: bytes) -> Ran:
    assert args[0] == "-c"
    text = script.decode().strip()
    word, _, rest = text.partition(" ")
    if word == "test":
        return OK if host.lstat(rest.removeprefix("-e ")) is not None else Ran(1, b"", b"")
    if word == "touch":
        _put(host, rest, "")
    elif word == "rm":
        host.remove(rest)
    elif word == "exit":
        return Ran(int(rest), b"", b"said before it ended\n")
    elif word == "sleep":
        return Ran(-9, b"", b"", timed_out=True)
    elif word == "act":
        _put(host, SCRIPTS, "".join(f"{line}\n" for line in [*scripts(host), text]))
        return refuse("it failed") if rest.endswith("fails") else OK
    elif word != "true":
        return Ran(1, b"", b"")
    return OK


# dpkg and apt


def _dpkg_query(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert args[0] == "--show"
    known = _status(host)
    if not known:
        return refuse("dpkg-query: no packages found matching *")
    lines = [f"{name}\tamd64\t{status}\t{version}\n" for name, (status, version) in known.items()]
    return Ran(0, "".join(lines).encode(), b"")


def _dpkg(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[-2:]) == ["--configure", "-a"]
    known = _status(host)
    _set_status(
        host,
        {name: ("installed" if status == "unpacked" else status, version) for name, (status, version) in known.items()},
    )
    return OK


def _apt_get(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    if verb == "update":
        _put(host, LISTS, "".join(f"{line}\n" for line in _lines(host, MIRROR)))
        return OK
    known = _status(host)
    if any(status == "unpacked" for status, _ in known.values()):
        return refuse("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", 100)
    (name, _, version) = names[0].partition("=")
    if verb == "install":
        offered = [line.split()[1] for line in _lines(host, LISTS) if line.split()[0] == name]
        if not offered:
            return refuse(f"E: Unable to locate package {name}", 100)
        if version and version not in offered:
            return refuse(f"E: Version '{version}' for '{name}' was not found", 100)
        if version and "--allow-downgrades" not in args:
            return refuse("E: Packages were downgraded and -y was used without --allow-downgrades.", 100)
        chosen = version or offered[-1]
        _set_status(host, {**known, name: ("unpacked", chosen)})
        _set_status(host, {**known, name: ("installed", chosen)})
        return OK
    if verb == "remove" and name in known:
        _set_status(host, {**known, name: ("config-files", known[name][1])})
    else:
        _set_status(host, {other: state for other, state in known.items() if other != name})
    return OK


def _status(host: MemoryHost) -> dict[str, tuple[str, str]]:
    found = {}
    for line in _lines(host, STATUS):
        name, status, version = line.split()
        found[name] = (status, version)
    return found


def _set_status(host: MemoryHost, known: dict[str, tuple[str, str]]) -> None:
    _put(host, STATUS, "".join(f"{name} {status} {version}\n" for name, (status, version) in known.items()))


# systemd


def _systemctl(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    units: dict[str, Any] = json.loads("".join(_lines(host, UNITS)) or "{}")
    verb, names = words[0], words[1:]
    if verb == "show":
        return Ran(0, "\n".join(_shown(units.get(name)) for name in names).encode(), b"")
    if verb == "daemon-reload":
        for unit in units.values():
            unit["outdated"] = False
    for name in names:
        if name not in units:
            return refuse(f"Unit {name} not found.", 5)
        unit = units[name]
        if unit.get("outdated"):
            return refuse(f"{name} changed on disk, run 'systemctl daemon-reload'")
        if verb in ("start", "restart", "reload-or-restart"):
            unit["active"] = unit.get("starts_as", "active")
        elif verb == "stop":
            unit["active"] = "inactive"
        elif verb == "enable":
            unit["file"] = "enabled"
        elif verb == "disable":
            unit["file"] = "disabled"
        unit["last"] = verb
    _put(host, UNITS, json.dumps(units))
    return OK


def _shown(unit: Any) -> str:
    if unit is None:
        return "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\n"
    outdated = "yes" if unit.get("outdated") else "no"
    return (
        f"LoadState=loaded\nActiveState={unit['active']}\nUnitFileState={unit['file']}\nNeedDaemonReload={outdated}\n"
    )


# the shadow suite


def _useradd(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    options, name = _options(args)
    if any(line.startswith(f"{name}:") for line in _lines(host, "/etc/passwd")):
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
    _append(host, "/etc/shadow", f"{name}:!:19000:0:99999:7:::")
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
    user = users[name]
    for place, option in ((2, "uid"), (4, "comment"), (5, "home"), (6, "shell")):
        user[place] = options.get(option, user[place])
    if "gid" in options:
        user[3] = groups[options["gid"]][2]
    _rewrite(host, "/etc/passwd", users)
    if "groups" in options:
        _join_groups(host, name, options["groups"])
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


def _join_groups(host: MemoryHost, name: str, names: str) -> None:
    groups = _table(host, "/etc/group")
    for group in groups.values():
        members = [member for member in group[3].split(",") if member and member != name]
        group[3] = ",".join([*members, name] if group[0] in names.split(",") else members)
    _rewrite(host, "/etc/group", groups)


def _table(host: MemoryHost, path: str) -> dict[str, list[str]]:
    return {line.split(":")[0]: line.split(":") for line in _lines(host, path)}


def _rewrite(host: MemoryHost, path: str, table: dict[str, list[str]]) -> None:
    _put(host, path, "".join(":".join(line) + "\n" for line in table.values()))


def _append(host: MemoryHost, path: str, line: str) -> None:
    _put(host, path, "".join(f"{one}\n" for one in [*_lines(host, path), line]))


# files


def _lines(host: MemoryHost, path: str) -> list[str]:
    return host.read(path).decode().splitlines() if host.lstat(path) is not None else []


def _put(host: MemoryHost, path: str, text: str) -> None:
    """One write, whatever directories are missing: those are not the machine's state."""
    parent = ""
    for part in path.split("/")[1:-1]:
        parent += f"/{part}"
        host.nodes.setdefault(parent, _DIRECTORY)
    host.write(path, text.encode(), mode=0o644)


_DIRECTORY: Node = MemoryHost().nodes["/"]

_MODELS: dict[str, Callable[[MemoryHost, Sequence[str], bytes], Ran]] = {
    "/bin/sh": _shell,
    "apt-get": _apt_get,
    "checker": _checker,
    "chpasswd": _chpasswd,
    "dpkg": _dpkg,
    "dpkg-query": _dpkg_query,
    "groupadd": _groupadd,
    "groupdel": _groupdel,
    "groupmod": _groupmod,
    "systemctl": _systemctl,
    "useradd": _useradd,
    "userdel": _userdel,
    "usermod": _usermod,
}
ALL: dict[str, Program] = dict(_MODELS)
"""Every program there is a model of."""
