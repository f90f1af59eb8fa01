"""Groups in the host's own file: group(5)."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`groups.*` of `schema.traits`."""
    return {
        name: {"gid": int(gid), "members": sorted(set(filter(None, members.split(","))))}
        for name, _, gid, members, *_ in sources.records(sources.text(host, "/etc/group") or "", 4)
        if gid.isdigit()
    }
