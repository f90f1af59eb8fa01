"""Which paths the resources of a run manage, all of them, before the last has had its turn.

For types that look beyond their own path: what removes all that nobody manages must know all that somebody does. So
every step is rendered at once, in what it would be now; while one cannot be, the answer is that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, Protocol

from agent import users
from agent.desired import Desired
from agent.hosts import HostFault
from agent.hosts.host import components
from agent.journal import Journal
from agent.plan import Plan, Step
from agent.resources.types import ResourceFailed
from schema.expressions import ExpressionError
from schema.secrets import UnknownSecret

_NOWHERE: Final[frozenset[str]] = frozenset()


class Watching(Protocol):
    """What sees that something has changed: see `agent.watch`."""

    def follow(self, paths: Iterable[str], places: frozenset[str] = ..., /) -> None:
        """Watch these paths, and what shows at these places, and nothing else."""
        ...

    def ours(self, places: frozenset[str], /) -> Callable[[], None]:
        """What changes there is our own doing, until the function is called that this returns."""
        ...


class Managed:
    """See the module; of one run. Called, it gives the paths.

    Raises (when called):
        HostFault: a resource cannot be rendered, so that its paths are not known.
    """

    def __init__(self, plan: Plan, journal: Journal) -> None:
        self._plan: Final = plan
        self._journal: Final = journal
        self._known: frozenset[str] | None = None

    def __call__(self) -> frozenset[str]:
        if self._known is None:
            self._known = frozenset(self._all())
        return self._known

    def _all(self) -> Iterator[str]:
        plan = self._plan
        standing = plan.functions.host
        try:
            if plan.usercrates and not any(step.crate.user is not None for step in plan.steps):
                plan.users(users.read(plan.host))
            for step in list(plan.steps):
                plan.functions.host = step.crate.host
                for path in self._of(step):
                    yield "/" + "/".join(components(path))
        except (ResourceFailed, OSError) as error:
            raise HostFault(f"what else is managed here is not known: {error}") from error
        finally:
            plan.functions.host = standing

    def _of(self, step: Step) -> Iterator[str]:
        if step.crate.absent:
            yield from self._remembered(step)
            return
        try:
            instances = self._plan.instances(step)
        except (ResourceFailed, HostFault, UnknownSecret, ExpressionError) as error:
            if not self._is_excluded(step):
                raise HostFault(f"what else is managed here is not known: {step.resource.id}: {error}") from error
            yield from self._remembered(step)
            return
        for instance in instances:
            if instance.error:
                if not (instance.skipped or self._is_excluded(step)):
                    raise HostFault(f"what else is managed here is not known: {instance.id}: {instance.error}")
                yield from self._remembered(step)
                continue
            assert step.kind is not None
            yield from step.kind.paths(instance.prepared)
            if instance.path:
                yield instance.path

    def _is_excluded(self, step: Step) -> bool:
        """Whether its conditions keep it from running, beyond doubt."""
        for when in (step.crate.when, step.resource.when):
            try:
                if when is not None and not self._plan.renderer.holds(when, step.crate.scope):
                    return True
            except (ExpressionError, OSError):
                continue
        return False

    def _remembered(self, step: Step) -> Iterator[str]:
        """What it made when it could be rendered."""
        name = step.resource.id
        for known, entry in self._journal.entries.items():
            if entry.path and (known == name or known.startswith(f"{name}[")):
                yield entry.path


def places_of(step: Step) -> frozenset[str]:
    """Where a change of what a step stands for shows on this host, beyond its paths."""
    kind = step.kind
    if kind is None or kind.shows_in is None or kind.skipped(step.host) is not None:
        return _NOWHERE
    found: set[str] = set()
    for instance in step.instances or ():
        if not instance.error:
            with suppress(ResourceFailed, HostFault, OSError):  # the full check sees it
                found.update(kind.shows_in(step.host, instance.prepared))
    return frozenset(found)


def followed(desired: Desired) -> tuple[frozenset[str], frozenset[str]]:
    """Paths whose change means drift, and places beyond them where it shows, as the last run knew them."""
    steps = () if desired.plan is None else [step for step in desired.plan.steps if step.instances is not None]
    # Whoever comes has their usercrates at once.
    who = frozenset({users.ACCOUNTS} if desired.usercrates and desired.plan is not None else ())
    return who.union(*(step.paths for step in steps)), frozenset().union(*(step.places for step in steps))
