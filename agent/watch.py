"""Drift, seen through the kernel: inotify on the directories that hold managed paths, and other places where it shows.

A thread sleeps in poll(2) until the kernel says that something happened to a managed path, waits 20 ms for the rest of
it, and speaks up only if the path is not as the agent itself left it: what the agent writes is known by inode and
change time, so that it never answers itself. Places that many resources share (`agent.places`: the files of all
accounts) are treated alike, but that what programs of the agent do there is its own while it says so (`ours`), and that
a burst is waited out. What changes all the time is told ever more seldom, each path for itself (`agent.patience`).
Where the kernel had more events than it keeps, everything is to be looked at. What inotify cannot see (a watch too
many, a change made on another machine of a shared file system) is left to the full check.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import math
import os
import select
import stat
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock, Thread
from time import monotonic, sleep, thread_time
from typing import Any, Final

from inotify_simple import INotify, flags, parse_events

from agent import places as at
from agent.hosts import HostFault, RealHost
from agent.hosts.beneath import Beneath, Way
from agent.patience import Patience
from agent.soundings import Soundings

DEBOUNCE_S: Final = 0.02
PATIENCE: Final = 9
"""So much longer than what was done about the last events the next ones wait: whoever can make many, in a home or a
shared directory, has about a tenth of a processor of ours."""
MAX_DEBOUNCE_S: Final = 0.5
"""So late drift may be seen: with thousands of trees' directories to look at again it is a third of a processor."""
MAX_LOST_S: Final = 10.0
"""So often everything is looked at again while events are lost all the time."""
MAX_DIRECTORIES: Final = 8_192
MAX_BELOW: Final = 2_048
"""Directories of one tree, all of which is watched."""
MAX_BELOW_ALL: Final = 4_096
"""Of all such trees: whoever may make directories there must not take what managed paths need."""
END_S: Final = 30.0
"""How long the end of the watch's thread is waited for: it may be telling a link that does not listen."""
_ROUNDS: Final = 10
_PIECE: Final = 16 * 1024
_EVENT: Final = struct.Struct("iIII")
"""inotify(7): wd, mask, cookie, and how many bytes of name follow."""
_EVENTS_BYTES: Final = 256 * 1024
_EVENTS_PIECES: Final = 16
"""As much as the kernel keeps: 16,384 events with the longest of names."""
_OURS: Final = ".vigo-"
"""How names begin that stand only while something is made ready."""

_STRUCTURE: Final = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
_ALL: Final = _STRUCTURE | flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF

_log: Final = logging.getLogger("vigo.watch")

Signature = tuple[int, ...]


class Known:
    """How managed paths were when we last had to do with them."""

    def __init__(self, beneath: Way) -> None:
        self._beneath: Final = beneath
        self._signatures: Final[dict[str, Signature | None]] = {}
        self._written: Final[set[str]] = set()
        """By us since `keep` was called last: events of it may still come."""

    def wrote(self, path: str) -> None:
        """The path is as we left it."""
        self._written.add(path)
        self.note(path)

    def note(self, path: str) -> bool:
        """Take the path as it is now; the answer is whether it was different before."""
        now = self._signature(path)
        before = self._signatures.get(path, ())
        self._signatures[path] = now
        return before != now

    def differs(self, path: str) -> bool:
        """Whether the path is otherwise than we left it: what goes with the directory that it was in is no news."""
        if path not in self._signatures:
            return self._signature(path) is not None or self._signature(path.rpartition("/")[0] or "/") is not None
        return self._signature(path) != self._signatures[path]

    def keep(self, paths: Iterable[str]) -> None:
        """Know these paths and no others; one that is new is taken as it is now."""
        wanted = frozenset(paths)
        for path in self._signatures.keys() - wanted - self._written:
            self._signatures.pop(path, None)
        self._written.clear()
        for path in wanted - self._signatures.keys():
            self.note(path)

    def _signature(self, path: str) -> Signature | None:
        """What changes with the path: of a directory not its entries; None where there is nothing."""
        file, _, word = path.partition("\n")
        if word or file.startswith(at.KERNELS):
            return self._content(file, word)
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

    def _content(self, path: str, word: str) -> Signature | None:
        """Of the content of a file, or of those of its lines that have a word; of a directory that it is there."""
        try:
            descriptor = self._beneath.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, HostFault):
            return None
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                return ()
            # The kernel makes room for as much as it is asked for, and refuses much of it.
            data = b"".join(iter(lambda: os.read(descriptor, _PIECE), b""))
        except OSError as error:
            return (error.errno or 0,)
        finally:
            os.close(descriptor)
        if word:
            wanted = os.fsencode(word)
            data = b"\n".join(line for line in data.split(b"\n") if wanted in line.split())
        return (int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()),)


class WatchedHost(RealHost):
    """A real host that remembers how it left each path it wrote."""

    def __init__(self, root: Any = "/") -> None:
        super().__init__(root)
        self.known: Final = Known(self._beneath)

    def noted(self, path: str) -> None:
        """See `Machine`."""
        self.known.wrote(path)


class Watch:
    """Watches managed paths until it is closed.

    Args:
        notify: called in the watch's own thread, once for each burst of changes that are not the agent's, with the
            managed paths and places that changed; `places.EVERYTHING` where that is not known.

    Raises:
        OSError: the kernel gives no inotify instance.
    """

    def __init__(self, host: WatchedHost, notify: Callable[[frozenset[str]], None]) -> None:
        self._host: Final = host
        self._notify: Final = notify
        self._beneath: Final = Beneath(str(host.root))
        self._inotify: Final = INotify(nonblocking=True)
        self._wanted: dict[str, dict[str, list[str]]] = {}
        """Directory → name in it → the managed paths that end there, or lie below it."""
        self._shared: frozenset[str] = frozenset()
        """Places at which much happens that is nobody's drift."""
        self._trees: dict[str, str] = {}
        """Directory, all of which is watched, or whose unmanaged names are → the place."""
        self._below: Final[set[str]] = set()
        """Directories that are watched because they lie in such a tree."""
        self._ours: set[str] = set()
        self._patience: Final = Patience()
        self._descriptors: Final[dict[str, int]] = {}
        self._directories: Final[dict[int, set[str]]] = {}
        self._lock: Final = Lock()
        self._complained = False
        self._soundings: Final = Soundings(self._beneath, host.known.note)
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC)
        self._closed = False
        self._thread: Final = Thread(target=self._watch, name="drift", daemon=True)
        self._thread.start()

    def follow(self, paths: Iterable[str], places: frozenset[str] = frozenset()) -> None:
        """Watch these paths, and what shows at these places, and nothing else."""
        kernels = frozenset(filter(at.is_kernels, places))
        trees = {at.file_of(place): place for place in sorted(places) if _is_tree(place)}
        files = {place for place in places - kernels if not _is_tree(place)}
        followed = {path for path in (*paths, *files, *trees) if path.startswith("/") and path != "/"}
        wanted: dict[str, dict[str, list[str]]] = {}
        for path in followed:
            parts = path.strip("/").split("/")
            for depth, part in enumerate(parts):
                wanted.setdefault("/" + "/".join(parts[:depth]), {}).setdefault(part, []).append(path)
        for directory in trees:
            wanted.setdefault(directory, {})
        with self._lock:
            grown = trees != self._trees
            self._wanted, self._trees, self._shared = wanted, trees, places
            if grown:
                self._below.clear()
                self._below.update(self._directories_below())
            for directory in list(self._descriptors):
                if directory not in wanted and directory not in self._below:
                    self._unwatch(directory)
            self._watch_missing()
            self._patience.keep(places.union(followed, {at.EVERYTHING}))
            if not self._soundings.follow(kernels, monotonic()):
                self._complain("more than what the kernel says can be read as often")
        self._host.known.keep(followed | kernels)
        self._stir()

    def ours(self, places: frozenset[str]) -> Callable[[], None]:
        """From now on what changes at these places is our own doing, until the function is called that this returns.

        What was changed there before, and not seen yet, is told then.
        """
        with self._lock:
            places &= self._shared
            self._ours |= places
        known = self._host.known
        before = frozenset(place for place in places if not _is_tree(place) and known.note(place))

        def no_longer() -> None:
            if self._closed:  # a run may end later than its watch
                return
            # What happened in a directory is told by its events alone: they have all come by now.
            others = self._foreign(self._happened()) if any(map(_is_tree, places)) else frozenset()
            for place in places:
                if not _is_tree(place):
                    known.note(place)
            with self._lock:
                self._ours -= places
                self._patience.changed(others | before, monotonic())
            self._stir()

        return no_longer

    def close(self) -> None:
        """Watch no more."""
        with self._lock:
            self._closed = True
            os.close(self._waker)
        self._thread.join(END_S)
        if self._thread.is_alive():  # it has them still: closed, their numbers would be other files' that it reads
            return
        self._soundings.close()
        self._inotify.close()
        self._beneath.close()
        os.close(self._wake)

    def _stir(self) -> None:
        """Have the thread look at what there is to wait for."""
        with self._lock:
            if not self._closed:  # its number may be another file's by then
                os.write(self._waker, b"w")

    def _watch(self) -> None:
        took_s = 0.0
        while True:
            poll = select.poll()
            poll.register(self._inotify.fd, select.POLLIN)
            poll.register(self._wake, select.POLLIN)
            with self._lock:
                for descriptor in self._soundings.descriptors:
                    poll.register(descriptor, select.POLLPRI)
                due = min(self._soundings.due(), self._patience.due())
            ready = [each for each, _ in poll.poll(None if due == math.inf else max(0.0, due - monotonic()) * 1e3)]
            if self._wake in ready and not os.read(self._wake, 4096):
                return
            changed: frozenset[str] = frozenset()
            if self._inotify.fd in ready:
                sleep(min(max(DEBOUNCE_S, took_s * PATIENCE), MAX_DEBOUNCE_S))
                begun = thread_time()
                changed = self._settled()
                took_s = thread_time() - begun
            with self._lock:
                now = monotonic()
                self._patience.changed(changed & {at.EVERYTHING}, now, MAX_LOST_S)
                self._patience.changed(changed | (self._soundings.changed(ready, now) - self._ours), now)
                told = self._patience.told(now)
            if told:
                self._notify(told)

    def _settled(self) -> frozenset[str]:
        """What has changed; a place that several files make up (accounts) once the last of them is written."""
        found: frozenset[str] = frozenset()
        for _ in range(_ROUNDS):
            events = self._happened()
            found |= self._foreign(events)
            if not events or found.isdisjoint(self._shared):
                break
            sleep(DEBOUNCE_S)
        return found

    def _happened(self) -> Sequence[Any]:
        """What the kernel tells, each thing once: a thousand writes to a file cost little more than one."""
        seen: dict[bytes, None] = {}
        with contextlib.suppress(BlockingIOError):
            for _ in range(_EVENTS_PIECES):
                data, begin = os.read(self._inotify.fd, _EVENTS_BYTES), 0
                while begin < len(data):
                    end = begin + _EVENT.size + _EVENT.unpack_from(data, begin)[3]
                    seen[data[begin:end]] = None
                    begin = end
        events: Sequence[Any] = parse_events(b"".join(seen))
        return events

    def _foreign(self, events: Sequence[Any]) -> frozenset[str]:
        """The managed paths that these events changed, not by our own hand. Where there were too many events, all are
        looked at, and no tree is accused: whoever made them could silence it."""
        with self._lock:
            lost = any(event.mask & flags.Q_OVERFLOW for event in events)
            touched, trees = (self._anew(), {at.EVERYTHING}) if lost else self._told_by(events)
            ours = frozenset(self._ours)
        known = self._host.known
        changed = frozenset(path for path in touched if path not in ours and known.note(path))
        tops = {self._trees[path] for path in changed & self._trees.keys()}
        return changed | (trees - ours) | tops

    def _told_by(self, events: Iterable[Any]) -> tuple[set[str], set[str]]:
        """The managed paths that these events are of, and the trees."""
        touched: set[str] = set()
        trees: set[str] = set()
        moved = False
        for event in events:
            for directory in tuple(self._directories.get(event.wd, ())):
                names = self._wanted.get(directory, {})
                if event.mask & (flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED):
                    self._unwatch(directory)
                    self._below.discard(directory)
                    touched.update(*names.values())
                    moved = True
                elif event.name in names:
                    path = f"{directory.rstrip('/')}/{event.name}"
                    below = [each for each in names[event.name] if each != path]
                    if path in names[event.name]:
                        touched.add(path)
                    if below and event.mask & _STRUCTURE:
                        touched.update(below)
                        moved = True
                elif event.name and not event.name.startswith(_OURS):
                    path = f"{directory.rstrip('/')}/{event.name}"
                    found = self._trees_of(directory, event.mask)
                    if found and self._host.known.differs(path):
                        trees |= found
                        moved = moved or bool(event.mask & flags.ISDIR and event.mask & _STRUCTURE)
        if moved:
            self._look_below()
            self._watch_missing()
        return touched, trees

    def _anew(self) -> set[str]:
        """All managed paths: nobody knows what has become of them, nor of the directories that are watched, which are
        from now on those that have their names."""
        before = list(self._directories)
        self._descriptors.clear()
        self._directories.clear()
        self._look_below()
        self._watch_missing()
        for number in before:
            if number not in self._directories:
                with contextlib.suppress(OSError):  # the kernel has dropped it itself
                    self._inotify.rm_watch(number)
        return {path for names in self._wanted.values() for paths in names.values() for path in paths}

    def _trees_of(self, directory: str, mask: int) -> set[str]:
        """The places of which an event in a directory tells, about a name that nobody manages."""
        found = set()
        for top, place in self._trees.items():
            if directory == top or directory.startswith(f"{top}/"):
                whole = place.endswith("//")
                asked = _STRUCTURE | flags.ATTRIB if whole else _STRUCTURE
                if place.endswith("///"):
                    asked |= flags.CLOSE_WRITE
                if mask & asked and (whole or directory in self._wanted):
                    found.add(place)
        return found

    def _look_below(self) -> None:
        self._below.intersection_update(self._descriptors)
        self._below.update(self._directories_below())

    def _directories_below(self) -> Iterator[str]:
        """The directories of all trees that are watched whole."""
        left = MAX_BELOW_ALL
        for top, place in self._trees.items():
            if not place.endswith("//"):
                continue
            todo, room = [top], min(MAX_BELOW, left)
            while todo:
                here = todo.pop()
                for name in self._directories_in(here):
                    if room == 0:
                        self._complain(f"more than {MAX_BELOW} directories below {top}, or {MAX_BELOW_ALL} in all")
                        todo.clear()
                        break
                    room, left = room - 1, left - 1
                    todo.append(f"{here}/{name}")
                    yield todo[-1]

    def _directories_in(self, path: str) -> list[str]:
        try:
            opened = self._beneath.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (OSError, HostFault):
            return []
        try:
            with os.scandir(opened) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        finally:
            os.close(opened)

    def _watch_missing(self) -> None:
        """Watch each wanted directory that is there and is not watched yet."""
        missing = [*(self._wanted.keys() - self._descriptors.keys())]
        below = self._below - self._wanted.keys()
        room = MAX_BELOW_ALL - len(below & self._descriptors.keys())
        missing += list(below - self._descriptors.keys())[: max(0, room)]
        for directory in missing:
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
                more = error.errno == errno.ENOSPC  # inotify_add_watch(2): the limit of the user's watches, not a disk
                self._complain("fs.inotify.max_user_watches is used up" if more else error.strerror or str(error))
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


def _is_tree(place: str) -> bool:
    return place.endswith("/")
