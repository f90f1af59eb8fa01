"""The container: what one server process is made of, handed to every face. And the edge that runs use cases.

    user = await services.write(actor, lambda work: users.create(work, ...), request_id=...)
    status = await services.read(actor, revisions.status)

`write` runs the use case in the writer's thread, appends its audit entries in the same savepoint, returns after the
commit, then tells the events. `read` runs it in a reader's thread; there, an audit entry is a bug.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlmodel import Session

from api.services import audit
from api.services.clock import SystemClock
from api.services.desks import Desks
from api.services.events import Events
from api.services.hooks import Doorstep
from api.services.limits import Buckets
from api.services.metrics import Metrics
from api.services.passwords import Passwords
from api.services.work import Actor, Work
from api.settings import Settings
from api.storage.database import Database
from reconciler import previews
from reconciler.holds import NOTHING, Holds
from reconciler.rendering import Pool
from schema.time import Clock

if TYPE_CHECKING:
    from api.services.changes import Committer
    from api.services.graphs import Archive
    from api.services.sources import Board
    from reconciler.graph import Graph

T = TypeVar("T")

LOGIN_KEYS: Final = 65_536
LOGINS_A_SECOND: Final = 0.1
LOGINS_AT_ONCE: Final = 10.0
"""Ten wrong passwords for a name at once, then one every ten seconds: 8,640 a day."""
_REFUSALS_A_SECOND: Final = 1.0
_REFUSALS_AT_ONCE: Final = 50.0


@dataclass(eq=False)
class Services:
    """One server process. `app.py` makes it, fills in what it starts, and closes it."""

    settings: Settings
    db: Database
    clock: Clock = field(default_factory=SystemClock)
    events: Events = field(default_factory=Events)
    passwords: Passwords = field(default_factory=Passwords)
    metrics: Metrics = field(default_factory=Metrics)
    graph: Graph | None = None
    """The graph of the revision in force; None before the first good one."""
    archive: Archive | None = None
    """The graphs of other revisions; filled in with the loop. Ask `api.services.graphs`, not this."""
    committer: Committer | None = None
    """Git, for the one writer of configuration; filled in with the loop. Ask `api.services.changes`, not this."""
    renderers: Pool = field(default_factory=lambda: Pool(previews.JUDGE))
    """Children that render for previews; the first starts when one is asked for. `app.py` closes them."""
    desks: Desks = field(default_factory=Desks)
    """Where graphs are asked what takes long. `app.py` closes them."""
    sources: Board | None = None
    """What is known of the followed repository; filled in with the loop."""
    reload: Callable[[], Awaitable[None]] | None = None
    """Fetch, compile and bring into force now, or record why not; filled in with the loop."""
    holds: Holds = NOTHING
    """What holds hosts now. Kept up to date by `workers.holds`; in a process without it, nothing does."""
    tell_holds: Callable[[], Awaitable[None]] | None = None
    """Have the loop know of the holds that are stored; filled in with `workers.holds`."""
    notice: str = ""
    """What every answer of the API says while it is so: that a break-glass permission is on. ASCII, one line."""
    pki: Any = None
    """The authority of the agents' certificates; filled in by `app.py`."""
    gateway: Any = None
    """The agents' connections; filled in by `app.py`."""
    local_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """Whoever shows this from loopback is the local administrator. `app.py` writes it to the data directory, 0600."""
    own: dict[str, Any] = field(default_factory=dict)
    """What else a composition root hangs here, by its own name."""

    def __post_init__(self) -> None:
        self.logins = Buckets(LOGINS_A_SECOND, LOGINS_AT_ONCE, self.clock.monotonic, keys=LOGIN_KEYS)
        """Wrong passwords by name; see `users.authenticate`."""
        self.hooks = Doorstep(self.clock)
        self.login_salt = secrets.token_bytes(16)
        self._refusals = Buckets(_REFUSALS_A_SECOND, _REFUSALS_AT_ONCE, self.clock.monotonic)
        self._refusals_of_one = Buckets(_REFUSALS_A_SECOND / 10, _REFUSALS_AT_ONCE / 10, self.clock.monotonic)
        self._unrecorded = 0
        self._running: set[asyncio.Future[Any]] = set()

    async def write(self, actor: Actor, use_case: Callable[[Work], T], *, request_id: str = "") -> T:
        """Run a use case as one unit of work; return when it and its audit entries are on disk."""
        future, work = self._submit(actor, use_case, request_id)
        result = await asyncio.wrap_future(future)
        self._tell(work)
        return result

    async def read(self, actor: Actor, query: Callable[[Work], T], *, request_id: str = "") -> T:
        """Run a query over one state of the database."""
        return await self.db.read(lambda session: self._query(actor, query, request_id, session))

    def write_now(self, actor: Actor, use_case: Callable[[Work], T], *, request_id: str = "") -> T:
        """`write`, for callers without an event loop: start-up, command line, tests."""
        future, work = self._submit(actor, use_case, request_id)
        result = future.result()
        self._tell(work)
        return result

    def read_now(self, actor: Actor, query: Callable[[Work], T], *, request_id: str = "") -> T:
        """`read`, for callers without an event loop."""
        return self.db.read_now(lambda session: self._query(actor, query, request_id, session))

    async def record_refusal(
        self,
        actor: Actor,
        action: str,
        object_type: str,
        object_id: str,
        *,
        reason: str,
        origin: str = "",
        request_id: str = "",
    ) -> bool:
        """Write that somebody tried what was refused. A few at once and then one now and then, of each and of all, so
        that nobody can fill the disk with it; the next one written says how many were not. False when this one was not.

        Args:
            origin: the peer's address.
        """
        one = f"{actor.id or origin}/{action}"
        if not (self._refusals_of_one.spend(one) and self._refusals.spend("all")):
            self._unrecorded += 1
            return False
        missed, self._unrecorded = self._unrecorded, 0
        payload: dict[str, Any] = {"reason": reason, "origin": origin} | (
            {"unrecorded_before": missed} if missed else {}
        )
        await self.write(
            actor,
            lambda work: work.audit(action, object_type, object_id, outcome="refused", payload=payload),
            request_id=request_id,
        )
        return True

    def keep(self, task: asyncio.Future[Any]) -> None:
        """Hold a task that goes on when its caller does not, so that it is not collected."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _submit(self, actor: Actor, use_case: Callable[[Work], T], request_id: str) -> tuple[Future[T], list[Work]]:
        ran: list[Work] = []

        def unit(session: Session) -> T:
            work = Work(actor, session, self.clock, request_id)
            result = use_case(work)
            audit.append(work)
            ran.append(work)
            return result

        return self.db.writer.submit(unit), ran

    def _query(self, actor: Actor, query: Callable[[Work], T], request_id: str, session: Session) -> T:
        work = Work(actor, session, self.clock, request_id)
        result = query(work)
        if work.entries or work.announcements:
            raise RuntimeError("a read may neither write audit entries nor announce anything")
        return result

    def _tell(self, ran: list[Work]) -> None:
        for work in ran:
            for topic, data in work.announcements:
                self.events.publish(topic, **data)
