"""A file of its own in /etc/tmpfiles.d. See `TmpfilesSpec`.

`systemd-tmpfiles --create` carries out the candidate before it gets in place: a file that is there has been carried
out, and a line that it cannot read never gets there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host, HostFault
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.tmpfiles import TmpfilesSpec

_PROGRAM: Final = "systemd-tmpfiles"
_TIMEOUT_S: Final = 120.0


def check(host: Host, spec: TmpfilesSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: TmpfilesSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="lines")


def apply(host: Host, spec: TmpfilesSpec, state: OwnedFile) -> None:
    """See `ResourceType`."""
    owned_file.put(host, path(spec), state, text(spec), check=lambda candidate: _carry_out(host, candidate))


def action(spec: TmpfilesSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def path(spec: TmpfilesSpec) -> str:
    """Where it is kept."""
    return f"/etc/tmpfiles.d/vigo-{spec.tmpfiles}.conf"


def text(spec: TmpfilesSpec) -> bytes | None:
    """The file; None when it is to be absent."""
    if spec.state == "absent":
        return None
    return (HEADER + "".join(f"{line}\n" for line in spec.lines)).encode("utf-8", "surrogateescape")


def paths(spec: TmpfilesSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if host.confined or host.which(_PROGRAM) else f"needs {_PROGRAM}, which this host does not have"


TMPFILES: Final = ResourceType(
    spec=TmpfilesSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    confinable=True,
    of_machine=True,
    unseen="what the lines have made",
)


def _carry_out(host: Host, candidate: str) -> None:
    if host.confined:
        return
    ran = host.run([_PROGRAM, "--create", candidate], timeout_s=_TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{_PROGRAM}: {ran.complaint.replace(candidate, 'the file')}")
