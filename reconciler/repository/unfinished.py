"""One at a time publishes to a repository here; what one was killed in the middle of, the next one finishes.

A file of our own in the git directory is locked (flock(2)) for as long as somebody publishes, and says meanwhile what:
a ref, the commit it was at or `-`, and the one it is moved to. As long as a work tree is to follow, git's `index.lock`
is another name of that file: one that a kill has left is told apart from that of a git that is at work.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pygit2

from reconciler.repository import revisions, trust, work_tree
from reconciler.repository.faults import RepositoryDamaged, RevisionRefused, WorkTreeChanged
from reconciler.repository.repository import Repository

JOURNAL: Final = "vigo-commit"
PATIENCE_S: Final = 30.0
"""How long somebody else of ours is waited for."""
ABANDONED_S: Final = 2.0
"""So long no git holds the lock of a ref and has not yet written into it."""
_POLL_S: Final = 0.02
_MAX_BYTES: Final = 4_096
_BEGUN: Final = re.compile(r"(refs/[^ ]+) ([0-9a-f]{40}|[0-9a-f]{64}|-) ([0-9a-f]{40}|[0-9a-f]{64})\n")


@contextmanager
def turn(repository: Repository) -> Iterator[Turn]:
    """Publish here alone, after what the last one has not finished is.

    Raises:
        RepositoryDamaged: it cannot be finished, or somebody else does not come to an end.
    """
    try:
        descriptor = os.open(
            repository.path / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600
        )
    except OSError as error:
        raise RepositoryDamaged(f"{repository.path} cannot be written: {error.strerror}") from error
    try:
        _lock(descriptor, repository)
        mine = Turn(repository, descriptor)
        mine.finish()
        yield mine
    finally:
        os.close(descriptor)


def settle(repository: Repository) -> None:
    """Finish what was being published when its process was killed. Nothing to do in a copy of a remote.

    Raises:
        As `turn`.
    """
    if repository.copy is None and (repository.path / JOURNAL).exists():
        with turn(repository):
            pass


class Turn:
    """The only one at a time that publishes to a repository."""

    def __init__(self, repository: Repository, descriptor: int) -> None:
        self._repository: Final = repository
        self._descriptor: Final = descriptor
        self._index_lock: Final = repository.path / "index.lock"

    def begin(self, ref: str, old: str | None, new: str) -> None:
        """From now on a ref is moved and its work tree follows: said until `end`.

        Raises:
            RepositoryDamaged: it cannot be said.
        """
        try:
            os.pwrite(self._descriptor, f"{ref} {old or '-'} {new}\n".encode(), 0)
        except OSError as error:
            raise RepositoryDamaged(f"{self._repository.path} cannot be written: {error.strerror}") from error

    def end(self) -> None:
        """It has, or has not begun to."""
        os.ftruncate(self._descriptor, 0)

    @contextmanager
    def index(self) -> Iterator[None]:
        """Have git's lock of the index.

        Raises:
            WorkTreeChanged: a git has it. RepositoryDamaged: it cannot be had.
        """
        try:
            self._index_lock.hardlink_to(self._repository.path / JOURNAL)
        except FileExistsError as error:
            raise WorkTreeChanged("another git process is at work in this work tree (index.lock)") from error
        except OSError as error:
            raise RepositoryDamaged(f"{self._index_lock} cannot be made: {error.strerror}") from error
        try:
            yield
        finally:
            self._index_lock.unlink(missing_ok=True)

    def finish(self) -> None:
        """What was begun, and not ended, by one that is no more."""
        try:
            self._finish()
        except (OSError, RevisionRefused, pygit2.GitError) as error:
            raise RepositoryDamaged(f"what a commit has left unfinished cannot be finished: {error}") from error

    def _finish(self) -> None:
        with suppress(FileNotFoundError):
            if os.path.samestat(self._index_lock.lstat(), os.fstat(self._descriptor)):
                self._index_lock.unlink()
        said = os.pread(self._descriptor, _MAX_BYTES, 0).decode("utf-8", "replace")
        if found := _BEGUN.fullmatch(said):  # a power cut may leave anything
            ref, old, new = found.groups()
            self._unlock(ref, new)
            git = self._repository.git
            top = work_tree.checked_out(self._repository, ref)
            if top is not None and revisions.find_ref(git, ref) == new:
                with self.index():
                    work_tree.catch_up(self._repository, top, None if old == "-" else old, new)
        self.end()

    def _unlock(self, ref: str, new: str) -> None:
        """Remove the lock of a ref that libgit2 has had for us."""
        lock = Path(f"{trust.common_directory(self._repository.path) / revisions.check_ref(ref)}.lock")
        with suppress(FileNotFoundError):
            content = lock.read_bytes()
            while not content and time.time() - lock.stat().st_mtime < ABANDONED_S:
                time.sleep(_POLL_S)
                content = lock.read_bytes()
            if not content or content == f"{new}\n".encode():
                lock.unlink()


def _lock(descriptor: int, repository: Repository) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                waited = f"somebody has been committing to {repository.path} for {PATIENCE_S:.0f} s"
                raise RepositoryDamaged(waited) from None
            time.sleep(_POLL_S)
        else:
            return
