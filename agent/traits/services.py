"""Services of the init system. systemd is the one that is known."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host

_SYSTEMCTL: Final = ["systemctl", "--no-pager", "--no-legend", "--plain", "--full", "--type=service"]
_TIMEOUT_S: Final = 8.0
_ENABLED: Final = frozenset({"enabled", "enabled-runtime"})
_STATES: Final = {"active": "running", "reloading": "running", "activating": "running", "failed": "failed"}


def collect(host: Host) -> dict[str, Any]:
    """`services.*` of `schema.traits`."""
    if host.confined or host.lstat("/run/systemd/system") is None or host.which("systemctl") is None:
        return {}
    found: dict[str, Any] = {}
    for name, state, *_ in _listed(host, "list-unit-files"):
        found[name] = {"state": "stopped", "enabled": state in _ENABLED}
    for name, loaded, active, *_ in _listed(host, "list-units", "--all"):
        if loaded == "loaded":
            service = found.setdefault(name, {"state": "stopped", "enabled": False})
            service["state"] = _STATES.get(active, "stopped")
    return found


def _listed(host: Host, *what: str) -> list[list[str]]:
    ran = host.run([*_SYSTEMCTL, *what], timeout_s=_TIMEOUT_S)
    if ran.code != 0:
        raise LookupError(f"systemctl {what[0]}: {ran.complaint}")
    rows = (line.split() for line in ran.text.splitlines())
    return [[row[0].removesuffix(".service"), *row[1:]] for row in rows if len(row) >= 3 or (row and len(row) == 2)]
