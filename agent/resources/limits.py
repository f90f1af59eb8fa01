"""Limits of what sessions may use: a file of its own, `/etc/security/limits.d/NAME.conf`. See `LimitsSpec`.

They hold for sessions that begin afterwards; nothing is to be loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import OwnedFile
from schema.resources.limits import LimitsSpec

DIRECTORY: Final = "/etc/security/limits.d"


def check(host: Host, spec: LimitsSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: LimitsSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="entries")


def apply(host: Host, spec: LimitsSpec, state: OwnedFile) -> None:
    """See `ResourceType`."""
    owned_file.put(host, path(spec), state, text(spec))


def action(spec: LimitsSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def text(spec: LimitsSpec) -> bytes | None:
    """What the file should hold; None: it is to be absent."""
    if spec.state == "absent":
        return None
    return (owned_file.HEADER + "".join(f"{entry}\n" for entry in spec.entries)).encode("utf-8", "surrogateescape")


def path(spec: LimitsSpec) -> str:
    """Where it is kept."""
    return f"{DIRECTORY}/{spec.limits}.conf"


def paths(spec: LimitsSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


LIMITS: Final = ResourceType(
    spec=LimitsSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True, of_machine=True
)
