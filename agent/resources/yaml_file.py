"""Some keys of a YAML file that somebody else owns. See `YamlFileSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import documents, yaml_text
from agent.tools.documents import DocumentState
from schema.resources.yaml_file import YamlFileSpec


def check(host: Host, spec: YamlFileSpec) -> DocumentState:
    """See `ResourceType`."""
    return documents.read(host, spec, yaml_text.YAML)


def diff(spec: YamlFileSpec, state: DocumentState) -> Sequence[Change]:
    """See `ResourceType`."""
    return documents.changes(spec, state)


def apply(host: Host, spec: YamlFileSpec, state: DocumentState) -> None:
    """See `ResourceType`."""
    documents.write(host, spec, yaml_text.YAML, state)


def action(_spec: YamlFileSpec, state: DocumentState) -> str:
    """See `ResourceType`."""
    return "create" if state.whole.stat is None else "update"


def paths(spec: YamlFileSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


def unsupported(_host: Host) -> str | None:
    """See `ResourceType`."""
    return yaml_text.missing()


YAML_FILE: Final = ResourceType(
    spec=YamlFileSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    confinable=True,
)
