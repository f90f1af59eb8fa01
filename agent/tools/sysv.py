"""sysvinit: service(8) for the state of all services in one call, update-rc.d(8) or chkconfig(8) for what starts.

What starts with the host is read from the links in /etc/rcN.d. A script that does not tell its state in the common form
is asked by itself, and one that tells none is unknown: such a service is not taken for stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind
from agent.places import within
from agent.tools.systemctl import TIMEOUT_S, Unit

SUFFIX: Final = ""
SCRIPTS: Final = "/etc/init.d"
_LINKS: Final = ("/etc", "/etc/rc.d")
_LEVELS: Final = ("rc2.d", "rc3.d", "rc4.d", "rc5.d")
_MEMO: Final = "sysv"
_LINE: Final = re.compile(r"^\s*\[ ([+?-]) \]\s+(\S+)\s*$")
_STATUS: Final = {0: "active", 1: "failed", 2: "failed", 3: "inactive"}
"""Exit codes of `status`, LSB 5.0 20.2: dead with a pid file, dead with a lock, not running."""
_VERBS: Final = {"start": "start", "stop": "stop", "restart": "restart", "reload-or-restart": "reload"}


def booted(host: Host) -> bool:
    """Whether sysvinit runs the host: the pipe that init listens at (systemd has one too, and is asked first)."""
    return any(
        (stat := host.lstat(path)) is not None and stat.kind is Kind.OTHER for path in ("/run/initctl", "/dev/initctl")
    )


def load(host: Host, names: Iterable[str]) -> None:
    """Read all services in one call, and those of `names` by themselves that did not tell their state."""
    known: dict[str, Unit] | None = host.memo.get(_MEMO)
    if known is None:
        ran = host.run(["service", "--status-all"], timeout_s=TIMEOUT_S)
        found = {
            match[2]: match[1]
            for line in (ran.text + "\n" + ran.stderr.decode("utf-8", "replace")).splitlines()
            if (match := _LINE.match(line)) is not None
        }
        enabled = {link[3:] for link in _links(host) if link.startswith("S")}
        scripts = host.listdir(SCRIPTS) if host.lstat(SCRIPTS) is not None else []
        active = {"+": "active", "-": "inactive"}
        known = host.memo[_MEMO] = {
            name: Unit(
                "loaded",
                active.get(found.get(name, ""), ""),
                "enabled" if name in enabled else "disabled",
                outdated=False,
            )
            for name in scripts
        }
    for name in set(names) & known.keys():
        if not known[name].active:
            code = host.run(["service", name, "status"]).code
            known[name] = known[name]._replace(active=_STATUS.get(code, "unknown"))


def unit(host: Host, name: str) -> Unit:
    """One service; `active` is `unknown` when its script does not tell.

    Raises:
        HostFault: there is no program `service`.
    """
    load(host, [name])
    known: dict[str, Unit] = host.memo[_MEMO]
    return known.get(name) or Unit("not-found", "inactive", "", outdated=False)


def shown_in(_host: Host, name: str) -> Sequence[str]:
    """Where it shows that a service starts with the host; whether it runs, only its script knows: `agent.places`."""
    return [*(within(f"{above}/{level}") for above in _LINKS for level in _LEVELS), f"{SCRIPTS}/{name}"]


def act(host: Host, verb: str, *names: str) -> None:
    """To its end.

    Raises:
        HostFault: it did not succeed, or sysvinit has no such act.
    """
    for name in names:
        if verb in _VERBS:
            ran = host.run(["service", name, _VERBS[verb]], timeout_s=TIMEOUT_S)
            if ran.code != 0 and verb == "reload-or-restart":  # a script that has no reload
                ran = host.run(["service", name, "restart"], timeout_s=TIMEOUT_S)
            if ran.code != 0:
                raise HostFault(f"service {name} {verb}: {ran.complaint}")
        elif verb in ("enable", "disable"):
            for argv in _starting(host, verb, name):
                ran = host.run(argv, timeout_s=TIMEOUT_S)
                if ran.code != 0:
                    raise HostFault(f"{' '.join(argv)}: {ran.complaint}")
        else:
            raise HostFault(f"sysvinit has no {verb}")


def _starting(host: Host, verb: str, name: str) -> list[list[str]]:
    if host.which("update-rc.d") is not None:
        # `enable` turns the links that are there; `defaults` makes them where none is.
        made = [["update-rc.d", name, "defaults"]] if verb == "enable" else []
        return [*made, ["update-rc.d", name, verb]]
    return [["chkconfig", name, "on" if verb == "enable" else "off"]]


def _links(host: Host) -> list[str]:
    places = [f"{parent}/{level}" for parent in _LINKS for level in _LEVELS]
    return [
        link
        for place in places
        if (stat := host.lstat(place)) is not None and stat.kind is Kind.DIRECTORY
        for link in host.listdir(place)
    ]
