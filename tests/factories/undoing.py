"""A resource that is converged as a run does it, with all that it replaces taken down, and then undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.hosts import Host
from agent.resources import TYPES
from agent.restoring import Restored, restore
from agent.undo import Changed, Undo
from schema.protocol.reports import Outcome

RUN = "0197a000-0000-7000-8000-000000000000"


def undone(
    host: Any,
    name: str,
    spec: dict[str, Any],
    state: Path,
    *,
    then: Callable[[], object] = lambda: None,
    **options: Any,
) -> dict[str, str]:
    """Converge it, let something happen, undo it: what was put back → what was said of that.

    Args:
        state: where it is kept; empty.
        options: of `restore`.
    """
    kind = TYPES[name]
    ready = kind.spec.model_validate(spec)
    undo = Undo(state)
    recorder = undo.begin(RUN, "c" * 40, 1)

    def through(_there: bool | None) -> Host:
        things = () if kind.kept is None else kind.kept.names(ready)
        return recorder.through(host, Changed("web/x", name, "digest"), None, things=things)

    host.memo.clear()
    result = kind.converge(host, ready, dry_run=False, before=through)
    assert result.outcome is Outcome.CHANGED, result.error
    recorder.conclude(host)
    then()
    host.memo.clear()
    (record,) = undo.runs()
    done: list[Restored] = restore(undo, record, host, **options)
    return {each.path: each.error for each in done}
