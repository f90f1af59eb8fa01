"""Answers: what the core says, in the words of the protocol. Each is computed in a thread of its own."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from api.lsp import converting, limits
from api.lsp.converting import Places
from api.lsp.sessions import Asked
from reconciler.authoring import (
    Location,
    Position,
    Text,
    completions,
    definitions,
    fixes,
    hovers,
    layout,
    occurrences,
    renames,
    symbols,
)
from reconciler.documents.formatting import NotFormattable
from schema.diagnostics import Diagnostic


def told(places: Places, text: Text, found: Diagnostic) -> types.Diagnostic:
    """A diagnostic, for the client."""
    return converting.diagnostic(places, text, fixes.place(text, found), found)


def complete(asked: Asked, places: Places, position: types.Position) -> types.CompletionList:
    """What may be written at a position."""
    text = asked.text
    found = completions.at(asked.snapshot, asked.path, text, places.position(text, position))
    items = [converting.completion(places, text, each, order) for order, each in enumerate(found.items)]
    return types.CompletionList(is_incomplete=bool(found.left_out), items=items)


def hover(asked: Asked, places: Places, position: types.Position) -> types.Hover | None:
    """What is said about a position."""
    found = hovers.at(asked.snapshot, asked.path, asked.text, places.position(asked.text, position))
    if found is None:
        return None
    shown = types.MarkupContent(types.MarkupKind.Markdown, found.markdown)
    return types.Hover(shown, places.range(asked.text, found.span))


def define(asked: Asked, places: Places, position: types.Position) -> list[Location]:
    """Where what stands at a position is defined."""
    return definitions.at(asked.snapshot, asked.path, asked.text, places.position(asked.text, position))


def refer(asked: Asked, places: Places, position: types.Position, *, definition: bool) -> list[Location]:
    """What names the thing at a position."""
    at = places.position(asked.text, position)
    return occurrences.references(asked.snapshot, asked.path, asked.text, at, definition=definition)


def prepared(asked: Asked, places: Places, position: types.Position) -> types.PrepareRenamePlaceholder | None:
    """The name at a position that can be changed."""
    found = renames.renamable(asked.snapshot, asked.path, asked.text, places.position(asked.text, position))
    if found is None:
        return None
    return types.PrepareRenamePlaceholder(places.range(asked.text, found[0]), found[1])


def outlined(asked: Asked, places: Places) -> list[types.DocumentSymbol]:
    """The parts of a document."""
    kind = asked.snapshot.kind(asked.path)
    if kind is None:
        return []
    return [converting.symbol(places, asked.text, each) for each in symbols.of(kind, asked.text)]


def laid_out(asked: Asked, places: Places) -> list[types.TextEdit]:
    """The edits to the canonical layout; none for a file that cannot be read.

    Raises:
        NotFormattable: another layout would change what it says.
    """
    kind = asked.snapshot.kind(asked.path)
    if kind is None or asked.path in asked.snapshot.broken:
        return []
    if len(asked.text.source) > limits.MAX_FORMATTED_CHARS:
        raise NotFormattable(f"{asked.path} is too large to be formatted while you wait; `vigo fmt` does it")
    return places.edits(asked.text, layout.edits(kind, asked.text))


def mended(asked: Asked, places: Places, range_: types.Range) -> list[types.CodeAction]:
    """What would end the diagnostics of a range."""
    own = [each for each in asked.snapshot.diagnostics if each.file == asked.path]
    uri, text = asked.session.uri(asked.path), asked.text
    return [
        types.CodeAction(
            fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[told(places, text, fix.diagnostic)],
            edit=types.WorkspaceEdit(changes={uri: places.edits(text, [fix.edit])}),
            is_preferred=True,
        )
        for fix in fixes.of(own, text, places.span(text, range_))
    ]


def renamed(asked: Asked, places: Places, position: Position, name: str, *, may_move: bool) -> types.WorkspaceEdit:
    """The edits and moves that give the thing at a position another name.

    Raises:
        NotRenamable: it may not have it; or files would have to move, and the client cannot.
    """
    session, snapshot = asked.session, asked.snapshot
    found = renames.rename(snapshot, asked.path, asked.text, position, name)
    if found.moves and not may_move:
        raise renames.NotRenamable("its file would have to be renamed, too, and this editor does not do that")
    made = {path: places.edits(session.text(path, snapshot) or Text(""), edits) for path, edits in found.edits.items()}
    if not may_move:
        return types.WorkspaceEdit(changes={session.uri(path): edits for path, edits in made.items()})
    changes: list[Any] = []
    for path, written in made.items():
        buffer = session.buffers.get(path)
        version = buffer.version if buffer is not None else None
        identifier = types.OptionalVersionedTextDocumentIdentifier(session.uri(path), version)
        changes.append(types.TextDocumentEdit(identifier, list(written)))
    moves = [types.RenameFile(session.uri(old), converting.uri_of(session.root / new)) for old, new in found.moves]
    return types.WorkspaceEdit(document_changes=[*changes, *moves])
