"""Some keys of a JSON file that somebody else owns. See `JsonFileSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import documents, json_text
from agent.tools.documents import DocumentState
from schema.resources.json_file import JsonFileSpec


def check(host: Host, spec: JsonFileSpec) -> DocumentState:
    """See `ResourceType`."""
    return documents.read(host, spec, json_text.JSON)


def diff(spec: JsonFileSpec, state: DocumentState) -> Sequence[Change]:
    """See `ResourceType`."""
    return documents.changes(spec, state)


def apply(host: Host, spec: JsonFileSpec, state: DocumentState) -> None:
    """See `ResourceType`."""
    documents.write(host, spec, json_text.JSON, state)


def action(_spec: JsonFileSpec, state: DocumentState) -> str:
    """See `ResourceType`."""
    return "create" if state.whole.stat is None else "update"


def paths(spec: JsonFileSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


JSON_FILE: Final = ResourceType(
    spec=JsonFileSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
)
