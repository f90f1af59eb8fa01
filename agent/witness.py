"""Who writes to a path: asked of the kernel through fanotify(7), for the few paths that are fought over.

Needs CAP_SYS_ADMIN; where that is not to be had, nobody is seen, and that is no fault. inotify says that something was
written, never by whom. After each repair the kernel is asked until it has told once: who writes thousands of times a
second costs no more than who writes once.
"""

from __future__ import annotations

import ctypes
import logging
import os
import struct
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final

MAX_PATHS: Final = 64
MAX_EVENTS: Final = 256
"""In the directory of a path, of any files, that are looked at after each repair."""

_FAN_CLOEXEC: Final = 0x1
_FAN_CLASS_NOTIF: Final = 0x0
_FAN_CLOSE_WRITE: Final = 0x8
_FAN_EVENT_ON_CHILD: Final = 0x08000000
_FAN_MARK_ADD: Final = 0x1
_FAN_MARK_REMOVE: Final = 0x2
_FAN_MARK_ONLYDIR: Final = 0x8
_MASK: Final = _FAN_CLOSE_WRITE | _FAN_EVENT_ON_CHILD
_EVENT: Final = struct.Struct("=IBBHQii")  # fanotify_event_metadata
_BUFFER_BYTES: Final = 4096

_log: Final = logging.getLogger("vigo.witness")


class KernelWitness:
    """See `agent.fights.Witness`: asks the kernel from the first path on; sees nobody where it may not ask.

    Args:
        root: what stands for `/`.
    """

    def __init__(self, root: Path) -> None:
        self._root: Final = str(root).rstrip("/")
        self._asked: FanotifyWitness | None = None
        self._blind = False

    def attend(self, path: str) -> None:
        """See `Witness`."""
        if self._asked is None and not self._blind:
            try:
                self._asked = FanotifyWitness()
            except OSError as error:
                self._blind = True
                _log.info("who fights over %s is not seen: %s", path, error.strerror or error)
        if self._asked is not None:
            self._asked.attend(self._root + path)

    def seen(self, path: str) -> str:
        """See `Witness`."""
        return "" if self._asked is None else self._asked.seen(self._root + path)

    def dismiss(self, path: str) -> None:
        """See `Witness`."""
        if self._asked is not None:
            self._asked.dismiss(self._root + path)


class FanotifyWitness:
    """See `agent.fights.Witness`. Watches the directory of each path: what is written there and renamed counts too.

    Raises:
        OSError: the kernel does not let us.
    """

    def __init__(self) -> None:
        self._libc: Final = ctypes.CDLL(None, use_errno=True)
        self._libc.fanotify_mark.argtypes = [
            ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p,
        ]  # fmt: skip
        flags = _FAN_CLOEXEC | _FAN_CLASS_NOTIF
        self._fd: Final[int] = self._libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._seen: Final[dict[str, str]] = {}
        self._attended: Final[dict[str, str]] = {}
        self._waited: Final[set[str]] = set()
        """Those of the attended whose writer has not been seen since `attend` was called last."""
        self._left: Final[dict[str, int]] = {}
        """Directory that the kernel tells of → how many more events of it are looked at."""
        self._lock: Final = Lock()
        Thread(target=self._listen, name="witness", daemon=True).start()

    def attend(self, path: str) -> None:
        """See `Witness`."""
        directory = os.path.dirname(path)  # noqa: PTH120 - a text, not a place
        with self._lock:
            if path not in self._attended and len(self._attended) >= MAX_PATHS:
                return
            if directory not in self._left and not self._mark(_FAN_MARK_ADD, directory):
                return
            self._left[directory] = MAX_EVENTS
            self._attended[path] = directory
            self._waited.add(path)

    def seen(self, path: str) -> str:
        """See `Witness`."""
        with self._lock:
            return self._seen.get(path, "")

    def dismiss(self, path: str) -> None:
        """See `Witness`."""
        with self._lock:
            directory = self._attended.pop(path, None)
            self._seen.pop(path, None)
            self._waited.discard(path)
            if directory is not None:
                self._rest(directory)

    def _rest(self, directory: str) -> None:
        """Have the kernel tell no more of a directory, unless somebody is still waited for there."""
        if directory in self._left:
            if self._left[directory] > 0 and any(self._attended[path] == directory for path in self._waited):
                return
            del self._left[directory]
            self._mark(_FAN_MARK_REMOVE, directory)

    def _mark(self, how: int, directory: str) -> bool:
        ended: int = self._libc.fanotify_mark(
            self._fd,
            how | _FAN_MARK_ONLYDIR,
            _MASK,
            -100,
            os.fsencode(directory),  # AT_FDCWD
        )
        return ended == 0

    def _listen(self) -> None:
        while True:
            try:
                data = os.read(self._fd, _BUFFER_BYTES)
            except OSError as error:
                _log.warning("who writes is not seen any more: %s", error.strerror)
                return
            while len(data) >= _EVENT.size:
                length, _, _, _, _, fd, pid = _EVENT.unpack_from(data)
                if length < _EVENT.size:
                    return
                data = data[length:]
                if fd >= 0:
                    self._noted(fd, pid)

    def _noted(self, fd: int, pid: int) -> None:
        try:
            written = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115
        except OSError:
            return
        finally:
            os.close(fd)
        if pid == os.getpid():
            return
        directory = os.path.dirname(written)  # noqa: PTH120
        with self._lock:
            if directory not in self._left:
                return  # it was told before we had enough
            self._left[directory] -= 1
            # A writer that replaces the file writes another name in the same directory first.
            paths = [path for path in self._waited if path == written] or [
                path
                for path in self._waited
                if self._attended[path] == directory and not written.endswith(" (deleted)")
            ]
            self._waited.discard(written)
            self._rest(directory)
        if not paths:
            return
        who = describe(pid)
        with self._lock:
            self._seen.update((path, who) for path in paths if path in self._attended)


def describe(pid: int) -> str:
    """A process, for a person: number, program, and the service it belongs to where that is known.

    Its arguments are left out: they may hold secrets.
    """
    name = program = unit = ""
    place = Path("/proc") / str(pid)
    with suppress(OSError):
        name = (place / "comm").read_text(errors="replace").strip()
    with suppress(OSError):
        program = os.readlink(place / "exe")  # noqa: PTH115
    with suppress(OSError):
        line = (place / "cgroup").read_text(errors="replace").splitlines()[-1:]
        last = line[0].rpartition("/")[2] if line else ""
        unit = last if last.endswith((".service", ".scope")) else ""
    known = ", ".join(filter(None, (program if program and program.rpartition("/")[2] != name else "", unit)))
    return f"process {pid}" + (f" {name}" if name else " (it has ended)") + (f" ({known})" if known else "")
