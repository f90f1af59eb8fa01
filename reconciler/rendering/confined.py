"""The child: reads batches of jobs, answers each, and can do nothing else.

A frame is four bytes of length, most significant first, and JSON. The parent sends a batch, a list of jobs; each is
answered by a frame of its own, in order. An empty frame says that the child is ready; an end of the input ends it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, Final

import orjson

_NOBODY: Final = 65_534
_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVILEGES: Final = 38
HEADER: Final = 4


def main(target: str, memory_bytes: int, cpu_s: int, answer_bytes: int) -> None:
    """Serve until the input ends.

    Args:
        target: `module:function`, one job in, plain data out.
        cpu_s: of processor time for one job, whole seconds; then the kernel ends the process.
        answer_bytes: of one answer; a longer one is replaced by a refusal.
    """
    module, _, name = target.partition(":")
    act = getattr(import_module(module), name)
    asked, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    for closed in (0, 1, 2):
        os.close(closed)
    os.open(os.devnull, os.O_RDWR)
    os.dup2(0, 1)
    os.dup2(0, 2)
    _confine(memory_bytes)
    _write(answers, b"")
    while len(header := asked.read(HEADER)) == HEADER:
        for job in orjson.loads(asked.read(int.from_bytes(header, "big"))):
            _allow(cpu_s)
            _write(answers, _answer(act, job, answer_bytes))


def _answer(act: Callable[[Any], Any], job: Any, answer_bytes: int) -> bytes:
    try:
        answer = orjson.dumps(act(job), option=orjson.OPT_NON_STR_KEYS)
    except MemoryError:
        return b'{"refused":"it takes too much memory"}'
    except Exception as error:  # noqa: BLE001 - one job never ends the others
        return orjson.dumps({"refused": f"it cannot be rendered: {type(error).__name__}"})
    return answer if len(answer) <= answer_bytes else b'{"refused":"what it gives is too long"}'


def _write(to: int, answer: bytes) -> None:
    data = memoryview(len(answer).to_bytes(HEADER, "big") + answer)
    while data:
        data = data[os.write(to, data) :]


def _allow(cpu_s: int) -> None:
    """Give the next job its processor time; the kernel counts in whole seconds, and all since the process began."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _confine(memory_bytes: int) -> None:
    """Give up what a rendering does not need. What a system does not offer is left; the limits are always there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # A network of its own, with nothing in it; without privileges only a user namespace of its own allows that.
    libc.unshare(_NEW_NET | _NEW_IPC if os.geteuid() == 0 else _NEW_USER | _NEW_NET | _NEW_IPC)
    with suppress(OSError):
        os.chdir("/")
    if os.geteuid() == 0:
        # In a container without privileges the first may be denied where the others are not.
        for give_up in (partial(os.setgroups, []), partial(os.setgid, _NOBODY), partial(os.setuid, _NOBODY)):
            with suppress(OSError):
                give_up()
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),  # nothing is opened any more; what is open stays so
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
