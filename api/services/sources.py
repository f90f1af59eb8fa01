"""Sources: what is followed and how that goes, and the refs beside the tracked one.

The facts live in memory, on the board that the workers write and everybody reads: after a restart they are known again
as soon as the repository is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.services.work import Work
from schema.errors import Unavailable
from schema.sources import (
    HookSeen,
    Polling,
    PreviewRef,
    PreviewRefs,
    Source,
    SourceError,
    SourceState,
)

if TYPE_CHECKING:
    from api.services.container import Services
    from schema.errors import Fault
    from schema.time import Clock

MAX_MOVES: Final = 50
"""Moves of one fetch that have an audit entry each; of the rest there is one that counts them."""

NOTHING: Final = Source(
    state=SourceState.NONE,
    location="",
    kind="",
    track="",
    commit=None,
    preview=[],
    last_try_at=None,
    last_read_at=None,
    error=None,
    polling=None,
    hooks=[],
    refs=0,
)


class Board:
    """What is known of one followed repository. Lives in the event loop's thread.

    Args:
        location: as it may be shown.
        remote: whether it is fetched; else it is on this machine.
        track: the tracked ref.
        preview: patterns of the refs beside it, each in full.
        poll_s: between two fetches, of a remote.
    """

    def __init__(
        self, clock: Clock, *, location: str, remote: bool, track: str, preview: Sequence[str], poll_s: float
    ) -> None:
        self.clock: Final = clock
        self.location: Final = location
        self.remote: Final = remote
        self.track: Final = track
        self.preview: Final = tuple(preview)
        self.previews: Mapping[str, PreviewRef] = {}
        """Full ref → what is known of it, those that moved last first."""
        self.left_out = 0
        self.poke: Callable[[str], None] = lambda _: None
        """Look now, because of what is said; filled in with the loop."""
        self.unread: Callable[[], tuple[str, Fault] | None] = lambda: None
        """The commit that was to be read last, and why it cannot be; filled in with the loop."""
        self._poll_s: Final = poll_s
        self._commit: str | None = None
        self._last_try_at: int | None = None
        self._last_read_at: int | None = None
        self._next_at: int | None = None
        self._failures = 0
        self._error: SourceError | None = None
        self._hooks: Final[dict[str, HookSeen]] = {}

    def read(self, commit: str | None) -> None:
        """The repository was read; the tracked ref names this commit, or none."""
        self._last_try_at = self._last_read_at = self.clock.now()
        self._commit = commit if commit is not None else self._commit
        self._failures, self._error = 0, None

    def failed(self, fault: Fault) -> None:
        """It could not be read."""
        self._last_try_at = self.clock.now()
        self._failures += 1
        self._error = self._since(fault, self._error)

    def again_in(self, wait_s: float) -> None:
        """When a remote is asked next, unless somebody pokes."""
        self._next_at = self.clock.now() + round(wait_s * 1_000_000)

    def hook(self, provider: str, outcome: str) -> None:
        """A webhook came: `accepted`, `ignored`, or the code of why it was refused."""
        seen = self._hooks.get(provider)
        good = outcome in ("accepted", "ignored")
        self._hooks[provider] = HookSeen(
            provider=provider,
            accepted=(seen.accepted if seen else 0) + good,
            refused=(seen.refused if seen else 0) + (not good),
            last_at=self.clock.now(),
            last=outcome,
        )

    @property
    def error(self) -> SourceError | None:
        """Why what the ref names is not known, or cannot be read; None while all is well."""
        found = self.unread()
        # What is wrong with the commit itself is on record with it, and passes with the next.
        if (
            self._error is not None
            or found is None
            or found[0] != self._commit
            or not isinstance(found[1], Unavailable)
        ):
            return self._error
        return SourceError(code=found[1].code, message=found[1].message, since=self._last_read_at or 0)

    def described(self) -> Source:
        """All of it."""
        error = self.error
        if error is not None:
            state = SourceState.UNREADABLE
        else:
            state = SourceState.READING if self._commit is not None else SourceState.WAITING
        polling = Polling(interval_s=self._poll_s, next_at=self._next_at, failures=self._failures)
        return Source(
            state=state,
            location=self.location,
            kind="remote" if self.remote else "local",
            track=self.track,
            commit=self._commit,
            preview=list(self.preview),
            last_try_at=self._last_try_at,
            last_read_at=self._last_read_at,
            error=error,
            polling=polling if self.remote else None,
            hooks=[self._hooks[name] for name in sorted(self._hooks)],
            refs=len(self.previews),
        )

    def _since(self, fault: Fault, before: SourceError | None) -> SourceError:
        same = before is not None and before.code == fault.code
        return SourceError(
            code=fault.code,
            message=fault.message,
            since=before.since if same and before is not None else self.clock.now(),
        )


def described(services: Services) -> Source:
    """Which repository is followed, and how that goes."""
    return services.sources.described() if services.sources is not None else NOTHING


def unreadable(services: Services) -> str:
    """Why the followed repository cannot be read; empty while it can."""
    error = services.sources.error if services.sources is not None else None
    return f"the repository cannot be read: {error.message}" if error is not None else ""


def refs(services: Services, *, name: str | None = None, offset: int = 0, limit: int = 100) -> PreviewRefs:
    """Refs beside the tracked one, those that moved last first; with a name, that one alone."""
    board = services.sources
    if board is None:
        return PreviewRefs(refs=[], count=0, left_out=0)
    found = [each for each in board.previews.values() if name is None or name in (each.name, each.ref)]
    return PreviewRefs(refs=found[offset : offset + limit], count=len(found), left_out=board.left_out)


def record_moves(work: Work, *, location: str, cause: str, moves: Mapping[str, tuple[str | None, str | None]]) -> None:
    """Leave an audit entry of each ref that moved because somebody said so: once, however often it was said.

    Args:
        cause: `hook:github 72d3162e`.
        moves: ref → the commit before and now; None where there is none.
    """
    for ref, (old, new) in list(moves.items())[:MAX_MOVES]:
        payload = {"repository": location, "old": old, "new": new, "cause": cause}
        work.audit("source.move", "ref", ref, payload=payload)
    if len(moves) > MAX_MOVES:
        payload = {"cause": cause, "unlisted": str(len(moves) - MAX_MOVES)}
        work.audit("source.move", "source", location, payload=payload)
