"""A fleet on its way back in simulated time: the channels of all agents, and the admission of their server.

The channels, the pace, the bucket and what is measured of returns are the real ones; the network, the kernel's queue
and a processor that needs so long for each handshake are here. Everything follows from the seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from agent.channel import Channel
from api.gateway import limits
from api.gateway.admission import Pace
from api.gateway.returns import Returns

OPEN_TIMEOUT_S: Final = 20.0
SYN_AGAIN_S: Final = (1.0, 3.0, 7.0, 15.0)
"""When TCP asks again whose first segment found the queue full (Linux: 1 s, then twice as long each time)."""


class Fleet:
    """So many agents that are connected.

    Args:
        each_s: what a return takes of the server's processor.
        jitter: False: agents that each wait out the whole of their time.
        told: False: agents of old, who know of no time over which they are to return.
    """

    def __init__(self, size: int, *, each_s: float, seed: int, jitter: bool = True, told: bool = True) -> None:
        self.now = 0.0
        self.size = size
        self.vain = Counter[str]()
        """Attempts that ended in no welcome, by why."""
        self.away: list[float] = []
        """How long each was away."""
        self._each_s = each_s
        self._told = told
        chance = random.Random(seed)
        self._channels = [Channel(chance.random if jitter else lambda: 1.0) for _ in range(size)]
        self._lost_at: dict[int, float] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ties = itertools.count()
        self._start()
        for number, channel in enumerate(self._channels):
            # They join over twice the time that the server needs, and it learns what one costs.
            channel.start(number * each_s * 2)
            self._lost_at[number] = channel.due()
            self._at(channel.due(), partial(self._wake, number))
        self.run()
        self.away.clear()
        self.vain.clear()

    # what happens to them

    def cut(self, numbers: range) -> None:
        """Their connections break."""
        self._settled()
        for number in numbers:
            self._lost(number, goodbye=False)

    def restart(self, away_s: float, *, goodbye: bool) -> None:
        """The server ends, with a goodbye or without, and is there again after so long, having forgotten everything."""
        self._settled()
        self._up = False
        self._events.clear()
        for number in range(self.size):
            self._lost(number, goodbye=goodbye)
        self._at(self.now + away_s, self._start)

    def run(self) -> float:
        """Until all are back; how long that was."""
        began = self.now
        while self._lost_at:
            self.now, _, act = heapq.heappop(self._events)
            act()
        return self.now - began

    # agents

    def _settled(self) -> None:
        """All were connected for a while, in which nothing happened."""
        self.now += 60.0
        self._events.clear()
        self._pace.rested(60.0, self.returns.per_s)
        self._begin_to_look()

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._ties), act))

    def _lost(self, number: int, *, goodbye: bool) -> None:
        self._lost_at[number] = self.now
        self._wait(number, goodbye=goodbye)

    def _wait(self, number: int, *, goodbye: bool = False) -> None:
        self._channels[number].disconnected("", self.now, goodbye=goodbye)
        self._at(self._channels[number].due(), lambda: self._wake(number))

    def _wake(self, number: int) -> None:
        assert self._channels[number].wake(self.now)
        self._arrive(number, self.now, iter(SYN_AGAIN_S))

    def _failed(self, number: int, why: str) -> None:
        self.vain[why] += 1
        self._wait(number)

    def _arrive(self, number: int, since: float, again: Iterator[float]) -> None:
        if not self._up:
            self._failed(number, "refused")
        elif len(self._queue) < limits.BACKLOG:
            self._queue.append((number, since))
        elif (after := next(again, None)) is not None:
            self._at(since + after, lambda: self._arrive(number, since, again))
        else:
            self._at(since + OPEN_TIMEOUT_S, lambda: self._failed(number, "timed out"))

    # the server

    def _start(self) -> None:
        self._up = True
        self.returns, self._pace = Returns(), Pace()
        self._queue: deque[tuple[int, float]] = deque()
        self._begin_to_look()

    def _begin_to_look(self) -> None:
        self._bucket = limits.Bucket(self._pace.rate, limits.ACCEPT_BURST, self.now)
        self._free_at = self._looked_at = self.now
        self._worked_s = 0.0
        self._at(self.now + limits.PACE_S, self._look)

    def _look(self) -> None:
        """What the admission does, once in a turn of the loop, which is late when there was much to do."""
        passed_s = self.now - self._looked_at
        late_s = passed_s - limits.PACE_S
        self._bucket.rate = self._pace.observe(late_s)
        self.returns.passed(passed_s, self._worked_s, late=late_s > limits.LATE_S)
        self._looked_at, self._worked_s, self._free_at = self.now, 0.0, self.now
        while len(self._queue) > self.returns.may_wait():
            self._failed(self._queue.popleft()[0], "turned away")
        while self._queue and self._bucket.take(0, self.now) == 0:
            number, since = self._queue.popleft()
            if self.now - since > OPEN_TIMEOUT_S:
                self._failed(number, "timed out")
                continue
            self._bucket.take(1, self.now)
            self._free_at += self._each_s
            self._worked_s += self._each_s
            self._at(self._free_at, partial(self._welcome, number))
        self._at(max(self.now + limits.PACE_S, self._free_at), self._look)

    def _welcome(self, number: int) -> None:
        channel = self._channels[number]
        channel.connected(self.now)
        if self._told:
            channel.set_return(self.returns.over_s(self.size))
        channel.welcomed(self.now)
        self.returns.welcomed()
        self.away.append(self.now - self._lost_at.pop(number))
