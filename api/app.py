"""The composition root: the only module that knows every part of the server. One process, one event loop.

    settings → lock → database → authority → services → loop → gateway and HTTP → ready

Whatever is started here is stopped here, in the reverse order, within three seconds of SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from api import rest
from api.gateway import Gateway
from api.gateway.directory import Directory
from api.gateway.metrics import GatewayCollector
from api.graphql import endpoint as graphql
from api.http.application import Application
from api.http.serving import HttpServer
from api.services import revisions, rollouts, secrets, signers, users
from api.services.approvals import Approvals
from api.services.bootstrap import Bootstrap
from api.services.catalogs import Catalogs
from api.services.census import census_of
from api.services.clock import SystemClock
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.pki import Pki, keyfiles
from api.services.probes import Probes
from api.services.secrets import Vault
from api.services.sources import Board
from api.services.tallies import Membership, Tally
from api.services.work import Actor
from api.settings import Settings
from api.storage.database import Database
from api.web import pages
from api.workers import trust
from api.workers.archive import Archive
from api.workers.chronicle import Chronicle
from api.workers.committer import GitCommitter, open_signing_key
from api.workers.compiler import Compiler
from api.workers.driver import Driver
from api.workers.follower import Follower, settled
from api.workers.holds import Keeper
from api.workers.performer import ServerPerformer
from api.workers.rollouts import tell_asked
from api.workers.sources import PreviewWatch
from api.workers.standings import Counting
from api.workers.upkeep import Certificates, Upkeep
from reconciler import collecting, repository
from reconciler.loop import events
from reconciler.repository import revisions as revisions_of_git
from reconciler.repository.proofs import Proofs
from reconciler.repository.selections import Selection
from schema.errors import Conflict, Unavailable

log = logging.getLogger("vigo")

SYSTEM: Final = Actor.system("server")
ACCESS_FILE: Final = "local-access.json"
READY_FILE: Final = "ready.json"
HERE: Final = ("localhost", "127.0.0.1", "::1")
RESTORE_PATIENCE_S: Final = 20.0
"""How long agents wait outside until the commit in force is compiled again after a start."""
GRACE_S: Final = 1.5
FATAL_EXIT: Final = 70


class DataDirInUse(Conflict):
    """Another server has this data directory."""

    code = "server.data_dir_in_use"


class CannotListen(Unavailable):
    """An address cannot be listened on."""

    code = "server.cannot_listen"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running server is."""

    api: str
    gateway: str


class Server:
    """One server process: `start`, then `stop`."""

    def __init__(self, settings: Settings, *, welcome: Callable[[str], None] | None = None) -> None:
        """Take the settings; `welcome` gets the password of the administrator that this very start makes, told nowhere
        else, and gets it at once: a start that fails later has made the account all the same."""
        names = [*settings.names, *(name for name in HERE if name not in settings.names)]
        self.settings: Final = settings.model_copy(update={"names": names})
        self.clock: Final = SystemClock()
        self._welcome: Final = welcome
        self._closing = contextlib.AsyncExitStack()

    async def start(self) -> Addresses:
        """Start everything; returns once agents and clients are answered.

        Raises:
            Fault: something is in the way; nothing is left running.
        """
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything, in the reverse order of starting."""
        await self._closing.aclose()

    async def _start(self) -> Addresses:
        settings, closing = self.settings, self._closing
        data = settings.data_dir
        keyfiles.make_private(data)
        closing.enter_context(_only_server(data))
        (data / READY_FILE).unlink(missing_ok=True)
        database = await asyncio.to_thread(self._open_database)
        closing.push_async_callback(database.close)
        passwords = Passwords(memory_kib=settings.argon2_memory_kib, passes=settings.argon2_passes)
        closing.callback(passwords.close)
        services = Services(settings, database, clock=self.clock, passwords=passwords)
        closing.callback(services.renderers.close)
        closing.callback(services.desks.close)
        authority = Pki.open(data / "pki", now=self.clock.now())
        vault = Vault.open(data / "pki")
        await services.read(SYSTEM, lambda work: secrets.check(work, vault))
        services.pki = authority
        services.own["vault"] = vault
        services.own["bootstrap"] = await asyncio.to_thread(Bootstrap.open, data / "artifacts", authority)
        password = await users.ensure_first_admin(services)
        if password is not None and self._welcome is not None:
            self._welcome(password)

        certificates = Certificates(authority, settings.names, clock=self.clock)
        catalogs = Catalogs(authority.signing_key)
        told: list[Driver] = []  # the loop, once there is one: without a repository there is none

        def tell(event: events.Event) -> None:
            for driver in told:
                driver.tell(event)

        keeper = Keeper(services)
        keeper.tell = lambda holds: tell(events.HoldsChanged(holds))
        await keeper.begin()  # before the loop moves the first host
        services.tell_holds = keeper.refresh
        closing.push_async_callback(_cancelled, asyncio.create_task(keeper.run(), name="holds"))

        def stalled(envoy_id: str) -> str:
            return told[0].stalled(envoy_id) if told else "no repository is followed"

        def in_the_way(envoy_id: str) -> str:
            return stalled(envoy_id) or (told[0].refuses(envoy_id) if told else "")

        def awaited(envoy_id: str) -> str | None:
            return told[0].awaited(envoy_id) if told else None

        approvals = Approvals(services)
        probes = Probes(services, approvals)
        directory = Directory(
            services, catalogs, tell=tell, stalled=stalled, awaited=awaited, approvals=approvals, probes=probes
        )
        services.own["standings"] = tally = Tally(
            services,
            membership=Membership(lambda: told[0].rollout if told else None),
            stalled=lambda envoy_id: in_the_way(envoy_id) if awaited(envoy_id) is not None else "",
        )
        gateway = Gateway(directory, clock=self.clock, context=certificates.gateway, heartbeat_s=settings.heartbeat_s)
        closing.enter_context(census_of(services).listening())
        services.gateway = probes.channel = gateway
        if settings.repo:
            told.append(await self._start_loop(services, catalogs, gateway, approvals, probes))
            tell(events.HoldsChanged(services.holds))  # they may be others by now
        gateway_port = await _listening(gateway.start(settings.gateway_host, settings.gateway_port))
        closing.push_async_callback(gateway.stop)
        services.own["gateway_port"] = gateway_port

        listener = _bind(settings.host, settings.port)
        closing.callback(listener.close)
        services.own["port"] = port = int(listener.getsockname()[1])
        application = Application(services, [*rest.areas(), graphql.area, pages.area])
        await self._start_http(application, listener, certificates)
        counting = Counting(services, tally)
        closing.push_async_callback(_cancelled, asyncio.create_task(counting.run(), name="standings"))
        upkeep = Upkeep(services, certificates)
        services.metrics.registry.register(GatewayCollector(gateway))
        closing.push_async_callback(_cancelled, asyncio.create_task(upkeep.run(), name="upkeep"))
        chronicle = Chronicle(services)
        closing.push_async_callback(chronicle.close)
        closing.push_async_callback(_cancelled, asyncio.create_task(chronicle.run(), name="chronicle"))

        addresses = Addresses(f"https://localhost:{port}", f"wss://localhost:{gateway_port}")
        access = {
            "server": addresses.api,
            "token": f"vgol_{services.local_secret}",
            "ca": str(data.absolute() / "pki" / "ca.pem"),
        }
        keyfiles.replace(data / ACCESS_FILE, json.dumps(access).encode())
        ready = {"api": addresses.api, "gateway": addresses.gateway, "pid": os.getpid(), "ca": access["ca"]}
        keyfiles.replace(data / READY_FILE, json.dumps(ready).encode())
        closing.callback((data / READY_FILE).unlink, missing_ok=True)
        return addresses

    def _open_database(self) -> Database:
        settings = self.settings
        return Database.open(
            settings.database, readers=settings.readers, depth=settings.write_queue, on_fatal=_end_at_once
        )

    async def _start_loop(
        self, services: Services, catalogs: Catalogs, gateway: Gateway, approvals: Approvals, probes: Probes
    ) -> Driver:
        """Follow the repository; returns once what was in force before is in force again, if that is soon."""
        settings, closing = self.settings, self._closing
        cache = settings.data_dir / "repositories"
        access = repository.Access(
            user=settings.repo_user or None,
            ssh_key=settings.repo_ssh_key,
            known_hosts=settings.repo_known_hosts,
            token_file=settings.repo_token_file,
            ca_file=settings.repo_ca_file,
        )
        tracked = revisions_of_git.full_ref(settings.track)
        selection = Selection(settings.preview)
        also = [*selection.patterns, *([tracked] if tracked.startswith("refs/") else [])]
        # libgit2's handles are used by one thread each: the compiler's is its own.
        opened, compiled_from, archived, committed_to, listed = [
            await asyncio.to_thread(repository.open, settings.repo, cache_dir=cache, access=access, also=also)
            for _ in range(5)
        ]
        proofs, proofs_of_others = Proofs(compiled_from.path), Proofs(archived.path)
        closing.callback(proofs.close)
        closing.callback(proofs_of_others.close)
        for each, of in ((proofs, compiled_from), (proofs_of_others, archived)):
            each.on_healed = of.refresh
            if opened.copy is not None:
                each.on_damage = partial(_renew, opened)
        proofs.start()
        judge = signers.Judge(services, settings.track)
        compiler = Compiler(compiled_from, settings.data_dir / "compiled", proofs, judge)
        services.own["judge"] = compiler.judgement
        services.own["makers"] = compiler.makers
        closing.callback(compiler.close)
        services.archive = archive = Archive(archived, compiler.fork, proofs_of_others)
        closing.callback(archive.close)
        performer = ServerPerformer(
            services,
            catalogs,
            compiler,
            push=lambda envoy_id, target: gateway.push([(envoy_id, target)]) == 1,
            completed=gateway.completed,
            pinned=gateway.pinned,
            probes=probes,
        )
        approvals.graph = performer.graph
        closing.callback(performer.close)
        current = await services.read(SYSTEM, revisions.in_force)
        past = await services.read(SYSTEM, rollouts.past)
        versions = await services.read(SYSTEM, secrets.versions)
        driver = Driver(
            performer,
            clock=self.clock,
            in_force=current.commit if current is not None else None,
            secrets=versions,
            past=past if past.current is not None else None,
        )
        performer.tip = lambda: driver.status().tip
        gateway.precedence.pressing = lambda: driver.pressing
        closing.push_async_callback(driver.stop)
        services.sources = board = Board(
            self.clock,
            location=str(opened.copy.remote) if opened.copy is not None else settings.repo,
            remote=opened.copy is not None,
            track=settings.track,
            preview=selection.patterns,
            poll_s=settings.poll_interval_s,
        )
        board.unread = lambda: proofs.fault
        previews = PreviewWatch(
            services, board, listed, archive, selection, tracked=tracked, idle=lambda: driver.until(settled)
        )
        closing.callback(previews.close)
        follower = Follower(
            services,
            opened,
            driver,
            ref=settings.track,
            poll_s=settings.poll_interval_s if opened.copy is not None else None,
            secrets=versions,
            board=board,
            previews=previews,
        )
        board.poke = follower.poke
        services.reload = follower.reload
        services.committer = committer = GitCommitter(
            committed_to,
            settings.track,
            open_signing_key(settings.data_dir / "pki"),
            compiler.fork,
            protected=settings.protected,
            reload=follower.reload,
            proofs=proofs,
            judge=signers.Judge(services, settings.track),
        )
        closing.push_async_callback(committer.close)
        closing.push_async_callback(_cancelled, asyncio.create_task(committer.settle(services)))
        for work in (
            follower.follow(),
            follower.listen(),
            previews.look(),
            previews.judge(),
            _revocations(services, gateway),
            trust.listen(services, driver),
            tell_asked(services, driver.tell),
        ):
            closing.push_async_callback(_cancelled, asyncio.create_task(work))
        driver.tell(events.HoldsChanged(services.holds))
        driver.tell(events.Tick())
        if current is not None:
            # An agent that connects before would be told nothing, and be assigned anew for no reason.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESTORE_PATIENCE_S):
                    await driver.until(lambda status: services.graph is not None or settled(status))
        return driver

    async def _start_http(self, application: Application, listener: socket.socket, certificates: Certificates) -> None:
        config = uvicorn.Config(
            application,
            loop="none",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=2_048,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=GRACE_S,  # type: ignore[arg-type]  # seconds, handed on to asyncio as they are
            h11_max_incomplete_event_size=64 * 1024,
        )
        config.load()
        config.ssl = certificates.api_context
        server = HttpServer(config)
        running = asyncio.create_task(server.serve(sockets=[listener]), name="http")

        async def end() -> None:
            server.end()
            await running

        self._closing.push_async_callback(end)
        while not server.started:
            if running.done():
                running.result()
                raise CannotListen("the HTTP server did not start")
            await asyncio.sleep(0.005)


def serve(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT; prints where it is, and the first administrator's password once.

    Raises:
        Fault: it cannot start.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    collecting.seldom()
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(settings, welcome=_welcome)
    starting = asyncio.create_task(server.start())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return
    addresses = starting.result()
    _say(json.dumps({"ready": True, "api": addresses.api, "gateway": addresses.gateway}))
    await told
    log.info("stopping")
    await server.stop()


def _welcome(password: str) -> None:
    _say(f"The first administrator is admin, the password {password}")
    _say("It is shown this once; change it soon.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _only_server(data: Path) -> Iterator[None]:
    """Hold the data directory; the kernel lets go of it however the process ends."""
    descriptor = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise DataDirInUse(f"another server (process {holder or '?'}) has {data}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    return listener


async def _listening(starting: Any) -> int:
    try:
        return int(await starting)
    except OSError as error:
        raise CannotListen(f"the gateway cannot listen: {error.strerror or error}") from error


async def _revocations(services: Services, gateway: Gateway) -> None:
    """Close a revoked envoy's connection at once; the gateway's own look at the database would take two seconds."""
    with services.events.listen("envoy.revoked") as listener:
        async for _ in listener:
            with contextlib.suppress(Unavailable):
                await gateway.recheck()


def _renew(copy: repository.Repository) -> None:
    """Have a damaged copy of a remote fetched anew, now."""
    if copy.copy is not None:
        copy.copy.doubt()
        copy.poke()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _end_at_once(error: BaseException) -> None:
    # What was promised may not be there, or is another server's to keep: to go on would be to promise more.
    log.critical("the database does not keep what this server writes; ending: %s", error)
    logging.shutdown()
    os._exit(FATAL_EXIT)
