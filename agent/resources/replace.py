"""What an expression finds within a file that somebody else owns, replaced everywhere. See `ReplaceSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.hosts.host import MAX_READ_BYTES
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import parts
from agent.tools.parts import Whole
from schema.patterns import Pattern, PatternError, compile_pattern
from schema.resources.replace import MAX_REPLACED, ReplaceSpec


class ManagedPattern(NamedTuple):
    """A spec with its expression compiled."""

    spec: ReplaceSpec
    pattern: Pattern
    pieces: Sequence[str | int]


class ReplaceState(NamedTuple):
    """The file as it was found, its text as it should be, and in how many places that differs at most."""

    whole: Whole
    text: str = ""
    places: int = 0

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.whole.note


def prepare(spec: ReplaceSpec, _sources: object) -> ManagedPattern:
    """Compile once for all runs."""
    try:
        return ManagedPattern(spec, compile_pattern(spec.pattern), spec.pieces)
    except PatternError as error:
        raise ResourceFailed(str(error)) from error


def check(host: Host, managed: ManagedPattern) -> ReplaceState:
    """See `ResourceType`."""
    whole = parts.read(host, managed.spec)
    text, places = _replaced(managed, whole.text)
    if text != whole.text and _replaced(managed, text)[0] != text:
        raise ResourceFailed("the pattern would change its own replacement, again and again")
    return ReplaceState(whole, text, places)


def diff(managed: ManagedPattern, state: ReplaceState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.text == state.whole.text:
        return ()
    before, after = _differing(state.whole.text.split("\n"), state.text.split("\n"))
    return (Change("text", before, after, managed.spec.sensitive),)


def apply(host: Host, managed: ManagedPattern, state: ReplaceState) -> None:
    """See `ResourceType`."""
    parts.write(host, managed.spec, state.whole, state.text)


def paths(managed: ManagedPattern) -> Sequence[str]:
    """See `ResourceType`."""
    return (managed.spec.path,)


REPLACE: Final = ResourceType(
    spec=ReplaceSpec, prepare=prepare, check=check, diff=diff, apply=apply, paths=paths, confinable=True
)


def _replaced(managed: ManagedPattern, text: str) -> tuple[str, int]:
    made, places = managed.pattern.replaced(text, managed.pieces, limit=MAX_REPLACED)
    if places > MAX_REPLACED:
        raise ResourceFailed(f"{managed.spec.path} has more than {MAX_REPLACED} places that the pattern finds")
    if len(made) > MAX_READ_BYTES:
        raise ResourceFailed(f"{managed.spec.path} would have more than {MAX_READ_BYTES} characters")
    return made, places


def _differing(before: list[str], after: list[str]) -> tuple[bytes, bytes]:
    """Both sides without the lines that they begin and end with in common: of the rest nothing is said."""
    start, least = 0, min(len(before), len(after))
    while start < least and before[start] == after[start]:
        start += 1
    end = 0
    while end < least - start and before[-1 - end] == after[-1 - end]:
        end += 1
    sides = ("\n".join(side[start : len(side) - end]) for side in (before, after))
    one, other = (side.encode("utf-8", "surrogateescape") for side in sides)
    return one, other
