"""Some lines between two marks within a file that somebody else owns. See `BlockinfileSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import parts
from agent.tools.parts import Whole
from schema.patterns import Pattern, PatternError, compile_pattern
from schema.resources.blockinfile import BlockinfileSpec


class ManagedBlock(NamedTuple):
    """A spec, and what was worked out of it once."""

    spec: BlockinfileSpec
    lines: list[str]
    after: Pattern | None


class BlockState(NamedTuple):
    """The file as it was found, and where the block is in it: its marks' lines."""

    whole: Whole
    place: tuple[int, int] | None = None

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.whole.note


def prepare(spec: BlockinfileSpec, _sources: object) -> ManagedBlock:
    """The lines; the expression compiled."""
    try:
        after = None if spec.after is None else compile_pattern(spec.after)
    except PatternError as error:
        raise ResourceFailed(str(error)) from error
    return ManagedBlock(
        spec, spec.block.replace("\r\n", "\n").removesuffix("\n").split("\n") if spec.block else [], after
    )


def check(host: Host, managed: ManagedBlock) -> BlockState:
    """See `ResourceType`."""
    spec = managed.spec
    whole = parts.read(host, spec)
    begins, ends = ([at for at, line in enumerate(whole.lines) if line.strip() == mark] for mark in spec.marks)
    if not begins and not ends:
        return BlockState(whole)
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise ResourceFailed(
            f"{spec.path} has {len(begins)} lines {spec.marks[0]!r} and {len(ends)} lines {spec.marks[1]!r}:"
            " where the block is cannot be told"
        )
    return BlockState(whole, (begins[0], ends[0]))


def diff(managed: ManagedBlock, state: BlockState) -> Sequence[Change]:
    """See `ResourceType`."""
    spec = managed.spec
    inside = None if state.place is None else state.whole.lines[state.place[0] + 1 : state.place[1]]
    desired = managed.lines if spec.state == "present" else None
    if inside == desired:
        return ()
    change = Change("block", _bytes(inside), _bytes(desired), spec.sensitive)
    return (change,) if state.whole.stat is not None else (Change("state", "absent", Kind.FILE), change)


def apply(host: Host, managed: ManagedBlock, state: BlockState) -> None:
    """See `ResourceType`."""
    spec, lines = managed.spec, state.whole.lines
    begin, end = spec.marks
    block = [begin, *managed.lines, end] if spec.state == "present" else []
    at, until = (_where(managed, lines),) * 2 if state.place is None else (state.place[0], state.place[1] + 1)
    parts.write(host, spec, state.whole, state.whole.joined([*lines[:at], *block, *lines[until:]]))


def action(managed: ManagedBlock, state: BlockState) -> str:
    """See `ResourceType`."""
    return "create" if state.whole.stat is None and managed.spec.state == "present" else "update"


def paths(managed: ManagedBlock) -> Sequence[str]:
    """See `ResourceType`."""
    return (managed.spec.path,)


BLOCKINFILE: Final = ResourceType(
    spec=BlockinfileSpec,
    prepare=prepare,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
)


def _where(managed: ManagedBlock, lines: Sequence[str]) -> int:
    """Where a new block goes."""
    if managed.spec.at_start:
        return 0
    if managed.after is not None:
        for at in range(len(lines) - 1, -1, -1):
            if managed.after.search(lines[at]):
                return at + 1
    return len(lines)


def _bytes(lines: Sequence[str] | None) -> bytes | None:
    return None if lines is None else "\n".join(lines).encode("utf-8", "surrogateescape")
