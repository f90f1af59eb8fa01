"""Accounts in the host's own files: passwd(5), group(5); of shadow(5) whether there is a password, never what it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from agent.hosts import Host, HostFault
from agent.traits import sources

_DAY_S: Final = 86_400
_MAX_DAYS: Final = 2_900_000
"""Year 9909: what is beyond is no date."""


def collect(host: Host) -> dict[str, Any]:
    """`users.*` of `schema.traits`."""
    groups: dict[str, list[str]] = {}
    for name, _, _, members, *_ in sources.records(sources.text(host, "/etc/group") or "", 4):
        for member in filter(None, members.split(",")):
            groups.setdefault(member, []).append(name)
    shadow = _shadow(host)
    found = {}
    for name, _, uid, gid, _, home, shell, *_ in sources.records(sources.text(host, "/etc/passwd") or "", 7):
        if uid.isdigit() and gid.isdigit():
            found[name] = {
                "uid": int(uid),
                "gid": int(gid),
                "home": home,
                "shell": shell,
                "groups": sorted(groups.get(name, [])),
                **shadow.get(name, {}),
            }
    return found


def _shadow(host: Host) -> dict[str, dict[str, str]]:
    try:
        content = sources.text(host, "/etc/shadow") or ""
    except (OSError, HostFault):  # root's alone
        return {}
    found = {}
    for name, password, changed, _, _, _, _, expires, *_ in sources.records(content, 9):
        state = "none" if not password else "locked" if password[0] in "!*" else "set"
        days = {"password_changed": _day(changed), "expires": _day(expires)}
        found[name] = {"password": state, **{key: day for key, day in days.items() if day}}
    return found


def _day(days: str) -> str:
    """Days since 1970 as a date; empty where there are none."""
    if not days.isascii() or not days.isdigit() or not 0 < int(days) < _MAX_DAYS:
        return ""
    return datetime.fromtimestamp(int(days) * _DAY_S, UTC).date().isoformat()
