"""A change that could cut the host off stands only when the server is reached after it."""

from __future__ import annotations

from typing import Any

import pytest

from agent import effects as fx
from agent.boundary import Ran, Standing
from agent.core import Core
from agent.probation import AFTER_START_S, WINDOW_S
from schema.protocol.messages import Applied, Welcome
from schema.protocol.reports import Trigger

NOW = 1_800_000_000_000_000
APPLIED = Applied(epoch=1, generation=1, commit="a" * 40, assignment_sha256="b" * 64, catalog_sha256="c" * 64)
CHANGED = fx.Converged(Ran(status="converged", changed=1, unconfirmed="connected"))


class Driver:
    """A core, started, with a clock to turn."""

    def __init__(self, **standing: Any) -> None:
        self.now = 1000.0
        self.core = Core(random=lambda: 0.5, version="1.2.3")
        self.do(fx.Started(Standing(applied=APPLIED, **standing)))

    def do(self, event: fx.Event, after: float = 0.0) -> list[fx.Effect]:
        self.now += after
        return self.core.handle(event, self.now)

    def open(self) -> list[fx.Effect]:
        self.do(fx.Connected())
        return self.do(fx.Frame(Welcome(protocol=1, time=NOW).model_dump_json()))

    def until(self, kind: type[Any], limit_s: float) -> list[fx.Effect]:
        """Fail to connect again and again, until such an effect comes or the time is over."""
        end, effects = self.now + limit_s, []
        while self.now <= end:
            effects = self.do(fx.Tick())
            if any(isinstance(each, kind) for each in effects):
                return effects
            if fx.Connect() in effects:
                self.do(fx.Disconnected("refused"), after=1.0)
            self.now = min(max(self.core.due(), self.now + 0.01), end + 0.02)
        return []


def test_a_run_says_whether_the_server_was_reached_as_it_began() -> None:
    driver = Driver()
    driver.do(fx.Converged(Ran(status="converged")))
    driver.open()
    driver.core._request(Trigger.APPLY, driver.now)
    assert fx.Converge(Trigger.APPLY, connected=True) in driver.do(fx.Tick())


def test_the_open_connection_is_closed_and_a_new_one_confirms() -> None:
    driver = Driver()
    driver.open()
    assert [each.reason for each in driver.do(CHANGED) if isinstance(each, fx.Close)] == [
        "to see whether the server can still be reached"
    ]
    driver.do(fx.Disconnected("closed"))
    assert driver.until(fx.Connect, 5.0)
    assert fx.Confirm() in driver.open()
    assert driver.until(fx.PutBack, 10 * WINDOW_S) == []


def test_what_nobody_confirms_within_the_window_is_put_back_once() -> None:
    driver = Driver()
    driver.open()
    driver.do(CHANGED)
    driver.do(fx.Disconnected("closed"))
    begun = driver.now
    assert fx.PutBack() in driver.until(fx.PutBack, 10 * WINDOW_S)
    assert driver.now == pytest.approx(begun + WINDOW_S, abs=2)
    driver.do(fx.Converged(Ran(status="failed", changed=1)))
    assert driver.until(fx.PutBack, 10 * WINDOW_S) == []


def test_a_greeting_over_a_connection_older_than_the_change_confirms_nothing() -> None:
    driver = Driver()  # it is connecting already
    driver.do(CHANGED)
    assert not any(isinstance(each, fx.Confirm) for each in driver.open())
    driver.do(fx.Disconnected("closed"))
    assert driver.until(fx.Connect, 5.0)
    assert fx.Confirm() in driver.open()


def test_a_server_that_was_silent_before_the_change_is_no_witness_against_it() -> None:
    driver = Driver()
    driver.do(fx.Disconnected("refused"))
    driver.do(fx.Converged(Ran(status="converged", changed=1, unconfirmed="alone")))
    assert driver.until(fx.PutBack, 10 * WINDOW_S) == []
    driver.until(fx.Connect, 200.0)
    assert fx.Confirm() in driver.open()


def test_an_agent_that_was_started_anew_goes_on_waiting() -> None:
    driver = Driver(unconfirmed="connected")
    begun = driver.now
    driver.do(fx.Disconnected("refused"))
    assert fx.PutBack() in driver.until(fx.PutBack, 10 * AFTER_START_S)
    assert driver.now == pytest.approx(begun + AFTER_START_S, abs=2)
    assert fx.Confirm() in Driver(unconfirmed="alone").open()
    assert fx.Confirm() in Driver(unconfirmed="connected").open()


def test_a_second_change_within_the_window_does_not_make_it_longer() -> None:
    driver = Driver()
    driver.open()
    driver.do(CHANGED)
    driver.do(fx.Disconnected("closed"))
    begun = driver.now
    driver.do(CHANGED, after=WINDOW_S - 10)
    assert fx.PutBack() in driver.until(fx.PutBack, WINDOW_S)
    assert driver.now == pytest.approx(begun + WINDOW_S, abs=2)
