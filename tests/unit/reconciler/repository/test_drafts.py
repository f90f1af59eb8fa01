"""Drafts: a commit in memory is the one that git would have made, and stores nothing until it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.repository import drafts, write
from reconciler.repository.faults import ChangeRefused, RefMoved
from reconciler.repository.repository import Repository
from reconciler.repository.signing import SigningKey
from reconciler.repository.trees import Tree
from tests.effort import tries

AUTHOR = write.Author("Jane Doe", "jane@example.com")
SERVER = write.Author("vigo-server", "vigo-server@vigo.invalid")


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: tree.read(entry.oid) for path, entry in tree.entries().items()}


def loose(repository: Repository) -> set[str]:
    return {f"{path.parent.name}{path.name}" for path in repository.path.glob("objects/??/*")}


def test_a_draft_is_looked_at_like_a_commit_and_stores_nothing(bare: Repository) -> None:
    tip = write.commit(bare, "main", {"a.vgo": b"1", "d/b.vgo": b"1", "d/c.vgo": b"1"}, AUTHOR, "first")
    before = loose(bare)
    base = bare.tree(tip)
    changes = {"a.vgo": b"2", "d/b.vgo": None, "d/c.vgo": b"1", "e/f/g.vgo": b"3"}
    draft = drafts.make(bare.objects, tip, base.id, changes, AUTHOR, "second")
    assert draft is not None
    assert draft.paths == ("a.vgo", "d/b.vgo", "e/f/g.vgo")  # what is the same has not changed
    expected = {"a.vgo": b"2", "d/c.vgo": b"1", "e/f/g.vgo": b"3"}
    for view in (draft.view(bare.objects), draft.view(bare.objects, base)):
        assert (contents(view), view.commit, view.id) == (expected, draft.commit, draft.tree)
    assert loose(bare) == before
    draft.store(bare.git)
    assert contents(bare.tree(draft.commit)) == expected
    assert bare.resolve("main") == tip


def test_a_file_makes_room_for_a_directory_and_the_other_way_round(bare: Repository, git: Callable[..., str]) -> None:
    write.commit(bare, "main", {"a": b"1", "d/x": b"1", "d/y": b"1", "z": b"1"}, AUTHOR, "first")
    made = write.commit(bare, "main", {"a": None, "a/b": b"2", "d/x": None, "d/y": None, "d": b"3"}, AUTHOR, "second")
    assert contents(bare.tree(made)) == {"a/b": b"2", "d": b"3", "z": b"1"}
    assert git(bare.path, "fsck", "--strict", "--no-dangling") == ""
    with pytest.raises(ChangeRefused):
        write.commit(bare, "main", {"z/y": b"1"}, AUTHOR, "third")


def test_a_signed_commit_is_one_that_git_takes(bare: Repository, git: Callable[..., str]) -> None:
    key = SigningKey.from_seed(bytes(32))
    made = write.commit(
        bare, "main", {"a": b"1"}, AUTHOR, "first\n\nmore", committer=SERVER, sign=key.sign, time_s=1_700_000_000
    )
    raw = bare.git[made].read_raw()
    head, _, rest = raw.partition(b"gpgsig ")
    signature, _, message = rest.partition(b"\n\n")
    assert head.endswith(b"committer vigo-server <vigo-server@vigo.invalid> 1700000000 +0000\n")
    assert signature.replace(b"\n ", b"\n").decode() == key.sign(head.rstrip(b"\n") + b"\n\n" + message)
    assert message == b"first\n\nmore\n"
    assert git(bare.path, "fsck", "--strict") == ""
    assert git(bare.path, "log", "-1", "--format=%an|%ae|%cn|%s|%ct", made) == (
        "Jane Doe|jane@example.com|vigo-server|first|1700000000"
    )


_PATHS = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/g/h"])
_FILES = st.dictionaries(_PATHS, st.sampled_from([b"1", b"2"]), max_size=6)


@settings(max_examples=tries(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_FILES, _FILES)
def test_any_files_become_any_others(
    tmp_path_factory: pytest.TempPathFactory, now: dict[str, bytes], then: dict[str, bytes]
) -> None:
    made = write.init(tmp_path_factory.mktemp("drafts") / "x.git", bare=True)
    tip = write.commit(made, "main", {"keep": b"1", **now}, AUTHOR, "now")
    changes: dict[str, bytes | None] = {path: None for path in now if path not in then}
    draft = drafts.make(made.objects, tip, made.tree_id(tip), changes | then, AUTHOR, "then")
    if draft is None:
        assert now == then
        return
    assert contents(draft.view(made.objects, made.tree(tip))) == {"keep": b"1", **then}
    assert set(draft.paths) == {path for path in {*now, *then} if now.get(path) != then.get(path)}


RACER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from reconciler.repository import write
    from reconciler.repository.faults import RefMoved
    from reconciler.repository.repository import open_local

    repository = open_local(Path(sys.argv[1]))
    sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
    for n in range(15):
        while True:
            tip = repository.resolve("main")
            tree = repository.tree(tip)
            words = tree.read(tree.entries()["words"].oid)
            try:
                write.commit(repository, "main", {"words": words + f"{sys.argv[2]}.{n}\\n".encode()},
                             write.Author("x", "x@x"), "one more", expected=tip)
                break
            except RefMoved:
                pass
    """
)


def test_processes_that_race_for_one_ref_lose_nothing(bare: Repository) -> None:
    write.commit(bare, "main", {"words": b""}, AUTHOR, "first")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(bare.path), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ},
        )
        for number in range(3)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.communicate("go\n", timeout=60)
        assert racer.returncode == 0
    tree = bare.tree(bare.resolve("main"))
    words = tree.read(tree.entries()["words"].oid).decode().split()
    assert sorted(words) == sorted(f"{number}.{n}" for number in range(3) for n in range(15))


def test_a_branch_that_somebody_made_meanwhile_is_not_overwritten(bare: Repository) -> None:
    tip = write.commit(bare, "main", {"a": b"1"}, AUTHOR, "first")
    draft = drafts.make(bare.objects, tip, bare.tree_id(tip), {"a": b"2"}, AUTHOR, "second")
    assert draft is not None
    taken = write.commit(bare, "vigo/x", {"x": b"1"}, AUTHOR, "taken")
    with pytest.raises(RefMoved):
        write.publish(bare, "refs/heads/vigo/x", draft, expected=None, changes={"a": b"2"})
    assert bare.resolve("vigo/x") == taken
    write.publish(bare, "refs/heads/vigo/y", draft, expected=None, changes={"a": b"2"})
    assert bare.resolve("vigo/y") == draft.commit
