"""Tallies: the fleet counted as to one revision, kept in memory so that nobody who asks has to count.

Of the revision in force there is one that reports, connections and holds move as they come: each is noted when it
happens, and taken up before anybody is answered. Of other revisions one is made when somebody asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from api.services import envoys
from api.services.events import Event
from api.storage.standings import FleetHost, is_failure
from reconciler.holds import Holds
from reconciler.standings import NO_COURSE, Board, Course, Entry, Facts, WaveCourse
from reconciler.standings.pace import Point
from schema.holds import HoldKind
from schema.progress import WaveProgress
from schema.revisions import Revision
from schema.rollouts import WaveState
from schema.standings import StandingClass

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph
    from reconciler.rollout.execution import Execution

TOPICS: Final = (
    "run.finished",
    "envoy.online",
    "envoy.offline",
    "envoy.enrolled",
    "envoy.revoked",
    "revision.in_force",
)
STRETCH: Final = 500
"""Hosts looked at before others have their turn: about three milliseconds."""
MAX_POINTS: Final = 600


def nothing_stalls(envoy_id: str) -> str:  # noqa: ARG001 - a null reason
    """Nothing is in the way of any host."""
    return ""


class Membership:
    """Which wave hosts are in, and how the rollout goes.

    Args:
        rollout: the rollout of the revision in force; None where there is none: whoever is there gets it.
    """

    def __init__(self, rollout: Callable[[], Execution | None] = lambda: None) -> None:
        self._rollout = rollout

    def of(self) -> object:
        """What hosts are members of: another one, and all are placed anew."""
        return self._rollout()

    def waves(self) -> tuple[str, int, tuple[WaveProgress, ...]] | None:
        """Its commit, the version of it that is on record, and how far its waves are by now; None while another one is
        about to be on record, or there is none."""
        rollout = self._rollout()
        if rollout is None or rollout.kept < rollout.version or rollout.plan.commit is None:
            return None
        return rollout.plan.commit, rollout.kept, rollout.waves()

    def course(self) -> Course:
        """How it goes."""
        rollout = self._rollout()
        if rollout is None:
            return NO_COURSE
        progress = rollout.progress()
        waves = zip(progress.waves, rollout.plan.waves, strict=True)
        return Course(
            progress.state,
            progress.why,
            [
                WaveCourse(
                    was.state,
                    was.why,
                    was.began_at,
                    was.pause_until,
                    wave.pause_s,
                    wave.name,
                    was.state is WaveState.WAITING and rollout.missing(wave) > 0,
                )
                for was, wave in waves
            ],
        )

    def place(self, hostname: str) -> tuple[int | None, bool]:
        """A host's wave, and whether its turn has come."""
        rollout = self._rollout()
        wave = rollout.wave_of(hostname) if rollout is not None else None
        return (None, True) if rollout is None or wave is None else (wave, rollout.is_released(hostname))


class Tally:
    """The fleet as to the revision in force. Lives in the event loop's thread.

    Args:
        stalled: why nothing can be made for an envoy; empty where nothing is in the way.
    """

    def __init__(
        self,
        services: Services,
        *,
        membership: Membership | None = None,
        stalled: Callable[[str], str] = nothing_stalls,
    ) -> None:
        self._services = services
        self.membership = membership or Membership()
        self.stalled = stalled
        self.board = Board()
        self.revision: Revision | None = None
        self.points: deque[Point] = deque(maxlen=MAX_POINTS)
        """When how many hosts had it, since it came into force or the server began."""
        self.settled = False
        """Whether every host was looked at as to this revision."""
        self.overtaken = False
        """Whether another revision has come into force; it may be of the same commit."""
        self._turn = asyncio.Event()
        self._graph: Graph | None = None
        self._noted: dict[str, tuple[str, bool] | None] = {}
        """Envoy → its newest run, where it ran: not taken up yet."""
        self._new: dict[str, str] = {}
        self._gone: set[str] = set()

    def note(self, event: Event) -> None:
        """Note what happened to an envoy."""
        data = event.data
        if event.topic == "run.finished":
            if not data["dry_run"]:
                self._noted[data["envoy_id"]] = (data["catalog"], is_failure(data["status"], data["failed"]))
            return
        if event.topic == "revision.in_force":
            self.overtaken = True
            return
        envoy_id = data["id"]
        if event.topic == "envoy.revoked":
            self._gone.add(envoy_id)
        elif event.topic == "envoy.enrolled":
            self._new[envoy_id] = data["hostname"]
        else:
            self._noted.setdefault(envoy_id, None)

    def load(self, hosts: Iterable[FleetHost]) -> None:
        """Take up the fleet as it is stored; what was noted meanwhile is newer."""
        for host in hosts:
            shared = self.board.shared(host.ran)
            self.board.add(Entry(host.id, host.hostname, shared, failed=host.failed))

    def take_up(self) -> bool:
        """Take up what was noted; whether a host moved. Costs three microseconds for each that was."""
        board = self.board
        noted, self._noted = self._noted, {}
        new, self._new = self._new, {}
        gone, self._gone = self._gone, set()
        for envoy_id, hostname in new.items():
            board.add(Entry(envoy_id, hostname))
        for envoy_id in gone:
            board.remove(envoy_id)
        for envoy_id, ran in noted.items():
            if ran is not None:
                board.ran(envoy_id, ran[0], failed=ran[1])
        if self._graph is None:
            return False
        self._mean(new)
        moved = board.judge([*new, *noted], self._facts())
        return moved or bool(gone)

    async def begin(self, revision: Revision, graph: Graph) -> None:
        """Count as to this revision from now on."""
        self.settled = False
        self.revision, self._graph = revision, graph
        self.points.clear()
        board = self.board
        # One at a time: what is noted meanwhile is judged as to the new revision as soon as it means something there.
        await self._sweep(board.ids(), mean=True)
        board.forget_digests()
        self.settled = True
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def reached(self, sequence: int) -> Revision:
        """Wait until the fleet is counted as to this revision, or a newer one; answers which."""
        while not self.settled or self.revision is None or self.revision.sequence < sequence:
            await self._turn.wait()
        return self.revision

    async def sweep(self, names: frozenset[StandingClass] | None = None) -> bool:
        """Look anew at all hosts, or at those of some classes; whether any of them moved."""
        if self._graph is None:
            return False
        return await self._sweep(self.board.ids() if names is None else self.board.ids_on(names), mean=False)

    def counts(self) -> Counter[tuple[StandingClass, int | None]]:
        """How many hosts there are of each class and wave."""
        return self.board.counts(self.membership.course())

    def see(self, now: int) -> dict[StandingClass, int]:
        """The counts by class alone, of which the pace is told by."""
        found = dict.fromkeys(StandingClass, 0)
        for (name, _), count in self.counts().items():
            found[name] += count
        applied = found[StandingClass.APPLIED]
        if not self.points or self.points[-1][1] != applied:
            self.points.append((now, applied))
        return found

    async def _sweep(self, envoy_ids: Sequence[str], *, mean: bool) -> bool:
        moved = False
        for start in range(0, len(envoy_ids), STRETCH):
            stretch = envoy_ids[start : start + STRETCH]
            if mean:
                self._mean(stretch)
            moved |= self.board.judge(stretch, self._facts())
            await asyncio.sleep(0)
        return moved

    def _mean(self, envoy_ids: Iterable[str]) -> None:
        """Work out what the revision means for hosts."""
        assert self._graph is not None
        entries = [entry for envoy_id in envoy_ids if (entry := self.board.get(envoy_id)) is not None]
        if entries:
            mean(self.board, self._graph, entries)

    def _facts(self) -> Callable[[Entry], Facts]:
        services, revision, place = self._services, self.revision, self.membership.place
        assert revision is not None
        now, commit, holds = services.clock.now(), revision.commit, services.holds
        online, stalled = envoys.online(services), self.stalled

        def facts(entry: Entry) -> Facts:
            hold = holds.on(entry.hostname, now, commit)
            kind = hold.kind if hold is not None else None
            if entry.ran == entry.desired or entry.desired is None:
                return Facts(entry.desired, entry.ran, entry.failed, kind, connected=True)
            connected = online(entry.id)
            wave, released = place(entry.hostname)
            stuck = connected and released and kind is None and bool(stalled(entry.id))
            return Facts(
                entry.desired, entry.ran, entry.failed, kind, connected, stalled=stuck, wave=wave, released=released
            )

        return facts


def mean(board: Board, graph: Graph, entries: Sequence[Entry]) -> None:
    """Work out which catalog a graph means for hosts."""
    assigned = graph.assign([entry.hostname for entry in entries])
    for entry in entries:
        profile = assigned.get(entry.hostname)
        entry.desired = None if profile is None else board.shared(graph.profiles[profile].catalog_sha256)


def past(
    graph: Graph, hosts: Sequence[FleetHost], *, commit: str, holds: Holds, now: int, online: envoys.Online
) -> Board:
    """The fleet as to a revision that is in force no more. Takes a second for 100,000 hosts."""
    board = Board([Entry(host.id, host.hostname, host.ran, failed=host.failed) for host in hosts])
    released = {host.id for host in hosts if host.commit == commit}
    entries = [entry for host in hosts if (entry := board.get(host.id)) is not None]
    mean(board, graph, entries)

    def facts(entry: Entry) -> Facts:
        hold = holds.on(entry.hostname, now)
        kind = hold.kind if hold is not None and hold.kind is not HoldKind.FREEZE else None
        return Facts(entry.desired, entry.ran, entry.failed, kind, online(entry.id), newer=entry.id not in released)

    board.judge([entry.id for entry in entries], facts)
    return board


def tally_of(services: Services) -> Tally | None:
    """The tally of the revision in force; None in a process that keeps none."""
    found = services.own.get("standings")
    return found if isinstance(found, Tally) else None
