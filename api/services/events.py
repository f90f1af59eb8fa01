"""The event bus of one process: what services announce, after it is committed, to whoever listens now.

Level-triggered readers lose nothing with a missed event but time, so a listener that is too slow loses its oldest ones
and is told so. Events hold ids and words, never secrets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from schema.errors import Exhausted

MAX_LISTENERS: Final = 1_000
MAX_WAITING: Final = 256


class Event(NamedTuple):
    """Something that happened."""

    topic: str
    """Dotted: `revision.in_force`, `envoy.online`, `run.finished`."""
    data: Mapping[str, Any]


class TooManyListeners(Exhausted):
    """No more listeners fit."""

    code = "events.too_many_listeners"


class Listener:
    """One listener's queue: `async for event in listener`. `missed` counts what did not fit."""

    def __init__(self, topics: tuple[str, ...]) -> None:
        self._topics = topics
        self._waiting: deque[Event] = deque()
        self._ready = asyncio.Event()
        self.missed = 0

    def wants(self, topic: str) -> bool:
        """Whether events of this topic are for it; a topic that ends with a dot stands for all below."""
        return not self._topics or any(
            topic.startswith(wish) if wish.endswith(".") else topic == wish for wish in self._topics
        )

    def put(self, event: Event) -> None:
        """Queue an event, at the cost of the oldest when full."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(event)
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.popleft()


class Tap(Listener):
    """One that takes each event as it is told, and so misses none: for what only notes it down."""

    def __init__(self, topics: tuple[str, ...], take: Callable[[Event], None]) -> None:
        super().__init__(topics)
        self._take = take

    def put(self, event: Event) -> None:
        """Hand the event on."""
        self._take(event)


class Events:
    """The bus. All of it lives in the event loop's thread; `publish` is called there, after a commit."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def publish(self, topic: str, **data: Any) -> None:
        """Tell all who listen to this topic."""
        event = Event(topic, data)
        for listener in self._listeners:
            if listener.wants(topic):
                listener.put(event)

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """Listen to some topics (`run.` for all of runs; none for all) until the block ends.

        Raises:
            TooManyListeners: nobody else may listen now.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners("too many listen to events already", retry_after_s=5.0)
        listener = Listener(topics)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    @contextmanager
    def tap(self, take: Callable[[Event], None], *topics: str) -> Iterator[None]:
        """Have a function called with each event of some topics until the block ends: at once, in the event loop's
        thread, so it is quick and does not raise."""
        listener = Tap(topics, take)
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)
