"""Drift, seen through the kernel: inotify on the directories that hold managed paths.

A thread sleeps in poll(2) until the kernel says that something happened to a managed path, waits 20 ms for the rest of
it, and speaks up only if the path is not as the agent itself left it: what the agent writes is known by inode and
change time, so that it never answers itself. What inotify cannot see (a watch too many, a change made on another
machine of a shared file system) is left to the full check.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat
from collections.abc import Callable, Iterable
from threading import Lock, Thread
from time import sleep
from typing import Any, Final

from inotify_simple import INotify, flags

from agent.hosts import HostFault, RealHost
from agent.hosts.beneath import Beneath, Way

DEBOUNCE_S: Final = 0.02
MAX_DIRECTORIES: Final = 8_192

_STRUCTURE: Final = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
_ALL: Final = _STRUCTURE | flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF

_log: Final = logging.getLogger("vigo.watch")

Signature = tuple[int, ...]


class Known:
    """How managed paths were when we last had to do with them."""

    def __init__(self, beneath: Way) -> None:
        self._beneath: Final = beneath
        self._signatures: Final[dict[str, Signature | None]] = {}

    def note(self, path: str) -> bool:
        """Take the path as it is now; the answer is whether it was different before."""
        now = self._signature(path)
        before = self._signatures.get(path, ())
        self._signatures[path] = now
        return before != now

    def keep(self, paths: Iterable[str]) -> None:
        """Know these paths and no others; one that is new is taken as it is now."""
        wanted = frozenset(paths)
        for path in self._signatures.keys() - wanted:
            self._signatures.pop(path, None)
        for path in wanted - self._signatures.keys():
            self.note(path)

    def _signature(self, path: str) -> Signature | None:
        """What changes with the path: of a directory not its entries; None where there is nothing."""
        try:
            descriptor = self._beneath.open(path, os.O_PATH)
        except (OSError, HostFault):
            return None
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        kind = (found.st_mode, found.st_uid, found.st_gid)
        if stat.S_ISDIR(found.st_mode):
            return (*kind, found.st_ino)
        return (*kind, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class WatchedHost(RealHost):
    """A real host that remembers how it left each path it wrote."""

    def __init__(self, root: Any = "/") -> None:
        super().__init__(root)
        self.known: Final = Known(self._beneath)

    def noted(self, path: str) -> None:
        """See `Machine`."""
        self.known.note(path)


class Watch:
    """Watches managed paths until it is closed.

    Args:
        notify: called in the watch's own thread, once for each burst of changes that are not the agent's, with the
            managed paths that changed; None where nobody knows which.

    Raises:
        OSError: the kernel gives no inotify instance.
    """

    def __init__(self, host: WatchedHost, notify: Callable[[frozenset[str] | None], None]) -> None:
        self._host: Final = host
        self._notify: Final = notify
        self._beneath: Final = Beneath(str(host.root))
        self._inotify: Final = INotify(nonblocking=True)
        self._wanted: dict[str, dict[str, set[str]]] = {}
        """Directory → name in it → the managed paths that end there, or lie below it."""
        self._descriptors: Final[dict[str, int]] = {}
        self._directories: Final[dict[int, set[str]]] = {}
        self._lock: Final = Lock()
        self._complained = False
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC)
        self._thread: Final = Thread(target=self._watch, name="drift", daemon=True)
        self._thread.start()

    def follow(self, paths: Iterable[str]) -> None:
        """Watch these paths and no others."""
        paths = [path for path in paths if path.startswith("/") and path != "/"]
        wanted: dict[str, dict[str, set[str]]] = {}
        for path in paths:
            parts = path.strip("/").split("/")
            for depth, part in enumerate(parts):
                wanted.setdefault("/" + "/".join(parts[:depth]), {}).setdefault(part, set()).add(path)
        with self._lock:
            self._wanted = wanted
            for directory in list(self._descriptors):
                if directory not in wanted:
                    self._unwatch(directory)
            self._watch_missing()
        self._host.known.keep(paths)

    def close(self) -> None:
        """Watch no more."""
        os.close(self._waker)
        self._thread.join(1.0)
        self._inotify.close()
        self._beneath.close()
        os.close(self._wake)

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._inotify.fd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._wake in ready:
                return
            sleep(DEBOUNCE_S)
            changed = self._foreign(self._inotify.read(timeout=0))
            if changed is None or changed:
                self._notify(changed)

    def _foreign(self, events: Iterable[Any]) -> frozenset[str] | None:
        """The managed paths that these events changed, not by our own hand; None where there were too many events."""
        touched: set[str] = set()
        moved = overflow = False
        with self._lock:
            for event in events:
                if event.mask & flags.Q_OVERFLOW:
                    overflow = True
                for directory in tuple(self._directories.get(event.wd, ())):
                    names = self._wanted.get(directory, {})
                    if event.mask & (flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED):
                        self._unwatch(directory)
                        touched.update(*names.values())
                        moved = True
                    elif event.name in names:
                        path = f"{directory.rstrip('/')}/{event.name}"
                        below = names[event.name] - {path}
                        if path in names[event.name]:
                            touched.add(path)
                        if below and event.mask & _STRUCTURE:
                            touched |= below
                            moved = True
            if moved or overflow:
                self._watch_missing()
        changed = frozenset(path for path in touched if self._host.known.note(path))
        return None if overflow else changed

    def _watch_missing(self) -> None:
        """Watch each wanted directory that is there and is not watched yet."""
        for directory in self._wanted.keys() - self._descriptors.keys():
            if len(self._descriptors) >= MAX_DIRECTORIES:
                self._complain(f"more than {MAX_DIRECTORIES} directories")
                return
            try:
                # As the parent of any name in it: links on the way are followed, within the root.
                opened, _ = self._beneath.parent(f"{directory.rstrip('/')}/_")
            except (OSError, HostFault):
                continue  # it is not there, or not a directory: the one above it tells when that changes
            try:
                # By descriptor: the directory that was opened beneath the root, whoever moves what meanwhile.
                number = self._inotify.add_watch(f"/proc/self/fd/{opened}", _ALL)
            except OSError as error:
                self._complain(error.strerror or str(error))
                return
            finally:
                os.close(opened)
            self._descriptors[directory] = number
            self._directories.setdefault(number, set()).add(directory)

    def _unwatch(self, directory: str) -> None:
        number = self._descriptors.pop(directory, None)
        if number is None:
            return
        names = self._directories.get(number, set())
        names.discard(directory)
        if not names:
            self._directories.pop(number, None)
            with contextlib.suppress(OSError):  # the kernel has dropped it itself
                self._inotify.rm_watch(number)

    def _complain(self, what: str) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("not every managed path is watched (%s): the full check sees the rest", what)
