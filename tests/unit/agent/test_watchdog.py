"""The watchdog: a process that holds too much ends in a quiet moment, not at once and not too often."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest

from agent.watchdog import BUSY_LOOKS, EVERY_S, MIN_LIFE_S, PATIENCE, WORKED_S, Watchdog

SOFT = 100 << 20


class Process:
    """A process to be watched, and what became of it."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.held = 0
        self.idle = True
        self.ended = 0
        self.dog = Watchdog(
            "it",
            soft_bytes=SOFT,
            idle=lambda: self.idle,
            ended=self._end,
            clock=lambda: self.now,
            memory=lambda: self.held,
            processor=lambda: self.used,
        )

    def _end(self) -> None:
        self.ended += 1

    def looks(self, times: int, *, busy: float = 0.0) -> None:
        for _ in range(times):
            self.now += EVERY_S
            self.used += EVERY_S * busy
            self.dog.look()


def test_what_it_should_hold_is_no_matter() -> None:
    process = Process()
    process.held = SOFT
    process.looks(200)
    assert process.ended == 0


def test_too_much_is_said_once_and_ends_it_after_its_least_life(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()
    process.held = SOFT + 1
    with caplog.at_level(logging.WARNING, "vigo.watchdog"):
        process.looks(int(MIN_LIFE_S / EVERY_S) - 1)
    assert process.ended == 0
    assert len(caplog.records) == 1
    process.looks(1)
    assert process.ended == 1


def test_it_waits_for_a_quiet_moment_and_for_more_than_one_look() -> None:
    process = Process()
    process.looks(int(MIN_LIFE_S / EVERY_S))
    process.held, process.idle = SOFT * 2, False
    process.looks(PATIENCE + 5)
    assert process.ended == 0
    process.held = 0
    process.looks(1)
    process.held, process.idle = SOFT * 2, True
    process.looks(PATIENCE - 1)
    assert process.ended == 0
    process.looks(1)
    assert process.ended == 1


def test_computing_without_a_pause_is_said_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()
    with caplog.at_level(logging.WARNING, "vigo.watchdog"):
        process.looks(BUSY_LOOKS - 1, busy=0.99)
        process.looks(1, busy=0.1)
        process.looks(BUSY_LOOKS - 1, busy=0.99)
        assert not caplog.records
        process.looks(20, busy=0.99)
    assert len(caplog.records) == 1
    assert process.ended == 0


def test_it_measures_this_process() -> None:
    watchdog = Watchdog("it", soft_bytes=1, idle=lambda: True, ended=lambda: None)
    watchdog.look()
    assert 1 << 20 < watchdog._memory() < 8 << 30
    assert watchdog._processor() > 0


def test_garbage_is_looked_for_only_when_something_was_done() -> None:
    process = Process()
    made = Process.__new__(Process)
    made.itself = made  # type: ignore[attr-defined]
    gone = weakref.ref(made)
    gc.disable()
    try:
        del made
        process.looks(3)
        assert gone() is not None
        process.looks(1, busy=WORKED_S / EVERY_S)
        assert gone() is None
    finally:
        gc.enable()
