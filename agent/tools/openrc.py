"""OpenRC: rc-status(8) for all services in one call, rc-service(8) and rc-update(8) for one.

What starts with the host is read from /etc/runlevels, where rc-update keeps links: no program is needed for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind
from agent.tools.systemctl import TIMEOUT_S, Unit

SUFFIX: Final = ""
SCRIPTS: Final = "/etc/init.d"
RUNLEVELS: Final = "/etc/runlevels"
_MEMO: Final = "openrc"
_LINE: Final = re.compile(r"^\s*(\S+)\s+\[\s*([a-z]+)")
_WORDS: Final = {
    "started": "active",
    "starting": "activating",
    "stopping": "deactivating",
    "crashed": "failed",
    "failed": "failed",
}
"""rc-status's words in systemd's; inactive for any other (stopped, inactive, scheduled)."""
_COMMANDS: Final = {
    "start": ("rc-service", "--", "{}", "start"),
    "stop": ("rc-service", "--", "{}", "stop"),
    "restart": ("rc-service", "--", "{}", "restart"),
    "reload-or-restart": ("rc-service", "--", "{}", "reload"),
    "enable": ("rc-update", "add", "{}", "default"),
    "disable": ("rc-update", "del", "{}"),
}


def booted(host: Host) -> bool:
    """Whether OpenRC runs the host: the file that it makes when it has begun."""
    stat = host.lstat("/run/openrc/softlevel")
    return stat is not None and stat.kind is Kind.FILE


def load(host: Host, _names: Iterable[str]) -> None:
    """Read all services, unless they are known; which are asked for does not matter."""
    if _MEMO in host.memo:
        return
    ran = host.run(["rc-status", "--nocolor", "--servicelist"])
    if ran.code != 0:
        raise HostFault(f"rc-status: {ran.complaint}")
    enabled = {name for names in _runlevels(host).values() for name in names}
    host.memo[_MEMO] = {
        found[1]: Unit(
            "loaded",
            _WORDS.get(found[2], "inactive"),
            "enabled" if found[1] in enabled else "disabled",
            outdated=False,
        )
        for line in ran.text.splitlines()
        if (found := _LINE.match(line)) is not None
    }


def unit(host: Host, name: str) -> Unit:
    """One service.

    Raises:
        HostFault: rc-status does not answer.
    """
    load(host, ())
    known: dict[str, Unit] = host.memo[_MEMO]
    return known.get(name) or Unit("not-found", "inactive", "", outdated=False)


def shown_in(host: Host, name: str) -> Sequence[str]:
    """Where it shows that a service is started, stopped or enabled: `agent.places`."""
    states = (f"/run/openrc/{state}/{name}" for state in ("started", "starting", "stopping", "failed"))
    levels = (f"{RUNLEVELS}/{level}/{name}" for level in _runlevels(host))
    return [*states, *levels, f"{SCRIPTS}/{name}"]


def act(host: Host, verb: str, *names: str) -> None:
    """To its end.

    Raises:
        HostFault: it did not succeed, or OpenRC has no such act.
    """
    if verb not in _COMMANDS:
        raise HostFault(f"OpenRC has no {verb}")
    for name in names:
        # rc-update fails for a runlevel that the service is not in, also with `--all`.
        levels = _levels(host, name) if verb == "disable" else []
        argv = [*(part.format(name) for part in _COMMANDS[verb]), *levels]
        ran = host.run(argv, timeout_s=TIMEOUT_S)
        if ran.code != 0 and verb == "reload-or-restart":  # a script that has no reload
            ran = host.run(["rc-service", "--", name, "restart"], timeout_s=TIMEOUT_S)
        if ran.code != 0:
            raise HostFault(f"{argv[0]} {verb} {name}: {ran.complaint}")


def _runlevels(host: Host) -> dict[str, list[str]]:
    return {
        level: host.listdir(f"{RUNLEVELS}/{level}")
        for level in (host.listdir(RUNLEVELS) if host.lstat(RUNLEVELS) is not None else ())
        if (stat := host.lstat(f"{RUNLEVELS}/{level}")) is not None and stat.kind is Kind.DIRECTORY
    }


def _levels(host: Host, name: str) -> list[str]:
    return [level for level, names in _runlevels(host).items() if name in names]
