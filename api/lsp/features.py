"""The features: which messages of the protocol are heard, and what each means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from lsprotocol import types

from api.lsp import answers
from api.lsp.converting import Places, path_of
from api.lsp.server import Server
from api.lsp.sessions import Asked

T = TypeVar("T")
_TRIGGERS: Final = (".", " ", "|", "[", "-", "/", ":", "{")


def made() -> Server:
    """A server that hears all that Vigo's does."""
    server = Server()
    _life(server)
    _files(server)
    _questions(server)
    _changes(server)
    return server


def _life(server: Server) -> None:
    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.watch_parent(server.process_id)
        for folder in _folders(server):
            session = server.session(folder)
            if session is not None:
                session.changed(on_disk=True)
        if _registers(server):
            pattern = types.FileSystemWatcher("**/*")
            options = types.DidChangeWatchedFilesRegistrationOptions([pattern])
            watching = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(types.RegistrationParams([watching]))

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: None) -> None:
        server.ended_well = True
        await server.close_all()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        for folder in params.event.added:
            path = path_of(folder.uri)
            session = server.session(path) if path is not None else None
            if session is not None:
                session.changed(on_disk=True)


def _files(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.took(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.took(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        found = server.locate(params.text_document.uri)
        if found is not None:
            found[0].changed(on_disk=True)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        found = server.locate(params.text_document.uri)
        if found is not None:
            session, path = found
            session.buffers.pop(path, None)
            session.changed(on_disk=True)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def on_disk(params: types.DidChangeWatchedFilesParams) -> None:
        sessions = {id(found[0]): found[0] for each in params.changes if (found := server.locate(each.uri)) is not None}
        for session in sessions.values():
            session.changed(on_disk=True)


def _questions(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=list(_TRIGGERS)))
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        return await _ask(server, params.text_document.uri, params.position, answers.complete)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        return await _ask(server, params.text_document.uri, params.position, answers.hover)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[types.Location]:
        return await _located(server, params.text_document.uri, partial(_defined, server, params.position))

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def references(params: types.ReferenceParams) -> list[types.Location]:
        return await _located(server, params.text_document.uri, partial(_referred, server, params), now=True)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def symbol(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        places = server.places
        return await server.ask(params.text_document.uri, lambda asked: answers.outlined(asked, places)) or []


def _changes(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def prepare(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        return await _ask(server, params.text_document.uri, params.position, answers.prepared, now=True)

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        places, may_move = server.places, _moves(server)

        def answer(asked: Asked) -> types.WorkspaceEdit:
            at = places.position(asked.text, params.position)
            return answers.renamed(asked, places, at, params.new_name, may_move=may_move)

        return await server.ask(params.text_document.uri, answer, now=True)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    async def formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        places = server.places
        return await server.ask(params.text_document.uri, lambda asked: answers.laid_out(asked, places), now=True)

    actions = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, actions)
    async def action(params: types.CodeActionParams) -> list[types.CodeAction]:
        places, uri, only = server.places, params.text_document.uri, params.context.only
        if only is not None and types.CodeActionKind.QuickFix not in only:
            return []
        return await server.ask(uri, lambda asked: answers.mended(asked, places, params.range), now=True) or []


async def _ask(
    server: Server,
    uri: str,
    position: types.Position,
    answer: Callable[[Asked, Places, types.Position], T],
    *,
    now: bool = False,
) -> T | None:
    places = server.places
    return await server.ask(uri, lambda asked: answer(asked, places, position), now=now)


async def _located(
    server: Server, uri: str, answer: Callable[[Asked], list[types.Location]], *, now: bool = False
) -> list[types.Location]:
    return await server.ask(uri, answer, now=now) or []


def _defined(server: Server, position: types.Position, asked: Asked) -> list[types.Location]:
    found = answers.define(asked, server.places, position)
    return [server.location(asked.session, asked.snapshot, each) for each in found]


def _referred(server: Server, params: types.ReferenceParams, asked: Asked) -> list[types.Location]:
    definition = params.context.include_declaration
    found = answers.refer(asked, server.places, params.position, definition=definition)
    return [server.location(asked.session, asked.snapshot, each) for each in found]


def _folders(server: Server) -> list[Path]:
    uris = [folder.uri for folder in server.workspace.folders.values()]
    if not uris and server.workspace.root_uri is not None:
        uris = [server.workspace.root_uri]
    return [path for uri in uris if (path := path_of(uri)) is not None]


def _registers(server: Server) -> bool:
    """Whether the client tells of changed files when it is asked to."""
    workspace = server.client_capabilities.workspace
    watched = workspace.did_change_watched_files if workspace is not None else None
    return watched is not None and bool(watched.dynamic_registration)


def _moves(server: Server) -> bool:
    """Whether the client renames files when an edit says so."""
    workspace = server.client_capabilities.workspace
    able = workspace.workspace_edit if workspace is not None else None
    if able is None or not able.document_changes:
        return False
    return types.ResourceOperationKind.Rename in (able.resource_operations or ())
