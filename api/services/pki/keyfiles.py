"""Key files: made once, whole or not at all, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from schema.errors import Fault


class KeyExposed(Fault):
    """A private key can be read, or its directory written, by others than its owner."""

    code, status = "pki.key_exposed", 503


def make_private(directory: Path) -> None:
    """The directory exists, mode 0700, and outlives a power cut: what is kept in it is only as durable as its name."""
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for each in made:
        _sync(each.parent)


def create(path: Path, data: bytes) -> bytes:
    """`data` stands in `path`, mode 0600, durable; or what stood there before: the answer says which.

    Two processes that race both get the winner's bytes.
    """
    temporary = _write_beside(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        data = read(path)
    finally:
        temporary.unlink()
    _sync(path.parent)
    return data


def replace(path: Path, data: bytes) -> None:
    """`data` stands in `path` instead of what did, mode 0600, durable; a reader sees the one or the other."""
    temporary = _write_beside(path, data)
    temporary.replace(path)
    _sync(path.parent)


def read(path: Path) -> bytes:
    """The bytes of a private file.

    Raises:
        KeyExposed: others may read or write it.
        FileNotFoundError: it is not there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise KeyExposed(
                f"{path} has mode {mode:04o}; a private key must be 0600. If nobody read it: chmod 600 {path}"
            )
        return file.read()


def _write_beside(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
