"""Renaming: the edits that give a thing another name wherever it is named, comments and layout kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from reconciler.authoring import occurrences, places, spots
from reconciler.authoring.places import What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.texts import Edit, Location, Position, Span, Text
from reconciler.documents import Kind
from reconciler.documents.compose import resolve
from reconciler.documents.kinds import SUFFIX, place
from schema.errors import Invalid

RENAMABLE: Final = frozenset({What.CRATE, What.USERCRATE, What.ROLE, What.ENVIRONMENT, What.TASK})
MAX_EDITS: Final = 50_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_FILES: Final = {What.CRATE: Kind.CONFIGCRATE, What.USERCRATE: Kind.USERCRATE, What.TASK: Kind.TASK}
"""Things whose file is called as they are."""


class NotRenamable(Invalid):
    """What stands there has no name to change, or may not have this one."""

    code = "authoring.not_renamable"


class Rename(NamedTuple):
    """What a rename changes."""

    edits: Mapping[str, Sequence[Edit]]
    """Path, as it is before files move → edits that do not overlap."""
    moves: Sequence[tuple[str, str]]
    """Files that get another path."""


def renamable(snapshot: Snapshot, path: str, text: Text, position: Position) -> tuple[Span, str] | None:
    """The name at a position that can be changed, and where it stands; None when there is none."""
    spot = spots.find(snapshot, path, text, position)
    if spot is None or spot.names not in RENAMABLE:
        return None
    return _inner(text, spot.span, spot.text), spot.text


def rename(snapshot: Snapshot, path: str, text: Text, position: Position, name: str) -> Rename:
    """The edits and moves that call the thing at a position by another name, everywhere.

    Raises:
        NotRenamable: nothing there can be renamed; the name is not a name, or is taken; or some file cannot be read, so
            that a mention in it might be missed.
    """
    spot = spots.find(snapshot, path, text, position)
    if spot is None or spot.names is None or spot.names not in RENAMABLE:
        raise NotRenamable("a crate, role, environment or task can be renamed, and here is none")
    what, old = spot.names, spot.text
    moves = _checked(snapshot, what, old, name)
    edits: dict[str, set[Edit]] = {}
    for found in occurrences.of_name(snapshot, what, old, path):
        file = found.location.path
        source = snapshot.text(file)
        if source is not None:
            edits.setdefault(file, set()).add(_replaced(source, found.location, old, name))
    if sum(map(len, edits.values())) > MAX_EDITS:
        raise NotRenamable(f"it is named in more than {MAX_EDITS} places")
    return Rename({file: sorted(each) for file, each in sorted(edits.items())}, moves)


def _checked(snapshot: Snapshot, what: What, old: str, name: str) -> list[tuple[str, str]]:
    """The files to move, when the new name may be given."""
    if not _NAME.fullmatch(name):
        raise NotRenamable("a name has letters, digits and . _ @ + - and begins with a letter or digit")
    if name == old:
        raise NotRenamable(f"it is called {old} already")
    unread = sorted(snapshot.broken) or [
        each.path for each in snapshot.documents.by_path.values() if each.parsed.data is None and each.parsed.complaints
    ]
    if unread:
        raise NotRenamable(f"{unread[0]} cannot be read, and may name it: mend that first")
    known = [each for each in _defined(snapshot, what) if each.casefold() == name.casefold() and each != old]
    if known:
        raise NotRenamable(f"there is a {what} {known[0]} already")
    if what not in _FILES:
        return []
    files = [each for each in snapshot.documents.of(_FILES[what]) if each.stem == old]
    if what is not What.TASK and len(files) != 1:
        raise NotRenamable(f"there {'are several files' if files else 'is no file'} of the {what} {old}")
    moves = []
    for document in files:
        target = f"{document.directory}/{name}{SUFFIX}"
        if place(target) is not document.kind:
            raise NotRenamable(f"{target} would not be a {what}")
        taken = {each.casefold() for each in (*snapshot.documents.entries, *snapshot.documents.tree.refused())}
        if target.casefold() in taken - {document.path.casefold()}:
            raise NotRenamable(f"{target} is there already")
        moves.append((document.path, target))
    return moves


def _defined(snapshot: Snapshot, what: What) -> set[str]:
    found = {
        named.name
        for kind in places.kinds_of(what, defining=True)
        for document in snapshot.documents.of(kind)
        for named in places.names_in(document, what)
        if named.defines
    }
    if what in (What.CRATE, What.USERCRATE):
        found |= {document.stem for document in snapshot.documents.of(_FILES[what])}
    return found


def _replaced(text: Text, location: Location, old: str, name: str) -> Edit:
    """The edit of one mention. Quotes stay; a plain name gets them where YAML would read it as no text."""
    inner = _inner(text, location.span, old)
    if text.within(inner) != old:  # written with escapes
        return Edit(location.span, f'"{name}"')
    if inner == location.span and not isinstance(_meaning(name), str) and isinstance(_meaning(old), str):
        quoted = text.source[text.offset(inner.start) - 1 : text.offset(inner.start)] in ("'", '"')
        return Edit(inner, name if quoted else f'"{name}"')
    return Edit(inner, name)


def _inner(text: Text, span: Span, name: str) -> Span:
    """Where a name stands within its scalar: without quotes, or in the lines of a block."""
    begin = text.offset(span.start)
    written = text.source[begin : text.offset(span.end)]
    at = written.find(name, written.find("\n") if written.startswith((">", "|")) else 0)
    if at < 0:
        return span
    return Span(*text.position(begin + at), *text.position(begin + at + len(name)))


def _meaning(name: str) -> object:
    try:
        return resolve(name)
    except OverflowError:
        return None
