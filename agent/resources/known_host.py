"""A host key that SSH trusts: one line of known_hosts. See `KnownHostSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.resources.types import Change, ResourceType
from agent.tools import ssh, ssh_files
from agent.tools.ssh import Known
from agent.tools.ssh_files import KeyFile
from schema.resources.known_host import KnownHostSpec

SHARED: Final = "/etc/ssh/ssh_known_hosts"
_NAME: Final = "known_hosts"


class KnownHostState(NamedTuple):
    """The file as it was found, and what this machine's salts are made of."""

    file: KeyFile
    machine: str = ""
    note: str = ""


def check(host: Host, spec: KnownHostSpec) -> KnownHostState:
    """See `ResourceType`."""
    found = ssh_files.read(host, user=spec.user, path=SHARED if spec.user is None else _NAME)
    return KnownHostState(found, _machine(host) if spec.hashed else "")


def diff(spec: KnownHostSpec, state: KnownHostState) -> Sequence[Change]:
    """See `ResourceType`."""
    lines = state.file.lines
    after = desired(spec, state)
    wide = ssh_files.too_open(state.file) if spec.state == "present" else []
    if after == list(lines):
        return wide
    return [Change("key", _shown(spec, lines), _shown(spec, after)), *wide]


def apply(host: Host, spec: KnownHostSpec, state: KnownHostState) -> None:
    """See `ResourceType`."""
    ssh_files.write(host, state.file, desired(spec, state))


def action(spec: KnownHostSpec, state: KnownHostState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if _shown(spec, state.file.lines) is None else "update"


def desired(spec: KnownHostSpec, state: KnownHostState) -> list[str]:
    """The lines as they should be; the same when nothing is to be done."""
    kind, data, *comment = (spec.key or "").split(" ", 2) if spec.key else ("", "")
    result, there = [], False
    for line in state.file.lines:
        held = ssh.known(line)
        if held is None or not _is_ours(spec, held):
            result.append(line)
        elif spec.state == "present" and held.data == data and not there and (_is_hashed(held) or not spec.hashed):
            there = True
            result.append(line)
        elif left := tuple(
            name for name in held.hosts if name != spec.host and not held._replace(hosts=(name,)).names(spec.host)
        ):
            result.append(held._replace(hosts=left).line)
    if spec.state == "present" and not there:
        name = ssh.hashed(spec.host, ssh.salt(state.machine, spec.host, kind)) if spec.hashed else spec.host
        result.append(Known("", (name,), kind, data, comment[0].strip() if comment else "").line)
    return result


def paths(spec: KnownHostSpec) -> Sequence[str]:
    """See `ResourceType`. Where a home is, only the host knows."""
    return (SHARED,) if spec.user is None else ()


def shows_in(host: Host, spec: KnownHostSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return () if spec.user is None else ssh_files.shown_in(host, spec.user, _NAME)


KNOWN_HOST: Final = ResourceType(
    spec=KnownHostSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    shows_in=shows_in,
)


def _is_ours(spec: KnownHostSpec, held: Known) -> bool:
    if held.marker or (spec.key is not None and held.kind != spec.key.split(" ")[0]):
        return False
    return held.names(spec.host)


def _is_hashed(held: Known) -> bool:
    return held.hosts[0].startswith("|1|")


def _shown(spec: KnownHostSpec, lines: Sequence[str]) -> str | None:
    """The keys of the host for a person to compare, and how its name is written; None for none."""
    keys = [held for held in map(ssh.known, lines) if held is not None and _is_ours(spec, held)]
    texts = [ssh_files.fingerprint(held.kind, held.data) + (" (hashed)" if _is_hashed(held) else "") for held in keys]
    return "; ".join(texts) or None


def _machine(host: Host) -> str:
    """What no other machine has: so that the same name has another hash there."""
    try:
        return host.read("/etc/machine-id", limit=4096).decode("ascii", "replace").strip()
    except (OSError, HostFault):
        return ""
