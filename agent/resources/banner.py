"""What the host says to who logs in: one of three files, whole. See `BannerSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import OwnedFile
from schema.resources.banner import BannerSpec


def check(host: Host, spec: BannerSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: BannerSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="content")


def apply(host: Host, spec: BannerSpec, state: OwnedFile) -> None:
    """See `ResourceType`."""
    owned_file.put(host, path(spec), state, text(spec))


def action(spec: BannerSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def text(spec: BannerSpec) -> bytes | None:
    """What the file should hold, with a last newline; None: it is to be absent."""
    if spec.content is None:
        return None
    whole = spec.content if spec.content.endswith("\n") or not spec.content else spec.content + "\n"
    return whole.encode("utf-8", "surrogateescape")


def path(spec: BannerSpec) -> str:
    """Where it is kept."""
    return f"/etc/{spec.banner}"


def paths(spec: BannerSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


BANNER: Final = ResourceType(
    spec=BannerSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True, of_machine=True
)
