"""Stalls: why a host has nothing newer: no match block, a secret that is missing, a hold, or its rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.services import secrets
from api.services.work import Work
from api.storage import holds as hold_rows
from api.storage import rollouts as rollout_rows
from api.storage.assignments import Brief
from api.storage.envoys import Known
from reconciler.holds import Holds
from schema.holds import Hold, HoldKind
from schema.progress import Rollout
from schema.rollouts import RolloutState
from schema.time import to_rfc3339

if TYPE_CHECKING:
    from reconciler.graph import Graph

_HELD: Final = {
    HoldKind.QUARANTINE: "in quarantine",
    HoldKind.MAINTENANCE: "in maintenance",
    HoldKind.FREEZE: "frozen",
}
_QUIET: Final = frozenset({RolloutState.DONE, RolloutState.CANCELLED, RolloutState.REVERTED})


def of(work: Work, graph: Graph | None, found: Sequence[Known], briefs: Mapping[str, Brief]) -> Mapping[str, str]:
    """Hostname → why it gets no assignment from the revision in force; without those where nothing is in the way.

    Args:
        briefs: envoy id → its newest assignment.
    """
    if graph is None:
        return {}
    versions = secrets.versions(work)
    stalls: dict[str, str] = {}
    behind: list[Known] = []
    profiles = graph.assign([envoy.hostname for envoy in found])
    for envoy in found:
        profile = profiles[envoy.hostname]
        if profile is None:
            stalls[envoy.hostname] = "no match block names this host"
            continue
        catalog = graph.profiles[profile].catalog
        missing = [name for name in catalog.secrets if name not in versions]
        brief = briefs.get(envoy.id)
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            stalls[envoy.hostname] = f"secret {missing[0]}{more} does not exist; set it with `vigo secrets set`"
        elif brief is not None and brief.catalog_sha256 != graph.profiles[profile].catalog_sha256:
            behind.append(envoy)
    if behind:
        stalls |= _behind(work, behind, alone=len(found) == 1)
    return stalls


def _behind(work: Work, found: Sequence[Known], *, alone: bool) -> Mapping[str, str]:
    """The same of hosts that have another catalog than they are to have.

    Args:
        alone: whether one host is asked for: then its wave is looked up as well.
    """
    holds = Holds(hold_rows.page(work.session, work.project_id)).each([envoy.hostname for envoy in found], work.now)
    rollout = rollout_rows.newest(work.session, work.project_id, whole=alone)
    said = {}
    for envoy, hold in zip(found, holds, strict=True):
        if hold is not None:
            said[envoy.hostname] = held(hold)
        elif rollout is not None and (text := rolled_out(rollout, envoy.hostname)):
            said[envoy.hostname] = text
    return said


def held(hold: Hold) -> str:
    """Which hold, until when and why."""
    until = f" until {to_rfc3339(hold.until)}" if hold.until is not None else ""
    return f"{_HELD[hold.kind]}{until}{': ' if hold.reason else ''}{hold.reason}"


def rolled_out(rollout: Rollout, hostname: str) -> str:
    """What its rollout has a host wait for; empty where it goes on by itself."""
    state, name = rollout.state, f"rollout {rollout.id}"
    if state in _QUIET or (rollout.everyone and state is RolloutState.RUNNING):
        return ""
    if rollout.asked.paused:
        return f"{name} is paused"
    if state is RolloutState.PLANNED:
        return f"{name} is being planned"
    if state is not RolloutState.RUNNING:
        return f"{name} is {state.value.replace('_', ' ')}{': ' if rollout.why else ''}{rollout.why}"
    waves = rollout.plan.waves if rollout.plan is not None else ()
    index = next((wave.index for wave in waves if hostname in wave.hosts), None)
    if index is None:
        return f"waits for its turn in {name}"
    why = next((wave.why for wave in rollout.progress.waves if wave.index == index), "")
    return f"waits for its turn in wave {waves[index].name} of {name}{': ' if why else ''}{why}"
