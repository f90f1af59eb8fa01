"""Between the core's words and the protocol's: places, kinds, paths."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris
from pygls.workspace import PositionCodec

from reconciler.authoring import Edit, Position, Span, Text
from reconciler.authoring.completions import Completion, Sorts
from reconciler.authoring.symbols import Symbol, SymbolSort
from reconciler.documents.kinds import ROOT
from schema.diagnostics import Diagnostic, Severity

SOURCE: Final = "vigo"

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}
_COMPLETIONS: Final = {
    Sorts.KEY: types.CompletionItemKind.Property,
    Sorts.WORD: types.CompletionItemKind.EnumMember,
    Sorts.NAME: types.CompletionItemKind.Reference,
    Sorts.VAR: types.CompletionItemKind.Variable,
    Sorts.TRAIT: types.CompletionItemKind.Field,
    Sorts.FILTER: types.CompletionItemKind.Function,
    Sorts.FUNCTION: types.CompletionItemKind.Function,
    Sorts.FILE: types.CompletionItemKind.File,
}
_SYMBOLS: Final = {
    SymbolSort.BLOCK: types.SymbolKind.Class,
    SymbolSort.CRATE: types.SymbolKind.Module,
    SymbolSort.RESOURCE: types.SymbolKind.Object,
    SymbolSort.ROLE: types.SymbolKind.Interface,
    SymbolSort.ENVIRONMENT: types.SymbolKind.Namespace,
    SymbolSort.VAR: types.SymbolKind.Variable,
    SymbolSort.TASK: types.SymbolKind.Function,
    SymbolSort.STEP: types.SymbolKind.Event,
    SymbolSort.PARAMETER: types.SymbolKind.TypeParameter,
    SymbolSort.ENTRY: types.SymbolKind.Key,
}


def path_of(uri: str) -> Path | None:
    """The file that a URI names; None for what is no file. Links are not followed: the client knows it by this name."""
    found = uris.to_fs_path(uri)
    return Path(os.path.normpath(found)) if found else None


def uri_of(path: Path) -> str:
    """The URI of a file."""
    return uris.from_fs_path(str(path)) or path.as_uri()


def root_above(path: Path) -> Path | None:
    """The config repository that a file or directory is in: the nearest directory above with `vigo.vgo`."""
    return next((each for each in (path, *path.parents) if (each / ROOT).is_file()), None)


class Places:
    """Places of one client, which counts columns in its own units."""

    def __init__(self, codec: PositionCodec) -> None:
        self._codec: Final = codec

    def position(self, text: Text, position: types.Position) -> Position:
        """A position that the client names; the nearest one there is."""
        line = min(position.line, len(text.lines) - 1)
        if position.line > line:
            return text.whole.end
        row = text.lines[line]
        units = min(position.character, self._codec.client_num_units(row))
        return Position(line + 1, self._codec.position_from_client_units([row], types.Position(0, units)).character + 1)

    def range(self, text: Text, span: Span) -> types.Range:
        """A span, for the client."""
        return types.Range(self._position(text, span.start), self._position(text, span.end))

    def span(self, text: Text, range_: types.Range) -> Span:
        """A span that the client names."""
        return Span(*self.position(text, range_.start), *self.position(text, range_.end))

    def edits(self, text: Text, edits: Iterable[Edit]) -> list[types.TextEdit]:
        """Edits, for the client."""
        return [types.TextEdit(self.range(text, edit.span), edit.text) for edit in edits]

    def _position(self, text: Text, position: Position) -> types.Position:
        line = max(min(position.line, len(text.lines)), 1) - 1
        column = min(position.column - 1, len(text.lines[line]))
        found = self._codec.position_to_client_units(text.lines, types.Position(line, column))
        return types.Position(found.line, found.character)


def diagnostic(places: Places, text: Text, span: Span, found: Diagnostic) -> types.Diagnostic:
    """A diagnostic; its hint is the message's second line."""
    return types.Diagnostic(
        range=places.range(text, span),
        severity=_SEVERITIES[found.severity],
        code=found.code,
        source=SOURCE,
        message=f"{found.message}\n{found.hint}" if found.hint else found.message,
    )


def completion(places: Places, text: Text, found: Completion, order: int) -> types.CompletionItem:
    """A completion; clients sort by `sort_text`."""
    return types.CompletionItem(
        label=found.label,
        kind=_COMPLETIONS[found.sort],
        detail=found.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, found.docs) if found.docs else None,
        sort_text=f"{order:04}",
        filter_text=found.label,
        text_edit=types.TextEdit(places.range(text, found.span), found.text),
    )


def symbol(places: Places, text: Text, found: Symbol) -> types.DocumentSymbol:
    """A symbol and those within it."""
    return types.DocumentSymbol(
        name=found.name.strip() or "-",
        kind=_SYMBOLS[found.sort],
        range=places.range(text, found.span),
        selection_range=places.range(text, found.selected),
        detail=found.detail or None,
        children=[symbol(places, text, each) for each in found.children],
    )
