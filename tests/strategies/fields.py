"""For each field of each spec, a machine on which two values of it come to two things."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.strategies import programs


class Contrast(NamedTuple):
    """A machine and two specs that differ in one field."""

    paths: dict[str, Any]
    one: dict[str, Any]
    other: dict[str, Any]


def _vary(paths: dict[str, Any], base: dict[str, Any], field: str, one: Any, other: Any) -> Contrast:
    """`...` leaves the field out."""
    specs = [{**base, **({} if value is ... else {field: value})} for value in (one, other)]
    return Contrast(paths, *specs)


_X = {"path": "/x"}
_F = {"/x": {"content": "a\nb\n", "mode": "0644"}}
_D = {"/x": {"directory": True, "mode": "0755"}}
_CRON = {"job": "a", "schedule": "@daily", "command": "true"}
_CRON_D = {"/etc/cron.d": {"directory": True}}
_EXEC = {"command": "touch /made", "creates": "/made"}
_UNITS = {
    "/run/systemd/system": {"directory": True},
    programs.UNITS: '{"a.service": {"active": "active", "file": "enabled"}, "b.service": {"active": "inactive", "file": "enabled"}}',
}
_APT = {programs.LISTS: "a 1\na 2\nb 1\n", programs.STATUS: "a installed 2\n"}
_HOME = {"/home": {"directory": True}, "/srv/x": "x"}

CONTRASTS: dict[str, dict[str, Contrast]] = {
    "cron": {
        "job": _vary(_CRON_D, _CRON, "job", "a", "b"),
        "state": _vary(_CRON_D, _CRON, "state", "present", "absent"),
        "schedule": _vary(_CRON_D, _CRON, "schedule", "@daily", "@hourly"),
        "command": _vary(_CRON_D, _CRON, "command", "true", "false"),
        "user": _vary(_CRON_D, _CRON, "user", "root", "web"),
        "environment": _vary(_CRON_D, _CRON, "environment", {}, {"A": "b"}),
    },
    "directory": {
        "path": _vary({}, {}, "path", "/x", "/y"),
        "state": _vary(_D, _X, "state", "present", "absent"),
        "mode": _vary(_D, _X, "mode", ..., "0700"),
        "owner": _vary(_D, _X, "owner", "root", "web"),
        "group": _vary(_D, _X, "group", "root", "web"),
        "force": _vary({**_D, "/x/f": ""}, {**_X, "state": "absent"}, "force", False, True),
    },
    "exec": {
        "command": _vary({}, _EXEC, "command", "touch /made", "touch /other"),
        "onlyif": _vary({}, _EXEC, "onlyif", "true", "false"),
        "unless": _vary({}, _EXEC, "unless", "true", "false"),
        "creates": _vary({"/there": ""}, _EXEC, "creates", "/made", "/there"),
        "refreshonly": _vary({}, {"command": "true", "unless": "false"}, "refreshonly", False, True),
        "cwd": _vary({}, _EXEC, "cwd", ..., "/srv"),
        "environment": _vary({}, _EXEC, "environment", {}, {"A": "b"}),
        "user": _vary({}, _EXEC, "user", ..., "web"),
        "timeout_s": _vary({}, _EXEC, "timeout_s", 300, 5),
        "returns": _vary({}, {"command": "exit 3", "refreshonly": True}, "returns", [0], [3]),
    },
    "file": {
        "path": _vary({}, {}, "path", "/x", "/y"),
        "state": _vary(_F, _X, "state", "present", "absent"),
        "content": _vary(_F, _X, "content", ..., "b"),
        "source": _vary(_F, _X, "source", ..., "files/b"),
        "mode": _vary(_F, _X, "mode", ..., "0600"),
        "owner": _vary(_F, _X, "owner", "root", "web"),
        "group": _vary(_F, _X, "group", "root", "web"),
        "validate_": _vary(_F, {**_X, "content": "invalid"}, "validate", ..., "checker %"),
        "backup": _vary(_F, {**_X, "content": "b"}, "backup", False, True),
        "sensitive": _vary(_F, {**_X, "content": "b"}, "sensitive", False, True),
    },
    "file_line": {
        "path": _vary({**_F, "/y": ""}, {"line": "c"}, "path", "/x", "/y"),
        "line": _vary(_F, _X, "line", "c", "d"),
        "match": _vary(_F, {**_X, "line": "c"}, "match", ..., "^a"),
        "after": _vary(_F, {**_X, "line": "c"}, "after", ..., "^a"),
        "state": _vary(_F, {**_X, "line": "a"}, "state", "present", "absent"),
        "create": _vary({}, {**_X, "line": "a"}, "create", False, True),
    },
    "group": {
        "group": _vary({}, {}, "group", "new", "newer"),
        "state": _vary({}, {"group": "adm"}, "state", "present", "absent"),
        "gid": _vary({}, {"group": "adm"}, "gid", ..., 4000),
        "system": _vary({}, {"group": "new"}, "system", False, True),
    },
    "package": {
        "package": _vary(_APT, {}, "package", "a", "b"),
        "state": _vary(_APT, {"package": "a"}, "state", "absent", "purged"),
        "version": _vary(_APT, {"package": "a"}, "version", ..., "1"),
    },
    "service": {
        "service": _vary(_UNITS, {"state": "running"}, "service", "a", "b"),
        "state": _vary(_UNITS, {"service": "a"}, "state", ..., "stopped"),
        "enabled": _vary(_UNITS, {"service": "a"}, "enabled", ..., False),
    },
    "symlink": {
        "path": _vary({}, {"target": "t"}, "path", "/x", "/y"),
        "target": _vary({}, _X, "target", "a", "b"),
        "state": _vary({"/x": {"link": "a"}}, {**_X, "target": "a"}, "state", "present", "absent"),
        "force": _vary({"/x": "file"}, {**_X, "target": "a"}, "force", False, True),
    },
    "user": {
        "user": _vary({}, {"create_home": False}, "user", "new", "newer"),
        "state": _vary({}, {"user": "web"}, "state", "present", "absent"),
        "uid": _vary({}, {"user": "web"}, "uid", ..., 2000),
        "group": _vary({}, {"user": "web"}, "group", ..., "adm"),
        "groups": _vary({}, {"user": "web"}, "groups", ..., ["adm"]),
        "comment": _vary({}, {"user": "web"}, "comment", ..., "other"),
        "home": _vary({}, {"user": "web"}, "home", ..., "/other"),
        "shell": _vary({}, {"user": "web"}, "shell", ..., "/bin/sh"),
        "system": _vary({}, {"user": "new", "create_home": False}, "system", False, True),
        "password_hash": _vary({}, {"user": "web"}, "password_hash", ..., "hash"),
        "create_home": _vary(_HOME, {"user": "new"}, "create_home", False, True),
        "remove_home": _vary(_HOME, {"user": "web", "state": "absent"}, "remove_home", False, True),
    },
}
"""Resource type → field of its spec → where it matters."""
