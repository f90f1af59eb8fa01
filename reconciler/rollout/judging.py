"""Judging: what the hosts of a rollout say of themselves, and what follows from it for each.

A host is judged by what it reports under an assignment that this rollout gave it and, where its wave has health checks
that are commands, by what those say on it afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from reconciler.ports import Order
from reconciler.rollout.hosts import RELEASED, Host, HostState, Wave
from reconciler.rollout.members import Members
from reconciler.rollout.probing import Answer, Probing, Unwell
from reconciler.rollout.terms import Patience, Step
from schema.progress import Asked, FailedCheck, HostFailure
from schema.rollouts import RolloutPlan, RolloutState

if TYPE_CHECKING:
    from reconciler.loop.moments import Moment

ASKING: Final = frozenset({RolloutState.RUNNING, RolloutState.PAUSED})
"""Hosts that were released are asked whether they are well also while nobody further is."""


class Judging(Members, ABC):
    """The hosts of a rollout, judged.

    Args:
        version: of what is on record.
    """

    def __init__(self, plan: RolloutPlan, *, patience: Patience, everyone: bool, version: int, asked: Asked) -> None:
        super().__init__(plan, patience=patience, everyone=everyone)
        self.version = version
        """Grows with each change that is to be on record."""
        self.kept = version
        """The newest version that is."""
        self._asked = asked
        self._probing: Final = Probing(patience)

    @abstractmethod
    def _fail(self, wave: Wave, why: str, now: Moment) -> None:
        """More hosts of a wave have failed than may."""

    # what happens

    def has_it(self, hostname: str, now: Moment) -> None:
        """A host that was released holds already what it would be given."""
        host = self._hosts.get(hostname)
        if host is not None and host.state is HostState.RELEASED:
            self._converged(host, now)

    def reported(self, hostname: str, order: Order, *, healthy: bool, why: str, now: Moment) -> bool:
        """A host told how a real run went, under an assignment of this rollout's commit. Whether that says anything
        new."""
        host = self._hosts.get(hostname)
        if host is None or host.state not in RELEASED or host.order is None or order < host.order:
            return False
        if healthy and host.state in {HostState.HEALTHY, HostState.CHECKING}:
            return False
        if healthy:
            self._converged(host, now)
        else:
            self._judge(host, why, now, healthy=False)
        return True

    def probed(self, hostname: str, probe_id: str, answer: Answer, now: Moment) -> None:
        """What came of the command of a health check on a host."""
        found = self._probing.answered(hostname, probe_id, answer, now)
        if isinstance(found, Unwell):
            self._unwell(found, now)
        elif found:
            self._judge(self._hosts[hostname], "", now, healthy=True)

    def unreached(self, hostname: str, probe_id: str, now: Moment) -> None:
        """A host could not be asked."""
        self._probing.unreached(hostname, probe_id, now)

    def arrived(self, hostname: str, envoy_id: str, held: Order | None, now: Moment) -> None:
        """See `Members`."""
        super().arrived(hostname, envoy_id, held, now)
        self._probing.arrived(hostname, envoy_id)

    def left(self, hostname: str, now: Moment) -> None:
        """See `Members`."""
        super().left(hostname, now)
        self._probing.left(hostname, now)

    def _turned(self, host: Host, now: Moment) -> None:
        """Whom nobody trusts is asked nothing; who is trusted again is asked anew."""
        if host.apart:
            self._probing.drop(host.hostname)
        elif host.state is HostState.CHECKING:
            self._ask(host, now)

    def removed(self, hostname: str) -> None:
        """See `Members`."""
        super().removed(hostname)
        self._probing.drop(hostname)

    # what follows

    def _converged(self, host: Host, now: Moment) -> None:
        """Its run was good: it is healthy once the commands of its health checks say so."""
        wave = self._waves[host.wave]
        if not wave.planned.commands or wave.planned.index in self._asked.promoted:
            self._judge(host, "", now, healthy=True)
            return
        self._set(host, HostState.CHECKING)
        self._ask(host, now)

    def _ask(self, host: Host, now: Moment) -> None:
        if host.apart or self.state not in ASKING:
            return
        wave = self._waves[host.wave]
        if not wave.probing:
            wave.probing, wave.probes = True, wave.probes + 1
            self.version += 1
        self._probing.begin(host.hostname, host.envoy_id if host.connected else "", wave.planned.commands, now)

    def _probes(self, now: Moment) -> list[Step]:
        """Those that are asked now. None before it is on record that they are."""
        for wave in self._waves:
            if wave.counts[HostState.CHECKING] and wave.planned.index in self._asked.promoted:
                self._settle(wave, now)
        if self.kept < self.version:
            return []
        asks, unwell = self._probing.drive(now)
        for each in unwell:
            self._unwell(each, now)
        return list(asks) if self.state in ASKING else []

    def _settle(self, wave: Wave, now: Moment) -> None:
        """Nobody waits any more for what the hosts of a wave would answer."""
        for host in self._hosts.values():
            if host.wave == wave.planned.index and host.state is HostState.CHECKING:
                self._judge(host, "", now, healthy=True)

    def _unwell(self, unwell: Unwell, now: Moment) -> None:
        self.version += 1  # what it said is nowhere else
        why = f"a health check failed: {unwell.why}"
        self._judge(self._hosts[unwell.hostname], why, now, healthy=False, check=unwell.check)

    def _judge(self, host: Host, why: str, now: Moment, *, healthy: bool, check: FailedCheck | None = None) -> None:
        self._probing.drop(host.hostname)
        wave = self._waves[host.wave]
        if healthy:
            if host.state is not HostState.HEALTHY:
                if host.place:
                    self._widen(wave, self._patience.ramp_more)
                self._give_back(host)
                self._set(host, HostState.HEALTHY)
                self._failures.pop(host.hostname, None)
            return
        if host.state is not HostState.FAILED:
            self._widen(wave, -self._patience.ramp_more)
        self._give_back(host)
        self._set(host, HostState.FAILED)
        known = self._failures.get(host.hostname)
        self._failures[host.hostname] = HostFailure(
            hostname=host.hostname,
            wave=host.wave,
            why=why,
            at=known.at if known is not None else now.wall,
            check=check,
        )
        failed, most = wave.counts[HostState.FAILED], self._most(wave)
        if failed > most and not self.finished and self.state is not RolloutState.REVERTING:
            allowed = f"at most {most} may" if most else "none may"
            self._fail(wave, f"{failed} of {wave.size} hosts failed, {allowed}", now)
