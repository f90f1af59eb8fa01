"""One line within a file that somebody else owns. See `FileLineSpec`.

Lines are compared without their endings; the file's own style of ending (LF or CRLF) is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import parts
from agent.tools.parts import Whole
from schema.patterns import Pattern, PatternError, compile_pattern
from schema.resources.file_line import FileLineSpec

_MAX_SHOWN: Final = 50


class ManagedLine(NamedTuple):
    """A spec with its expressions compiled."""

    spec: FileLineSpec
    match: Pattern | None
    after: Pattern | None


def prepare(spec: FileLineSpec, _sources: object) -> ManagedLine:
    """Compile once for all runs."""
    try:
        return ManagedLine(
            spec,
            None if spec.match is None else compile_pattern(spec.match),
            None if spec.after is None else compile_pattern(spec.after),
        )
    except PatternError as error:
        raise ResourceFailed(str(error)) from error


def check(host: Host, managed: ManagedLine) -> Whole:
    """See `ResourceType`."""
    return parts.read(host, managed.spec)


def diff(managed: ManagedLine, state: Whole) -> Sequence[Change]:
    """See `ResourceType`."""
    spec, secret = managed.spec, managed.spec.sensitive
    if state.stat is None:
        if spec.state == "absent":
            return ()
        return (Change("state", "absent", Kind.FILE), Change("line", None, spec.line, secret))
    before = state.lines
    after = desired(managed, before)
    if after == before:
        return ()
    if spec.state == "present":
        replaced = len(after) == len(before)
        old = next((a for a, b in zip(before, after, strict=True) if a != b), None) if replaced else None
        return (Change("line", old, spec.line, secret),)
    gone = [line for line in before if _is_unwanted(managed, line)]
    shown = [Change("line", line, None, secret) for line in gone[:_MAX_SHOWN]]
    return [*shown, Change("line", f"and {len(gone) - _MAX_SHOWN} more", None)] if len(gone) > _MAX_SHOWN else shown


def apply(host: Host, managed: ManagedLine, state: Whole) -> None:
    """See `ResourceType`."""
    parts.write(host, managed.spec, state, state.joined(desired(managed, state.lines)))


def desired(managed: ManagedLine, lines: Sequence[str]) -> list[str]:
    """The lines as they should be; the same when nothing is to be done."""
    spec, result = managed.spec, list(lines)
    if spec.state == "absent":
        return [line for line in result if not _is_unwanted(managed, line)]
    if managed.match is not None:
        at = _last(managed.match, result)
        # An expression that does not find its own replacement would go on replacing one line after another.
        settled = spec.line in result and not managed.match.search(spec.line)
        if at is not None and not settled:
            result[at] = spec.line
            return result
    if spec.line in result:
        return result
    at = None if managed.after is None else _last(managed.after, result)
    result.insert(len(result) if at is None else at + 1, spec.line)
    return result


def action(managed: ManagedLine, state: Whole) -> str:
    """See `ResourceType`."""
    return "create" if state.stat is None and managed.spec.state == "present" else "update"


def paths(managed: ManagedLine) -> Sequence[str]:
    """See `ResourceType`."""
    return (managed.spec.path,)


FILE_LINE: Final = ResourceType(
    spec=FileLineSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
)


def _is_unwanted(managed: ManagedLine, line: str) -> bool:
    return managed.match.search(line) if managed.match is not None else line == managed.spec.line


def _last(pattern: Pattern, lines: Sequence[str]) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if pattern.search(lines[at])), None)
