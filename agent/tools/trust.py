"""The host's store of trusted certificates: where they go, and the program that gathers them.

update-ca-certificates(8) of Debian, Alpine and SUSE; update-ca-trust(8) of Fedora.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.tools import certificates

TIMEOUT_S: Final = 300.0
_GATHERED: Final = "trusted certificates"


class Store(NamedTuple):
    """One way of doing it."""

    directory: str
    suffix: str
    program: str
    bundle: str
    """What it gathers them in."""


STORES: Final = (
    Store(
        "/etc/pki/ca-trust/source/anchors",
        ".pem",
        "update-ca-trust",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    Store("/etc/pki/trust/anchors", ".pem", "update-ca-certificates", "/var/lib/ca-certificates/ca-bundle.pem"),
    Store("/usr/local/share/ca-certificates", ".crt", "update-ca-certificates", "/etc/ssl/certs/ca-certificates.crt"),
)


def store(host: Host) -> Store:
    """The host's own: the first whose directory is there, else Debian's."""
    return next((each for each in STORES if host.lstat(each.directory) is not None), STORES[-1])


def lacking(host: Host) -> str | None:
    """Why nothing can be gathered; None when it can. A confined root gathers nothing."""
    program = store(host).program
    if host.confined or host.which(program):
        return None
    return f"needs {program}, which this host does not have (package ca-certificates)"


def gathered(host: Host) -> frozenset[str]:
    """The certificates in the bundle, each as `certificates.body` has it; read once for all resources."""
    known: frozenset[str] | None = host.memo.get(_GATHERED)
    if known is None:
        place = store(host).bundle
        stat = host.lstat(place)
        readable = stat is not None and stat.kind is Kind.FILE
        text = host.read(place).decode("ascii", "replace") if readable else ""
        parts = text.split(certificates.BEGIN)[1:]
        known = host.memo[_GATHERED] = frozenset("".join(part.partition(certificates.END)[0].split()) for part in parts)
    return known


def gather(host: Host) -> None:
    """Run the program.

    Raises:
        HostFault: it fails.
    """
    program = store(host).program
    ran = host.run([program], timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{program}: {ran.complaint}")
