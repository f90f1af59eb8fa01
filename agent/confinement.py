"""What a process gives up, and cannot take back: sockets, system calls, rights, processor time, memory.

Linux alone, through prctl(2), seccomp(2) and a few calls that the standard library has no name for. Each function says
what became of it: a container may deny what a host allows, and then somebody has to be told.

The filters are lists of what is refused, not of what is allowed: a program that a resource type runs inherits the
executor's, and must otherwise find the host as it is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_SECCOMP, _NO_NEW_PRIVILEGES = 1, 4, 22, 38
_FILTER: Final = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32: Final = 0x40000000
"""From here on the numbers of the x32 calls of x86-64: the same calls by another name, refused whole."""
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
_IO_PROCESS, _IO_BEST_EFFORT = 1, 2
_LOADED, _WRITABLE = 1, 2
_ELF64_POINTER: Final = 8
_DONTNEED: Final = 4

NICE: Final = 5
LOCAL: Final = (socket.AF_UNIX, socket.AF_NETLINK)
"""Families of sockets that reach nobody beyond this host: its own processes, and its kernel."""
LINKED: Final = (*LOCAL, socket.AF_INET, socket.AF_INET6)


class _Calls(NamedTuple):
    """Numbers of system calls on one architecture (linux/include/uapi/asm-generic/unistd.h, arch/*/syscall.tbl)."""

    audit: int
    socket: int
    never: tuple[int, ...]
    """Of which nobody here has need: rings that open sockets without the call above (io_uring)."""
    ioprio_set: int
    acts: tuple[int, ...]
    """To run a program, to look into another process, to change what is mounted, whose one is, or the kernel."""
    foreign: int = 0
    """The other architecture that the kernel runs: 32-bit programs. They get no sockets at all."""
    foreign_calls: tuple[int, ...] = ()


_ASM_GENERIC: Final = (221, 281, 117, 270, 271, 40, 39, 97, 268, 219, 280, 105, 106, 273, 104, 41, 51, 161, 162, 91)
_CALLS: Final = {
    "x86_64": _Calls(
        0xC000003E, 41, (425,), 251,
        (59, 322, 101, 310, 311, 165, 166, 272, 308, 250, 321, 175, 176, 313, 246, 155, 161, 170, 171, 126),
        0x40000003, (359, 102, 425),
    ),
    "aarch64": _Calls(0xC00000B7, 198, (425,), 30, _ASM_GENERIC, 0x40000028, (281, 102, 425)),
    "riscv64": _Calls(0xC00000F3, 198, (425,), 30, _ASM_GENERIC),
}  # fmt: skip


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


class _Segment(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical", ctypes.c_uint64),
        ("file", ctypes.c_uint64),
        ("memory", ctypes.c_uint64),
        ("align", ctypes.c_uint64),
    )


class _Library(ctypes.Structure):
    """As much of `struct dl_phdr_info` (link.h) as there always is."""

    _fields_ = (
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.POINTER(_Segment)),
        ("count", ctypes.c_uint16),
    )


_VISIT: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


def refuse_sockets(families: Sequence[int] = LOCAL, *, acts: bool = False) -> str:
    """From now on this process, and whatever it starts, opens sockets of these families only (else `EAFNOSUPPORT`).

    Args:
        acts: with True it also runs no program, traces nobody and mounts nothing (else `EPERM`).

    Returns: why not; empty when it is so. Without `no_new_privileges` before, this needs CAP_SYS_ADMIN.
    """
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return f"no filter of system calls is known for {platform.machine()}"
    program = _compiled(calls, families, calls.acts if acts else ())
    if _prctl(_SET_SECCOMP, _FILTER, ctypes.cast(ctypes.pointer(program), ctypes.c_void_p).value or 0):
        return f"the kernel takes no filter of system calls: {_complaint()}"
    return ""


def become(uid: int, gid: int) -> None:
    """Be somebody without rights for good: this user and group, no other group, no capability, no way to either.

    Raises:
        OSError: this user name space has no such ids.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)  # and with uid 0 goes every capability
    no_new_privileges()
    _prctl(_SET_DUMPABLE, 0)  # no other process of the same user looks into this one


def no_new_privileges() -> None:
    """No program that this process starts gets more than it has: set-uid bits and file capabilities count no more."""
    _prctl(_NO_NEW_PRIVILEGES, 1)


def end_with(parent: int) -> None:
    """Get SIGTERM when the process that forked this one ends, or at once if it has ended already."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def be_patient(process: int = 0) -> None:
    """Let others have processor and disk before a process (0: this one) and what it starts from now on.

    Nice, and the last of the best-effort I/O classes: of the idle class nothing may ever come.
    """
    calls = _CALLS.get(platform.machine())
    with suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, process, max(NICE, os.getpriority(os.PRIO_PROCESS, process)))
    if calls is not None:
        _libc().syscall(calls.ioprio_set, _IO_PROCESS, process, _IO_BEST_EFFORT << 13 | 7)


def be_small() -> None:
    """Keep the memory of threads together, and let what is large go back to the kernel as soon as it is free.

    glibc would give each thread an arena of its own, and learn from the first large block to keep all others.
    """
    mallopt = getattr(_libc(), "mallopt", None)  # not in musl, which does both by itself
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 128 * 1024)


def give_back() -> None:
    """Return to the kernel what is free in the heap."""
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Code:
    """Where code and constants of the libraries lie that are loaded now. To be made before there are threads (else it
    is empty): the loader is locked meanwhile, and a thread that loads a module holds Python's lock and waits for it.

    As the loader says (`dl_iterate_phdr`; Elf64_Phdr in elf.h), and none of what can be written to, or was relocated.
    """

    def __init__(self) -> None:
        self.segments: Final[list[tuple[int, int]]] = []
        """Of each the first address and the one behind the last, whole pages."""
        libc = _libc()
        if threading.active_count() == 1 and ctypes.sizeof(ctypes.c_void_p) == _ELF64_POINTER:
            with suppress(AttributeError):  # a libc without it
                libc.dl_iterate_phdr(_VISIT(self._visit), None)

    def _visit(self, info: Any, _size: int, _data: int | None) -> int:
        library, page = info.contents, resource.getpagesize()
        for header in library.headers[: library.count]:
            if header.kind == _LOADED and not header.flags & _WRITABLE:
                begin = (library.base + header.address) // page * page
                self.segments.append((begin, -(-(library.base + header.address + header.memory) // page) * page))
        return 0

    def let_go(self) -> None:
        """Have it mapped anew where it is needed: a start, or a first run, touches much that nothing touches again.

        What the kernel drops is as it is in the file, and comes back from the page cache. No library is ever unloaded.
        """
        libc = _libc()
        for begin, end in self.segments:
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONTNEED)


def limit(what: int, most: int) -> None:
    """Never more of this resource (`resource.RLIMIT_…`); a lower limit that is there stays."""
    _, hard = resource.getrlimit(what)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (allowed, allowed))


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor beyond standard error that is not among these."""
    last = 2
    for descriptor in sorted({*kept}):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _compiled(calls: _Calls, families: Sequence[int], acts: Sequence[int]) -> _Program:
    """Classic BPF over `struct seccomp_data` (linux/seccomp.h)."""
    no_family, denied, no_call = _ERRNO | errno.EAFNOSUPPORT, _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    native: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, no_call),
    ]
    for number in (*calls.never, *acts):
        native += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, denied)]
    native += [(_EQUAL, 1, 0, calls.socket), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    for family in families:
        native += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    native += [(_RETURN, 0, 0, no_family)]
    foreign: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _NUMBER)]
    for number in calls.foreign_calls:
        foreign += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, no_family)]
    foreign += [(_RETURN, 0, 0, denied if acts else _ALLOW)]
    head = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, len(foreign) + 2, 0, calls.audit),
        (_EQUAL, 1, 0, calls.foreign),
        (_RETURN, 0, 0, no_call),
    ]
    lines = [*head, *foreign, *native]
    return _Program(len(lines), (_Instruction * len(lines))(*(_Instruction(*line) for line in lines)))


def _prctl(option: int, *arguments: int) -> int:
    padded = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    result: int = _libc().prctl(option, *padded)
    return result


def _complaint() -> str:
    return os.strerror(ctypes.get_errno())


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
