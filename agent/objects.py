"""The objects an agent holds: crate objects and files, each named by its SHA-256.

Owns `objects/` of the state directory. A read that does not hash to its name is a damaged object: it is removed and
counts as missing, so that it is fetched anew and never applied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from threading import Lock
from typing import Final

from agent import durable
from schema.ids import sha256

MAX_OBJECT_BYTES: Final = 32 * 1024 * 1024
"""A target that names a larger one is refused."""
CACHE_BYTES: Final = 4 * 1024 * 1024
CACHED_OBJECT_BYTES: Final = 64 * 1024


class ObjectMissing(LookupError):
    """An object is not here, or was damaged and is no longer here."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"object {digest} is not at hand")
        self.sha256: Final = digest


class ObjectStore:
    """Content by digest in one directory. May be used from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        # Small objects that were verified once stay in memory: a run without changes reads and hashes none of them.
        self._cache: Final[OrderedDict[str, bytes]] = OrderedDict()
        self._cached_bytes = 0
        self._lock: Final = Lock()
        self._disk: Final = Lock()  # what is being written must not be collected

    def missing(self, objects: Mapping[str, int]) -> list[str]:
        """Of these (digest → size in bytes), the digests that are not held at that size, sorted."""
        return sorted(digest for digest, size in objects.items() if self._size(digest) != size)

    def read(self, digest: str) -> bytes:
        """The bytes that hash to `digest`.

        Raises:
            ObjectMissing: not held, or not these bytes.
            OSError: the disk does not answer.
        """
        with self._lock:
            if (held := self._cache.get(digest)) is not None:
                self._cache.move_to_end(digest)
                return held
        path = self._directory / digest
        data = durable.read(path, MAX_OBJECT_BYTES)
        if data is None:
            raise ObjectMissing(digest)
        if sha256(data) != digest:
            durable.remove(path)
            raise ObjectMissing(digest)
        self._remember(digest, data)
        return data

    def write(self, data: bytes) -> str:
        """Hold these bytes durably; the answer is their digest.

        Raises:
            OSError: no space.
        """
        digest = sha256(data)
        with self._disk:
            durable.write(self._directory / digest, data)
        return digest

    def collect(self, keep: Set[str]) -> int:
        """Remove every object that is not in `keep`; the answer is how many those were."""
        with self._disk:
            unnamed = [path for path in self._directory.iterdir() if path.name not in keep]
            for path in unnamed:
                path.unlink(missing_ok=True)
        self._forget(path.name for path in unnamed)
        return len(unnamed)

    def _size(self, digest: str) -> int | None:
        try:
            return (self._directory / digest).lstat().st_size
        except FileNotFoundError:
            return None

    def _remember(self, digest: str, data: bytes) -> None:
        if len(data) > CACHED_OBJECT_BYTES:
            return
        with self._lock:
            if digest not in self._cache:
                self._cache[digest] = data
                self._cached_bytes += len(data)
            while self._cached_bytes > CACHE_BYTES:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])

    def _forget(self, digests: Iterable[str]) -> None:
        with self._lock:
            for digest in digests:
                self._cached_bytes -= len(self._cache.pop(digest, b""))
