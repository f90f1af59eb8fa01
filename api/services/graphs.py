"""Graphs as of: the one in force, or that of any revision somebody names.

    graph = await graphs.at(services, actor, as_of)

Which revision is meant is looked up first, then it is compiled, where it is not at hand, by the archive: never inside
a transaction, and never in the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeVar

from pydantic import Field

from api.services.work import Actor, Work
from api.storage import revisions as rows
from reconciler.repository.faults import (
    ReadingLimit,
    RepositoryDamaged,
    RevisionNotFound,
    RevisionRefused,
    TreeRefused,
)
from schema.diagnostics import Diagnostic
from schema.errors import Exhausted, Invalid, NotFound, Stalled, Unavailable
from schema.time import from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.services.container import Services
    from reconciler.explanations.blaming import Wanted
    from reconciler.graph import Graph
    from reconciler.repository import Difference
    from schema.explanations import Blamed

MAX_AS_OF: Final = 255
MAX_SEQUENCE_DIGITS: Final = 6
"""Seven digits and more are a commit's."""
MAX_DIAGNOSTICS: Final = 50

AsOf = Annotated[
    str | None,
    Field(
        alias="asOf",
        min_length=1,
        max_length=MAX_AS_OF,
        description="A commit, branch or tag of the config repository, a revision's sequence, or an RFC 3339 time;"
        " what is in force now when not given.",
    ),
]


class NothingInForce(Stalled):
    """No commit is in force yet, so there is nothing to answer from."""

    code = "graphs.nothing_in_force"


class NothingThen(NotFound):
    """Nothing was in force at that time, or there is no revision of that sequence."""

    code = "graphs.nothing_then"


class NotATime(Invalid):
    """Neither a revision nor a time."""

    code = "graphs.not_a_time"


class NotValid(Stalled):
    """That revision does not compile; `details.diagnostics` has what is wrong with it, `details.count` how many."""

    code = "graphs.not_valid"

    @classmethod
    def of(cls, commit: str, diagnostics: list[Diagnostic]) -> NotValid:
        """The fault for a commit with these errors."""
        return cls(
            f"commit {commit[:12]} is not valid: {diagnostics[0]}",
            commit=commit,
            diagnostics=[each.model_dump(mode="json") for each in diagnostics[:MAX_DIAGNOSTICS]],
            count=len(diagnostics),
        )


class NoArchive(Unavailable):
    """This server follows no config repository, so it has no other revision than the one in force."""

    code = "graphs.no_archive"


class ArchiveBusy(Exhausted):
    """Too many revisions are waiting to be compiled."""

    code = "graphs.archive_busy"


FAULTS: Final = (
    NothingInForce,
    NothingThen,
    NotATime,
    NotValid,
    NoArchive,
    ArchiveBusy,
    RevisionNotFound,
    RevisionRefused,
    TreeRefused,
    ReadingLimit,
    RepositoryDamaged,
)
"""What can come out of asking for a graph as of something: endpoints that take `asOf` declare these."""


T = TypeVar("T")
Compile = Callable[[Mapping[str, bytes]], "Graph | None"]
"""Path → whole new content → the graph that the tree would then mean; None where it would not be valid."""
Trial = Callable[["Graph", Compile, Callable[[str], bytes]], T]
"""A commit's graph, edits of its files, and how to read one → whatever is made of it."""


class Archive(Protocol):
    """Where graphs of other revisions come from; filled in with the loop."""

    async def resolve(self, rev: str) -> str:
        """The commit (full hex) that a branch, tag, ref or abbreviated commit names.

        Raises:
            Fault: none, or several.
        """
        ...

    async def graph(self, commit: str) -> Graph:
        """The graph of a commit (full hex).

        Raises:
            NotValid: it does not compile. ArchiveBusy. Fault: git cannot give it.
        """
        ...

    async def differences(self, pairs: Sequence[tuple[str | None, str]], *, max_bytes: int = 0) -> list[Difference]:
        """What each commit (second) changed of another (first; None: of nothing), with a diff of about `max_bytes`. Of
        several, one that cannot be read has none.

        Raises:
            Fault: git cannot give the only one that was asked for.
        """
        ...

    async def trial(self, commit: str, work: Trial[T]) -> T:
        """What `work` makes of a commit's graph, and of what edits of its files would mean: in the archive's thread.

        Raises:
            NotValid, ArchiveBusy; Fault: git cannot give it. And whatever `work` raises.
        """
        ...

    async def blame(self, wanted: Sequence[Wanted]) -> list[Blamed | None]:
        """Who last changed each of some lines; None where that is not known, or would take too long."""
        ...


def current(services: Services) -> Graph:
    """The graph in force.

    Raises:
        NothingInForce
    """
    if services.graph is None:
        raise NothingInForce("no commit is in force yet; see /api/v1/config/status")
    return services.graph


async def at(services: Services, actor: Actor, as_of: str | None, *, request_id: str = "") -> Graph:
    """The graph as of a revision or a time; without one, that in force.

    Raises:
        NothingInForce, NothingThen, NotATime, NotValid, NoArchive, ArchiveBusy; and the repository's faults: no such
        revision, not a name for one, not readable.
    """
    if as_of is None:
        return current(services)
    text = as_of.strip()
    commit: str | None = None
    if _is_sequence(text):
        commit = await services.read(actor, lambda work: _of_sequence(work, int(text)), request_id=request_id)
    elif _is_time(text):
        moment = _time(text)
        commit = await services.read(actor, lambda work: _then(work, moment, text), request_id=request_id)
    in_force = services.graph
    if commit is not None and in_force is not None and in_force.commit == commit:
        return in_force
    if services.archive is None:
        raise NoArchive("this server follows no config repository: it answers for what is in force only")
    if commit is None:
        try:
            commit = await services.archive.resolve(text)
        except RevisionNotFound as error:
            if _is_day(text):  # no branch of this name: so a day was meant, which is no moment
                raise NotATime(f"asOf: {text} is a day, not a time; write {text}T00:00:00Z") from error
            raise
    if in_force is not None and in_force.commit == commit:
        return in_force
    return await services.archive.graph(commit)


def _is_sequence(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_SEQUENCE_DIGITS


def _is_time(text: str) -> bool:
    return text[:4].isdigit() and text[4:5] == "-" and ":" in text


def _is_day(text: str) -> bool:
    return len(text) == len("2026-03-13") and text[:4].isdigit() and text[4] == text[7] == "-"


def _time(text: str) -> int:
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise NotATime(f"asOf: {error}") from error


def _of_sequence(work: Work, sequence: int) -> str:
    found = rows.find(work.session, work.project_id, sequence)
    if found is None:
        raise NothingThen(f"there is no revision {sequence}")
    return found.commit


def _then(work: Work, micros: int, text: str) -> str:
    found = rows.in_force_at(work.session, work.project_id, micros)
    if found is None:
        raise NothingThen(f"nothing was in force at {text}")
    return found.commit
