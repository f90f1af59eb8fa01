"""Files that are whole or not there: written aside, synced, renamed, and the directory synced after them.

What `write` has returned from survives a power cut; what it has not returned from left the old file as it was.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_log: Final = logging.getLogger("vigo.durable")

ASIDE: Final = ".new-"
"""Prefix of a file that is being written; one that is found at a start was never finished."""


def write(path: Path, data: bytes, *, mode: int = 0o600, synced: bool = True) -> None:
    """Make `path` hold these bytes, durably, or leave it as it was. What is only shown to people need not be `synced`.

    Raises:
        OSError: no space, no permission.
    """
    aside = path.with_name(ASIDE + path.name)
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        try:
            os.fchmod(descriptor, mode)  # the umask took bits from what open was asked for
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        aside.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    if synced:
        sync_directory(path.parent)


def remove(path: Path) -> None:
    """Make `path` not there, durably. A file that is not there already is no error."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_directory(path.parent)


def read(path: Path, limit: int) -> bytes | None:
    """The bytes of a file, or None where there is none.

    Raises:
        OSError: it cannot be read, is a symbolic link, or is longer than `limit` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        # A read of `limit` bytes would take as much memory before it finds how few there are.
        expected = min(os.fstat(descriptor).st_size, limit)
        data = file.read(expected + 1)
        if len(data) > expected:
            data += file.read(limit + 1 - len(data))
    if len(data) > limit:
        raise OSError(f"{path} is longer than {limit} bytes")
    return data


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def all_of(*acts: tuple[Callable[[], None], str]) -> str:
    """Do all of these, whatever becomes of one, each with a name of what it makes durable; what went wrong."""
    said = []
    for act, what in acts:
        try:
            act()
        except OSError as error:
            _log.exception("%s is not known to be durable", what)
            said.append(f"{what} is not known to be durable: {error.strerror or error}")
    return "; ".join(said)
