"""The watchdog of one process: looks at its memory and processor time, says what is too much, ends it if need be.

What is free is given back to the kernel at each look, and garbage is looked for when something was done since the last:
a run leaves some, and no further one may come for half an hour. Memory that is above the soft limit after some looks
ends the process in a quiet moment, so that another begins small, at most once an hour. The hard limits are the kernel's
(`agent.halves`, and `MemoryMax` of the service). A process that computes without a pause is said, and left to work.
"""

from __future__ import annotations

import gc
import logging
import resource
from collections.abc import Callable
from threading import Thread
from time import monotonic, sleep
from typing import Final

from agent import confinement

EVERY_S: Final = 60.0
FIRST_S: Final = 10.0
"""After the start, which takes more than what stays."""
PATIENCE: Final = 3
"""Looks in a row above the soft limit, before it is enough."""
MIN_LIFE_S: Final = 3_600.0
WORKED_S: Final = 0.1
"""Of the processor, between two looks: a run, or all traits; at rest there is no garbage worth a look."""
BUSY: Final = 0.8
"""Of one processor, over `BUSY_LOOKS` looks."""
BUSY_LOOKS: Final = 10

_log: Final = logging.getLogger("vigo.watchdog")


class Watchdog:
    """Watches the process that it is in.

    Args:
        soft_bytes: of memory that is its own.
        idle: whether this is a quiet moment.
        ended: ends the process.
        code: let go of with the garbage.
        clock: monotonic seconds.
        memory: bytes of the process now.
    """

    def __init__(
        self,
        name: str,
        *,
        soft_bytes: int,
        idle: Callable[[], bool],
        ended: Callable[[], None],
        clock: Callable[[], float] = monotonic,
        code: confinement.Code | None = None,
        memory: Callable[[], int] | None = None,
        processor: Callable[[], float] | None = None,
    ) -> None:
        self._name: Final = name
        self._soft_bytes: Final = soft_bytes
        self._idle: Final = idle
        self._ended: Final = ended
        self._code: Final = code
        self._clock: Final = clock
        self._memory: Final = memory or _own_bytes
        self._processor: Final = processor or _own_seconds
        self._begun: Final = clock()
        self._above = 0
        self._busy = 0
        self._last = (clock(), 0.0)  # so that the first look is after work: the start

    def start(self) -> None:
        """Look every minute, in a thread of its own."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def look(self) -> None:
        """Look once, and do what is to be done."""
        if self._look_at_processor() >= WORKED_S or self._memory() > self._soft_bytes:
            gc.collect()
            if self._code is not None:
                self._code.let_go()
        confinement.give_back()
        held = self._memory()
        if held <= self._soft_bytes:
            self._above = 0
            return
        self._above += 1
        if self._above == 1:
            _log.warning("%s holds %d MiB, more than the %d it should", self._name, held >> 20, self._soft_bytes >> 20)
        if self._above >= PATIENCE and self._clock() - self._begun >= MIN_LIFE_S and self._idle():
            _log.warning("%s ends, to begin anew with less memory than %d MiB", self._name, held >> 20)
            self._ended()

    def _look_at_processor(self) -> float:
        """Seconds of it that were taken since the last look."""
        now, used = self._clock(), self._processor()
        before, used_before = self._last
        self._last = (now, used)
        if now <= before or (used - used_before) / (now - before) < BUSY:
            self._busy = 0
            return used - used_before
        self._busy += 1
        if self._busy == BUSY_LOOKS:
            _log.warning("%s has computed without a pause for %.0f minutes", self._name, BUSY_LOOKS * EVERY_S / 60)
        return used - used_before

    def _watch(self) -> None:
        sleep(FIRST_S)
        while True:
            self.look()
            sleep(EVERY_S)


def _own_bytes() -> int:
    """Resident memory without what files back: that is shared, and the kernel's to give and take."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a look costs what it costs
        fields = file.read().split()
    return (int(fields[1]) - int(fields[2])) * resource.getpagesize()


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
