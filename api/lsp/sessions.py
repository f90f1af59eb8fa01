"""Sessions: one config repository that a client has open. Says when it is compiled, and what of it is published."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.lsp import limits
from api.lsp.converting import uri_of
from reconciler.authoring import Snapshot, Text, Workspace
from schema.diagnostics import Diagnostic, Severity
from schema.errors import Fault

_LOG: Final = logging.getLogger(__name__)
_ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Buffer:
    """An open file as it is typed."""

    uri: str
    """As the client spells it."""
    version: int | None
    text: Text


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that a request is about."""

    session: Session
    path: str
    text: Text
    snapshot: Snapshot


class Session:
    """One config repository, compiled anew some time after each change. Lives in one event loop.

    Args:
        root: its directory, as the client names it.
        worker: where it is compiled: one thread.
        publish: what is called with each new snapshot and the buffers that it was made of.
        complain: what is called with the reason why nothing could be compiled, once for each reason.
    """

    def __init__(
        self,
        root: Path,
        worker: Executor,
        publish: Callable[[Session, Snapshot, Mapping[str, Buffer]], None],
        complain: Callable[[str], None],
    ) -> None:
        self.root: Final = root
        self.buffers: Final[dict[str, Buffer]] = {}
        """Path in the tree → what is open."""
        self.published: dict[str, str] = {}
        """URI → path of files that diagnostics were published for."""
        self.left_out = 0
        """Diagnostics that were too many to publish."""
        self._workspace: Final = Workspace(root)
        self._worker: Final = worker
        self._publish: Final = publish
        self._complain: Final = complain
        self._complaint = ""
        self._snapshot: Snapshot | None = None
        self._wanted = 1
        self._done = 0
        self._on_disk = True
        self._task: asyncio.Task[None] | None = None
        self._lock: Final = asyncio.Lock()

    @property
    def revision(self) -> int:
        """Grows with each change."""
        return self._wanted

    def path(self, file: Path) -> str | None:
        """The path of a file in this tree; None when it is not in it."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else None

    def uri(self, path: str) -> str:
        """The URI of a path of this tree, spelled as the client does where it has the file open."""
        buffer = self.buffers.get(path)
        return buffer.uri if buffer is not None else uri_of(self.root / path)

    def text(self, path: str, snapshot: Snapshot) -> Text | None:
        """The text of a file: what is typed, else what the snapshot has."""
        buffer = self.buffers.get(path)
        return buffer.text if buffer is not None else snapshot.text(path)

    def changed(self, *, on_disk: bool = False) -> None:
        """Compile soon: something has been typed, or something may have changed on disk."""
        self._wanted += 1
        self._on_disk = self._on_disk or on_disk
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._when_quiet())

    async def known(self) -> Snapshot:
        """What was last compiled, perhaps a moment old.

        Raises:
            Fault: nothing was yet, and the directory cannot be read.
        """
        return self._snapshot if self._snapshot is not None else await self.current()

    async def current(self) -> Snapshot:
        """What the files mean now, with all that is typed.

        Raises:
            Fault: the directory cannot be read.
        """
        async with self._lock:
            if self._snapshot is None or self._done != self._wanted:
                await self._judge()
        assert self._snapshot is not None
        return self._snapshot

    async def close(self) -> None:
        """Compile no more."""
        if self._task is not None:
            self._task.cancel()

    async def _when_quiet(self) -> None:
        waited = 0.0
        while self._done != self._wanted:
            seen = self._wanted
            await asyncio.sleep(limits.DEBOUNCE_S)
            waited += limits.DEBOUNCE_S
            if seen != self._wanted and waited < limits.MAX_WAIT_S:
                continue
            waited = 0.0
            try:
                await self.current()
            except Fault as fault:
                if fault.message != self._complaint:
                    self._complaint = fault.message
                    self._complain(f"{self.root}: {fault.message}")
                return
            except Exception:  # noqa: BLE001 - a bug in one compile; the editor goes on, the next may work
                _LOG.exception("%s could not be compiled", self.root)
                return

    async def _judge(self) -> None:
        wanted, buffers = self._wanted, dict(self.buffers)
        if self._on_disk:
            self._on_disk = False
            self._workspace.refresh()
        texts = {path: buffer.text.source for path, buffer in buffers.items()}
        judging: Awaitable[Snapshot] = asyncio.get_running_loop().run_in_executor(
            self._worker, self._workspace.judge, texts
        )
        try:
            self._snapshot = await judging
        except asyncio.CancelledError:  # who asked wants it no more; what was typed is still to be judged
            self._on_disk = True
            raise
        except BaseException:
            self._on_disk = True
            self._done = wanted
            raise
        self._done = wanted
        self._complaint = ""
        self._publish(self, self._snapshot, buffers)


def chosen(diagnostics: Sequence[Diagnostic]) -> tuple[dict[str, list[Diagnostic]], int]:
    """Diagnostics by file, as many as may be published, errors first; and how many are left out."""
    found: dict[str, list[Diagnostic]] = {}
    counted: Counter[str] = Counter()
    total = 0
    for each in sorted(diagnostics, key=lambda each: _ORDER[each.severity]):
        if total < limits.MAX_PUBLISHED and counted[each.file] < limits.MAX_PUBLISHED_EACH:
            found.setdefault(each.file, []).append(each)
            counted[each.file] += 1
            total += 1
    return found, len(diagnostics) - total
