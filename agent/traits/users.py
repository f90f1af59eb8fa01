"""Accounts in the host's own files."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`users.*` of `schema.traits`."""
    groups: dict[str, list[str]] = {}
    for name, _, _, members, *_ in sources.records(sources.text(host, "/etc/group") or "", 4):
        for member in filter(None, members.split(",")):
            groups.setdefault(member, []).append(name)
    found = {}
    for name, _, uid, gid, _, home, shell, *_ in sources.records(sources.text(host, "/etc/passwd") or "", 7):
        if uid.isdigit() and gid.isdigit():
            found[name] = {
                "uid": int(uid),
                "gid": int(gid),
                "home": home,
                "shell": shell,
                "groups": sorted(groups.get(name, [])),
            }
    return found
