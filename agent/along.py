"""What comes right after a resource in a run, and may be done along with it: fifty packages in one transaction.

A type that can do several at once asks here, while it is about to change the host, which of its kind will follow in any
case. Nobody is overtaken: the first resource of another kind, with a condition of its own, or that needs one of those
before it ends the row. What was done along is found changed when its turn comes, and is reported then, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from agent.plan import Instance, Plan, Step
from agent.resources.types import ResourceFailed
from schema.expressions import ExpressionError
from schema.secrets import UnknownSecret

MAX_FOLLOWERS: Final = 500


class Follower(NamedTuple):
    """One that will be converged in this run, a moment later."""

    prepared: Any
    promise: Callable[[], object]
    """To be called before it is changed: whom it notifies is written down."""


class Along:
    """The row behind the resource whose turn it is.

    Args:
        blocked: whether something that a step requires has failed.
        may_change: whether an instance will be applied when its turn comes and it differs.
        promise: see `Follower`.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        blocked: Callable[[Step], str],
        may_change: Callable[[Step, Instance], bool],
        promise: Callable[[Step], object],
    ) -> None:
        self.done: Final[dict[str, Any]] = {}
        """What was done along with another → what it was before; the type's own words."""
        self._plan: Final = plan
        self._blocked: Final = blocked
        self._may_change: Final = may_change
        self._promise: Final = promise
        self._now: tuple[int, str] | None = None

    def at(self, index: int, instance: str) -> None:
        """It is this one's turn."""
        self._now = (index, instance)

    def followers(self) -> list[Follower]:
        """Those behind it, nearest first, as long as they are of its kind and nothing speaks against it."""
        found: list[Follower] = []
        owned: set[tuple[str, str]] = set()
        for step, instance in self._row():
            twice = not owned.isdisjoint(instance.owns)
            if twice or len(found) == MAX_FOLLOWERS or instance.error or not self._may_change(step, instance):
                break
            owned.update(instance.owns)
            found.append(Follower(instance.prepared, partial(self._promise, step)))
        return found

    def _row(self) -> Iterator[tuple[Step, Instance]]:
        if self._now is None or self._now[0] not in self._plan.order:
            return
        index, name = self._now
        steps, own = self._plan.steps, self._plan.steps[index]
        rest = iter(own.instances or ())
        for instance in rest:
            if instance.id == name:
                break
        yield from ((own, instance) for instance in rest)
        at = self._plan.order.index(index)
        waiting = {index}
        for number in self._plan.order[at + 1 :]:
            step = steps[number]
            crates = {id(steps[each].crate) for each in waiting}
            needed = {id(self._plan.crates[each]) for each in step.crate.requires}
            alike = step.kind is own.kind and step.host is own.host and not step.resource.on_notify_only
            sure = not step.conditional and not step.used.functions and not step.crate.absent
            if not (alike and sure and waiting.isdisjoint(step.requires) and crates.isdisjoint(needed)):
                return
            if self._blocked(step):
                return
            waiting.add(number)
            try:
                yield from ((step, instance) for instance in self._plan.instances(step))
            except (ExpressionError, ResourceFailed, UnknownSecret):  # said when its turn comes
                return
