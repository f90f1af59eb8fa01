"""Services of the init system: systemd's by its program, OpenRC's and sysvinit's by the files that they keep."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.hosts import Host, Kind
from agent.tools import openrc, systemctl, sysv
from agent.traits import sources

_SYSTEMCTL: Final = ["systemctl", "--no-pager", "--no-legend", "--plain", "--full", "--type=service"]
_TIMEOUT_S: Final = 8.0
_ENABLED: Final = frozenset({"enabled", "enabled-runtime"})
_STATES: Final = {"active": "running", "reloading": "running", "activating": "running", "failed": "failed"}
_SCRIPTS: Final = "/etc/init.d"
_RUNLEVELS: Final = "/etc/runlevels"
_STATE_OF_OPENRC: Final = "/run/openrc"
_START: Final = re.compile(r"S\d\d(.+)")
_NO_SERVICE: Final = frozenset(
    {"README", "functions", "functions.sh", "skeleton", "rc", "rcS", "halt", "reboot", "single"}
)


def collect(host: Host) -> dict[str, Any]:
    """`services.*` of `schema.traits`."""
    if host.confined:
        return {}
    if systemctl.booted(host) and host.which("systemctl") is not None:
        return _systemd(host)
    if openrc.booted(host):
        return _openrc(host)
    return _sysvinit(host) if sysv.booted(host) else {}


def _systemd(host: Host) -> dict[str, Any]:
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


def _openrc(host: Host) -> dict[str, Any]:
    """openrc(8): a link for each service in the directory of each state and of each runlevel."""
    enabled = {
        name for level in sources.names(host, _RUNLEVELS) for name in sources.names(host, f"{_RUNLEVELS}/{level}")
    }
    running, failed = (set(sources.names(host, f"{_STATE_OF_OPENRC}/{state}")) for state in ("started", "failed"))
    return {
        name: {
            "state": "running" if name in running else "failed" if name in failed else "stopped",
            "enabled": name in enabled,
        }
        for name in sources.names(host, _SCRIPTS)
        if name not in _NO_SERVICE and not name.endswith(".sh")
    }


def _sysvinit(host: Host) -> dict[str, Any]:
    """Whether one runs only its own script could tell, and that is not run to find out: `unknown`."""
    enabled = set()
    for level in ("/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d", "/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d"):
        enabled |= {found[1] for found in map(_START.fullmatch, sources.names(host, level)) if found is not None}
    return {
        name: {"state": "unknown", "enabled": name in enabled}
        for name in sources.names(host, _SCRIPTS)
        if name not in _NO_SERVICE and (stat := host.lstat(f"{_SCRIPTS}/{name}")) is not None and stat.kind is Kind.FILE
    }
