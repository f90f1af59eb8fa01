"""Who takes part in a rollout: its waves, and the hosts of them that are there or were released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.ports import Order
from reconciler.rollout.hosts import RELEASED, Host, HostState, Wave
from reconciler.rollout.terms import Patience
from schema.holds import Hold, HoldKind
from schema.progress import FINISHED, HostFailure, WaveProgress
from schema.rollouts import RolloutPlan, RolloutState

if TYPE_CHECKING:
    from reconciler.holds import Holds
    from reconciler.loop.moments import Moment

OVER: Final = frozenset({RolloutState.DONE, RolloutState.CANCELLED, RolloutState.REVERTED})


class Members:
    """The hosts of a plan, and what each is at. Judges nobody."""

    def __init__(self, plan: RolloutPlan, *, patience: Patience, everyone: bool) -> None:
        self.plan: Final = plan
        self.everyone: Final = everyone
        self.state = RolloutState.RUNNING if everyone else RolloutState.PLANNED
        self._patience: Final = patience
        self._hosts: Final[dict[str, Host]] = {}
        self._failures: Final[dict[str, HostFailure]] = {}
        self._waves: Final = [Wave(wave, len(wave.hosts)) for wave in plan.waves]
        self._wave_of: Final[dict[str, int]] = {name: wave.index for wave in plan.waves for name in wave.hosts}

    @property
    def finished(self) -> bool:
        """Whether nothing more is released."""
        return self.state in FINISHED

    @property
    def over(self) -> bool:
        """Whether nothing can lead on from here."""
        return self.state in OVER

    def waves(self) -> tuple[WaveProgress, ...]:
        """How far each wave is."""
        return tuple(progress_of(wave) for wave in self._waves)

    def wave_of(self, hostname: str) -> int | None:
        """The wave of a host; None for one that is in none."""
        found = self._wave_of.get(hostname)
        return 0 if found is None and self.everyone else found

    def is_released(self, hostname: str) -> bool:
        """Whether a host was told to take the new revision."""
        host = self._hosts.get(hostname)
        return host is not None and host.state in RELEASED

    def is_there(self, hostname: str) -> bool:
        """Whether a host is known to be connected."""
        host = self._hosts.get(hostname)
        return host is not None and host.connected

    def state_of(self, hostname: str) -> HostState | None:
        """What a host is at; None for one that is in no wave or was not there."""
        host = self._hosts.get(hostname)
        return host.state if host is not None else None

    def arrived(self, hostname: str, envoy_id: str, held: Order | None, now: Moment) -> None:
        """A host of a wave is connected.

        Args:
            held: of its newest assignment, where that is of this rollout's commit: it was released before.
        """
        index = self.wave_of(hostname)
        if index is None:
            return
        host = self._hosts.get(hostname)
        wave = self._waves[index]
        if host is None:
            host = self._hosts[hostname] = Host(hostname, envoy_id, index, HostState.ABSENT)
            wave.counts[HostState.ABSENT] += 1
            if hostname not in self._wave_of:
                wave.size += 1
        host.envoy_id, host.connected = envoy_id, True
        released = host.state in {HostState.LOST, HostState.RELEASED}
        if released or (host.state is HostState.ABSENT and held is not None):
            host.order = host.order or held
            self._set(host, HostState.RELEASED)
            host.since = now.mono
            wave.placed.append((now.mono, hostname))
        elif host.state is HostState.ABSENT:
            self._set(host, HostState.WAITING)
            if not self.finished:
                wave.queue[hostname] = None

    def left(self, hostname: str, now: Moment) -> None:
        """A host is not connected any more."""
        host = self._hosts.get(hostname)
        if host is None:
            return
        host.connected = False
        wave = self._waves[host.wave]
        if host.state in {HostState.WAITING, HostState.HELD}:
            wave.queue.pop(hostname, None)
            self._set(host, HostState.ABSENT)
        elif host.state is HostState.RELEASED:
            host.since = now.mono
            wave.gone.append((now.mono, hostname))

    def removed(self, hostname: str) -> None:
        """A host is no more."""
        host = self._hosts.pop(hostname, None)
        index = host.wave if host is not None else self._wave_of.get(hostname)
        if index is None:
            return
        wave = self._waves[index]
        self._wave_of.pop(hostname, None)
        self._failures.pop(hostname, None)
        wave.size -= 1
        if host is not None:
            wave.queue.pop(hostname, None)
            self._give_back(host)
            wave.counts[host.state] -= 1
            wave.apart[host.state] -= host.apart

    def held(self, hostname: str, *, held: bool) -> None:
        """A host that is not released may get nothing new now, or may again."""
        host = self._hosts.get(hostname)
        if host is None or host.state not in {HostState.WAITING, HostState.HELD}:
            return
        wave = self._waves[host.wave]
        if held:
            wave.queue.pop(hostname, None)
            self._set(host, HostState.HELD)
        elif host.state is HostState.HELD:
            self._set(host, HostState.WAITING)
            wave.queue[hostname] = None

    def trusted(self, hostname: str, hold: Hold | None, now: Moment) -> None:
        """Nobody trusts a host that is in quarantine; what it was released to it keeps.

        Args:
            hold: the strongest there is on it.
        """
        host, apart = self._hosts.get(hostname), hold is not None and hold.kind is HoldKind.QUARANTINE
        if host is None or host.apart is apart:
            return
        host.apart = apart
        self._waves[host.wave].apart[host.state] += 1 if apart else -1
        if apart:
            self._give_back(host)
        self._turned(host, now)

    def away_under(self, holds: Holds, now: Moment) -> None:
        """These are the holds now, for hosts that are not connected any more."""
        for host in self._hosts.values():
            if not host.connected:
                self.trusted(host.hostname, holds.on(host.hostname, now.wall), now)

    def _turned(self, host: Host, now: Moment) -> None:
        """It is trusted no more, or again."""

    def given(self, hostname: str, order: Order) -> None:
        """A host was given an assignment of this rollout's commit."""
        host = self._hosts.get(hostname)
        if host is not None and host.order is None and host.state in RELEASED:
            host.order = order

    def _most(self, wave: Wave) -> int:
        if self.everyone:
            # With nobody left to protect by it, one host alone stops nothing.
            return max(1, wave.size // 10)
        return wave.planned.max_failures

    def _set(self, host: Host, state: HostState) -> None:
        wave = self._waves[host.wave]
        wave.counts[host.state] -= 1
        wave.counts[state] += 1
        wave.apart[host.state] -= host.apart
        wave.apart[state] += host.apart
        host.state = state

    def _give_back(self, host: Host) -> None:
        if host.place:
            host.place = False
            self._waves[host.wave].taken -= 1

    def _places(self, wave: Wave) -> int:
        if wave.planned.max_in_flight is not None:
            return wave.planned.max_in_flight
        return max(self._patience.ramp_least, -(-wave.size // self._patience.ramp_share)) + wave.opened

    def _widen(self, wave: Wave, more: int) -> None:
        """An answer speaks for so many places more in its wave, or fewer; never fewer than at first."""
        if wave.planned.max_in_flight is None:
            wave.opened = max(0, wave.opened + more)

    def _trim(self, wave: Wave) -> None:
        """Drop from the head of what is timed those that have answered."""
        while wave.placed:
            at, name = wave.placed[0]
            host = self._hosts.get(name)
            if host is not None and host.since == at and host.connected and host.state is HostState.RELEASED:
                break
            wave.placed.popleft()
        while wave.gone:
            at, name = wave.gone[0]
            host = self._hosts.get(name)
            if host is not None and host.since == at and not host.connected and host.state is HostState.RELEASED:
                break
            wave.gone.popleft()

    def _unanswered(self, host: Host, state: HostState) -> None:
        self._give_back(host)
        self._set(host, state)


def progress_of(wave: Wave) -> WaveProgress:
    counts = wave.counts
    return WaveProgress(
        index=wave.planned.index,
        name=wave.planned.name,
        state=wave.state,
        why=wave.why,
        began_at=wave.began_at,
        ended_at=wave.ended_at,
        pause_until=wave.pause_until,
        hosts=wave.size,
        released=sum(counts[state] for state in RELEASED),
        healthy=wave.trusted(HostState.HEALTHY),
        checking=wave.trusted(HostState.CHECKING),
        failed=counts[HostState.FAILED],
        silent=counts[HostState.SILENT],
        offline=wave.absent_or_lost,
        held=wave.held,
        probes=wave.probes,
    )
