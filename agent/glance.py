"""A glance at what was right when it was last looked at: most of what an agent does, for most of its life.

The whole of `agent.converge` around one resource (conditions, fights, what is remembered, what is owed) takes as long
as opening, reading and hashing a small file. Where the last run found a resource as it should be, and nothing that
could decide otherwise has changed, its check alone tells that it still is. Whatever a glance does not find exactly
right is looked at as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.unmoved import UNMOVED

if TYPE_CHECKING:
    from agent.journal import Journal
    from agent.plan import Plan


def is_right(index: int, plan: Plan, journal: Journal, *, reading: bool) -> bool:
    """Whether all that a step stands for is as it should be, beyond doubt; of types whose check only reads.

    Args:
        reading: look; else only what is known to be unmoved is right.
    """
    if index in plan.host.memo.get(UNMOVED, ()):
        return True
    step = plan.steps[index]
    kind, instances = step.kind, step.instances
    if not (reading and step.calm and step.fresh) or step.clocked or step.crate.user is not None:
        return False
    if kind is None or kind.rests is None or not instances or journal.holds:
        return False
    try:
        for instance in instances:
            if journal.entries.get(instance.id) != instance.entry:
                return False
            state = kind.check(step.host, instance.prepared)
            if state.note or kind.diff(instance.prepared, state):
                return False
    except Exception:  # noqa: BLE001 - it is raised again where it is told
        return False
    plan.unmoved.learn(index, calm=True)
    return True
