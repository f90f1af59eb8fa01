"""Definitions: where what stands at a position is defined."""

from __future__ import annotations

from typing import Final

from reconciler.authoring import occurrences, spots, values
from reconciler.authoring.places import What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.texts import Location, Position, Span, Text
from reconciler.documents import Kind

MAX_DEFINITIONS: Final = 200


def at(snapshot: Snapshot, path: str, text: Text, position: Position) -> list[Location]:
    """Where what stands at a position is defined; of a var, every place that writes it, the strongest first."""
    spot = spots.find(snapshot, path, text, position)
    if spot is None:
        return []
    if spot.var:
        written = values.writers(snapshot, path, spot.var)
        found = [occurrences.key_location(snapshot, each.document.path, where) for each, where, _ in reversed(written)]
        return [each for each in dict.fromkeys(found) if each is not None][:MAX_DEFINITIONS]
    if spot.names is None:
        return []
    return defined(snapshot, spot.names, spot.text, path)[:MAX_DEFINITIONS]


def defined(snapshot: Snapshot, what: What, name: str, path: str) -> list[Location]:
    """Where a thing is defined; a crate without a sound name, at the top of its file."""
    found = [each.location for each in occurrences.of_name(snapshot, what, name, path, defining=True) if each.defines]
    if what is What.ENVIRONMENT:  # a file sees those of the directories above it
        found = [each for each in found if path.startswith(each.path.removesuffix("environments.vgo"))] or found
    if not found and what in (What.CRATE, What.USERCRATE):
        kind = Kind.CONFIGCRATE if what is What.CRATE else Kind.USERCRATE
        found = [Location(each.path, Span(1, 1, 1, 1)) for each in snapshot.documents.of(kind) if each.stem == name]
    return found
