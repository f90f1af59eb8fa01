"""A turn that fails is told as what it was, and the worker goes on."""

from __future__ import annotations

import logging

import pytest

from api.workers.enduring import turn
from schema.errors import Unavailable

log = logging.getLogger("test.enduring")


class Silent(Unavailable):
    code = "test.silent"


def test_a_fault_is_a_warning_and_a_bug_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    with turn(log, "it cannot be done") as faulty:
        raise Silent("the database does not answer")
    with turn(log, "it cannot be done") as buggy:
        raise KeyError("x")
    with turn(log, "it cannot be done") as good:
        pass
    assert (faulty.failed, buggy.failed, good.failed) == (True, True, False)
    first, second = caplog.records
    assert (first.levelname, first.getMessage(), first.exc_info) == (
        "WARNING",
        "it cannot be done: the database does not answer",
        None,
    )
    assert (second.levelname, second.getMessage()) == ("ERROR", "it cannot be done")
    assert second.exc_info is not None


def test_what_ends_the_worker_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt), turn(log, "it cannot be done"):
        raise KeyboardInterrupt
