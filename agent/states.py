"""What a run replaces that is no path: a package, an account. Taken down before a change, compared, and put back.

A state is what the type of a resource says of one thing by its name (`Kept`), as JSON. It may hold the hash of a
password, so it is kept sealed like the content of a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.hosts import Host, reach
from agent.hosts.host import forget
from agent.resources import TYPES
from agent.resources.types import Kept, ResourceFailed

STATE: Final = "state"


def shown(kind: str, name: str) -> str:
    """How such a thing is named where paths are."""
    return f"{kind} {name}"


def take(host: Host, kind: str, name: str) -> bytes:
    """What a thing is now.

    Raises:
        HostFault, OSError: that cannot be told.
    """
    with reach.declared(TYPES[kind].needs_network):
        return json.dumps(_kept(kind).state(host, name), sort_keys=True).encode()


def put_back(host: Host, origin: Mapping[str, Any], load: Callable[[str], bytes | None]) -> str:
    """Make a thing what it was. Returns what of it could not be; empty where all of it was.

    Raises:
        ResourceFailed, HostFault, OSError: nothing could be, and why.
    """
    kind, name = str(origin["type"]), str(origin["name"])
    data = load(str(origin.get("sha256", "")))
    if data is None:
        raise ResourceFailed("what it was before is no longer kept")
    before = json.loads(data)
    forget(host)
    try:
        with reach.declared(TYPES[kind].needs_network):
            now = _kept(kind).state(host, name)
            return _kept(kind).put_back(host, name, before, now) if before != now else ""
    finally:
        forget(host)


def _kept(kind: str) -> Kept:
    kept = TYPES[kind].kept if kind in TYPES else None
    if kept is None:
        raise ResourceFailed(f"this agent puts no {kind} back")
    return kept
