"""The supervisor: forks executor and link, starts the link anew when it ends, ends with the executor.

It keeps root and gives nothing up, since a filter cannot be taken off again: so it opens no socket, reads nothing that
came from elsewhere, and starts those programs that need the network when the executor says so (`agent.errands`). What
both halves need is loaded here: so that much of its memory is there once (docs/decisions/0012).
"""

from __future__ import annotations

import gc
import logging
import os
import random
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import Final

from agent import confinement, errands
from agent.separation import LOST, RESTART, Ids, begin_anew

BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 60.0
SETTLED_S: Final = 60.0
"""A link that lived this long was a good one."""
SHARED: Final = ("agent.boundary", "agent.core", "agent.crossing")
END_S: Final = 3.0

_log: Final = logging.getLogger("vigo.supervisor")

BeExecutor = Callable[[socket.socket, int], int]
"""Is the executor, with its end of the channel to the supervisor and the supervisor's pid; answers the exit code."""


def run(ids: Ids, be_executor: BeExecutor) -> int:
    """Keep executor and link running until SIGTERM or SIGINT, or until the executor ends; the exit code.

    Args:
        ids: as whom the link runs.
    """
    _load()
    return _Supervisor(ids, be_executor).run()


def _load() -> None:
    for name in SHARED:
        import_module(name)
    _build()
    gc.collect()
    gc.freeze()  # no collection writes to what is shared
    confinement.be_small()
    confinement.give_back()


def _build() -> None:
    """What reads and writes all that crosses between agent and server, and between the halves: it lies outside of
    Python's heap, where nobody counts references, and so stays shared."""
    from schema.protocol import messages
    from schema.protocol.desired import SignedShape
    from schema.protocol.reports import Wire

    models = [*Wire.__subclasses__(), *SignedShape.__subclasses__()]
    for model in models:
        models += model.__subclasses__()
        model.model_rebuild()
    for adapter in (messages.SERVER_MESSAGE, messages.AGENT_MESSAGE):
        adapter.rebuild()


class _Supervisor:
    def __init__(self, ids: Ids, be_executor: BeExecutor) -> None:
        self._ids: Final = ids
        self._be: Final = be_executor
        self._pid: Final = os.getpid()
        self._stopping = False
        self._executor = 0
        self._link = 0
        self._attempts = 0
        self._linked_at = 0.0
        self._link_due: float | None = None
        self._links = 0
        self._waking = (-1, -1)
        self._end, self._theirs = errands.channel()
        self._runner: Final = errands.Runner(self._end, self._ready)

    def run(self) -> int:
        """See `run`."""
        woken, waker = self._waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._executor = self._fork(self._be_executor)
        self._theirs.close()
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(self._end, select.POLLIN)
        while not self._stopping:
            if self._link_due is not None and monotonic() >= self._link_due:
                self._begin_link()
            for descriptor, _ in poll.poll(self._patience_ms()):
                if descriptor == woken:
                    with suppress(BlockingIOError):
                        os.read(woken, 4096)
                elif not self._runner.take():
                    poll.unregister(self._end)  # it ends: its code follows
            self._runner.reap()
            if (code := _ended(self._executor)) is not None:
                return self._executor_ended(code)
            if self._link and (code := _ended(self._link)) is not None:
                self._link_ended(code)
        return self._finish()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _patience_ms(self) -> float | None:
        dues = [due for due in (self._link_due, self._runner.due()) if due is not None]
        if not dues:
            return None
        # While a group is being ended its leader's end is not told: look, as it is not for long.
        return 20.0 if self._runner.due() is not None else max(0.0, min(dues) - monotonic()) * 1000 + 1

    # the halves

    def _ready(self) -> None:
        self._link_due = 0.0

    def _be_executor(self) -> int:
        self._end.close()
        for descriptor in self._waking:
            os.close(descriptor)
        return self._be(self._theirs, self._pid)

    def _be_link(self, end: socket.socket) -> int:
        confinement.close_all_but((end.fileno(),))
        from agent import halves

        return halves.link(end, self._ids, parent=self._pid)

    def _begin_link(self) -> None:
        ours, theirs = socket.socketpair()
        self._links += 1
        self._linked_at, self._link_due = monotonic(), None
        with suppress(OSError):  # the executor is gone: we hear of it
            errands.send(self._end, {"link": self._links}, (ours.fileno(),))
        self._link = self._fork(lambda: self._be_link(theirs))
        ours.close()
        theirs.close()
        confinement.Code().let_go()  # of all that was loaded for the other two

    def _link_ended(self, code: int) -> None:
        self._link = 0
        if self._stopping:
            return
        if monotonic() - self._linked_at >= SETTLED_S:
            self._attempts = 0
        wait = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**self._attempts) * (0.5 + random.random() / 2)  # noqa: S311
        self._attempts = min(self._attempts + 1, 16)
        self._link_due = monotonic() + wait
        _log.warning("the link ended (%d); another begins in %.1f s", code, wait)

    def _executor_ended(self, code: int) -> int:
        if self._stopping:
            return self._finish()
        self._end_halves()
        if code == RESTART:
            _log.info("the executor begins anew")
            begin_anew()
        if code < 0:
            _log.error("the executor was ended by signal %d, and the agent ends with it", -code)
        return code if code >= 0 else LOST

    def _finish(self) -> int:
        self._end_halves()
        _log.info("ended")
        return 0

    def _end_halves(self) -> None:
        """The link first, which has somebody to take leave of; what does not end in time is killed."""
        for half in (self._link, self._executor):
            _signal(half, signal.SIGTERM)
            deadline = monotonic() + END_S
            while half and _ended(half) is None:
                left = deadline - monotonic()
                if left <= 0:
                    _signal(half, signal.SIGKILL)
                select.select([], [], [], 0.01)
        self._link = self._executor = 0

    def _fork(self, be: Callable[[], int]) -> int:
        """A child that does nothing but `be`."""
        child = os.fork()
        if child:
            _codes.pop(child, None)
            return child
        code = LOST
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            code = be()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a supervisor
            _log.exception("a half of the agent ended in a way that nobody foresaw")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


_codes: Final[dict[int, int]] = {}


def _ended(pid: int) -> int | None:
    """The exit code of a child, negative for a signal; None while it runs."""
    if pid not in _codes:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        _codes[pid] = os.waitstatus_to_exitcode(status)
    return _codes[pid]


def _signal(pid: int, number: signal.Signals) -> None:
    if pid and pid not in _codes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
