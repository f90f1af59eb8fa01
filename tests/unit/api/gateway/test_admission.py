"""How fast connections are taken: as fast as leaves the event loop on time for all else."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from pathlib import Path

import pytest

from api.gateway import limits
from api.gateway.admission import Admission, Pace
from api.gateway.returns import Returns
from tests.factories.gateway import Authority


def test_the_pace_grows_while_the_loop_is_on_time_and_falls_when_it_is_late() -> None:
    pace = Pace()
    rates = [pace.observe(0.0) for _ in range(5)]
    assert rates == sorted(rates)
    assert rates[0] > limits.FIRST_ACCEPTS_PER_S
    before = pace.rate
    assert pace.observe(0.2) == pytest.approx(before * limits.FEWER)


def test_the_pace_stays_between_its_bounds() -> None:
    pace = Pace()
    for _ in range(1_000):
        pace.observe(1.0)
    assert pace.rate == limits.MIN_ACCEPTS_PER_S
    for _ in range(1_000):
        pace.observe(0.0)
    assert pace.rate == limits.MAX_ACCEPTS_PER_S


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_after_a_rest_no_more_are_taken_at_first_than_the_server_is_known_to_let_in(before: float) -> None:
    pace = Pace()
    for _ in range(1_000):
        pace.observe(before)
    assert pace.rested(3_600.0, 300.0) == 300.0
    assert pace.observe(0.0) == 300.0 + limits.MORE_PER_S


class Door:
    """An admission over a listening socket; who got through is in `opened`, by address."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority()
        self.context = self.authority.context(folder, mutual=False)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.opened: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.admission = Admission(
            self.listener,
            connect=self._connect,
            context=lambda: self.context,
            monotonic=time.monotonic,
            count=lambda what: self.counted.update([what]),
            returns=Returns(),
        )

    def _connect(self, address: str) -> asyncio.Protocol:
        self.opened[address] += 1
        return asyncio.Protocol()

    async def shake(self, address: str) -> None:
        """An honest client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.authority.pem)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname="localhost", local_addr=(address, 0)
        )
        writer.transport.abort()
        del reader

    async def dawdle(self, address: str) -> asyncio.StreamWriter:
        """One that opens a connection and never says a word."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        return writer


def test_who_says_nothing_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Fifty from one address hold all of its places and more: honest hosts of that and of another address come in.
    monkeypatch.setattr(limits, "HALF_OPEN_PER_ADDRESS", 20)
    monkeypatch.setattr(limits, "HALF_OPEN_GRACE_S", 0.05)

    async def main() -> Door:
        door = Door(tmp_path)
        running = asyncio.ensure_future(door.admission.run())
        try:
            silent = [await door.dawdle("127.0.0.2") for _ in range(50)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(20):
                await asyncio.gather(*(door.shake("127.0.0.3") for _ in range(10)))
                await asyncio.gather(*(door.shake("127.0.0.2") for _ in range(10)))
            for writer in silent:
                writer.transport.abort()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            door.listener.close()
        return door

    door = asyncio.run(main())
    assert door.opened["127.0.0.3"] >= 10
    assert door.opened["127.0.0.2"] >= 10
    assert door.counted["half_open_evicted"] + door.counted["half_open_refused"] > 0


def test_when_all_places_are_taken_by_the_young_the_next_wait_and_nobody_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HALF_OPEN", 4)
    monkeypatch.setattr(limits, "HALF_OPEN_GRACE_S", 60.0)

    async def main() -> Door:
        door = Door(tmp_path)
        running = asyncio.ensure_future(door.admission.run())
        try:
            waiting = [await door.dawdle("127.0.0.2") for _ in range(6)]
            async with asyncio.timeout(20):
                while door.admission.half_open < 4:  # noqa: ASYNC110 - of another's making
                    await asyncio.sleep(0.01)
                honest = asyncio.ensure_future(door.shake("127.0.0.3"))
                await asyncio.sleep(0.1)
                assert (door.admission.half_open, honest.done()) == (4, False)
                for writer in waiting[:4]:
                    writer.transport.abort()
                await honest
            for writer in waiting:
                writer.transport.abort()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            door.listener.close()
        return door

    door = asyncio.run(main())
    assert door.opened["127.0.0.3"] == 1
    assert door.counted["half_open_refused"] + door.counted["half_open_evicted"] == 0


def test_who_gave_up_while_waiting_costs_no_handshake(tmp_path: Path) -> None:
    async def main() -> Door:
        door = Door(tmp_path)
        gone = [await door.dawdle("127.0.0.2") for _ in range(5)]
        for writer in gone:
            writer.transport.abort()
        await asyncio.sleep(0.1)
        running = asyncio.ensure_future(door.admission.run())
        try:
            async with asyncio.timeout(20):
                await door.shake("127.0.0.3")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            door.listener.close()
        return door

    door = asyncio.run(main())
    assert door.counted == {"gone_before_accepted": 5}
    assert door.opened == {"127.0.0.3": 1}


def test_of_more_than_can_be_taken_in_a_moment_some_are_turned_away_before_any_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Returns, "may_wait", lambda _: 5)

    async def main() -> Door:
        door = Door(tmp_path)
        shaken = [asyncio.ensure_future(door.shake("127.0.0.3")) for _ in range(100)]
        await asyncio.sleep(0.2)  # all wait in the kernel's queue
        running = asyncio.ensure_future(door.admission.run())
        try:
            async with asyncio.timeout(20):
                told = await asyncio.gather(*shaken, return_exceptions=True)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            door.listener.close()
        # Each of them is told at once, in a way that is no other than that of a network which breaks a connection.
        assert {type(each) for each in told} == {ConnectionResetError, type(None)}
        return door

    door = asyncio.run(main())
    assert door.counted["turned_away"] + door.opened["127.0.0.3"] == 100
    # Those that may wait, and one who was taken between two looks.
    assert 5 <= door.opened["127.0.0.3"] <= 6
