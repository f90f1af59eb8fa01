"""Which of several programs a name stands for. See `AlternativesSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import alternatives
from agent.tools.alternatives import Group
from schema.resources.alternatives import AlternativesSpec


class AlternativesState(NamedTuple):
    """The group as it was found."""

    group: Group
    note: str = ""


def check(host: Host, spec: AlternativesSpec) -> AlternativesState:
    """See `ResourceType`: two reads, no program."""
    return AlternativesState(alternatives.group(host, spec.alternative))


def diff(spec: AlternativesSpec, state: AlternativesState) -> Sequence[Change]:
    """See `ResourceType`."""
    group, path = state.group, spec.path
    if spec.state == "absent":
        return [Change("state", "registered", "absent")] if path in group.priorities else []
    found = []
    if path is not None and spec.priority is not None:
        old = group.priorities.get(path)
        if old != spec.priority:
            found.append(Change("priority", None if old is None else str(old), str(spec.priority)))
        if group.link != spec.link:
            found.append(Change("link", group.link or None, spec.link))
    if spec.state == "auto" and not group.auto:
        found.append(Change("mode", "manual", "auto"))
    if spec.state == "selected":
        if group.current != path:
            found.append(Change("path", group.current, path))
        if group.auto:
            found.append(Change("mode", "auto", "manual"))
    return found


def apply(host: Host, spec: AlternativesSpec, state: AlternativesState) -> None:
    """See `ResourceType`."""
    fields = {change.field for change in diff(spec, state)}
    if spec.state == "absent":
        assert spec.path is not None
        alternatives.remove(host, spec.alternative, spec.path)
        return
    if fields & {"priority", "link"}:
        assert spec.path is not None
        assert spec.link is not None
        assert spec.priority is not None
        alternatives.install(host, spec.link, spec.alternative, spec.path, spec.priority)
    elif spec.path is not None and spec.state == "selected" and spec.path not in state.group.priorities:
        raise ResourceFailed(f"{spec.path} is no alternative of {spec.alternative}; link and priority make it one")
    if spec.state == "auto" and "mode" in fields:
        alternatives.automatic(host, spec.alternative)
    if spec.state == "selected" and fields & {"path", "mode"}:
        assert spec.path is not None
        alternatives.select(host, spec.alternative, spec.path)


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if host.which("update-alternatives") else "needs update-alternatives, which this host does not have"


def shows_in(_host: Host, spec: AlternativesSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return alternatives.shown_in(spec.alternative)


ALTERNATIVES: Final = ResourceType(
    spec=AlternativesSpec,
    check=check,
    diff=diff,
    apply=apply,
    unsupported=unsupported,
    of_machine=True,
    shows_in=shows_in,
)
