"""Inventories of memory, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.importing.ansible import layout, sources
from reconciler.importing.ansible.inventory import Inventory
from reconciler.importing.ansible.sources import Folder, SourceFile
from reconciler.importing.proposals import Notes, Proposal


def folder(files: Mapping[str, str | bytes]) -> Folder:
    """A gathered directory of these files."""
    made: dict[str, Any] = {}
    for path, content in files.items():
        *above, name = path.split("/")
        place = made
        for part in above:
            place = place.setdefault(part, {})
        place[name] = SourceFile(content.encode() if isinstance(content, str) else content)
    return _folder(made)


def _folder(made: Mapping[str, Any]) -> Folder:
    return Folder({name: entry if isinstance(entry, SourceFile) else _folder(entry) for name, entry in made.items()})


def read(text: str | bytes, name: str = "hosts.ini", *, beside: Mapping[str, str | bytes] | None = None) -> Inventory:
    """The inventory that one file makes, with these files beside it."""
    content = text.encode() if isinstance(text, str) else text
    return sources.inventory(SourceFile(content), name, beside=folder(beside or {}), playbooks=None, notes=Notes())


def resolved(found: Inventory) -> dict[str, dict[str, Any]]:
    """Host → what Ansible would say."""
    return {host.name: found.resolved(host) for host in found.hosts.values()}


def proposed(
    text: str | bytes, name: str = "hosts.ini", *, beside: Mapping[str, str | bytes] | None = None
) -> Proposal:
    return layout.propose(read(text, name, beside=beside), name)


def said(proposal: Proposal) -> str:
    """All notes, a line each."""
    return "\n".join(f"{note.about}: {note.message}" for note in proposal.notes.listed())
