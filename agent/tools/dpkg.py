"""dpkg-query(1) and dpkg(1): what is installed, all of it in one call, and how an interrupted run is finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.hosts import Host, HostFault
from agent.tools.packages import UNKNOWN, Package

CONFIGURE_TIMEOUT_S: Final = 1800.0
QUIET: Final = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
"""So that no maintainer script asks a question that nobody answers."""
_MEMO: Final = "dpkg"
_FORMAT: Final = "${Package}\\t${Architecture}\\t${db:Status-Status}\\t${Version}\\t${db:Status-Want}\\n"


def package(host: Host, name: str) -> Package:
    """One package, by `name` or `name:arch`; of several architectures the one that is installed.

    Raises:
        HostFault: dpkg-query does not answer.
    """
    return installed(host).get(name, UNKNOWN)


def configure_pending(host: Host) -> None:
    """Finish what an interrupted dpkg has left half done.

    Raises:
        HostFault: it cannot be finished.
    """
    argv = ["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"]
    ran = host.run(argv, timeout_s=CONFIGURE_TIMEOUT_S, env=QUIET)
    if ran.code != 0:
        raise HostFault(f"dpkg --configure -a: {ran.complaint}")


def installed(host: Host) -> Mapping[str, Package]:
    """All that dpkg knows, by `name` and by `name:arch`.

    Raises:
        HostFault: dpkg-query does not answer.
    """
    known: dict[str, Package] | None = host.memo.get(_MEMO)
    if known is None:
        ran = host.run(["dpkg-query", "--show", f"--showformat={_FORMAT}"])
        if ran.code != 0 and b"no packages found" not in ran.stderr:
            raise HostFault(f"dpkg-query: {ran.complaint}")
        known = host.memo[_MEMO] = {}
        for line in ran.text.splitlines():
            name, architecture, status, version, want = line.split("\t")
            found = Package(status, version, want == "hold")
            known[f"{name}:{architecture}"] = found
            if name not in known or found.installed:
                known[name] = found
    return known
