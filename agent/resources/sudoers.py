"""A file of sudo's rules, `/etc/sudoers.d/NAME`, whole. See `SudoersSpec`.

An error in one file can keep sudo from working at all, so `visudo` reads the new one before it is put in place. In a
confined root it is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file, visudo
from agent.tools.owned_file import OwnedFile
from schema.resources.sudoers import SudoersSpec

DIRECTORY: Final = "/etc/sudoers.d"
MODE: Final = 0o440


def check(host: Host, spec: SudoersSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: SudoersSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="rules", mode=MODE)


def apply(host: Host, spec: SudoersSpec, state: OwnedFile) -> None:
    """See `ResourceType`."""
    vet = None if host.confined else lambda candidate: visudo.check(host, candidate)
    owned_file.put(host, path(spec), state, text(spec), mode=MODE, check=vet)


def action(spec: SudoersSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def text(spec: SudoersSpec) -> bytes | None:
    """What the file should hold; None: it is to be absent."""
    if spec.state == "absent":
        return None
    whole = "".join(f"{rule}\n" for rule in spec.rules) if spec.content is None else spec.content
    return (owned_file.HEADER + whole.removesuffix("\n") + "\n").encode("utf-8", "surrogateescape")


def path(spec: SudoersSpec) -> str:
    """Where it is kept."""
    return f"{DIRECTORY}/{spec.sudoers}"


def paths(spec: SudoersSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


SUDOERS: Final = ResourceType(
    spec=SudoersSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=visudo.lacking,
    confinable=True,
    of_machine=True,
)
