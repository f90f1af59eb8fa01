"""resolvectl(1): what systemd-resolved asks, beside what the links of the host have brought."""

from __future__ import annotations

from typing import NamedTuple

from agent.hosts import Host


class Asked(NamedTuple):
    """What holds for all links."""

    nameservers: tuple[str, ...]
    domains: tuple[str, ...]


def asked(host: Host) -> Asked | None:
    """What it asks; None when it does not run.

    Raises:
        HostFault: there is no resolvectl on this host.
    """
    found = []
    for verb in ("dns", "domain"):
        ran = host.run(["resolvectl", "--no-pager", verb])
        if ran.code != 0:
            return None
        found.append(_global(ran.text))
    return Asked(*found)


def _global(text: str) -> tuple[str, ...]:
    """The words behind `Global:`; long lists go on in lines that are indented."""
    words: list[str] = []
    ours = False
    for line in text.splitlines():
        if line.startswith("Global:"):
            ours = True
            words += line.removeprefix("Global:").split()
        elif ours and line.startswith(" ") and not line.strip().startswith("Link "):
            words += line.split()
        else:
            ours = False
    return tuple(words)
