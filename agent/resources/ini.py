"""One option of an INI file that somebody else owns. See `IniSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceType
from agent.tools import ini_text, parts
from agent.tools.parts import Whole
from schema.resources.ini import IniSpec


def check(host: Host, spec: IniSpec) -> Whole:
    """See `ResourceType`."""
    return parts.read(host, spec)


def diff(spec: IniSpec, state: Whole) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.stat is None and spec.state == "absent":
        return ()
    lines = state.lines
    if spec.option is None:
        there = any(section.name == spec.section for section in ini_text.read(lines)[0])
        return (Change(f"[{spec.section}]", "present", "absent", spec.sensitive),) if there else ()
    field = f"[{spec.section}] {spec.option}" if spec.section else spec.option
    standing = ini_text.found(lines, spec.section, spec.option)
    before = None if not standing else standing[-1].value or ""
    after = None if spec.state == "absent" else spec.value or ""
    if before == after:
        return ()
    change = Change(field, before, after, spec.sensitive)
    return (change,) if state.stat is not None else (Change("state", "absent", Kind.FILE), change)


def apply(host: Host, spec: IniSpec, state: Whole) -> None:
    """See `ResourceType`."""
    if spec.state == "absent" or spec.option is None:
        lines = ini_text.without(state.lines, spec.section, spec.option)
    else:
        lines = ini_text.with_option(state.lines, spec.section, spec.option, spec.value, spec.separator)
    parts.write(host, spec, state, state.joined(lines))


def action(spec: IniSpec, state: Whole) -> str:
    """See `ResourceType`."""
    return "create" if state.stat is None and spec.state == "present" else "update"


def paths(spec: IniSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (spec.path,)


INI: Final = ResourceType(
    spec=IniSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True
)
