"""Blame: who last changed a line, in real repositories and against git's own answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from pygit2.enums import ObjectType

from reconciler import repository
from reconciler.repository import Repository, blame
from reconciler.repository.faults import RevisionNotFound
from reconciler.repository.listing import DIRECTORY, FILE, Row

Git = Callable[..., str]
WHERE = "production/common.vgo"


def commit(git: Git, where: Path, files: dict[str, str], summary: str) -> str:
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(where, "add", "-A")
    git(where, "commit", "-q", "-m", summary)
    return git(where, "rev-parse", "HEAD").strip()


@pytest.fixture
def history(git: Git, work: Repository) -> tuple[Path, list[str]]:
    where = work.work_tree
    assert where is not None
    one = commit(git, where, {WHERE: "vars:\n  dns: 1.1.1.1\n  port: 80\n"}, "one")
    two = commit(git, where, {WHERE: "# ours\nvars:\n  dns: 1.1.1.1\n  port: 443\n"}, "two")
    three = commit(git, where, {"other.vgo": "envoys: []\n"}, "three")
    return where, [one, two, three]


def test_a_line_is_traced_to_the_commit_that_wrote_it(history: tuple[Path, list[str]]) -> None:
    where, (one, two, three) = history
    opened = repository.open(where)
    found = [opened.blame(three, WHERE, line) for line in (1, 2, 3, 4)]
    assert [each.commit if each else None for each in found] == [two, one, one, two]
    assert found[0] is not None
    assert (found[0].summary, found[0].time > 0) == ("two", True)
    assert found[0].author


def test_what_is_not_there_has_no_answer(history: tuple[Path, list[str]]) -> None:
    where, (one, _, three) = history
    opened = repository.open(where)
    assert opened.blame(three, WHERE, 5) is None
    assert opened.blame(three, WHERE, 0) is None
    assert opened.blame(three, "production", 1) is None
    assert opened.blame(three, "production/none.vgo", 1) is None
    assert opened.blame(one, "other.vgo", 1) is None
    with pytest.raises(RevisionNotFound):
        opened.blame("f" * 40, WHERE, 1)


def test_a_bound_makes_it_unknown_not_wrong(history: tuple[Path, list[str]]) -> None:
    where, (one, _, three) = history
    opened = repository.open(where)
    head = opened.git[three]
    assert blame.last_change(opened.git, opened.objects, head, WHERE, 2, max_commits=2) is None
    assert blame.last_change(opened.git, opened.objects, head, WHERE, 2, max_commits=3) == one
    ticks = iter(range(100))
    slow = blame.last_change(
        opened.git, opened.objects, head, WHERE, 2, within_s=0.5, monotonic=lambda: float(next(ticks))
    )
    assert slow is None


def test_history_that_is_not_here_is_unknown(
    bare: Repository,
    tree_of: Callable[[Iterable[Row]], str],
    commit_of: Callable[..., str],
    put: Callable[..., str],
) -> None:
    blob = put(ObjectType.BLOB, b"vars: {}\n")
    tree = tree_of([Row(FILE, b"common.vgo", blob)])
    root = commit_of(tree)
    assert bare.blame(root, "common.vgo", 1) is not None
    shallow = commit_of(tree, "e" * 40)
    assert bare.blame(shallow, "common.vgo", 1) is None
    nested = commit_of(tree_of([Row(DIRECTORY, b"a", tree)]))
    assert bare.blame(nested, "a/common.vgo", 1) is not None


def test_a_merge_is_followed_to_the_side_that_wrote_the_line(git: Git, work: Repository) -> None:
    where = work.work_tree
    assert where is not None
    base = commit(git, where, {WHERE: "a\nb\nc\nd\ne\n"}, "base")
    git(where, "checkout", "-q", "-b", "side")
    side = commit(git, where, {WHERE: "a\nb\nc\nd\nE\n"}, "side")
    git(where, "checkout", "-q", "-")
    main = commit(git, where, {WHERE: "A\nb\nc\nd\ne\n"}, "main")
    git(where, "merge", "-q", "--no-edit", "side")
    head = git(where, "rev-parse", "HEAD").strip()
    found = [repository.open(where).blame(head, WHERE, line) for line in (1, 3, 5)]
    assert [each.commit if each else None for each in found] == [main, base, side]


def test_it_agrees_with_git(git: Git, work: Repository) -> None:
    """Over a history of edits whose lines are all distinct, so that there is one right answer."""
    where = work.work_tree
    assert where is not None
    chance = random.Random(7)
    lines: list[str] = []
    for number in range(25):
        for _ in range(chance.randint(1, 4)):
            act = chance.choice(("insert", "insert", "drop", "change"))
            at = chance.randint(0, max(len(lines) - 1, 0))
            if act == "insert" or not lines:
                lines.insert(at, f"line {number} {chance.random()}")
            elif act == "drop":
                del lines[at]
            else:
                lines[at] = f"changed {number} {chance.random()}"
        commit(git, where, {WHERE: "".join(f"{line}\n" for line in lines) or "\n"}, f"step {number}")
    opened, head = repository.open(where), git(where, "rev-parse", "HEAD").strip()
    told = [row.split(" ")[0] for row in git(where, "blame", "-l", "--root", "-s", WHERE).splitlines()]
    found = [opened.blame(head, WHERE, number) for number in range(1, len(lines) + 1)]
    assert [each.commit if each else None for each in found] == told
