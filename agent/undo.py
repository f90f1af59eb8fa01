"""What each run replaced, kept so that the run can be undone: by an operator, or by the agent when it cut itself off.

One directory a run below `undo/`: `record.jsonl`, to which a line is appended before each first change of a path, and
the contents that were replaced, by digest. A record says which resource changed a path, how the path was left, and
which acts were owed for it. A run that changed nothing leaves none. The oldest records go when there are too many.

A record of a resource that could cut the host off is durable, and marked unconfirmed, before anything is changed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from agent import durable, origins, records, states
from agent.hosts import Account, Host, HostFault, Kind
from agent.hosts.host import ANY
from agent.keeping import Keeping
from agent.origins import ABSENT, KERNEL, UNKNOWN, Origin
from agent.resources.types import ResourceFailed
from agent.states import STATE
from agent.tools import unfinished

DIRECTORY: Final = "undo"
RECORD: Final = "record.jsonl"
UNCONFIRMED: Final = "unconfirmed"
BEGUN: Final = "undo-begun"
MAX_RUNS: Final = 20
MAX_BYTES: Final = 128 * 1024 * 1024
"""Of all contents of one run, and of all that is kept together."""
MAX_CONTENT_BYTES: Final = 16 * 1024 * 1024
MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
MAX_PATHS: Final = 50_000

_PATHS: Final = frozenset({"write", "mkdir", "symlink", "link", "remove", "rmdir", "remove_tree", "chmod", "chown"})
_TWO_NAMES: Final = frozenset({"rename", "exchange"})
WRITING: Final = _PATHS | _TWO_NAMES | {"poke", "set_attribute"}
"""Methods of a host that change what stands at their first argument; with two names, also at the other one."""

_log: Final = logging.getLogger("vigo.undo")


class Replaced(NamedTuple):
    """One path that a run changed, in the order of the changes."""

    path: str
    resource: str
    origin: Origin
    user: Account | None = None


class Key(NamedTuple):
    """What is changed: a path, or one extended attribute of it."""

    path: str
    attribute: str = ""


class Changed(NamedTuple):
    """One resource that a run set out to change."""

    resource: str
    type: str
    digest: str
    """Of the desired state that it was to be brought to, as the journal names it."""
    risky: bool = False
    """It could cut the host off."""
    acts: tuple[str, ...] = ()
    """Ids of the acts that it notifies."""


@dataclass
class Record:
    """What one run did."""

    run: str
    commit: str = ""
    at: int = 0
    """When it began: microseconds."""
    replaced: list[Replaced] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    left: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Path → how the run left it."""


class Undo:
    """The records of one state directory, or of none: then nothing is recorded."""

    def __init__(self, state: Path | None) -> None:
        self._directory: Final = None if state is None else state / DIRECTORY
        self._kept: Final = None if self._directory is None else Keeping(self._directory, limit=MAX_CONTENT_BYTES)
        self.connected = False
        """Whether the server is reached as the next run begins."""

    def begin(self, run: str, commit: str, at: int) -> Recorder:
        """Record a run; nothing is written until it changes something."""
        return Recorder(self._directory, self._kept, Record(run, commit, at), connected=self.connected)

    def runs(self) -> list[Record]:
        """All that is recorded, the newest first; what cannot be read is left out."""
        return [record for record in map(self.read, self._names()) if record is not None]

    def read(self, run: str) -> Record | None:
        """One run's record."""
        if self._directory is None or run not in self._names():
            return None
        data = durable.read(self._directory / run / RECORD, MAX_RECORD_BYTES)
        return _parsed(run, data) if data is not None else None

    def content(self, run: str, digest: str) -> bytes | None:
        """What a path held, by digest; None when it is no longer kept whole."""
        if self._directory is None or self._kept is None:
            return None
        return self._kept.load(digest, self._directory / run)

    def fingerprint(self, host: Host, replaced: Replaced) -> tuple[Any, ...] | None:
        """What is there now, comparable with what a record says; None where that cannot be said."""
        return None if self._kept is None else _fingerprint(host, replaced, self._kept)

    def unconfirmed(self) -> list[str]:
        """Runs after which nobody has reached the server yet, the newest first."""
        if self._directory is None:
            return []
        directory = self._directory
        return [name for name in self._names() if (directory / name / UNCONFIRMED).exists()]

    def doubt(self) -> Literal["", "connected", "alone"]:
        """Whether any run waits to be confirmed, and whether the server was reached when the first of them began."""
        runs = self.unconfirmed()
        if not runs or self._directory is None:
            return ""
        return "connected" if durable.read(self._directory / runs[-1] / UNCONFIRMED, 1) else "alone"

    def begin_undo(self, run: str) -> bool:
        """From now on this run is being undone; whether that was begun before, and never ended."""
        if self._directory is None:
            return False
        mark = self._directory / run / BEGUN
        begun = mark.exists()
        durable.write(mark, b"")
        return begun

    def end_undo(self, run: str) -> None:
        """All of it that could be is put back."""
        if self._directory is not None:
            durable.remove(self._directory / run / BEGUN)

    def confirm(self, runs: Iterable[str]) -> None:
        """The server was reached after these."""
        if self._directory is not None:
            for run in runs:
                durable.remove(self._directory / run / UNCONFIRMED)

    def _names(self) -> list[str]:
        """Runs have UUIDv7 as their ids: by name is by time."""
        if self._directory is None or not self._directory.is_dir():
            return []
        return sorted((path.name for path in self._directory.iterdir() if path.is_dir()), reverse=True)


class Recorder:
    """Takes down what one run is about to replace. `through` is the host to change things through."""

    def __init__(
        self, directory: Path | None, kept: Keeping | None, record: Record, *, connected: bool = False
    ) -> None:
        self._all: Final = directory
        self._kept: Final = kept
        self._directory: Final = None if directory is None else directory / record.run
        self._record: Final = record
        self._connected: Final = connected
        self._seen: Final[set[Key]] = set()
        self._ahead: Final[list[dict[str, Any]]] = []
        """Who sets out to change something: written with the first thing that is changed, in one go."""
        self._file: int | None = None
        self._bytes = 0
        self._resource = ""
        self._risky = False

    def through(
        self,
        host: Host,
        change: Changed,
        user: Account | None,
        *,
        touches: Sequence[str] = (),
        things: Sequence[str] = (),
    ) -> Host:
        """The host, on which all that is done for this resource is taken down first.

        Args:
            touches: paths that programs are going to change.
            things: what is no path and is going to be changed, by name: see `agent.states`.

        Raises:
            OSError: it cannot be taken down, and could cut the host off: it must not be done.
        """
        if self._directory is None:
            return host
        self._resource, self._risky = change.resource, change.risky
        try:
            self._begin()
            self._ahead.append({"r": list(change[:4]), "n": list(change.acts)})
            if change.risky or len(self._ahead) > 1:
                self._append([])
            if change.risky:
                durable.write(self._directory / UNCONFIRMED, b"1" if self._connected else b"")
        except OSError as error:
            if change.risky:
                raise
            _log.warning("what run %s replaces is not kept: %s", self._record.run, error.strerror or error)
            return host
        for path in touches:
            self._down(host, Key(path), user)
        for name in things:
            self._thing_down(host, change.type, name)
        recorded: Any = _Through(host, lambda method, *args: self._about_to(host, user, method, *args))
        return recorded  # type: ignore[no-any-return]  # it is the host in all else

    def failed(self, resource: str) -> None:
        """A resource has failed: what it only set out to do is not taken down."""
        if self._ahead and self._ahead[-1]["r"][0] == resource:
            self._ahead.pop()

    def conclude(self, host: Host, *, changed: Callable[[], bool] = lambda: True) -> None:
        """The run has ended: note how each path was left, and let the oldest records go.

        Args:
            changed: whether anything was brought to what is desired. Where nothing was, and no path is other than it
                was, there is nothing to undo, and no record: one resource that fails in each run would push out those
                of others.
        """
        if self._file is None or self._directory is None:
            return
        if not changed() and not (self._directory / UNCONFIRMED).exists() and self._is_as_before(host):
            os.close(self._file)
            self._file = None
            _remove(self._directory)
            return
        try:
            lines = []
            for each in self._record.replaced:
                whose = host if each.user is None else host.as_user(each.user)
                if self._kept is not None and (left := _fingerprint(whose, each, self._kept)) is not None:
                    lines.append({"a": each.path, "s": left})
            self._append(lines)
        except OSError as error:
            _log.warning("how run %s left the host is not recorded: %s", self._record.run, error.strerror or error)
        finally:
            os.close(self._file)
            self._file = None
        self._prune()

    # private

    def _is_as_before(self, host: Host) -> bool:
        """Whether nothing stands where something was about to be made; of more than that nothing is told."""
        for each in self._record.replaced:
            whose = host if each.user is None else host.as_user(each.user)
            if each.origin["kind"] == STATE and self._kept is not None:
                if _fingerprint(host, each, self._kept) != (STATE, each.origin["sha256"]):
                    return False
                continue
            if each.origin["kind"] != ABSENT or whose.lstat(each.path) is not None:
                return False
        return True

    def _about_to(self, host: Host, user: Account | None, method: str, path: Any, *args: Any) -> None:
        """Before a change: take down what it replaces, once; before a program, who runs it."""
        if method == "run":
            with suppress(OSError):  # of what could cut the host off it is written by now
                self._append([])
        elif method == "set_attribute":
            self._down(host, Key(path, args[0]), user)
        elif method == "poke":
            self._down(host, Key(path, KERNEL), user)
        else:
            self._down(host, Key(path), user, whole=method == "remove_tree")
        if method in _TWO_NAMES:
            self._down(host, Key(f"{path.rpartition('/')[0]}/{args[0]}"), user)

    def _down(self, host: Host, key: Key, user: Account | None, *, whole: bool = False) -> None:
        """What cannot be kept does not keep a harmless change from being made."""
        if key in self._seen or len(self._seen) >= MAX_PATHS or key.path.startswith(unfinished.DIRECTORY):
            return
        self._seen.add(key)
        path, attribute = key
        try:
            limit = min(MAX_CONTENT_BYTES, MAX_BYTES - self._bytes)
            origin, content = origins.take(host, path, attribute=attribute, limit=limit)
            if content is not None:
                origin = {**origin, "sha256": self._keep(content)}
        except HostFault:
            origin = {"kind": UNKNOWN}
        try:
            if whole and origin["kind"] == Kind.DIRECTORY:
                for child in host.listdir(path):
                    self._down(host, Key(f"{path.rstrip('/')}/{child}"), user, whole=True)
            self._append([{"p": path, "w": self._resource, "b": origin, "u": list(user) if user else None}])
        except OSError:
            if self._risky:
                raise
            return
        self._record.replaced.append(Replaced(path, self._resource, origin, user))

    def _thing_down(self, host: Host, kind: str, name: str) -> None:
        path = states.shown(kind, name)
        if Key(path) in self._seen or len(self._seen) >= MAX_PATHS:
            return
        self._seen.add(Key(path))
        origin: Origin = {"kind": UNKNOWN}
        with suppress(HostFault, ResourceFailed, OSError):
            origin = {"kind": STATE, "type": kind, "name": name, "sha256": self._keep(states.take(host, kind, name))}
        with suppress(OSError):
            self._append([{"p": path, "w": self._resource, "b": origin, "u": None}])
            self._record.replaced.append(Replaced(path, self._resource, origin))

    def _begin(self) -> None:
        assert self._directory is not None
        if self._file is not None:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._directory / RECORD, flags, 0o600)
        self._append([{"v": 1, "commit": self._record.commit, "at": self._record.at}])

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        self._begin()
        assert self._file is not None
        data = b"".join([records.line(**line) for line in (*self._ahead, *lines)])
        self._ahead.clear()
        while data:
            data = data[os.write(self._file, data) :]
        if self._risky:
            os.fsync(self._file)

    def _keep(self, content: bytes) -> str:
        self._begin()
        assert self._directory is not None
        assert self._kept is not None
        self._bytes += len(content)
        return self._kept.keep(content, self._directory, synced=self._risky)

    def _prune(self) -> None:
        assert self._all is not None
        kept = 0
        # By name is by time, but for a clock that was set back: what is later than this run is older than it.
        places = sorted(
            (each for each in self._all.iterdir() if each.is_dir()),
            key=lambda each: (each.name <= self._record.run, each.name),
            reverse=True,
        )
        for number, path in enumerate(places):
            kept += sum(file.stat().st_size for file in path.iterdir())
            if number and (number >= MAX_RUNS or kept > MAX_BYTES) and not (path / UNCONFIRMED).exists():
                _remove(path)


class _Through:
    """A host that tells before it changes something."""

    def __init__(self, host: Host, about_to: Callable[..., None]) -> None:
        self._host: Final = host
        self._about_to: Final = about_to

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._host, name)
        if name not in WRITING and name != "run":
            return method

        def told(*args: Any, **options: Any) -> Any:
            self._about_to(name, *args)
            return method(*args, **options)

        return told


def _remove(directory: Path) -> None:
    import shutil  # and bz2 and lzma with it: seldom

    shutil.rmtree(directory, ignore_errors=True)


def _fingerprint(host: Host, replaced: Replaced, kept: Keeping) -> tuple[Any, ...] | None:
    path, origin = replaced.path, replaced.origin
    try:
        if origin["kind"] == STATE:
            return (STATE, kept.name(states.take(host, str(origin["type"]), str(origin["name"]))))
        found = host.fingerprint(path, ANY)
        if found is None:
            return ("absent",)
        stat, digest = found
        whose = (stat.kind.value, stat.mode, stat.uid, stat.gid)
        if stat.kind is Kind.FILE:
            return (*whose, None if digest is None else kept.name(digest.encode()))
        return (*whose, host.readlink(path)) if stat.kind is Kind.SYMLINK else whose
    except (HostFault, ResourceFailed, OSError):
        return None


def _parsed(run: str, data: bytes) -> Record | None:
    """The record in a file; lines behind a torn one were never written."""
    record = Record(run)
    for raw in data.splitlines():
        try:
            match json.loads(raw):
                case {"v": 1, "commit": str(commit), "at": int(at)}:
                    record.commit, record.at = commit, at
                case {"p": str(path), "w": str(resource), "b": dict(origin), "u": user}:
                    account = Account(*user) if isinstance(user, list) and len(user) == 4 else None
                    record.replaced.append(Replaced(path, resource, origin, account))
                case {"r": [str(resource), str(kind), str(digest), bool(risky)], "n": list(acts)}:
                    record.changed.append(Changed(resource, kind, digest, risky, tuple(map(str, acts))))
                case {"a": str(path), "s": list(left)}:
                    record.left[path] = tuple(left)
                case _:
                    return None
        except (ValueError, RecursionError):
            break
    return record
