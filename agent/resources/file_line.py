"""One line within a file that somebody else owns. See `FileLineSpec`.

Lines are compared without their endings; the file's own style of ending (LF or CRLF) is kept, and its mode and owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.patterns import Pattern, PatternError, compile_pattern
from schema.resources.file_line import FileLineSpec

NEW_MODE: Final = 0o644
_MAX_SHOWN: Final = 50


class ManagedLine(NamedTuple):
    """A spec with its expressions compiled."""

    spec: FileLineSpec
    match: Pattern | None
    after: Pattern | None


class FileLineState(NamedTuple):
    """The file as it was found; None: there is none."""

    stat: Stat | None
    lines: tuple[str, ...] = ()
    ending: str = "\n"
    unfinished: bool = False
    """The last line has no ending."""
    note: str = ""


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


def check(host: Host, managed: ManagedLine) -> FileLineState:
    """See `ResourceType`."""
    path = managed.spec.path
    stat = host.lstat(path)
    if stat is None:
        return FileLineState(None)
    if stat.kind is not Kind.FILE:
        raise ResourceFailed(f"{path} is a {stat.kind}, not a regular file")
    text = host.read(path).decode("utf-8", "surrogateescape")
    if not text:
        return FileLineState(stat)
    whole = text.removesuffix("\n").split("\n")
    ending = "\r\n" if whole[0].endswith("\r") else "\n"
    return FileLineState(stat, tuple(line.removesuffix("\r") for line in whole), ending, not text.endswith("\n"))


def diff(managed: ManagedLine, state: FileLineState) -> Sequence[Change]:
    """See `ResourceType`."""
    spec = managed.spec
    if state.stat is None:
        if spec.state == "absent":
            return ()
        return (Change("state", "absent", Kind.FILE), Change("line", None, spec.line))
    after = desired(managed, state.lines)
    if after == list(state.lines):
        return ()
    if spec.state == "present":
        replaced = len(after) == len(state.lines)
        old = next((a for a, b in zip(state.lines, after, strict=True) if a != b), None) if replaced else None
        return (Change("line", old, spec.line),)
    gone = [line for line in state.lines if _is_unwanted(managed, line)]
    shown = [Change("line", line, None) for line in gone[:_MAX_SHOWN]]
    return [*shown, Change("line", f"and {len(gone) - _MAX_SHOWN} more", None)] if len(gone) > _MAX_SHOWN else shown


def apply(host: Host, managed: ManagedLine, state: FileLineState) -> None:
    """See `ResourceType`."""
    spec = managed.spec
    if state.stat is None:
        if not spec.create:
            raise ResourceFailed(f"{spec.path} does not exist (create: true makes it)")
        host.write(spec.path, _encode(spec.line + "\n"), mode=NEW_MODE)
        return
    lines = desired(managed, state.lines)
    text = state.ending.join(lines)
    # A file without a last newline stays so, unless the new last line is ours.
    if lines and not (state.unfinished and lines[-1] == state.lines[-1]):
        text += state.ending
    host.write(spec.path, _encode(text), mode=state.stat.mode, uid=state.stat.uid, gid=state.stat.gid)


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


def action(managed: ManagedLine, state: FileLineState) -> str:
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


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
