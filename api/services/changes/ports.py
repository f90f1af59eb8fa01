"""What a change is, what can go wrong with one, and what the writer needs of git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from api.services.revisions import NoRepository
from reconciler.repository.drafts import Author
from reconciler.repository.signing import SERVER, SigningKey
from schema.diagnostics import Diagnostic
from schema.errors import Conflict, Exhausted, Invalid, NotFound, Stalled, Unavailable

if TYPE_CHECKING:
    from reconciler.repository import Tree

MAX_PATHS: Final = 10_000
"""That one change may touch."""
MAX_DIAGNOSTICS: Final = 50
NOWHERE: Final = "vigo.invalid"
"""Where accounts without an address are: RFC 2606 keeps the name from ever being anybody's."""
COMMITTER: Final = Author(SERVER, f"{SERVER}@{NOWHERE}")

Edit = Callable[["Tree"], Mapping[str, bytes | None]]
"""The tip's tree → path → whole new content, None for removed. Pure: it is called again for each tip."""


class ChangeNotFound(NotFound):
    """There is no such change."""

    code = "changes.not_found"


class ChangeNotValid(Invalid):
    """With this change the repository would not compile; nothing was written. `details.diagnostics` says why."""

    code = "changes.not_valid"

    @classmethod
    def of(cls, errors: list[Diagnostic]) -> ChangeNotValid:
        """The fault for these errors."""
        return cls(
            f"with this change the repository would not be valid: {errors[0]}",
            diagnostics=[each.model_dump(mode="json") for each in errors[:MAX_DIAGNOSTICS]],
            count=len(errors),
        )


class ChangeTooLarge(Invalid):
    """More paths than one change may touch."""

    code = "changes.too_large"


class AlreadyAsked(Conflict):
    """A change is under way under this idempotency key, or the key stands for another one."""

    code = "changes.already_asked"


class ChangesBusy(Exhausted):
    """Too many changes wait for their turn."""

    code = "changes.busy"


class TipMoves(Exhausted):
    """Others commit faster than this change could be made on top of theirs. Nothing was written."""

    code = "changes.tip_moves"


class NotInForce(Stalled):
    """It is committed, and something keeps it from coming into force; `details.commit` and `config/status` say more."""

    code = "changes.not_in_force"


class OutcomeUnknown(Unavailable):
    """The remote did not answer whether it took the commit. The change's record will say once it can be read."""

    code = "changes.outcome_unknown"


FAULTS: Final = (NoRepository, ChangeNotValid, ChangeTooLarge, AlreadyAsked, ChangesBusy, TipMoves, OutcomeUnknown)
"""What `write` can raise beside the faults of the edit and the repository: endpoints that write declare these."""


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants changed."""

    summary: str
    """The first line of the commit."""
    edit: Edit
    reason: str = ""
    """What else the commit says."""
    kind: str = "edit"
    """What asks for it, one word: `rollback`, `waiver`, `promote` ..."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change made on one tip, compiled, in memory only."""

    commit: str
    """The id its commit has and will have."""
    tip: str
    paths: tuple[str, ...]
    review: str
    """Why the tracked branch takes this commit by review only; empty when it takes it."""
    draft: Any = field(repr=False, default=None)
    """The committer's own."""


class Committer(Protocol):
    """Git for the writer, in a thread of its own; `api.workers` fills it in with the loop."""

    @property
    def key(self) -> SigningKey:
        """What its commits are signed with."""
        ...

    @property
    def branch(self) -> str:
        """The tracked one."""
        ...

    @property
    def under_way(self) -> set[str]:
        """Changes that this process is at."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """One change at a time.

        Raises:
            ChangesBusy
        """
        ...

    async def prepare(self, change: Change, author: Author, message: str) -> Prepared | str:
        """The change on the newest tip; the tip where it changes nothing.

        Raises:
            ChangeNotValid, ChangeTooLarge; Fault: of the edit, or the repository cannot be read.
        """
        ...

    async def publish(self, prepared: Prepared, branch: str) -> None:
        """Make its commit the tip of the tracked branch, or of a new one.

        Raises:
            RefMoved: somebody else was first. BranchProtected: only reviewed commits are taken there.
            Unavailable: whether it happened is not known. Any other Fault: it did not.
        """
        ...

    async def tree(self, commit: str) -> Tree:
        """The files of another commit, for an edit that takes some of them.

        Raises:
            Fault: it cannot be read.
        """
        ...

    async def base(self, one: str, other: str) -> str | None:
        """The newest commit that both follow; None where there is none.

        Raises:
            Fault: their histories cannot be read.
        """
        ...

    async def holds(self, branch: str, commit: str) -> bool:
        """Whether a branch, as it is now, leads to a commit.

        Raises:
            Fault: it cannot be read.
        """
        ...

    async def descends(self, new: str, old: str) -> bool:
        """Whether one commit is another or follows it."""
        ...

    def poke(self) -> None:
        """Have the loop look at the branch now."""
        ...
