"""One repository, opened: resolve a revision, read its tree, compare two, follow a ref. Reads only: see `write`."""

from __future__ import annotations

import contextlib
import functools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType, RepositoryOpenFlag

from reconciler.repository import blame, diffs, history, revisions, trust
from reconciler.repository.faults import (
    RepositoryDamaged,
    RepositoryNotFound,
    RepositoryUntrusted,
    RevisionNotFound,
    RevisionRefused,
)
from reconciler.repository.index import IndexTree, read_index
from reconciler.repository.objects import CommitTree, Objects
from reconciler.repository.remotes import RemoteCopy
from reconciler.repository.revisions import MAX_COMMIT_BYTES
from reconciler.repository.selections import Selection

if TYPE_CHECKING:
    from reconciler.repository import watching
    from schema.time import Instant

MAX_TEXT_CHARS: Final = 200
_LAST_MICROS: Final = 253_402_300_799_000_000
"""The end of the year 9999, where RFC 3339 ends."""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """Who made a commit, when and why, as the commit says. All of it is what somebody typed: shown, never trusted."""

    commit: str
    author: str
    email: str
    time: Instant
    """When it was committed, microseconds."""
    summary: str
    """First line of its message."""
    parents: tuple[str, ...]


class Difference(NamedTuple):
    """What differs between two commits, each in path order."""

    changed: tuple[str, ...]
    """New, or with other bytes or another mode."""
    removed: tuple[str, ...]
    text: str
    """A unified diff; empty when it was not asked for."""


class Repository:
    """A git repository: a work tree, a bare one, or the local copy of a remote. Opened by `repository.open`."""

    def __init__(self, git: pygit2.Repository, copy: RemoteCopy | None = None) -> None:
        self._git = git
        self.copy: Final = copy
        """Of which remote this is a copy, where it is one."""
        self.objects = Objects(git)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def git(self) -> pygit2.Repository:
        """libgit2's repository, after a look at the packs that came since the last time. Beyond this class for `write`
        alone.

        Raises:
            RepositoryDamaged: as `Packs.check`.
        """
        self.objects.packs.check()
        return self._git

    @property
    def path(self) -> Path:
        """The git directory."""
        return Path(self._git.path)

    @property
    def work_tree(self) -> Path | None:
        """The directory of checked out files; None for a bare repository."""
        return Path(self._git.workdir) if self._git.workdir else None

    def resolve(self, rev: str) -> str:
        """The commit (full hex) that a revision names: `HEAD`, an exact ref, a branch, a tag, or 7 digits or more.

        Raises:
            RevisionRefused: in any other form, or ambiguous.
            RevisionNotFound: there is none.
            RepositoryDamaged: it cannot be read.
        """
        return revisions.resolve(self.git, rev)

    def tree(self, commit: str) -> CommitTree:
        """The files of a commit.

        Args:
            commit: full hex, as `resolve` gives it.

        Raises:
            RevisionRefused: not full hex. RevisionNotFound: no such commit.
            TreeRefused: beyond the limits or malformed.
            RepositoryDamaged: an object is missing or torn.
        """
        return self.objects.tree(self.tree_id(commit), self._exact(commit))

    def tree_id(self, commit: str) -> str:
        """Git's id of a commit's tree (hex). Raises as `tree`."""
        return str(self._commit(commit).tree_id)

    def index(self, path: Path | None = None) -> IndexTree:
        """What is staged.

        Args:
            path: an index file; by default the one `git commit` names in `GIT_INDEX_FILE` for its hooks, else the
                repository's own.

        Raises:
            RepositoryNotFound: a bare repository has none.
            RepositoryDamaged, TreeRefused: as `read_index`.
        """
        if self.work_tree is None:
            raise RepositoryNotFound(f"{self.path} is bare: nothing is ever staged in it")
        named = os.environ.get("GIT_INDEX_FILE")
        if path is None:
            # git gives it relative to the top of the work tree, where it runs hooks.
            path = self.work_tree / named if named else self.path / "index"
        return read_index(path, self.objects)

    def commit_info(self, commit: str) -> CommitInfo:
        """Who, when and why. Raises as `tree`."""
        found = self._commit(commit)
        return CommitInfo(
            commit=str(found.id),
            author=_text(found.author.raw_name),
            email=_text(found.author.raw_email),
            time=max(0, min(found.commit_time * 1_000_000, _LAST_MICROS)),
            summary=_text(found.raw_message.strip().split(b"\n", 1)[0]),
            parents=tuple(str(parent) for parent in found.parent_ids),
        )

    def descends(self, new: str, old: str) -> bool:
        """Whether `new` is `old` or has it among its ancestors. Not so after a rewind or a forced push.

        Raises:
            RevisionRefused, RevisionNotFound, RepositoryDamaged: as `tree`, for `new`. An `old` that is gone is no
            ancestor.
        """
        new = self._exact(new)
        self._commit(new)
        if new == self._exact(old):
            return True
        with _damage("history"):
            return history.descends(self.git, self.objects, new, old)

    def common_base(self, one: str, other: str) -> str | None:
        """The newest commit that two both follow; None where there is none, or it is too far back.

        Raises:
            RevisionRefused, RevisionNotFound, RepositoryDamaged: as `tree`.
        """
        self._commit(one), self._commit(other)
        with _damage("history"):
            return history.common(self.git, self.objects, one, other)

    def compared(self, old: str | None, new: str, *, max_bytes: int = 0) -> Difference:
        """What differs between two commits: paths, and a unified diff of about `max_bytes`. Raises as `tree`."""
        old_tree = self.tree_id(old) if old is not None else None
        differing = diffs.changes(self.objects, old_tree, self.tree_id(new))
        return Difference(
            tuple(each.path for each in differing if each.new is not None),
            tuple(each.path for each in differing if each.new is None),
            diffs.text(self.objects, differing, max_bytes) if max_bytes else "",
        )

    def changed_paths(self, old: str | None, new: str) -> list[str]:
        """Paths whose content, mode or presence differs between two commits, sorted. `old` of None is the empty tree.

        Raises as `tree`.
        """
        changes = diffs.changes(self.objects, self.tree_id(old) if old is not None else None, self.tree_id(new))
        return [change.path for change in changes]

    def diff_text(self, old: str | None, new: str, *, max_bytes: int = diffs.MAX_DIFF_BYTES) -> str:
        """The difference between two commits as a unified diff, cut with a marker after about `max_bytes`.

        Raises as `tree`.
        """
        old_tree = self.tree_id(old) if old is not None else None
        return diffs.text(self.objects, diffs.changes(self.objects, old_tree, self.tree_id(new)), max_bytes)

    def blame(self, commit: str, path: str, line: int, *, within_s: float = blame.WITHIN_S) -> CommitInfo | None:
        """Who last changed a line (from 1) of a file as a commit has it, when and why.

        None where there is no such line, and where that cannot be told within `within_s` seconds or the history that is
        here. Raises as `tree`, for `commit`.
        """
        found = blame.last_change(self.git, self.objects, self._commit(commit), path, line, within_s=within_s)
        return self.commit_info(found) if found is not None else None

    def fetch(self) -> None:
        """Bring the copy of a remote up to date: blocks for as long as that takes. Nothing to do for a local one.

        Raises:
            FetchFailed, RemoteUntrusted, FetchLimit: as `RemoteCopy.fetch`; nothing has changed.
        """
        if self.copy is not None:
            self.copy.fetch()

    @functools.cached_property
    def _poke(self) -> watching.Poke:
        from reconciler.repository import watching  # asyncio and the watcher: 30 ms that only a server has use for

        return watching.Poke()

    def poke(self) -> None:
        """Let every watch of a remote fetch now: a webhook came. A local repository needs none. Safe from any
        thread."""
        self._poke()

    def refs(self, selection: Selection, *, without: str | None = None) -> tuple[dict[str, str], int]:
        """The commit of each ref that a selection holds, the highest numbers first; and how many are left out.

        A ref that cannot be read, or leads to no commit, is left out too. No object is opened but tags.

        Args:
            without: a full ref that is not meant.

        Raises:
            RepositoryDamaged: the refs cannot be listed.
        """
        with _damage("refs"):
            names = self.git.listall_references()
        selected, left_out = selection.select(names, without=without)
        found: dict[str, str] = {}
        for name in selected:
            with contextlib.suppress(RepositoryDamaged, RevisionNotFound, RevisionRefused):
                commit = revisions.find_ref(self.git, revisions.check_ref(name))
                if commit is not None:
                    found[name] = commit
        return found, left_out + len(selected) - len(found)

    def watch(
        self,
        ref: str,
        *,
        poll_s: float | None = None,
        on_fault: watching.OnFault | None = None,
        on_round: Callable[[watching.Round], None] | None = None,
        known: bool = False,
    ) -> AsyncIterator[str]:
        """The commit that a ref names, at once where there is one, and again whenever it names another. Never ends.

        Args:
            ref: `HEAD`, `refs/…` or a branch name; it need not exist yet.
            poll_s: how often to fetch a remote (± 20 %), or to look at a local repository although no event came; 60
                and 5 s when not said.
            on_fault: told, in the event loop, what keeps the ref from being read, and None once it can be read again;
                watching goes on, with back-off where the fault is a remote's.
            on_round: told, in the event loop, of each fetch of a remote.
            known: whether the ref was there before: then it is a fault if it is not.

        Raises:
            RevisionRefused: `ref` is no ref.
        """
        from reconciler.repository import watching

        name = revisions.full_ref(ref)
        if self.copy is None:
            return watching.local(
                self._git,
                name,
                poll_s=poll_s or watching.POLL_S,
                on_fault=on_fault,
                check=self.objects.packs.check,
                known=known,
            )
        return watching.remote(
            self.fetch,
            lambda: self._found(name),
            self._poke,
            poll_s=poll_s or watching.REMOTE_POLL_S,
            on_fault=on_fault,
            random=random.random,
            on_round=on_round,
            known=known,
        )

    def refresh(self) -> None:
        """Open all of its files anew: libgit2 holds on to packs that somebody has replaced since. To be called by the
        thread that reads from it."""
        self._git = pygit2.Repository(self._git.path, RepositoryOpenFlag.NO_SEARCH)
        self.objects = Objects(self._git)

    def _found(self, ref: str) -> str | None:
        try:
            return revisions.find_ref(self.git, ref)
        except RepositoryDamaged:
            if self.copy is not None:
                self.copy.doubt()
                self.refresh()
            raise

    def _exact(self, commit: str) -> str:
        if len(commit) != 40 or not all(digit in "0123456789abcdef" for digit in commit):
            raise RevisionRefused(f"{revisions.shown(commit)} is not the full hex of a commit")
        return commit

    def _commit(self, commit: str) -> pygit2.Commit:
        if revisions.resolve(self.git, self._exact(commit)) != commit:
            raise RevisionRefused(f"{commit} is a tag; resolve it first")
        self.objects.read(commit, ObjectType.COMMIT, MAX_COMMIT_BYTES)
        with _damage(f"commit {commit}"):
            return self.git[commit].peel(pygit2.Commit)


def open_local(path: Path, copy: RemoteCopy | None = None) -> Repository:
    """The repository at exactly this path: a work tree, its `.git`, or a bare one. Never one of a directory above.

    Raises:
        RepositoryNotFound: there is none.
        RepositoryUntrusted: it belongs to another user, or leads to files beside it (see `trust`).
        RepositoryDamaged: it is one, but cannot be read.
    """
    try:
        trust.check(path)
        opened = Repository(pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH), copy)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        if "is not owned by" in str(error):
            raise RepositoryUntrusted(f"{path} is not owned by the user this runs as; change its owner") from error
        if not path.is_dir() or "not found" in str(error).lower():
            raise RepositoryNotFound(f"{path} is not a git repository") from error
        raise RepositoryDamaged(f"{path} cannot be opened: {error}") from error
    trust.check_work_tree(opened.path, opened.work_tree)
    return opened


def _text(raw: bytes | None) -> str:
    text = (raw or b"").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip()[:MAX_TEXT_CHARS]


@contextlib.contextmanager
def _damage(what: str) -> Iterator[None]:
    try:
        yield
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise RepositoryDamaged(f"{what} cannot be read: {error}") from error
