"""An editor and `vigo lsp`: the real process, spoken to over its standard input and output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.e2e.site import ROOT
from tests.factories.typed import SITE

LEAF = "production/web.vgo"
COMMAND = (sys.executable, "-m", "api", "lsp", "--stdio")
ABLE = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(
        workspace_edit=types.WorkspaceEditClientCapabilities(
            document_changes=True, resource_operations=[types.ResourceOperationKind.Rename]
        ),
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
    )
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for path, source in {"vigo.vgo": "language: 1\n", **SITE}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    return tmp_path


class Editor:
    """One editor with one window."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.client = LanguageClient("editor", "1")
        self.told: dict[str, types.PublishDiagnosticsParams] = {}
        self.watched: list[Any] = []
        self._news = asyncio.Event()
        self._versions: dict[str, int] = {}

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.told[params.uri] = params
            self._news.set()

        @self.client.feature(types.CLIENT_REGISTER_CAPABILITY)
        def registered(params: types.RegistrationParams) -> None:
            self.watched += params.registrations
            self._news.set()

    def uri(self, path: str) -> str:
        return (self.root / path).as_uri()

    async def start(self, capabilities: types.ClientCapabilities = ABLE) -> types.InitializeResult:
        await self.client.start_io(*COMMAND, cwd=ROOT)
        result = await self.client.initialize_async(
            types.InitializeParams(capabilities, process_id=os.getpid(), root_uri=self.root.as_uri())
        )
        self.client.initialized(types.InitializedParams())
        return result

    def open(self, path: str, source: str | None = None) -> None:
        source = (self.root / path).read_text() if source is None else source
        self._versions[path] = 1
        item = types.TextDocumentItem(self.uri(path), "vgo", 1, source)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, path: str, source: str) -> int:
        self._versions[path] += 1
        identifier = types.VersionedTextDocumentIdentifier(version=self._versions[path], uri=self.uri(path))
        change = types.TextDocumentContentChangeWholeDocument(source)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
        return self._versions[path]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def codes(self, path: str, version: int) -> list[str]:
        """The codes of what is wrong with a version of an open file."""
        uri = self.uri(path)
        await self.until(lambda: uri in self.told and self.told[uri].version == version)
        return [str(each.code) for each in self.told[uri].diagnostics]

    async def end(self) -> int:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        return await self.ended()

    async def ended(self) -> int:
        server = self.client._server
        assert server is not None
        return await asyncio.wait_for(server.wait(), 60)


@contextlib.asynccontextmanager
async def editor(root: Path, capabilities: types.ClientCapabilities = ABLE) -> AsyncIterator[Editor]:
    made = Editor(root)
    await made.start(capabilities)
    try:
        yield made
    finally:
        server = made.client._server
        if server is not None and server.returncode is None:
            server.kill()
            await server.wait()
        await made.client.stop()


def story(told: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(told())  # type: ignore[arg-type]


def here(path: str, word: str, nth: int = 0) -> types.Position:
    """Where a word of a file of the site is, one character into it."""
    offset = -1
    for _ in range(nth + 1):
        offset = SITE[path].index(word, offset + 1)
    before = SITE[path][: offset + 1]
    return types.Position(before.count("\n"), len(before) - before.rfind("\n") - 1)


def test_a_session_from_the_first_word_to_the_last(repo: Path) -> None:
    async def told() -> None:
        async with editor(repo) as one:
            leaf = types.TextDocumentIdentifier(one.uri(LEAF))
            one.open(LEAF)
            assert await one.codes(LEAF, 1) == []

            version = one.type(LEAF, SITE[LEAF].replace("[web]", "[wep]"))
            assert await one.codes(LEAF, version) == ["role.unknown"]
            (found,) = one.told[one.uri(LEAF)].diagnostics
            assert found.message == "there is no role wep\ndid you mean web?"
            assert (found.range.start, found.range.end) == (types.Position(3, 12), types.Position(3, 15))
            asking = types.CodeActionParams(leaf, found.range, types.CodeActionContext([found]))
            (action,) = await one.client.text_document_code_action_async(asking) or ()
            assert isinstance(action, types.CodeAction)
            assert action.edit is not None
            assert action.edit.changes == {one.uri(LEAF): (types.TextEdit(found.range, "web"),)}

            typed = SITE[LEAF].replace("[web]", "[we")
            version = one.type(LEAF, typed)
            asked = types.CompletionParams(leaf, types.Position(3, 14))
            offered = await one.client.text_document_completion_async(asked)
            assert isinstance(offered, types.CompletionList)
            assert [each.label for each in offered.items] == ["web"]
            assert await one.codes(LEAF, version) == ["yaml.syntax"]

            version = one.type(LEAF, SITE[LEAF])
            assert await one.codes(LEAF, version) == []
            at = here(LEAF, "[web]", 0)
            at.character += 1
            hovered = await one.client.text_document_hover_async(types.HoverParams(leaf, at))
            assert hovered is not None
            assert isinstance(hovered.contents, types.MarkupContent)
            assert hovered.contents.value.startswith("**web** (role)")
            defined = await one.client.text_document_definition_async(types.DefinitionParams(leaf, at))
            place = types.Range(types.Position(2, 2), types.Position(2, 5))
            assert list(defined or ()) == [types.Location(one.uri("roles.vgo"), place)]
            references = await one.client.text_document_references_async(
                types.ReferenceParams(types.ReferenceContext(include_declaration=True), leaf, at)
            )
            assert [each.uri for each in references or ()] == [one.uri(LEAF), one.uri("roles.vgo")]

            symbols = await one.client.text_document_document_symbol_async(types.DocumentSymbolParams(leaf))
            assert [each.name for each in symbols or ()] == ["web*.example.com", "db1.example.com"]

            one.type(LEAF, SITE[LEAF] + "\n\n\n")
            options = types.FormattingOptions(tab_size=2, insert_spaces=True)
            edits = await one.client.text_document_formatting_async(types.DocumentFormattingParams(leaf, options))
            assert [each.new_text for each in edits or ()] == [""]
            assert await one.end() == 0

    story(told)


def test_a_crate_is_renamed_with_its_file_and_by_its_new_name_it_is_found(repo: Path) -> None:
    async def told() -> None:
        async with editor(repo) as one:
            one.open("roles.vgo")
            roles = types.TextDocumentIdentifier(one.uri("roles.vgo"))
            at = here("roles.vgo", "nginx")
            prepared = await one.client.text_document_prepare_rename_async(types.PrepareRenameParams(roles, at))
            assert isinstance(prepared, types.PrepareRenamePlaceholder)
            assert prepared.placeholder == "nginx"
            edit = await one.client.text_document_rename_async(types.RenameParams(roles, at, "caddy"))
            assert edit is not None
            changed = {each.text_document.uri: each for each in edit.document_changes or () if isinstance(each, types.TextDocumentEdit)}  # fmt: skip
            crate = "configcrates/web/nginx.vgo"
            assert set(changed) == {one.uri(path) for path in ("roles.vgo", LEAF, crate)}
            assert changed[one.uri("roles.vgo")].text_document.version == 1
            (moved,) = [each for each in edit.document_changes or () if isinstance(each, types.RenameFile)]
            assert (moved.old_uri, moved.new_uri) == (one.uri(crate), one.uri("configcrates/web/caddy.vgo"))

            with pytest.raises(Exception, match="there is a configcrate motd already"):
                await one.client.text_document_rename_async(types.RenameParams(roles, at, "motd"))
            assert await one.end() == 0

    story(told)


def test_an_editor_that_cannot_move_files_is_told_so(repo: Path) -> None:
    async def told() -> None:
        async with editor(repo, types.ClientCapabilities()) as one:
            one.open("roles.vgo")
            roles = types.TextDocumentIdentifier(one.uri("roles.vgo"))
            with pytest.raises(Exception, match="this editor does not do that"):
                await one.client.text_document_rename_async(types.RenameParams(roles, here("roles.vgo", "nginx"), "x"))
            asked = types.RenameParams(roles, here("roles.vgo", "base"), "first")
            edit = await one.client.text_document_rename_async(asked)
            assert edit is not None
            assert set(edit.changes or ()) == {one.uri("roles.vgo")}

    story(told)


def test_what_changes_on_disk_is_seen_and_what_is_mended_is_let_go(repo: Path) -> None:
    async def told() -> None:
        async with editor(repo) as one:
            one.open(LEAF)
            assert await one.codes(LEAF, 1) == []
            await one.until(lambda: bool(one.watched))
            other = repo / "other.vgo"
            other.write_text("envoys: [{match: x, roles: [nope]}]\n")
            event = types.FileEvent(other.as_uri(), types.FileChangeType.Created)
            one.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
            await one.until(lambda: bool(one.told.get(other.as_uri()) and one.told[other.as_uri()].diagnostics))
            other.unlink()
            one.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
            await one.until(lambda: not one.told[other.as_uri()].diagnostics)

    story(told)


def test_two_repositories_and_none_are_told_apart_and_columns_counted_as_editors_count(
    repo: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def told() -> None:
        second, stray = tmp_path_factory.mktemp("second"), tmp_path_factory.mktemp("stray")
        (second / "vigo.vgo").write_text("language: 1\n")
        source = "envoys:\n  - {match: x, vars: {'😀': ü}, roles: [nope]}\n"
        async with editor(repo) as one:
            for file, text in ((second / "a.vgo", source), (stray / "b.vgo", "x: [")):
                item = types.TextDocumentItem(file.as_uri(), "vgo", 1, text)
                one.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            await one.until(lambda: bool(one.told.get((second / "a.vgo").as_uri())))
            (found,) = one.told[(second / "a.vgo").as_uri()].diagnostics
            assert found.code == "role.unknown"
            assert found.range.start.character == source.split("\n")[1].index("nope") + 1  # 😀 counts twice
            assert found.range.end.character - found.range.start.character == len("nope")
            asked = types.HoverParams(types.TextDocumentIdentifier((stray / "b.vgo").as_uri()), types.Position(0, 0))
            assert await one.client.text_document_hover_async(asked) is None
            assert (stray / "b.vgo").as_uri() not in one.told

    story(told)


def test_it_ends_when_the_editor_is_gone(repo: Path) -> None:
    async def told() -> None:
        async with editor(repo) as one:
            one.open(LEAF)
            await one.codes(LEAF, 1)
            server = one.client._server
            assert server is not None
            assert server.stdin is not None
            server.stdin.close()
            assert await one.ended() == 1

    story(told)


def test_it_ends_with_the_editors_process_though_its_input_stays_open(repo: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    async def told() -> None:
        one = Editor(repo)
        await one.client.start_io(*COMMAND, cwd=ROOT)
        await one.client.initialize_async(types.InitializeParams(ABLE, process_id=process.pid, root_uri=repo.as_uri()))
        one.client.initialized(types.InitializedParams())
        await one.until(lambda: bool(one.watched))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        assert await one.ended() == 1
        await one.client.stop()

    try:
        story(told)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        assert process.stdin is not None
        process.stdin.close()


def test_nonsense_does_not_end_it(repo: Path) -> None:
    def message(body: bytes) -> bytes:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    sent = [b"nonsense\r\n", message(b"{"), message(b"[]"), message(b'{"jsonrpc": "2.0", "method": "no/such"}')]
    sent += [message(b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}')]
    sent += [message(b'{"jsonrpc": "2.0", "id": 2, "method": "shutdown"}')]
    process = subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answered, _ = process.communicate(b"".join(sent), timeout=30)
    assert b'"id": 1' in answered
    assert b'"id": 2' in answered
    assert process.returncode == 0


def test_what_only_some_systems_or_servers_have_is_not_needed(repo: Path) -> None:
    """The language server is for macOS and Windows, too: here without the modules and flags that those lack."""
    code = (
        "import os, sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('fcntl', 'pwd', 'grp', 'resource', 'termios', 'inotify_simple', 'uvloop'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "for name in ('O_DIRECTORY', 'O_CLOEXEC', 'O_NOFOLLOW', 'O_NONBLOCK', 'fork', 'getuid', 'geteuid', 'mkfifo'):\n"
        "    delattr(os, name)\n"
        "from api.cli import main\n"
        "import api.lsp.features\n"
        "from pathlib import Path\n"
        "from reconciler.authoring import Workspace\n"
        f"found = Workspace(Path({str(repo)!r})).judge({{'{LEAF}': 'envoys: ['}})\n"
        "print([each.code for each in found.diagnostics])\n"
        "print(sorted({'starlette', 'sqlmodel', 'pygit2'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("['yaml.syntax']\n[]\n", "")


def test_a_person_who_starts_it_is_told_what_it_is_for() -> None:
    leader, follower = os.openpty()
    try:
        done = subprocess.run(
            [*COMMAND], cwd=ROOT, stdin=follower, capture_output=True, text=True, timeout=30, check=False
        )
    finally:
        os.close(leader)
        os.close(follower)
    assert (done.returncode, done.stdout) == (1, "")
    assert "docs/howto/editors.md" in done.stderr
