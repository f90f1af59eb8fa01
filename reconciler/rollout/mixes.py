"""Mixes: every combination of old and new that the waves of a plan allow, and the worst of them for a bound.

While a wave runs, hosts of later waves are old, hosts of earlier ones new, and its own each either. Hosts that may keep
what they have, whatever is rolled out (on hold, offline), are either from their wave on. That is two to the power of
thousands of mixes; the worst is found in one pass.

*Why that is exact.* What a bound is held against is a sum over hosts, and the term of a host depends on whether that
host is old or new and on nothing else: 1 where it counts, or for a share `100 * counts - percent * member`, which is
negative in sum exactly when fewer than that share of the group count. Hosts that may be either choose independently.
The least that such a sum can be is therefore the sum of the least terms, and the mix that takes each host's lesser
term is among those allowed, so it is reached. For an upper bound the same holds of the negated sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Standing(NamedTuple):
    """What a host is to a group, in one of its two states."""

    member: bool
    counts: bool
    """Never without being a member."""


class Part(NamedTuple):
    """Hosts that are alike in all that matters here."""

    names: Sequence[str]
    wave: int | None
    """None: no wave reaches them, they are what they are (`old`)."""
    stays: bool
    """Whether they may remain old although their wave has gone by."""
    old: Standing
    new: Standing


class Bound(NamedTuple):
    """How many hosts of a group may or must count: a number, or a share of the group."""

    least: bool
    number: int = 0
    percent: int | None = None

    def of(self, standing: Standing) -> int:
        """The term of one host: the sum over all must not be less than `floor`."""
        counts = int(standing.counts)
        term = counts if self.percent is None else 100 * counts - self.percent * standing.member
        return term if self.least else -term

    @property
    def floor(self) -> int:
        """What the sum of terms must reach."""
        number = self.number if self.percent is None else 0
        return number if self.least else -number

    def __str__(self) -> str:
        amount = str(self.number) if self.percent is None else f"{self.percent} %"
        return f"at {'least' if self.least else 'most'} {amount}"


class Worst(NamedTuple):
    """A mix that breaks a bound."""

    wave: int | None
    """Which runs; None: all waves are through, and every host is new."""
    counting: int
    members: int
    new: list[str]
    """Hosts that are new then, and would be better old."""
    old: list[str]
    """Hosts that are old then, and would be better new."""


def worst(parts: Sequence[Part], waves: int, bound: Bound) -> Worst | None:
    """The first mix that breaks the bound, the worst of its wave; None when no mix does.

    When every host is new the bound holds as it is, for a group that is there then. On the way there it holds only as
    far as it held before: a fleet that breaks it already may be mended, but not made worse. And what is at least to be
    there is asked, on the way, of groups that are there before and after: one that comes cannot have it at once.

    Args:
        parts: the hosts of one group, in both states.
        waves: how many there are.
    """
    before = sum(len(part.names) * bound.of(part.old) for part in parts)
    after = sum(len(part.names) * bound.of(_end(part)) for part in parts)
    comes = not any(part.old.member for part in parts)
    goes = not any(_end(part).member for part in parts)
    if after < bound.floor and not (goes and bound.least):
        return _told(parts, None, bound)
    if bound.least and (comes or goes):
        return None
    allowed, settled = min(bound.floor, before), before
    by_wave: list[list[Part]] = [[] for _ in range(waves)]
    for part in parts:
        if part.wave is not None:
            by_wave[part.wave].append(part)
    for wave, running in enumerate(by_wave):
        if settled + sum(len(part.names) * min(0, _change(part, bound)) for part in running) < allowed:
            return _told(parts, wave, bound)
        for part in running:
            change = _change(part, bound)
            settled += len(part.names) * (min(0, change) if part.stays else change)
    return None


def _end(part: Part) -> Standing:
    return part.old if part.wave is None else part.new


def _change(part: Part, bound: Bound) -> int:
    return bound.of(part.new) - bound.of(part.old)


def _is_new(part: Part, wave: int | None, bound: Bound) -> bool:
    """Whether these hosts are new in the worst mix."""
    if part.wave is None or wave is None:
        return part.wave is not None
    if part.wave == wave or (part.wave < wave and part.stays):
        return _change(part, bound) < 0
    return part.wave < wave


def _told(parts: Sequence[Part], wave: int | None, bound: Bound) -> Worst:
    count, of = 0, 0
    new: list[str] = []
    old: list[str] = []
    for part in parts:
        is_new = _is_new(part, wave, bound)
        standing = part.new if is_new else part.old
        count += len(part.names) * standing.counts
        of += len(part.names) * standing.member
        if part.wave is None:
            continue
        change = _change(part, bound)
        if is_new and change < 0:
            new += part.names
        elif not is_new and change > 0:
            old += part.names
    return Worst(wave, count, of, sorted(new), sorted(old))
