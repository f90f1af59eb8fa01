"""One agent of the load: the agent's own core, an executor in memory, and a WebSocket from an address of its own."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent import effects as fx
from agent import tls
from agent.channel import GOODBYES, Phase
from agent.core import Core
from schema.protocol.messages import PATH
from schema.protocol.reports import Trigger
from tests.load.hosts import Executor, Identity, traits_of
from tests.load.wire import WebSocket

OPEN_TIMEOUT_S: Final = 20.0
QUIET_S: Final = 0.002
REPORT_WITHIN_S: Final = 1.0
AT_A_TIME: Final = 16
DAY_S: Final = 86_400.0


@dataclass
class Tally:
    """What the agents of one process did."""

    counts: Counter[str] = field(default_factory=Counter)
    applied: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Commit → when each host was it, by the machine's monotonic clock."""
    opened: list[float] = field(default_factory=list)
    """When each connection was welcomed."""
    away: list[float] = field(default_factory=list)
    """How many seconds each was away that was connected before."""
    closed: Counter[str] = field(default_factory=Counter)
    """Why connections ended."""


class Reporting:
    """What agents do behind a run. Each host has a processor of its own, on which no other's report is in the way of its
    run; here thousands share one. So reports are made when no frame has come for a moment, or none of the others' for
    too long."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._frames = self._seen = 0

    def later(self) -> None:
        """A frame has come: somebody may have a run to make."""
        self._frames += 1

    def do(self, work: Callable[[], None]) -> None:
        """Do this soon."""
        loop = asyncio.get_running_loop()
        self._waiting.append((loop.time() + REPORT_WITHIN_S, work))
        if self._timer is None:
            self._timer = loop.call_later(QUIET_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        quiet, self._seen = self._frames == self._seen, self._frames
        for _ in range(AT_A_TIME):
            if not self._waiting or not (quiet or self._waiting[0][0] <= loop.time()):
                break
            self._waiting.popleft()[1]()
        self._timer = loop.call_later(0 if quiet else QUIET_S, self._look) if self._waiting else None


class Agent:
    """One agent.

    Args:
        address: whom it connects from.
        random: U(0, 1), for all jitter; a constant takes it away.
        reporting: shared by the agents of a process.
        kind: `""`, `slow` (takes nothing from its socket once it is connected), `failing` (its first resource is never
            as desired).
    """

    def __init__(
        self,
        identity: Identity,
        *,
        executor: Executor,
        ca: str,
        where: tuple[str, int],
        address: str,
        random: Callable[[], float],
        tally: Tally,
        reporting: Reporting,
        kind: str = "",
    ) -> None:
        self.identity: Final = identity
        self.kind: Final = kind
        self._executor: Final = executor
        self._traits: Final = traits_of(identity.hostname)
        known = (self._traits.sha256, self._traits.stable_sha256)
        self.core: Final = Core(random=random, version="load", kept_traits=known)
        self._ca: Final = ca
        self._where: Final = where
        self._address: Final = address
        self._tally: Final = tally
        self._reporting: Final = reporting
        self._context: ssl.SSLContext | None = None
        self._socket: WebSocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0
        self._events: list[fx.Event] = []
        self._busy = False
        self._connecting: asyncio.Task[None] | None = None
        self._lost_at = 0.0

    def start(self) -> None:
        """Begin, as an agent that has just started."""
        self.tell(fx.Started(self._executor.standing()))

    def check(self) -> None:
        """Make a full check and report on it, as an agent does now and then."""
        self._converge(Trigger.INTERVAL)

    def drop(self) -> None:
        """Lose the connection, as when a cable is pulled."""
        if self._socket is not None:
            self._socket.abort()

    @property
    def open(self) -> bool:
        """Whether it is connected and was welcomed."""
        return self.core.phase is Phase.OPEN

    @property
    def at_rest(self) -> bool:
        """Whether nothing is left to be said on either side."""
        return self.core.at_rest

    def tell(self, event: fx.Event) -> None:
        """Something has happened to it."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                for effect in self.core.handle(self._events.pop(0), time.monotonic()):
                    self._carry_out(effect)
        finally:
            self._busy = False
        self._arm()

    def _arm(self) -> None:
        due = self.core.due()
        if self._timer is not None:
            if self._armed <= due:
                return  # it wakes early, and arms anew
            self._timer.cancel()
        self._armed = due
        wait = min(max(0.0, due - time.monotonic()), DAY_S)
        self._timer = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.tell(fx.Tick())

    def _carry_out(self, effect: fx.Effect) -> None:
        executor = self._executor
        match effect:
            case fx.Send(text):
                if self._socket is not None:
                    self._tally.counts["sent"] += 1
                    self._socket.send(text)
            case fx.Offer(target):
                verdict = executor.offer(target)
                self._tally.counts[verdict.outcome] += 1
                self.tell(fx.Offered(target, verdict))
            case fx.Store(_, data):
                self.tell(fx.ObjectStored(executor.store(data)))
            case fx.Converge(trigger, _):
                self._converge(trigger)
            case fx.CollectTraits():
                self.tell(fx.TraitsCollected(self._traits))
            case fx.ReadReports(after):
                self.tell(fx.ReportsRead(executor.reports(after)))
            case fx.ForgetReport(sequence):
                self._tally.counts["acknowledged"] += 1
                executor.forget(sequence)
            case fx.Connect():
                self._tally.counts["connects"] += 1
                self._connecting = asyncio.ensure_future(self._connect())
            case fx.Close(reason):
                if self._socket is not None:
                    self._socket.close(reason)
            case fx.Ping():
                if self._socket is not None:
                    self._socket.ping()
            case fx.ServerTime(_):
                self._tally.counts["welcomed"] += 1
                self._tally.opened.append(time.monotonic())
                if self._lost_at:
                    self._tally.away.append(time.monotonic() - self._lost_at)
                    self._lost_at = 0.0
                self.tell(fx.Certified(30 * DAY_S, 30 * DAY_S))
                if self.kind == "slow" and self._socket is not None:
                    self._socket.pause_reading()
            case _:
                pass

    def _converge(self, trigger: Trigger) -> None:
        run = self._executor.converge(trigger)
        if run.commit and trigger is Trigger.APPLY:
            self._tally.applied[run.commit].append(time.monotonic())
        self._reporting.do(lambda: self.tell(fx.Converged(run.conclude())))

    async def _connect(self) -> None:
        if self._context is None:
            self._context = tls.of_agent(self._ca, self.identity.certificate, self.identity.key)
        host, port = self._where
        socket = WebSocket(
            f"{host}:{port}",
            PATH,
            opened=lambda: self.tell(fx.Connected()),
            frame=self._frame,
            ponged=self._checked_in,
            lost=lambda reason: self._lost(socket, reason),
        )
        self._socket = socket
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: socket,
                    host,
                    port,
                    ssl=self._context,
                    server_hostname="localhost" if host.startswith("127.") else host,
                    local_addr=(self._address, 0) if self._address else None,
                )
        except (OSError, TimeoutError) as error:
            self._tally.counts["not_connected"] += 1
            self._lost(socket, f"not connected: {type(error).__name__}")
            socket.abort()

    def _frame(self, data: bytes) -> None:
        self._tally.counts["frames"] += 1
        self._reporting.later()
        self.tell(fx.Frame(data))

    def _checked_in(self) -> None:
        self._tally.counts["check_ins"] += 1
        self.tell(fx.Ponged())

    def _lost(self, socket: WebSocket, reason: str) -> None:
        if self._socket is socket:
            self._socket = None
            self._tally.closed[reason] += 1
            if self.open:
                self._lost_at = time.monotonic()
            self.tell(fx.Disconnected(reason, goodbye=socket.code in GOODBYES))
