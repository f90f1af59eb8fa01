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
from typing import TYPE_CHECKING, Final

from schema.protocol.reports import Trigger

if TYPE_CHECKING:
    from agent.hosts import Host
    from agent.hosts.host import Exact, Signature

SETTLED_S: Final = 60.0
REREAD_S: Final = 4 * 3600.0
_ROUTINE: Final = frozenset({Trigger.INTERVAL, Trigger.APPLY, Trigger.DRIFT})
"""What comes by itself. Who starts an agent, or runs it once by hand, has everything read."""


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


class Unmoved:
    """What was known of files when they were last read and found as they should be.

    Args:
        now_ns: wall time, as the kernel writes it into files.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns: Final = now_ns
        self._known: Final[dict[str, dict[str, Signature]]] = {}

    def forget(self) -> None:
        """What should be is no longer what it was: believe nothing."""
        self._known.clear()

    def matching(self, host: Host, folder: str, files: Sequence[Exact]) -> Sequence[bool]:
        """As `Host.matching`, but what has the stat that it had when it last matched is not opened."""
        known = self._known.setdefault(folder, {})
        settled = self._now_ns() - int(SETTLED_S * 1_000_000_000)
        names = [file.name for file in files]
        signatures = host.signatures(folder, names)
        found = [each is not None and known.get(name) == each for name, each in zip(names, signatures, strict=True)]
        if all(found):
            return found
        moved = [place for place, unmoved in enumerate(found) if not unmoved]
        for place, matches in zip(moved, host.matching(folder, [files[place] for place in moved]), strict=True):
            found[place] = matches
            now = signatures[place]
            if matches and now is not None and max(now.changed_ns, now.modified_ns) < settled:
                known[names[place]] = now
        return found
