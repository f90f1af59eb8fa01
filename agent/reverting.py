"""Putting back what a run replaced, so that it stays put back: by the agent when it cut itself off, or by an operator.

What is put back is held: it is not applied again until something else is desired of it, or somebody releases it. The
acts that the change asked for are owed once more, so that the next run makes what runs follow the files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from agent.desired import Desired
from agent.hosts import Host, HostFault, reach
from agent.journal import Hold, Journal
from agent.resources.types import ResourceFailed
from agent.restoring import Restored, restore
from agent.undo import Record, Undo

CUT_OFF: Final = "put back: the server could not be reached after it was changed"
UNDONE: Final = "undone by an operator"
UNTIL: Final = "it is applied again when something else is desired of it, or after `vigo-agent release`"

_log: Final = logging.getLogger("vigo.undo")


def unconfirmed(undo: Undo, host: Host, journal: Journal) -> list[str]:
    """Put back what was changed, could cut the host off, and was not confirmed; the ids of what was.

    Raises:
        OSError: it could not be written down that this is to stay so; then it is done again.
    """
    done: list[str] = []
    for run in undo.unconfirmed():
        record = undo.read(run)
        if record is not None:
            risky = {change.resource for change in record.changed if change.risky}
            for each in revert(undo, record, host, journal, why=CUT_OFF, only=risky.__contains__):
                _log.warning("%s: %s", each.path, each.error or "put back")
            done += sorted(risky)
        undo.confirm([run])
    return done


def revert(
    undo: Undo,
    record: Record,
    host: Host,
    journal: Journal,
    *,
    why: str,
    only: Callable[[str], bool] = lambda _: True,
    force: bool = False,
) -> list[Restored]:
    """Put back what one run replaced, and hold it.

    Raises:
        OSError: that it is held could not be written down; what was put back stays put back until the next run.
    """
    for change in record.changed:
        if only(change.resource):
            journal.hold(change.resource, Hold(change.digest, f"{why}; {UNTIL}"))
            journal.owe(list(change.acts))
    journal.flush()
    # One that was broken off has left paths half put back: those are ours, though they are not as the run left them.
    broken_off = undo.begin_undo(record.run)
    done = restore(undo, record, host, only=only, force=force or broken_off)
    host.sync_pending()
    undo.end_undo(record.run)
    return done


def reread(desired: Desired, names: Iterable[str]) -> None:
    """Make what runs follow the files that were put back, for those resources whose type knows how."""
    if desired.plan is None:
        return
    wanted = set(names)
    for step in desired.plan.steps:
        for instance in step.instances or ():
            if instance.id in wanted and not instance.error and step.kind is not None and step.kind.reread is not None:
                with reach.declared(step.kind.needs_network):
                    _reread(instance.id, step.kind.reread, step.host, instance.prepared)


def _reread(name: str, act: Callable[[Host, Any], None], host: Host, prepared: Any) -> None:
    try:
        act(host, prepared)
    except (ResourceFailed, HostFault, OSError) as error:
        _log.error("%s: its files are put back, but what runs does not follow them: %s", name, error)
