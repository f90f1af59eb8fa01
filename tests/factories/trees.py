"""Trees of memory: what the compiler reads, without git or a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from reconciler.repository.trees import Entry

ROOT = {"vigo.vgo": "language: 1\n"}


class MemoryTree:
    """`reconciler.repository.trees.Tree` over a mapping of paths to bytes."""

    def __init__(
        self,
        files: Mapping[str, bytes | str],
        *,
        commit: str | None = None,
        refused: Mapping[str, str] | None = None,
        in_order: bool = True,
    ) -> None:
        self.commit = commit
        self._blobs: dict[str, bytes] = {}
        self._entries: dict[str, Entry] = {}
        self._refused = dict(refused or {})
        self.reads: list[str] = []
        for path in sorted(files) if in_order else files:
            content = files[path]
            data = content.encode() if isinstance(content, str) else content
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            self._blobs[oid] = data
            self._entries[path] = Entry(oid, len(data))
        listed = sorted((path, entry.oid) for path, entry in self._entries.items())
        self.id = hashlib.sha1(repr(listed).encode(), usedforsecurity=False).hexdigest()

    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    def subtrees(self) -> Mapping[str, str]:
        return {"": self.id}

    def refused(self) -> Mapping[str, str]:
        return self._refused

    def read(self, oid: str) -> bytes:
        self.reads.append(oid)
        return self._blobs[oid]


def tree(files: Mapping[str, bytes | str], **more: str) -> MemoryTree:
    """A tree with `vigo.vgo` at its root, and these files."""
    return MemoryTree({**ROOT, **files}, **more)
