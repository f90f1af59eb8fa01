"""Verdicts over time: the three words of each host, how they became others, and when.

A look at the whole fleet is compared with the look before; what differs is written down. Between looks nothing is lost
but what came and went: words say how a host is, and what runs found stands in `api.services.drifts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.services import envoys
from api.services.census import Counted, census_of
from api.services.envoys import Online
from api.services.work import Actor, Work
from api.storage import verdicts as rows
from api.storage.verdicts import Noted, Transition, Words
from reconciler.convergence import Reachability, Verdict, offline_after, tally
from schema.drifts import ConvergenceHistory, WordChange
from schema.time import SECOND, Clock

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

MAX_PAGE: Final = 200
WRITE_AT_ONCE: Final = 1_000
"""Hosts whose words are written in one unit of work."""

_KINDS: Final = Words._fields


class Watch:
    """The fleet's words as they were seen last, and what becomes of them. One of each server process.

    A server that has just started has not listened: whoever was online when it ended is, until they had the time to
    come back. Else every restart would stand in the history of every host.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._began: Final = clock.monotonic()
        self._noted: dict[str, Noted] | None = None
        self._listened = False
        """Whether the whole fleet was seen since it had the time to come back."""

    async def look(self, services: Services, actor: Actor) -> Mapping[str, int]:
        """See how the fleet is, and write down which words became others; hosts of each word."""
        if self._noted is None:
            self._noted = await services.read(actor, lambda work: rows.noted(work.session, work.project_id))
        if (self._clock.monotonic() - self._began) * SECOND < offline_after(None):
            return await self._look_early(services, actor, self._noted)
        census = census_of(services)
        await census.look(actor)
        moved, counts = census.moved(), census.tally()
        if not self._listened:
            moved.update(census.ids(), self._noted)
        try:
            await self._write(services, actor, {envoy_id: census.get(envoy_id) for envoy_id in moved}, self._noted)
        except BaseException:
            self._listened = False
            raise
        self._listened = True
        return counts

    async def _look_early(self, services: Services, actor: Actor, before: dict[str, Noted]) -> Mapping[str, int]:
        online, graph = envoys.online(services), services.graph

        def was(envoy_id: str) -> bool:
            known = before.get(envoy_id)
            return online(envoy_id) or (known is not None and known.words.reachability == Reachability.ONLINE)

        def look(work: Work) -> dict[str, Counted | None]:
            judged = envoys.judged(work, online=was, graph=graph)
            return {envoy_id: Counted(hostname, verdict) for envoy_id, hostname, verdict in judged}

        found = await services.read(actor, look)
        await self._write(services, actor, dict.fromkeys(before) | found, before)
        return tally(host.verdict for host in found.values() if host is not None)

    async def _write(
        self, services: Services, actor: Actor, hosts: Mapping[str, Counted | None], before: dict[str, Noted]
    ) -> None:
        changed: list[tuple[str, Noted | None, Verdict]] = []
        for envoy_id, host in hosts.items():
            known = before.get(envoy_id)
            if host is None:
                before.pop(envoy_id, None)
            elif known is None or known.words != words(host.verdict):
                changed.append((envoy_id, known, host.verdict))
        for start in range(0, len(changed), WRITE_AT_ONCE):
            some = changed[start : start + WRITE_AT_ONCE]
            before |= await services.write(actor, lambda work, some=some: note(work, some))  # type: ignore[misc]


def words(verdict: Verdict) -> Words:
    """A verdict as it is stored."""
    return Words(verdict.convergence.value, verdict.drift.value, verdict.reachability.value)


def note(work: Work, changed: Sequence[tuple[str, Noted | None, Verdict]]) -> dict[str, Noted]:
    """Write down the words of envoys that became others; what is noted of each now.

    Args:
        changed: the envoy's id, what was noted of it before, and its verdict now.
    """
    now = work.now
    found: dict[str, Noted] = {}
    transitions: list[Transition] = []
    for envoy_id, before, verdict in changed:
        after, number = words(verdict), before.number if before is not None else 0
        old = before.words if before is not None else Words("", "", "")
        for kind, one, other in zip(_KINDS, old, after, strict=True):
            if one != other:
                number += 1
                transitions.append(Transition(envoy_id, number, now, kind, one, other))
        found[envoy_id] = Noted(after, now, number)
    rows.note(work.session, work.project_id, list(found.items()), transitions)
    if found:
        work.publish("verdicts.changed", hosts=len(found))
    return found


def history(
    work: Work, key: str, *, online: Online, graph: Graph | None, before: int | None = None, limit: int = 50
) -> ConvergenceHistory:
    """The words of one envoy (id or hostname) now, and how they became so, the newest first.

    Args:
        before: what `next_before` of a page said.

    Raises:
        envoys.EnvoyNotFound
    """
    limit = max(1, min(limit, MAX_PAGE))
    envoy = envoys.known(work, key)
    verdict = envoys.verdict(work, envoy, online=online, graph=graph)
    last = rows.find(work.session, work.project_id, envoy.id)
    found = rows.page(work.session, work.project_id, envoy.id, before=before, limit=limit + 1)
    return ConvergenceHistory(
        envoy_id=envoy.id,
        hostname=envoy.hostname,
        convergence=verdict.convergence.value,
        drift=verdict.drift.value,
        reachability=verdict.reachability.value,
        since=last.since if last is not None else None,
        transitions=[
            WordChange(number=each.number, at=each.at, kind=each.kind, before=each.before, after=each.after)
            for each in found[:limit]
        ],
        next_before=found[limit - 1].number if len(found) > limit else None,
    )
