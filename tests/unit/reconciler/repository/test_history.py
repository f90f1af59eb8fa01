"""Descent, over random histories, as git tells it; and never through a commit that nobody wrote by hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import ObjectType

from reconciler.repository import history, write
from reconciler.repository.faults import TreeRefused
from reconciler.repository.repository import Repository
from tests.effort import tries

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def commit(target: Repository, number: int, time: int, parents: list[str]) -> str:
    lines = [f"tree {EMPTY}", *(f"parent {each}" for each in parents)]
    lines += [f"{who} J <j@x> {time} +0000" for who in ("author", "committer")]
    return str(target.git.odb.write(ObjectType.COMMIT, "\n".join([*lines, "", f"{number}\n"]).encode()))


@settings(max_examples=tries(10), suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(0, 100), max_size=3)), min_size=1, max_size=12))
def test_descent_is_what_libgit2_says_whatever_the_clocks(shape: list[tuple[int, list[int]]]) -> None:
    with tempfile.TemporaryDirectory(prefix="vigo-history-") as folder:
        target = write.init(Path(folder) / "bare", bare=True)
        target.git.odb.write(ObjectType.TREE, b"")
        made: list[str] = []
        for number, (time, parents) in enumerate(shape):
            chosen = list(dict.fromkeys(made[each % len(made)] for each in parents)) if made else []
            made.append(commit(target, number, time, chosen))
        for new in made:
            for old in made:
                assert target.descends(new, old) == (new == old or target.git.descendant_of(new, old))


def test_history_that_ends_early_or_goes_on_too_long_holds_nothing(bare: Repository) -> None:
    bare.git.odb.write(ObjectType.TREE, b"")
    tips = [commit(bare, 0, 0, ["1" * 40])]
    for number in range(1, 30):
        tips.append(commit(bare, number, number, [tips[-1]]))
    assert bare.descends(tips[-1], tips[0])
    assert not bare.descends(tips[-1], "1" * 40)
    assert not bare.descends(tips[0], tips[-1])
    assert history.descends(bare.git, bare.objects, tips[-1], tips[20], most=20)
    assert not history.descends(bare.git, bare.objects, tips[-1], tips[0], most=20)


def test_a_commit_of_megabytes_on_the_way_is_not_read(bare: Repository, put: Callable[..., str]) -> None:
    bare.git.odb.write(ObjectType.TREE, b"")
    first = commit(bare, 0, 0, [])
    head = f"tree {EMPTY}\nparent {first}\nauthor J <j@x> 1 +0000\ncommitter J <j@x> 1 +0000\n\n"
    huge = put(ObjectType.COMMIT, head.encode() + b"x" * 2_000_000)
    tip = commit(bare, 2, 2, [huge])
    with pytest.raises(TreeRefused):
        bare.descends(tip, first)
    assert bare.descends(tip, huge)
