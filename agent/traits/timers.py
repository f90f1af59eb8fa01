"""systemd timers: systemctl(1), all in one call."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from agent.hosts import Host
from agent.tools import systemctl
from schema.time import SECOND, to_rfc3339

_TIMEOUT_S: Final = 8.0
_PROPERTIES: Final = ("Id", "Unit", "UnitFileState", "ActiveState", "LastTriggerUSec", "NextElapseUSecRealtime")
_ARGV: Final = ["systemctl", "--no-pager", "--all", f"--property={','.join(_PROPERTIES)}", "show", "--", "*.timer"]
_MOMENT: Final = re.compile(r"\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC")


def collect(host: Host) -> dict[str, Any]:
    """`timers.*` of `schema.traits`."""
    if host.confined or not systemctl.booted(host) or host.which("systemctl") is None:
        return {}
    ran = host.run(_ARGV, timeout_s=_TIMEOUT_S, env={"TZ": "UTC"})
    if ran.code != 0:
        raise LookupError(f"systemctl show: {ran.complaint}")
    found = {}
    for block in ran.text.split("\n\n"):
        timer = dict(line.partition("=")[::2] for line in block.splitlines())
        name = timer.get("Id", "")
        if not name.endswith(".timer"):
            continue
        times = {
            "last": _moment(timer.get("LastTriggerUSec", "")),
            "next": _moment(timer.get("NextElapseUSecRealtime", "")),
        }
        found[name.removesuffix(".timer")] = {
            "unit": timer.get("Unit", ""),
            "enabled": timer.get("UnitFileState", "").startswith("enabled"),
            "active": timer.get("ActiveState") == "active",
            **{key: value for key, value in times.items() if value},
        }
    return found


def _moment(text: str) -> str:
    """What systemd writes for a person, where its zone is UTC; empty for a moment that never comes."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return ""
    moment = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    return to_rfc3339(int(moment.timestamp()) * SECOND)
