"""Whether a repository keeps to itself: judged before libgit2 opens it, since opening reads its configuration.

Hooks, filters, helpers and other programs that a configuration may name are never run, whoever wrote it. What is
refused here is what leads elsewhere without a program: configuration that includes other files, objects borrowed from
another repository, and a work tree that does not know this repository, into which commits would be written.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from reconciler.repository.faults import RepositoryDamaged, RepositoryUntrusted

MAX_CONFIG_BYTES: Final = 1024 * 1024
MAX_POINTER_BYTES: Final = 4096
MAX_REFS_BYTES: Final = 256 * 1024 * 1024
"""Of all refs in one file: three million."""
MAX_INDEX_BYTES: Final = 256 * 1024 * 1024
_READ: Final = {
    "HEAD": MAX_POINTER_BYTES,
    "packed-refs": MAX_REFS_BYTES,
    "shallow": 2**24,
    "info/grafts": 2**20,
    "objects/pack/multi-pack-index": 2**30,
}
"""Files that libgit2 reads when they are first needed, and waits for where they are pipes."""

_INCLUDE: Final = re.compile(rb"\[\s*include", re.IGNORECASE)
_GITDIR: Final = b"gitdir:"


def check(path: Path) -> None:
    """Look at a repository that is about to be opened. Where there is none, say nothing.

    Raises:
        RepositoryUntrusted: its configuration includes other files, or it borrows objects.
        RepositoryDamaged: its configuration, or another file that libgit2 reads whole, is none of a sensible size.
    """
    own = git_directory(path)
    common = common_directory(own)
    for place in {common / "config", common / "config.worktree", own / "config.worktree"}:
        if _INCLUDE.search(_content(place)):
            raise RepositoryUntrusted(
                f"{place} includes other files, which are not read; move what it includes to the configuration of the"
                " user"
            )
    for place in (own, common):
        for name, limit in _READ.items():
            require_file(place / name, limit)
    if (common / "objects/info/alternates").exists():
        raise RepositoryUntrusted(
            f"{common} borrows objects from another repository (objects/info/alternates), which is not read;"
            " `git repack -ad`, then remove that file"
        )


def check_work_tree(git: Path, work_tree: Path | None) -> None:
    """Make sure that a work tree knows the repository that claims it.

    Raises:
        RepositoryUntrusted: `core.worktree` leads to a directory of another repository, or of none.
    """
    if work_tree is not None and git_directory(work_tree).resolve() != git.resolve():
        raise RepositoryUntrusted(f"{git} names {work_tree} as its work tree, which does not name it")


def git_directory(path: Path) -> Path:
    """The git directory of a work tree, or the path itself."""
    pointer = path / ".git"
    if pointer.is_dir():
        return pointer
    text = _content(pointer, MAX_POINTER_BYTES) if pointer.is_file() else b""
    return path / os.fsdecode(text.removeprefix(_GITDIR).strip()) if text.startswith(_GITDIR) else path


def common_directory(git: Path) -> Path:
    """The directory that holds objects and refs: for a linked work tree, that of the repository it belongs to."""
    text = _content(git / "commondir", MAX_POINTER_BYTES)
    return (git / os.fsdecode(text.strip())).resolve() if text else git


def require_file(place: Path, limit: int) -> None:
    """Make sure that there is a file of at most `limit` bytes at a path, or nothing.

    Raises:
        RepositoryDamaged: a pipe, a device, a directory, or a larger file.
    """
    try:
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise RepositoryDamaged(f"{place} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
        raise RepositoryDamaged(f"{place} is no file of at most {limit} bytes")


def _content(place: Path, limit: int = MAX_CONFIG_BYTES) -> bytes:
    """The bytes of a file; none where there is none."""
    try:
        # Without O_NONBLOCK a FIFO would hold us until somebody writes to it.
        fd = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise RepositoryDamaged(f"{place} cannot be read: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise RepositoryDamaged(f"{place} is no file of at most {limit} bytes")
        return file.read(limit)
