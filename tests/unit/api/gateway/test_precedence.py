"""Reports wait while targets go out, and never for long."""

from __future__ import annotations

import asyncio

import pytest

from api.gateway import limits
from api.gateway.precedence import Precedence


def test_reports_come_in_while_nothing_presses_and_wait_while_something_does() -> None:
    async def story() -> None:
        door, passed = Precedence(), []
        pressing = True
        door.pressing = lambda: pressing

        async def report(number: int) -> None:
            await door.wait()
            passed.append(number)

        waiting = [asyncio.ensure_future(report(number)) for number in range(3)]
        await asyncio.sleep(3 * limits.PRESSING_LOOK_S)
        assert passed == []
        pressing = False
        await asyncio.gather(*waiting)
        await report(3)
        assert passed == [0, 1, 2, 3]

    asyncio.run(asyncio.wait_for(story(), 5))


def test_what_presses_for_ever_holds_up_no_report_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRESSING_S", 0.02)

    async def story() -> None:
        door = Precedence()
        door.pressing = lambda: True
        for _ in range(3):
            await door.wait()

    asyncio.run(asyncio.wait_for(story(), 5))
