"""Lines of answers, and the commits behind them."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.explanations import blaming
from reconciler.repository.faults import RepositoryDamaged
from schema.explanations import Explanation, Line, Link, LinkKind, Presence, SubjectKind

HEAD = "a" * 40


class Commit(NamedTuple):
    commit: str
    author: str
    time: int
    summary: str


class History:
    """Knows who wrote the lines of one file, and of another that it cannot be read."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []

    def blame(self, commit: str, path: str, line: int, /, *, within_s: float) -> Commit | None:
        assert within_s > 0
        self.asked.append((commit, path, line))
        if path == "damaged.vgo":
            raise RepositoryDamaged("an object is torn")
        return Commit("b" * 40, "Ada", 5, f"wrote {line}") if path == "known.vgo" else None


def answer(*places: tuple[str, int], commit: str | None = HEAD) -> Explanation:
    chain = [
        Link(kind=LinkKind.LIST, text="", at=Line(file=file, line=line, column=1, source="")) for file, line in places
    ]
    return Explanation(
        hostname="h",
        subject="s",
        kind=SubjectKind.CRATE,
        name="s",
        presence=Presence.PRESENT,
        summary="",
        chain=chain,
        commit=commit,
    )


def told(found: Explanation) -> list[str | None]:
    return [link.at.blame.summary if link.at and link.at.blame else None for link in found.chain]


def test_each_line_gets_its_commit_where_it_is_known_and_is_asked_once() -> None:
    found, history = answer(("known.vgo", 3), ("other.vgo", 1), ("known.vgo", 3), ("damaged.vgo", 1)), History()
    blaming.blame(found, history)
    assert told(found) == ["wrote 3", None, "wrote 3", None]
    assert history.asked == [(HEAD, "known.vgo", 3), (HEAD, "other.vgo", 1), (HEAD, "damaged.vgo", 1)]


def test_a_directory_has_no_history() -> None:
    found, history = answer(("known.vgo", 3), commit=None), History()
    blaming.blame(found, history)
    assert (told(found), history.asked) == ([None], [])


def test_when_time_is_up_the_rest_is_unknown() -> None:
    ticks = iter([0.0, 0.1, 0.7, 1.2])
    wanted = [blaming.Wanted(HEAD, "known.vgo", line) for line in (1, 2, 3)]
    found = blaming.look_up(History(), wanted, monotonic=lambda: next(ticks))
    assert [each.summary if each else None for each in found] == ["wrote 1", "wrote 2", None]


def test_of_many_lines_the_first_are_asked_for() -> None:
    found = answer(*(("known.vgo", line) for line in range(1, 101)))
    assert len(blaming.lines(found)) == blaming.MAX_LINES
