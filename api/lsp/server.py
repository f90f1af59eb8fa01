"""The server: what a client may ask, each answered by the core off the event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from api.lsp import answers, converting, limits
from api.lsp.converting import Places
from api.lsp.reading import BoundedInput
from api.lsp.sessions import Asked, Buffer, Session, chosen
from reconciler.authoring import Location, Snapshot, Text
from reconciler.documents.kinds import Kind, place
from reconciler.repository.faults import RepositoryDamaged
from schema.errors import Fault

_LOG: Final = logging.getLogger(__name__)
T = TypeVar("T")
_TRIES: Final = 3


class Refused(JsonRpcException):
    """An answer that is no, with the reason for the person who asked."""

    CODE = types.LSPErrorCodes.RequestFailed.value


class Server(LanguageServer):
    """One client's server."""

    def __init__(self) -> None:
        # Whole texts: what a line is, to count them, is then ours to say, and no buffer can drift from the client's.
        super().__init__("vigo", version("vigo"), types.TextDocumentSyncKind.Full)
        self.sessions: Final[dict[Path, Session]] = {}
        self.ended_well = False
        """Whether the client has asked to shut down."""
        self._compiler: Final = ThreadPoolExecutor(1, "compile")
        self._answers: Final = ThreadPoolExecutor(2, "answer")
        self._parent: asyncio.Task[None] | None = None

    @property
    def places(self) -> Places:
        """Places as the client counts them."""
        return Places(self.workspace.position_codec)

    def session(self, file: Path) -> Session | None:
        """The session of the config repository that a file or directory is in; None when it is in none."""
        known = next((each for root, each in self.sessions.items() if file.is_relative_to(root)), None)
        root = converting.root_above(file)
        if root is None or (known is not None and known.root == root):
            return known
        if root not in self.sessions:
            if len(self.sessions) >= limits.MAX_ROOTS:
                _LOG.warning("%s is not looked at: %d repositories are open", root, limits.MAX_ROOTS)
                return None
            self.sessions[root] = Session(root, self._compiler, self.publish, self.complain)
        return self.sessions[root]

    def locate(self, uri: str) -> tuple[Session, str] | None:
        """The session and path that a URI means."""
        file = converting.path_of(uri)
        session = self.session(file) if file is not None else None
        path = session.path(file) if session is not None and file is not None else None
        return (session, path) if session is not None and path is not None else None

    def took(self, uri: str) -> None:
        """Take over the text of an open file, and compile soon."""
        document = self.workspace.get_text_document(uri)
        found = self.locate(uri)
        if found is None:
            return
        session, path = found
        session.buffers[path] = Buffer(uri, document.version, Text(document.source))
        session.changed()

    async def ask(self, uri: str, answer: Callable[[Asked], T], *, now: bool = False) -> T | None:
        """An answer about a file, computed in another thread; None where there is none.

        Args:
            now: everything typed must have been compiled first.

        Raises:
            Refused: the core says no, and why; or the files cannot be read.
        """
        found = self.locate(uri)
        if found is None:
            return None
        session, path = found
        for _ in range(_TRIES):
            try:
                revision = session.revision
                snapshot = await (session.current() if now else session.known())
                text = session.text(path, snapshot)
                if text is None or len(text.source) > limits.MAX_TEXT_CHARS:
                    return None
                asked = Asked(session, path, text, snapshot)
                made = await asyncio.get_running_loop().run_in_executor(self._answers, answer, asked)
                if not now or session.revision == revision:  # edits must fit what they are made for
                    return made
            except RepositoryDamaged:  # a file has changed since it was compiled
                session.changed(on_disk=True)
                now = True
            except Fault as fault:
                raise Refused(fault.message) from fault
        raise Refused("the files keep changing; ask again")

    def publish(self, session: Session, snapshot: Snapshot, buffers: Mapping[str, Buffer]) -> None:
        """Tell the client what is wrong, and of which files nothing is any more."""
        by_file, left_out = chosen(snapshot.diagnostics)
        if left_out != session.left_out:
            _LOG.warning("%s: %d more diagnostics are not shown", session.root, left_out)
        places, published = self.places, {}
        for path in {*by_file, *(path for path in buffers if isinstance(place(path), Kind))}:
            buffer = buffers.get(path)
            text = buffer.text if buffer is not None else snapshot.text(path) or Text("")
            uri = session.uri(path)
            published[uri] = path
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri,
                    [answers.told(places, text, each) for each in by_file.get(path, ())],
                    buffer.version if buffer is not None else None,
                )
            )
        for uri in session.published.keys() - published.keys():
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))
        session.published, session.left_out = published, left_out

    def complain(self, reason: str) -> None:
        """Tell the person why there is no help."""
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, reason))

    def location(self, session: Session, snapshot: Snapshot, found: Location) -> types.Location:
        """A location, for the client."""
        text = session.text(found.path, snapshot) or Text("")
        return types.Location(session.uri(found.path), self.places.range(text, found.span))

    def watch_parent(self, process_id: int | None) -> None:
        """End when the client's process does: it may leave its end of the pipe to somebody else."""
        if process_id is not None and _lives(process_id):
            self._parent = asyncio.get_running_loop().create_task(_end_with(process_id))

    async def close_all(self) -> None:
        """Compile nothing more."""
        for session in self.sessions.values():
            await session.close()


def run(stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Serve one client until it asks for the end, or is gone; the exit code: 0 when it said shutdown before."""
    logging.getLogger("pygls").addFilter(_not_refused)
    for name in ("pygls.protocol.json_rpc", "pygls.protocol.language_server"):
        logging.getLogger(name).addFilter(_not_refused)
    from api.lsp.features import made

    server = made()
    server.start_io(BoundedInput(stdin), stdout)  # type: ignore[arg-type]  # it calls readline and read alone
    return 0 if server.ended_well else 1


def _not_refused(record: logging.LogRecord) -> bool:
    """A refusal is an answer, no failure to be logged."""
    return not (record.exc_info and isinstance(record.exc_info[1], Refused))


def _lives(process_id: int) -> bool:
    if sys.platform == "win32":
        return False  # signal 0 would end it; there the end of the pipe is enough
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _end_with(process_id: int) -> None:
    while _lives(process_id):  # noqa: ASYNC110 - no event tells of another process's end
        await asyncio.sleep(limits.PARENT_POLL_S)
    os._exit(1)  # a thread waits in a read that nothing will end
