"""`vigo-agent traits`: what this host is, read now; of those that were named also how, and what that cost."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent import DEFAULT_STATE, itself, logs, pinning, show
from agent.hosts import RealHost
from agent.state import State
from agent.traits import COLLECTORS, Collector, Known
from schema.errors import Fault, Invalid
from schema.traits import SECTIONS


class UnknownTrait(Invalid):
    """There is no collector of this name."""

    code = "agent.unknown_trait"


class Portrait(NamedTuple):
    """What is to be shown."""

    text: str
    complaints: list[str]
    """Why some traits, or a part of them, are not there."""
    lacking: bool
    """Whether one that was named has no value."""


def of(root: Path, names: Collection[str], *, as_json: bool) -> Portrait:
    """The traits of these names, or all, of the host that a directory stands for.

    Raises:
        UnknownTrait: there is none of that name.
    """
    for name in names:
        if name not in COLLECTORS:
            near = difflib.get_close_matches(name, COLLECTORS, n=1)
            hint = f"; {near[0]} perhaps" if near else f"; there are {', '.join(sorted(COLLECTORS))}"
            raise UnknownTrait(f"there is no trait {name}{hint}")
    collector = Collector(RealHost(root), own=_own() if str(root) == "/" else None)
    found = collector.collect(names or None)
    known = collector.known()
    if as_json:
        text = json.dumps(found.values, indent=2, sort_keys=True)
    else:
        heads = {name: f"{_head(name, known[name])}\n" if names else "" for name in found.values}
        text = "\n".join(heads[name] + show.traits({name: value}) for name, value in sorted(found.values.items()))
    complaints = [f"{name}: {logs.plain(why)}" for name, why in sorted(found.errors.items())]
    return Portrait(text, complaints, bool(set(names) - found.values.keys()))


def _head(name: str, known: Known) -> str:
    section = SECTIONS[name]
    cost = f"{known.cost.wall_s * 1000:.0f} ms, {known.cost.processor_s * 1000:.0f} ms of them processor time"
    return f"# {name}: {section.summary}; {section.cls}, read now in {cost}"


def _own() -> Mapping[str, Callable[[], dict[str, Any]]]:
    """What the agent of this machine knows of itself, where there is one and we may look."""
    try:
        state = State.open(Path(DEFAULT_STATE), create=False)
        identity, pinned = state.identity(), pinning.read(state)
    except (Fault, OSError):
        return {}
    return {"host_self": lambda: itself.host_self(identity, pinned=pinned)}
