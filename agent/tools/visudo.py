"""visudo(8): whether a file of sudo's rules can be read by sudo."""

from __future__ import annotations

from typing import Final

from agent.hosts import Host, HostFault

TIMEOUT_S: Final = 60.0


def lacking(host: Host) -> str | None:
    """Why rules cannot be checked on this host; None when they can. A confined root checks none."""
    if host.confined or host.which("visudo"):
        return None
    return "needs visudo, which this host does not have"


def check(host: Host, path: str) -> None:
    """Accept a file.

    Raises:
        HostFault: visudo does not, with what it said.
    """
    ran = host.run(["visudo", "-c", "-f", path], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"visudo: {ran.complaint}")
