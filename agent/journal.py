"""The journal: what this agent made of its host, so that the next run knows more than the host can show.

It holds, per resource, the digest of the desired state that was last reached; per path, what stood there before the
agent came (for `on_removal: revert`); the notifications that are owed; and what was undone. It is an append-only file
of JSON lines: what must be known before a change is made (an owed notification, an origin) is appended before it; the
rest once, at the end of a run that changed something. A torn last line is one that was never written. When the file has
grown to a multiple of what is live, it is written anew and renamed.

Losing it is harmless to hosts: resources converge all the same; only `corrective` and ownership begin anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent import durable
from agent.hosts import Account
from agent.keeping import KEY, Keeping
from agent.records import line

FILE: Final = "journal.jsonl"
ORIGINALS: Final = "originals"
MAX_JOURNAL_BYTES: Final = 64 * 1024 * 1024
MAX_ORIGINAL_BYTES: Final = 1024 * 1024
"""A file larger than this is not kept for a revert."""
MAX_ORIGINALS_BYTES: Final = 64 * 1024 * 1024
MAX_ENTRIES: Final = 50_000
_SLACK_LINES: Final = 1_000

_log: Final = logging.getLogger("vigo.journal")


class JournalFull(Exception):
    """Nothing more can be remembered; the message says of what."""


class Entry(NamedTuple):
    """What is remembered of one resource."""

    digest: str
    """Of the desired state last reached; empty when it was skipped since."""
    type: str
    path: str
    """What it owns, where that is a path; else empty."""
    on_removal: str
    user: Account | None = None
    """Of what a usercrate made: for whom. A revert is done on behalf of them, also when they are no longer known."""


class Hold(NamedTuple):
    """A resource that was undone: it is not applied again until something else is desired of it, or it is released."""

    digest: str
    """Of the desired state that was undone."""
    why: str


class Journal:
    """The journal of one state directory, or of none (`directory` is None: nothing outlives the process).

    Opening never fails on content: what cannot be read is reported in the log and forgotten.

    Args:
        look: only look at what is there, perhaps while an agent writes it; nothing is repaired or set aside.
    """

    def __init__(self, directory: Path | None, *, look: bool = False) -> None:
        self._directory: Final = directory
        self.salt = secrets.token_hex(16)
        """Mixed into digests, so that they do not tell a secret of little entropy."""
        self.entries: Final[dict[str, Entry]] = {}
        self.origins: Final[dict[str, Mapping[str, Any]]] = {}
        self.owed: Final[set[str]] = set()
        """Ids whose notification is owed: something that notifies them changed, and they have not run since."""
        self.holds: Final[dict[str, Hold]] = {}
        """Ids of resources that were undone, and are not to be applied again as they are desired."""
        self._unwritten: Final[list[bytes]] = []
        self._memory: Final[dict[str, bytes]] = {}
        self._lines = 0
        self._file: int | None = None
        self._look: Final = look
        self._read()

    @property
    def places(self) -> tuple[str, ...]:
        """Where it lies: nothing of a config has anything to do there."""
        return () if self._directory is None else (str(self._directory.resolve()),)

    def close(self) -> None:
        """Let go of the file. What was not flushed is lost."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def digest(self, payload: bytes) -> str:
        """A name for a desired state, of use in this journal alone."""
        return hashlib.sha256(self.salt.encode() + payload).hexdigest()[:32]

    # during a run: remembered now, written at its end

    def reached(self, resource: str, entry: Entry) -> None:
        """The resource is what `entry` says."""
        if self.entries.get(resource) == entry:
            return
        if resource not in self.entries and len(self.entries) >= MAX_ENTRIES:
            _log.warning("%s is not remembered: the journal holds %d resources", resource, MAX_ENTRIES)
            return
        self.entries[resource] = entry
        self._unwritten.append(_entry_line(resource, entry))

    def set_aside(self, resource: str) -> None:
        """The resource was skipped: what changes it next is no drift."""
        entry = self.entries.get(resource)
        if entry is not None and entry.digest:
            self.reached(resource, entry._replace(digest=""))

    def forget(self, resource: str) -> None:
        """The resource is no longer ours."""
        if self.entries.pop(resource, None) is not None:
            self._unwritten.append(line(f=resource))

    def forget_origin(self, path: str) -> None:
        """What stood at the path is of no more interest."""
        if self.origins.pop(path, None) is not None:
            self._unwritten.append(line(u=path))

    def paid(self, resource: str) -> None:
        """The notification that was owed has been given."""
        if resource in self.owed:
            self.owed.discard(resource)
            self._unwritten.append(line(m=resource))

    def hold(self, resource: str, hold: Hold) -> None:
        """Do not apply this resource again as it is desired now."""
        if len(self.holds) < MAX_ENTRIES:
            self.holds[resource] = hold
            self._unwritten.append(line(h=resource, d=hold.digest, w=hold.why))

    def release(self, resource: str) -> None:
        """It may be applied again."""
        if self.holds.pop(resource, None) is not None:
            self._unwritten.append(line(l=resource))

    # ahead of a change: durable before it is made

    def owe(self, resources: list[str]) -> list[str]:
        """These are to be notified, whatever happens from here on. Returns those that were not owed before.

        Raises:
            OSError: that could not be written down; the change must not be made.
        """
        fresh = [resource for resource in resources if resource not in self.owed]
        if fresh:
            self._append([line(n=resource) for resource in fresh], sync=True)
            self.owed.update(fresh)
        return fresh

    def remember_origin(self, path: str, origin: Mapping[str, Any], content: bytes | None = None) -> None:
        """What stands at the path before the agent changes it; `content` of a file that is to be put back.

        Raises:
            JournalFull: the content is too large to keep.
            OSError: that could not be written down; the change must not be made.
        """
        if len(self.origins) >= MAX_ENTRIES:
            raise JournalFull(f"the journal holds {MAX_ENTRIES} origins")
        if content is not None:
            origin = {**origin, "sha256": self._keep(content)}
        self._append([line(o=path, b=origin)], sync=content is not None)
        self.origins[path] = origin

    def original(self, digest: str) -> bytes | None:
        """The bytes of a file that was kept; None when they are no longer there."""
        if self._directory is None:
            return self._memory.get(digest)
        return self._keeping().load(digest, self._directory / ORIGINALS)

    def flush(self) -> None:
        """Write what a run has changed; nothing is written by a run that changed nothing.

        Raises:
            OSError: no space; nothing is forgotten, and the next flush tries again.
        """
        if not self._unwritten:
            return
        self._append([], sync=True)
        if self._lines > 2 * (len(self.entries) + len(self.origins) + len(self.owed)) + _SLACK_LINES:
            self._compact()

    # private

    def _append(self, ahead: list[bytes], *, sync: bool) -> None:
        lines = [*self._unwritten, *ahead]
        if self._directory is not None and lines:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._directory / FILE, flags, 0o600)
                if os.fstat(self._file).st_size == 0:
                    lines.insert(0, line(v=1, salt=self.salt))
                    durable.sync_directory(self._directory)
            self._write(self._file, b"".join(lines))
            if sync:
                os.fsync(self._file)
        self._lines += len(lines)
        self._unwritten.clear()

    @staticmethod
    def _write(file: int, data: bytes) -> None:
        """All of it or, where the disk is full, none of it: half a line would damage the next one."""
        left = data
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            os.ftruncate(file, os.fstat(file).st_size - (len(data) - len(left)))
            raise

    def _compact(self) -> None:
        lines = [line(v=1, salt=self.salt)]
        lines += [_entry_line(name, entry) for name, entry in self.entries.items()]
        lines += [line(o=path, b=origin) for path, origin in self.origins.items()]
        lines += [line(n=resource) for resource in sorted(self.owed)]
        lines += [line(h=name, d=hold.digest, w=hold.why) for name, hold in self.holds.items()]
        if self._directory is not None:
            self.close()
            durable.write(self._directory / FILE, b"".join(lines))
            self._collect()
        self._lines = len(lines)

    def _read(self) -> None:
        if self._directory is None:
            return
        if not self._look:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / FILE
        try:
            data = durable.read(path, MAX_JOURNAL_BYTES)
        except OSError as error:
            if self._look:
                raise
            _log.warning("the journal is set aside: %s", error)
            self._set_aside(path)
            return
        if data is None:
            return
        if self._whole(data):
            return
        good = 0
        for raw in data.splitlines(keepends=True):
            if not raw.endswith(b"\n") or not self._take(raw):
                break
            good += len(raw)
            self._lines += 1
        if good == len(data) or self._look:
            return
        torn = b"\n" not in data[good:].rstrip(b"\n")
        if not torn:
            _log.warning("the journal is damaged at byte %d: what is behind it is set aside", good)
            self._set_aside(path, copy=True)
        # Cut, so that what is appended begins on a line of its own.
        os.truncate(path, good)

    def _whole(self, data: bytes) -> bool:
        """Read all lines at once, a third quicker than one by one; whether each was one good record."""
        lines = data.splitlines()
        if not data.endswith(b"\n"):
            return False
        try:
            records = json.loads(b"[%b]" % b",".join(lines))
        except (ValueError, RecursionError):
            return False
        if len(records) != len(lines) or not all(map(self._told, records)):
            return False  # what was taken is taken again, one by one
        self._lines = len(lines)
        return True

    def _take(self, raw: bytes) -> bool:
        """Read one line into memory; whether it could be."""
        try:
            return self._told(json.loads(raw))
        except (ValueError, RecursionError):
            return False

    def _told(self, record: Any) -> bool:
        match record:
            case {"e": str(name), "d": str(digest), "t": str(kind), "p": str(path), "r": str(on_removal)}:
                self.entries[name] = Entry(digest, kind, path, on_removal, _account(record.get("a")))
            case {"f": str(name)}:
                self.entries.pop(name, None)
            case {"o": str(path), "b": dict(origin)}:
                self.origins[path] = origin
            case {"u": str(path)}:
                self.origins.pop(path, None)
            case {"n": str(name)}:
                self.owed.add(name)
            case {"m": str(name)}:
                self.owed.discard(name)
            case {"h": str(name), "d": str(digest), "w": str(why)}:
                self.holds[name] = Hold(digest, why)
            case {"l": str(name)}:
                self.holds.pop(name, None)
            case {"v": 1, "salt": str(salt)}:
                self.salt = salt
            case _:
                return False
        return True

    @staticmethod
    def _set_aside(path: Path, *, copy: bool = False) -> None:
        aside = path.with_suffix(".damaged")
        if copy:
            durable.write(aside, path.read_bytes())
        else:
            path.rename(aside)

    def _keep(self, content: bytes) -> str:
        if len(content) > MAX_ORIGINAL_BYTES:
            raise JournalFull(f"a file of more than {MAX_ORIGINAL_BYTES} bytes is not kept for a revert")
        if self._directory is None:
            digest = hashlib.sha256(content).hexdigest()
            self._memory[digest] = content
            return digest
        directory = self._directory / ORIGINALS
        directory.mkdir(mode=0o700, exist_ok=True)
        held = sum(path.stat().st_size for path in directory.iterdir())
        if held + len(content) > MAX_ORIGINALS_BYTES:
            raise JournalFull(f"more than {MAX_ORIGINALS_BYTES} bytes are kept for reverts already")
        return self._keeping().keep(content, directory)

    def _keeping(self) -> Keeping:
        assert self._directory is not None
        return Keeping(self._directory / ORIGINALS, limit=MAX_ORIGINAL_BYTES)

    def _collect(self) -> None:
        """Remove originals that nothing refers to."""
        assert self._directory is not None
        directory = self._directory / ORIGINALS
        if not directory.is_dir():
            return
        live = {KEY, *(origin.get("sha256") for origin in self.origins.values())}
        for path in directory.iterdir():
            if path.name not in live:
                durable.remove(path)


def _entry_line(resource: str, entry: Entry) -> bytes:
    whose = {} if entry.user is None else {"a": list(entry.user)}
    return line(e=resource, d=entry.digest, t=entry.type, p=entry.path, r=entry.on_removal, **whose)


def _account(record: object) -> Account | None:
    match record:
        case [str(name), int(uid), int(gid), str(home)]:
            return Account(name, uid, gid, home)
    return None
