"""The link: the asyncio shell around the protocol core. Network on one side, the executor's bytes on the other.

Owns the WebSocket, the HTTPS fetches, the timers and the worker threads; decides nothing. Big objects come over HTTPS
on the same port with the same certificate. Text of the server is escaped before it is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import signal
import ssl
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Event

from agent import VERSION, https, tls
from agent import effects as fx
from agent.boundary import (
    CONNECTED,
    Collected,
    Executor,
    Installed,
    KeptTraits,
    LinkStatus,
    Presented,
    Ran,
    Remembered,
    Spooled,
    Standing,
    Stored,
    Updated,
    Verdict,
)
from agent.channel import GOODBYES
from agent.clock import SystemClock
from agent.core import Core
from agent.objects import MAX_OBJECT_BYTES
from agent.schedule import Schedule
from agent.worker import Worker
from schema.protocol.messages import MAX_FRAME_BYTES, MAX_OUTPUT_CHARS, Probed, Target
from schema.time import Clock

OPEN_TIMEOUT_S: Final = 20.0
CLOSE_TIMEOUT_S: Final = 0.3
STOP_TIMEOUT_S: Final = 0.4
MAX_SKEW_S: Final = 5.0
OBJECT_TIMEOUT_S: Final = 60.0
REST_S: Final = 0.5

_log: Final = logging.getLogger("vigo.link")


class _Socket(ClientConnection):
    """Tells of pings too: the library answers them, and they are the server's heartbeat."""

    pinged: Callable[[], None] | None = None

    def process_event(self, event: Event) -> None:
        """Take one event of the protocol."""
        super().process_event(event)
        if self.pinged is not None and isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pinged()


class Link:
    """One agent's connection, kept up until `run` is told to stop.

    Args:
        executor: asked here for what it presents, so that a link is begun only where there is an identity.

    Raises:
        OSError, ValueError: that cannot be used.
    """

    def __init__(self, core: Core, executor: Executor, *, clock: Clock) -> None:
        self._core: Final = core
        self._executor: Final = executor
        self._clock: Final = clock
        self._present()
        self._events: Final[asyncio.Queue[fx.Event | None]] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: ClientConnection | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        # One frame at a time is handled: what the server sends faster waits in its own TCP buffers.
        self._turn: Final = asyncio.Semaphore(1)
        self._control: Final = Worker("executor control")
        self._runs: Final = Worker("executor runs")
        self._traits: Final = Worker("executor traits")
        self._fetches: Final = Worker("fetch")
        self._probes: Final = Worker("executor probes")
        self._skew_s = 0.0
        self._connected = False
        self._to_collect = False
        """Whether the traits are to be collected, once that which is under way is done."""
        self._since = clock.now()

    @property
    def idle(self) -> bool:
        """Whether no run is under way."""
        return not self._core.converging

    def drifted(self) -> None:
        """Tell the core that a managed path changed; may be called from any thread."""
        self._post(fx.Drifted())

    def stop(self) -> None:
        """Make `run` return soon; may be called from any thread."""
        self._post(None)

    def _present(self) -> None:
        """Show from the next connection on what the executor has to show."""
        presented = Presented.model_validate_json(self._executor.present(b""))
        self._url = presented.gateway_url
        self._context = tls.of_agent(presented.ca, presented.certificate, presented.key)
        self._begins, self._ends = tls.validity(presented.certificate)

    async def run(self, *, until_rest: bool = False) -> None:
        """Talk to the server until `stop`, or `until_rest`: until nothing is left to be said on either side.

        The server makes what an envoy lacks only once that is there, so rest is a while without a word.
        """
        self._loop = asyncio.get_running_loop()
        standing = Standing.model_validate_json(self._executor.standing(b""))
        event: fx.Event | None = fx.Started(standing)
        try:
            while event is not None:
                self._handle(event)
                if until_rest and self._core.at_rest:
                    async with asyncio.timeout(REST_S):
                        event = await self._events.get()
                else:
                    event = await self._next()
        except TimeoutError:
            return
        finally:
            await self._end()

    async def _next(self) -> fx.Event | None:
        wait = self._core.due() - self._clock.monotonic()
        try:
            async with asyncio.timeout(max(0.0, wait) if wait < float("inf") else None):
                return await self._events.get()
        except TimeoutError:
            return fx.Tick()

    def _handle(self, event: fx.Event) -> None:
        try:
            for effect in self._core.handle(event, self._clock.monotonic()):
                self._carry_out(effect)
        except Exception:  # noqa: BLE001 - a fault of ours, or a server that found one: begin a new connection
            _log.exception("an event was not dealt with: %s", type(event).__name__)
            self._spawn(self._close("internal"))
        finally:
            if isinstance(event, fx.Frame):
                self._turn.release()

    async def _end(self) -> None:
        """Close everything; what still runs is left to end with the process, which it survives as a kill."""
        await self._close("the agent ends")
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)
        self._loop = None
        self._show(connected=False, reason="the agent does not run")
        for worker in (self._runs, self._traits, self._fetches, self._probes):
            worker.close(0.0)
        await asyncio.to_thread(self._control.close, STOP_TIMEOUT_S)
        await asyncio.to_thread(self._runs.close, STOP_TIMEOUT_S)

    # effects

    def _carry_out(self, effect: fx.Effect) -> None:  # noqa: C901 - an arm for each effect
        executor = self._executor
        match effect:
            case fx.Send(text):
                self._outgoing.put_nowait(text)
            case fx.Offer(target):
                self._ask(self._control, lambda: _offered(executor, target), lambda said: _not_offered(target, said))
            case fx.Store(digest, data):
                self._ask(self._control, lambda: _stored(executor, data), lambda said: _not_stored(digest, said))
            case fx.Fetch(digest):
                self._ask(self._fetches, lambda: self._fetched(digest), lambda said: _not_stored(digest, said))
            case fx.Converge(trigger, connected):
                reason = f"{trigger} {CONNECTED}" if connected else str(trigger)
                self._ask(self._runs, lambda: _ran(executor.converge(reason.encode())), _not_run)
            case fx.OfferUpdate(manifest):
                self._ask(self._runs, lambda: _updated(executor, manifest), lambda said: _not_updated(manifest, said))
            case fx.RunProbe(id_, probe):
                self._ask(self._probes, lambda: _probed(executor, probe), lambda said: _not_probed(id_, said))
            case fx.PutBack():
                self._ask(self._runs, lambda: _ran(executor.put_back(b"")), _not_run)
            case fx.Confirm():
                self._control.submit(lambda: _confirm(executor))
            case fx.CollectTraits():
                if not self._to_collect:
                    self._to_collect = True
                    self._ask(self._traits, self._collected, None)
            case fx.ReadReports(after):
                self._ask(self._control, lambda: _read(executor, after), lambda _: _not_read(after))
            case fx.ForgetReport(sequence):
                self._control.submit(lambda: _forget(executor, sequence))
            case fx.MakeRequest():
                self._ask(self._control, lambda: _requested(executor), lambda _: fx.RequestMade(""))
            case fx.InstallCertificate(certificate):
                self._ask(self._control, lambda: self._installed(certificate), None)
            case fx.Connect():
                self._spawn(self._session())
            case fx.Close(reason):
                self._spawn(self._close(reason))
            case fx.Ping():
                self._spawn(self._ping())
            case fx.KeepTraits(digest, stable):
                self._keep(Remembered(traits=KeptTraits(sha256=digest, stable_sha256=stable)))
            case fx.ServerTime(micros):
                self._greeted(micros)
            case fx.Log(level, text):
                _log.log(level, "%s", text)

    def _ask(self, worker: Worker, act: Callable[[], fx.Event], otherwise: Callable[[str], fx.Event] | None) -> None:
        """Do this in a worker and post what came of it, whatever came of it: the core waits for an answer."""

        def work() -> None:
            try:
                event = act()
            except Exception as error:  # noqa: BLE001 - a full disk, a fault of ours: said, and survived
                _log.exception("a call was not answered")
                if otherwise is None:
                    return
                event = otherwise(f"{type(error).__name__}: {error}")
            self._post(event)

        worker.submit(work)

    def _post(self, event: fx.Event | None) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._events.put_nowait, event)

    def _spawn(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fetched(self, digest: str) -> fx.Event:
        """Get an object over HTTPS and hand it on."""
        url = f"{self._url.rstrip('/')}/objects/{digest}"
        answer = https.request(url, self._context, limit=MAX_OBJECT_BYTES, schemes=("wss",), timeout_s=OBJECT_TIMEOUT_S)
        if answer.status != 200:
            return _not_stored(digest, f"the server answers {answer.status}")
        event = _stored(self._executor, answer.body)
        if event.stored.sha256 != digest:
            return _not_stored(digest, "what came is something else")
        return event

    def _collected(self) -> fx.Event:
        self._to_collect = False
        return fx.TraitsCollected(Collected.model_validate_json(self._executor.collect(b"")))

    def _certified(self, *, fresh: bool = False) -> fx.Event:
        now = self._clock.now() + self._skew_s * 1e6
        return fx.Certified((self._ends - now) / 1e6, (self._ends - self._begins) / 1e6, fresh)

    def _installed(self, certificate: str) -> fx.Event:
        installed = Installed.model_validate_json(self._executor.install(certificate.encode()))
        if not installed.ok:
            _log.error("the new certificate is not taken: %s", installed.message)
            return fx.RequestMade("")
        self._present()
        return self._certified(fresh=True)

    # the connection

    async def _session(self) -> None:
        """One connection from its handshakes to its end."""
        reason, retry_after_s, goodbye = "", 0.0, False
        writer: asyncio.Task[None] | None = None
        try:
            self._socket = socket = await connect(
                self._url,
                ssl=self._context,
                compression=None,  # 50 KiB a connection on the server, and frames are mostly signed text
                max_size=MAX_FRAME_BYTES,
                max_queue=2,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,  # the core has a heartbeat of its own
                create_connection=_Socket,
                proxy=None,
                user_agent_header=f"vigo-agent/{VERSION}",
            )
            if isinstance(socket, _Socket):
                socket.pinged = lambda: self._post(fx.Ponged())
            self._outgoing = asyncio.Queue()
            self._post(fx.Connected())
            writer = asyncio.get_running_loop().create_task(self._write(socket, self._outgoing))
            async for data in socket:
                await self._turn.acquire()
                self._post(fx.Frame(data))
            who = "closed by the server:" if socket.protocol.close_rcvd_then_sent else "closed by this agent:"
            reason = f"{who} {socket.close_code} {socket.close_reason or ''}".rstrip()
            goodbye = _is_goodbye(socket.protocol.close_rcvd)
        except InvalidStatus as error:
            reason, retry_after_s = f"the server answers {error.response.status_code}", _retry_after(error)
        except ConnectionClosed as error:
            close = error.rcvd or error.sent
            reason = f"closed: {close.code} {close.reason}".rstrip() if close else "the connection broke off"
            goodbye = _is_goodbye(error.rcvd)
        except ssl.SSLCertVerificationError as error:
            reason = f"the server's certificate is not trusted: {error.verify_message}"
        except (OSError, WebSocketException, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - whatever a server makes a library do, another attempt follows
            _log.exception("a connection ended in a way that nobody foresaw")
            reason = f"internal: {type(error).__name__}"
        finally:
            self._socket = None
            if writer is not None:
                writer.cancel()
            self._post(fx.Disconnected(reason or "ended", retry_after_s, goodbye))
            self._show(connected=False, reason=reason)

    async def _write(self, socket: ClientConnection, outgoing: asyncio.Queue[str]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.send(await outgoing.get())

    async def _ping(self) -> None:
        socket = self._socket
        if socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await (await socket.ping())
                self._post(fx.Ponged())

    async def _close(self, reason: str) -> None:
        socket = self._socket
        if socket is not None:
            await socket.close(1000, reason[:100].encode("ascii", "replace").decode())

    def _greeted(self, micros: int) -> None:
        self._skew_s = (micros - self._clock.now()) / 1e6
        if abs(self._skew_s) > MAX_SKEW_S:
            _log.warning("this clock and the server's differ by %.0f s", self._skew_s)
        self._post(self._certified())  # by the server's clock, which is the one that will judge the certificate
        self._show(connected=True)

    def _show(self, *, connected: bool, reason: str = "") -> None:
        if connected != self._connected:
            self._connected, self._since = connected, self._clock.now()
        status = LinkStatus(
            connected=connected,
            since=self._since,
            server=self._url,
            reason=reason[:500],
            skew_s=round(self._skew_s, 3),
        )
        self._keep(Remembered(link=status))

    def _keep(self, remembered: Remembered) -> None:
        self._control.submit(lambda: _remember(self._executor, remembered))


def link_to(executor: Executor, *, schedule: Schedule | None = None) -> Link:
    """A link for this executor, wherever that is."""
    kept = Standing.model_validate_json(executor.standing(b"")).traits
    core = Core(
        random=random.random,
        version=VERSION,
        kept_traits=(kept.sha256, kept.stable_sha256) if kept else None,
        schedule=schedule,
    )
    return Link(core, executor, clock=SystemClock())


async def until_stopped(link: Link) -> None:
    """Run a link until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, link.stop)
    gc.collect()
    gc.freeze()  # what is loaded now stays: no need to look at it in every collection
    await link.run()


def _is_goodbye(said: Close | None) -> bool:
    return said is not None and said.code in GOODBYES


def _retry_after(error: InvalidStatus) -> float:
    try:
        return max(0.0, float(error.response.headers.get("Retry-After", "0")))
    except ValueError:  # a date; nobody needs that precision
        return 0.0


# what crosses the boundary, as events


def _offered(executor: Executor, target: bytes) -> fx.Event:
    return fx.Offered(target, Verdict.model_validate_json(executor.offer(target)))


def _not_offered(target: bytes, said: str) -> fx.Event:
    digest = Target.model_validate_json(target).assignment.sha256
    return fx.Offered(target, Verdict(outcome="failed", assignment_sha256=digest, message=said))


def _stored(executor: Executor, data: bytes) -> fx.ObjectStored:
    return fx.ObjectStored(Stored.model_validate_json(executor.store(data)))


def _not_stored(digest: str, said: str) -> fx.ObjectStored:
    return fx.ObjectStored(Stored(sha256=digest, ok=False, message=said))


def _ran(answer: bytes) -> fx.Event:
    return fx.Converged(Ran.model_validate_json(answer))


def _confirm(executor: Executor) -> None:
    executor.confirm(b"")


def _not_run(said: str) -> fx.Event:
    return fx.Converged(Ran(status="failed", error=said))


def _updated(executor: Executor, manifest: bytes) -> fx.Event:
    return fx.UpdateJudged(manifest, Updated.model_validate_json(executor.update(manifest)))


def _not_updated(manifest: bytes, said: str) -> fx.Event:
    return fx.UpdateJudged(manifest, Updated(outcome="refused", code="internal", message=said))


def _probed(executor: Executor, probe: bytes) -> fx.Event:
    return fx.ProbeRan(Probed.model_validate_json(executor.probe(probe)))


def _not_probed(id_: str, said: str) -> fx.Event:
    return fx.ProbeRan(Probed(id=id_, outcome="failed", output=said[:MAX_OUTPUT_CHARS]))


def _read(executor: Executor, after: int) -> fx.Event:
    return fx.ReportsRead(Spooled.model_validate_json(executor.reports(str(after).encode())))


def _not_read(after: int) -> fx.Event:
    return fx.ReportsRead(Spooled(after=after, reports=[], more=False))


def _forget(executor: Executor, sequence: int) -> None:
    executor.forget(str(sequence).encode())


def _requested(executor: Executor) -> fx.Event:
    return fx.RequestMade(executor.request(b"").decode())


def _remember(executor: Executor, remembered: Remembered) -> None:
    executor.remember(remembered.model_dump_json().encode())
