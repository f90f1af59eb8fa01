"""Some keys of a TOML file that somebody else owns. See `TomlFileSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import documents, toml_text
from agent.tools.documents import DocumentState
from schema.resources.toml_file import TomlFileSpec


def check(host: Host, spec: TomlFileSpec) -> DocumentState:
    """See `ResourceType`."""
    return documents.read(host, spec, toml_text.TOML)


def diff(spec: TomlFileSpec, state: DocumentState) -> Sequence[Change]:
    """See `ResourceType`."""
    return documents.changes(spec, state)


def apply(host: Host, spec: TomlFileSpec, state: DocumentState) -> None:
    """See `ResourceType`."""
    documents.write(host, spec, toml_text.TOML, state)


def action(_spec: TomlFileSpec, state: DocumentState) -> str:
    """See `ResourceType`."""
    return "create" if state.whole.stat is None else "update"


def paths(spec: TomlFileSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


def unsupported(_host: Host) -> str | None:
    """See `ResourceType`."""
    return toml_text.missing()


TOML_FILE: Final = ResourceType(
    spec=TomlFileSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    confinable=True,
)
