"""Commits: there whole or not at all, and a work tree follows without losing anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import repository
from reconciler.repository import listing, write
from reconciler.repository.faults import ChangeRefused, RefMoved, RevisionRefused, WorkTreeChanged
from reconciler.repository.repository import Repository
from reconciler.repository.trees import Tree
from tests.effort import tries

AUTHOR = write.Author("Jane Doe", "jane@example.com")


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: tree.read(entry.oid) for path, entry in tree.entries().items()}


def test_a_commit_holds_the_change_its_author_and_its_parent(bare: Repository, git: Callable[..., str]) -> None:
    first = write.commit(bare, "main", {"a/b.vgo": b"1", "c.vgo": b"2"}, AUTHOR, "first\n\nmore", time_s=1_700_000_000)
    second = write.commit(bare, "main", {"a/b.vgo": None, "d.vgo": b"3"}, write.Author("Jürgen", "j@x.org"), "second")
    assert contents(bare.tree(first)) == {"a/b.vgo": b"1", "c.vgo": b"2"}
    assert contents(bare.tree(second)) == {"c.vgo": b"2", "d.vgo": b"3"}
    assert set(bare.tree(second).subtrees()) == {""}
    info = bare.commit_info(first)
    assert (info.author, info.email, info.summary, info.time, info.parents) == (
        "Jane Doe",
        "jane@example.com",
        "first",
        1_700_000_000_000_000,
        (),
    )
    assert bare.commit_info(second).parents == (first,)
    assert bare.commit_info(second).author == "Jürgen"
    assert bare.resolve("HEAD") == second
    assert git(bare.path, "fsck", "--strict", "--full") == ""


def test_no_difference_is_no_commit(bare: Repository) -> None:
    first = write.commit(bare, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    assert write.commit(bare, "main", {"a.vgo": b"1"}, AUTHOR, "again") == first
    assert write.commit(bare, "main", {}, AUTHOR, "again") == first


def test_another_branch_begins_empty_and_leaves_the_first_alone(bare: Repository) -> None:
    first = write.commit(bare, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    other = write.commit(bare, "proposals/x", {"b.vgo": b"1"}, AUTHOR, "other")
    assert bare.resolve("main") == first
    assert bare.resolve("refs/heads/proposals/x") == other
    assert bare.commit_info(other).parents == ()


def test_a_file_keeps_its_mode(work: Repository, git: Callable[..., str]) -> None:
    top = work.work_tree
    assert top is not None
    write.commit(work, "main", {"files/run": b"1"}, AUTHOR, "first")
    (top / "files/run").chmod(0o755)
    git(top, "commit", "-qam", "mode")
    write.commit(work, "main", {"files/run": b"2"}, AUTHOR, "second")
    assert git(top, "ls-tree", "HEAD", "files/run").startswith("100755")
    assert os.access(top / "files/run", os.X_OK)
    assert git(top, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "changes",
    [
        {".git/config": b"x"},
        {"a/.GIT/x": b"x"},
        {"../x": b"x"},
        {"/etc/passwd": b"x"},
        {"a//b": b"x"},
        {"": b"x"},
        {"a\0b": b"x"},
        {"a\nb": b"x"},
        {"\udcff": b"x"},
        {"a.vgo/b": b"x"},
        {"d": b"x"},
        {"absent": None},
        {"d/absent": None},
        {"e": b"x", "e/f": b"x"},
        {"e/f": b"x", "e": b"x"},
        {"big": b"x" * (listing.MAX_FILE_BYTES + 1)},
        {"/".join(["d"] * 65): b"x"},
    ],
    ids=lambda changes: repr(list(changes))[:40],
)
def test_a_change_that_no_tree_may_hold_is_refused_and_nothing_changes(
    work: Repository, changes: dict[str, bytes | None]
) -> None:
    tip = write.commit(work, "main", {"a.vgo": b"1", "d/x.vgo": b"1"}, AUTHOR, "first")
    before = repository.directory(work.path.parent).id
    with pytest.raises(ChangeRefused):
        write.commit(work, "main", {"good.vgo": b"x", **changes}, AUTHOR, "bad")
    assert work.resolve("main") == tip
    assert repository.directory(work.path.parent).id == before


@pytest.mark.parametrize(
    ("author", "message"),
    [
        (("", "a@b"), "m"),
        (("Jane", ""), "m"),
        (("Jane <root@x>", "a@b"), "m"),
        (("Jane\nparent 0", "a@b"), "m"),
        (("Jane", "a@b"), " \n"),
        (("Jane", "a@b"), "nul\0"),
    ],
)
def test_an_author_or_message_that_could_forge_a_header_is_refused(
    bare: Repository, author: tuple[str, str], message: str
) -> None:
    with pytest.raises(ChangeRefused):
        write.commit(bare, "main", {"a.vgo": b"1"}, write.Author(*author), message)


def test_a_ref_that_moved_is_not_overwritten(bare: Repository) -> None:
    first = write.commit(bare, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    second = write.commit(bare, "main", {"a.vgo": b"2"}, AUTHOR, "second", expected=first)
    with pytest.raises(RefMoved):
        write.commit(bare, "main", {"a.vgo": b"3"}, AUTHOR, "third", expected=first)
    assert bare.resolve("main") == second
    with pytest.raises(RevisionRefused):
        write.commit(bare, "main..other", {"a.vgo": b"3"}, AUTHOR, "third")


def test_uncommitted_work_is_never_lost(work: Repository, git: Callable[..., str], tmp_path: Path) -> None:
    top = work.work_tree
    assert top is not None
    tip = write.commit(work, "main", {"a.vgo": b"1", "d/b.vgo": b"1"}, AUTHOR, "first")
    (top / "a.vgo").write_bytes(b"mine")
    (top / "new.vgo").write_bytes(b"mine")
    (top / "door").symlink_to(tmp_path)
    for path, content in (("a.vgo", b"2"), ("a.vgo", None), ("new.vgo", b"2"), ("door/x.vgo", b"2")):
        with pytest.raises(WorkTreeChanged):
            write.commit(work, "main", {path: content}, AUTHOR, "second")
    git(top, "checkout", "-q", "a.vgo")
    (top / "d/b.vgo").write_bytes(b"staged")
    git(top, "add", "d")
    (top / "d/b.vgo").write_bytes(b"1")
    with pytest.raises(WorkTreeChanged):
        write.commit(work, "main", {"d/b.vgo": b"2"}, AUTHOR, "second")
    assert work.resolve("main") == tip
    assert (top / "new.vgo").read_bytes() == b"mine"
    assert not (tmp_path / "x.vgo").exists()
    # What is untouched by the change may be as dirty as it likes.
    write.commit(work, "main", {"a.vgo": b"2"}, AUTHOR, "second")
    assert (top / "a.vgo").read_bytes() == b"2"
    assert (top / "new.vgo").read_bytes() == b"mine"


def test_a_commit_to_another_branch_leaves_the_work_tree_alone(work: Repository, git: Callable[..., str]) -> None:
    top = work.work_tree
    assert top is not None
    write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    write.commit(work, "other", {"a.vgo": b"2"}, AUTHOR, "other")
    assert (top / "a.vgo").read_bytes() == b"1"
    assert git(top, "status", "--porcelain") == ""


def test_nothing_that_a_repository_configures_is_run(work: Repository, git: Callable[..., str], tmp_path: Path) -> None:
    top = work.work_tree
    assert top is not None
    witness = tmp_path / "witness"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {witness}\n")
    script.chmod(0o755)
    for hook in ("pre-commit", "post-commit", "reference-transaction", "post-checkout", "post-index-change"):
        (work.path / "hooks").mkdir(exist_ok=True)
        (work.path / "hooks" / hook).write_text(script.read_text())
        (work.path / "hooks" / hook).chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
        "core.pager",
        "gpg.program",
    ):
        git(top, "config", key, str(script))
    git(top, "config", "core.autocrlf", "true")
    witness.unlink(missing_ok=True)
    commit = write.commit(work, "main", {".gitattributes": b"* filter=evil\n", "a.vgo": b"1\n"}, AUTHOR, "first")
    opened = repository.open(top)
    opened.tree(opened.resolve("HEAD"))
    opened.index()
    opened.diff_text(None, commit)
    write.commit(opened, "main", {"a.vgo": b"2\n"}, AUTHOR, "second")
    assert (top / "a.vgo").read_bytes() == b"2\n"
    assert not witness.exists()


_PATHS = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "f/g/h"])
_STEPS = st.lists(
    st.dictionaries(_PATHS, st.none() | st.sampled_from([b"1", b"2"]), min_size=1, max_size=4), max_size=6
)


@settings(max_examples=tries(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_any_sequence_of_changes_gives_the_files_that_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, bytes | None]]
) -> None:
    made = write.init(tmp_path_factory.mktemp("history"))
    expected: dict[str, bytes] = {}
    for step in steps:
        changes = {path: content for path, content in step.items() if content is not None or path in expected}
        write.commit(made, "main", changes, AUTHOR, "step")
        for path, content in changes.items():
            if content is None:
                del expected[path]
            else:
                expected[path] = content
        tree = made.tree(made.resolve("main"))
        assert contents(tree) == expected
        assert made.work_tree is not None
        assert repository.directory(made.work_tree).id == tree.id == made.index().id
