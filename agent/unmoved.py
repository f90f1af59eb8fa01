"""What nobody has touched: a file whose stat is what it was when its content was last read is not read again.

A stat can be believed only where whatever happens to a file shows in it. So an entry is taken only of a path that had
been left alone for `SETTLED_S` when it was read: a change within one tick of the clock leaves the times as they are,
and a program that writes through memory may do so for as long as the kernel keeps the page dirty (30 s, and some). It
is believed for as long as nothing in this run has changed the host, and no account has another id. Whatever may lie all
the same (a clock that was set back to the nanosecond, a file system that keeps no times) is found by the runs that read
everything anew, which `agent.executor` asks for in between.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.tools import ownership
from agent.tools.ownership import Ownership
from schema.protocol.reports import Trigger

if TYPE_CHECKING:
    from agent.hosts import Host
    from agent.hosts.host import Signature
    from agent.plan import Step

SETTLED_S: Final = 60.0
REREAD_S: Final = 4 * 3600.0
_ROUTINE: Final = frozenset({Trigger.INTERVAL, Trigger.APPLY, Trigger.DRIFT})
"""What comes by itself. Who starts an agent, or runs it once by hand, has everything read."""
UNMOVED: Final = "unmoved"
"""In the host's memo, which a change clears: the steps that this run need not look at."""

Signatures = tuple["Signature | None", ...]


class Belief:
    """Whether a run may believe a stat: one that is routine may, and at least each `REREAD_S` one may not.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic: Final = monotonic
        self._reread_at = -math.inf

    def holds(self, trigger: Trigger) -> bool:
        """Whether the run that begins now may; asked once of each."""
        now = self._monotonic()
        if trigger in _ROUTINE and now - self._reread_at < REREAD_S:
            return True
        self._reread_at = now
        return False


class Rests(NamedTuple):
    """What decides whether a resource is as it should be: the stat of these paths, and the ids of two names."""

    paths: Sequence[str]
    owner: str | None = None
    group: str | None = None


class Unmoved:
    """What was known of the paths of one plan when they were last read.

    Args:
        now_ns: wall time, as the kernel writes it into files.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns: Final = now_ns
        self._known: Final[dict[int, Signatures]] = {}
        self._found: Final[dict[int, Signatures]] = {}
        self._names: dict[tuple[str | None, str | None], Ownership] = {}
        self._rests: Final[dict[int, tuple[object, Rests | None]]] = {}

    def look(self, host: Host, steps: Sequence[Step]) -> None:
        """A run begins that may believe a stat: take all of them, before anything is read."""
        rests = [(index, rests) for index, step in enumerate(steps) if (rests := self._of(index, step)) is not None]
        names = {pair: ownership.resolve(host, *pair) for pair in {(each.owner, each.group) for _, each in rests}}
        if names != self._names:
            self._known.clear()
            self._names = names
        settled = self._now_ns() - int(SETTLED_S * 1_000_000_000)
        self._found.clear()
        unmoved: set[int] = set()
        signatures = host.signatures([path for _, each in rests for path in each.paths])
        for index, each in rests:
            found = tuple(islice(signatures, len(each.paths)))
            if self._known.get(index) == found:
                unmoved.add(index)
            elif all(one is not None and max(one.changed_ns, one.modified_ns) < settled for one in found):
                self._found[index] = found
        host.memo[UNMOVED] = unmoved

    def learn(self, index: int, *, calm: bool) -> None:
        """A step was read, and with `calm` found as it should be: its stat was taken before that."""
        if calm and index in self._found:
            self._known[index] = self._found[index]

    def _of(self, index: int, step: Step) -> Rests | None:
        """What a step rests on, worked out once of its instances."""
        if not (step.calm and step.fresh) or step.clocked or step.crate.user is not None:
            return None
        assert step.kind is not None
        rests = step.kind.rests
        if rests is None or step.instances is None:
            return None
        known = self._rests.get(index)
        if known is None or known[0] is not step.instances:
            known = self._rests[index] = (step.instances, _together([rests(each.prepared) for each in step.instances]))
        return known[1]


def _together(rests: Sequence[Rests | None]) -> Rests | None:
    """Of all instances of a step; None where one of them is decided by more, or they belong to several."""
    found = [each for each in rests if each is not None]
    if not found or len(found) < len(rests) or len({each[1:] for each in found}) > 1:
        return None
    return Rests([path for each in found for path in each.paths], *found[0][1:])
