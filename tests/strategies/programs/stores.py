"""update-ca-certificates and update-ca-trust: they gather the certificates of the system and of a directory, each once."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK

DEBIAN = "/etc/ssl/certs/ca-certificates.crt"
FEDORA = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"

SYSTEM = "/model/system-ca"
"""One certificate that the system brings."""


def reads(run: Sequence[str]) -> bool:
    """Neither."""
    return False


def _update_ca_certificates(host: MemoryHost, _args: Sequence[str], _input: bytes) -> Ran:
    _gather(host, "/usr/local/share/ca-certificates", ".crt", DEBIAN)
    return OK


def _update_ca_trust(host: MemoryHost, _args: Sequence[str], _input: bytes) -> Ran:
    _gather(host, "/etc/pki/ca-trust/source/anchors", "", FEDORA)
    return OK


def _gather(host: MemoryHost, directory: str, suffix: str, bundle: str) -> None:
    found = [
        node.data.decode()
        for path, node in sorted(host.nodes.items())
        if path.startswith(f"{directory}/") and path.endswith(suffix) and node.kind is Kind.FILE
    ]
    system = host.nodes[SYSTEM].data.decode() if SYSTEM in host.nodes else ""
    files.put(host, bundle, "".join(dict.fromkeys([system, *found])))


PROGRAMS: dict[str, Program] = {
    "update-ca-certificates": _update_ca_certificates,
    "update-ca-trust": _update_ca_trust,
}
