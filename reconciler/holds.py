"""Holds: which host is held, by what, and until when.

Pure: holds, passes and a time come in, a hold goes out. A hold ends at its time by the clock that asks: a clock that
jumps ahead ends one as much too early as it jumped, and no more; one that is set back has it last so much longer.
Nothing is taken down when a hold begins, so that what has ended stays ended whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from reconciler.graph import matching, patterns
from schema.holds import Hold, HoldKind

FOR_EVER: Final = 1 << 62
"""Later than any time that can be written."""

_STRONGEST: Final = (HoldKind.QUARANTINE, HoldKind.MAINTENANCE, HoldKind.FREEZE)


class Pass(NamedTuple):
    """That a commit goes through freezes for a while."""

    commit: str
    match: str | None
    """To these hosts alone; None for all."""
    until: int


class Holds:
    """All holds of a project at one time. Never changes; another set is another `Holds`."""

    def __init__(self, holds: Sequence[Hold], passes: Sequence[Pass] = ()) -> None:
        """The holds, and what goes through those that are freezes.

        Raises:
            BadPattern: one of `match` is no pattern.
        """
        self.holds: Final = tuple(holds)
        self.passes: Final = tuple(passes)
        self._of_kind: Final = tuple(
            _OfKind(chosen) for kind in _STRONGEST if (chosen := [each for each in holds if each.kind is kind])
        )
        self._through: Final = [(each, _matching(each.match)) for each in self.passes]
        self._ends: Final = sorted(
            {each.until for each in self.holds if each.until is not None} | {each.until for each in self.passes}
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Holds) and (self.holds, self.passes) == (other.holds, other.passes)

    def __hash__(self) -> int:
        return hash((self.holds, self.passes))

    def __bool__(self) -> bool:
        """Whether there is any hold, ended or not."""
        return bool(self.holds)

    def on(self, hostname: str, now: int, commit: str | None = None) -> Hold | None:
        """The strongest hold on a host: quarantine before maintenance before freeze, and of one kind the one that ends
        last. None when nothing holds it.

        Args:
            hostname: in lower case.
            now: microseconds.
            commit: what the host would be given: a freeze that lets it through does not hold. None for nothing.
        """
        for each in self._of_kind:
            if each.last > now and (found := each.on(hostname, now)) is not None:
                through = found.kind is HoldKind.FREEZE and commit is not None and self._lets(commit, hostname, now)
                return None if through else found
        return None

    def each(self, hostnames: Iterable[str], now: int, commit: str | None = None) -> list[Hold | None]:
        """What `on` says of each name, in order."""
        if not any(each.last > now for each in self._of_kind):
            return [None for _ in hostnames]
        return [self.on(hostname, now, commit) for hostname in hostnames]

    def in_force(self, now: int) -> tuple[Hold, ...]:
        """Those that have not ended."""
        return tuple(hold for hold in self.holds if ends(hold) > now)

    def next_change(self, now: int) -> int | None:
        """When, in microseconds, the answer of `on` may change by itself; None for never."""
        return next((end for end in self._ends if end > now), None)

    def _lets(self, commit: str, hostname: str, now: int) -> bool:
        return any(
            each.commit == commit and each.until > now and (pattern is None or pattern.matches(hostname))
            for each, pattern in self._through
        )


NOTHING: Final = Holds(())
"""No holds at all."""


def ends(hold: Hold) -> int:
    """When a hold ends, in microseconds: `FOR_EVER` where it has no end."""
    return FOR_EVER if hold.until is None else hold.until


class _OfKind:
    """Holds of one kind. Those that end last come first everywhere: when such a one has ended, so have those behind."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        ordered = sorted(holds, key=lambda hold: (-ends(hold), hold.id))
        self.last: Final = ends(ordered[0])
        self._all: Hold | None = None
        self._names: Final[dict[str, Hold]] = {}
        globs: list[tuple[patterns.Pattern, Hold]] = []
        regexes: list[tuple[patterns.Pattern, Hold]] = []
        for hold in ordered:
            if hold.hostname is not None:
                self._names.setdefault(hold.hostname, hold)
                continue
            pattern = _matching(hold.match)
            if pattern is None or pattern.is_everything:
                self._all = self._all or hold
            elif pattern.kind is patterns.PatternKind.EXACT:
                self._names.setdefault(pattern.folded, hold)
            else:
                (globs if pattern.kind is patterns.PatternKind.GLOB else regexes).append((pattern, hold))
        # Apart, since a matcher has a glob win over an expression, and here the one that ends last wins.
        self._matchers: Final = [
            (matching.Matcher([pattern for pattern, _ in found], shadows=()), [hold for _, hold in found])
            for found in (globs, regexes)
            if found
        ]

    def on(self, hostname: str, now: int) -> Hold | None:
        best = self._all
        found = self._names.get(hostname)
        if found is not None and (best is None or _before(found, best)):
            best = found
        for matcher, holds in self._matchers:
            index = matcher.match(hostname)
            if index is not None and (best is None or _before(holds[index], best)):
                best = holds[index]
        return best if best is not None and ends(best) > now else None


def _before(one: Hold, other: Hold) -> bool:
    return (-ends(one), one.id) < (-ends(other), other.id)


def _matching(match: str | None) -> patterns.Pattern | None:
    return None if match is None else patterns.parse(match)
