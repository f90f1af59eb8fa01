"""What the next steps of a rollout want done, as effects of the loop."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.loop.effects import GoBack, Probe
from reconciler.ports import Assigned
from reconciler.rollout.execution import Execution
from reconciler.rollout.terms import Ask


def probe(rollout_id: int, rollout: Execution, ask: Ask, held: Assigned | None) -> Sequence[Probe]:
    """Have a host run the command of a health check, on what it holds; nothing for one that holds nothing."""
    commit, root = rollout.plan.commit, rollout.plan.plan_root
    if held is None or commit is None:
        return ()
    return (Probe(ask.envoy_id, ask.hostname, rollout_id, ask.id, commit, root, held.catalog_sha256, ask.check),)


def back(rollout_id: int, rollout: Execution) -> GoBack:
    """Take the change of a rollout back."""
    plan = rollout.plan
    assert plan.commit is not None
    assert plan.base is not None
    return GoBack(rollout_id, plan.commit, plan.base, rollout.why)
