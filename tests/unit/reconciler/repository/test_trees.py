"""A commit, the index and a directory give one tree for one content, and each leaves the same things out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import ObjectType

from reconciler import repository
from reconciler.repository import listing, write
from reconciler.repository.faults import RepositoryDamaged, RepositoryNotFound, TreeRefused
from reconciler.repository.repository import Repository
from tests.effort import tries

AUTHOR = write.Author("Jane Doe", "jane@example.com")
FILES: dict[str, bytes | None] = {
    "vigo.vgo": b"language: 1\n",
    "a-b/x.vgo": b"1",
    "a/x.vgo": b"2",
    "a.b/x.vgo": b"3",
    "configcrates/deep/er/nginx.vgo": b"name: nginx\n",
    "files/motd": b"\x00\xff binary",
    "files/umläut ☃": b"x",
}


def test_a_commit_is_listed_in_path_order_with_sizes_and_tree_ids(bare: Repository) -> None:
    commit = write.commit(bare, "main", FILES, AUTHOR, "first")
    tree = bare.tree(commit)
    assert tree.commit == commit
    assert list(tree.entries()) == sorted(FILES)
    assert {path: tree.read(entry.oid) for path, entry in tree.entries().items()} == FILES
    assert [entry.size for entry in tree.entries().values()] == [len(FILES[path] or b"") for path in sorted(FILES)]
    assert set(tree.subtrees()) == {
        "",
        "a",
        "a-b",
        "a.b",
        "configcrates",
        "configcrates/deep",
        "configcrates/deep/er",
        "files",
    }
    assert tree.subtrees()[""] == tree.id == bare.tree_id(commit)
    assert tree.refused() == {}


def test_a_commit_the_index_and_a_directory_of_one_content_are_one_tree(
    work: Repository, git: Callable[..., str]
) -> None:
    commit = write.commit(work, "main", FILES, AUTHOR, "first")
    assert work.work_tree is not None
    assert git(work.work_tree, "status", "--porcelain") == ""
    (work.work_tree / "files/motd").chmod(0o755)
    git(work.work_tree, "add", "-A")
    trees = [work.index(), repository.directory(work.work_tree)]
    git(work.work_tree, "commit", "-qm", "mode")
    trees.append(work.tree(work.resolve("HEAD")))
    assert {tree.id for tree in trees} == {git(work.work_tree, "rev-parse", "HEAD^{tree}")} != {work.tree_id(commit)}
    for tree in trees[1:]:
        assert dict(tree.entries()) == dict(trees[0].entries())
        assert dict(tree.subtrees()) == dict(trees[0].subtrees())
        assert {path: tree.read(entry.oid) for path, entry in tree.entries().items()} == FILES


def test_links_and_submodules_are_named_and_not_read(work: Repository, git: Callable[..., str]) -> None:
    top = work.work_tree
    assert top is not None
    write.commit(work, "main", {"vigo.vgo": b"language: 1\n"}, AUTHOR, "first")
    (top / "link.vgo").symlink_to("/etc/passwd")
    (top / "up").symlink_to("..")
    git(top, "add", "-A")
    git(top, "update-index", "--add", "--cacheinfo", f"160000,{work.resolve('main')},sub")
    expected = {"link.vgo": "symbolic link", "up": "symbolic link", "sub": "submodules are unsupported"}
    assert work.index().refused() == expected
    git(top, "commit", "-qm", "links")
    tree = work.tree(work.resolve("main"))
    assert tree.refused() == expected
    assert list(tree.entries()) == ["vigo.vgo"]
    assert repository.directory(top).refused() == {name: why for name, why in expected.items() if name != "sub"}
    assert work.index().id == tree.id


HOSTILE = [
    b".git", b".GIT", b".Git", b".git ", b".git.", b".git . .", b"git~1", b"GIT~1", b"git~27", b".git::$INDEX_ALLOCATION",
    b".git:x", ".g\u200cit".encode(), "\ufeff.git".encode(), b"..", b".", b"", b"a\\b", b"a/b", b"\xff\xfe", b"new\nline",
    b"esc\x1b[31m", "rtl\u202eovr".encode(), "zero\u200bwidth".encode(), b"x" * 256,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
@pytest.mark.parametrize("mode", [0o100644, 0o40000])
def test_a_name_that_some_file_system_takes_for_another_is_refused(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str, name: bytes, mode: int
) -> None:
    child = blob if mode != 0o40000 else tree_of([(0o100644, b"hooked.vgo", blob)])
    tree = bare.tree(
        commit_of(tree_of(sorted([(0o100644, b"ok.vgo", blob), (mode, name, child)], key=lambda row: row[1])))
    )
    assert list(tree.entries()) == ["ok.vgo"]
    assert list(tree.subtrees()) == [""]
    assert len(tree.refused()) == 1
    assert all(path.isprintable() for path in tree.refused())
    if b"git" in name.lower() or b"g\xe2" in name:
        assert list(tree.refused().values()) == ["name that some file system takes for .git"]


@pytest.mark.parametrize("name", [b".gitignore", b".gitattributes", b"git", b"a b", b"-x", b".vgo", b"x.git", b"aux"])
def test_a_name_that_only_looks_odd_is_read(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str, name: bytes
) -> None:
    tree = bare.tree(commit_of(tree_of([(0o100644, name, blob)])))
    assert list(tree.entries()) == [name.decode()]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b"README", b"readme"),
        ("é".encode(), "e\u0301".encode()),
        (b"SS", "ß".encode()),
        ("α\u0345\u0301".encode(), "\u1fb4".encode()),
    ],
)
@pytest.mark.parametrize("mode", [0o100644, 0o40000])
def test_names_that_are_equal_when_case_or_form_is_ignored_are_all_refused(
    bare: Repository,
    tree_of: Callable[..., str],
    commit_of: Callable[..., str],
    blob: str,
    left: bytes,
    right: bytes,
    mode: int,
) -> None:
    child = blob if mode != 0o40000 else tree_of([(0o100644, b"x.vgo", blob)])
    rows = sorted([(mode, left, child), (mode, right, child), (0o100644, b"Zok", blob)], key=lambda row: row[1])
    tree = bare.tree(commit_of(tree_of(rows)))
    assert list(tree.entries()) == ["Zok"]
    assert set(tree.refused()) == {left.decode(), right.decode()}


def test_a_malformed_tree_is_refused_whole(
    bare: Repository, put: Callable[..., str], tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    row = b"100644 a\0" + bytes.fromhex(blob)
    for data in (
        row[:-1],
        row + b"x",
        b"junk" + row,
        b"100644 a" + bytes.fromhex(blob),
        b"99999999 a\0" + bytes.fromhex(blob),
    ):
        with pytest.raises(TreeRefused):
            bare.tree(commit_of(put(ObjectType.TREE, data)))
    for rows in ([(0o100644, b"b", blob), (0o100644, b"a", blob)], [(0o100644, b"a", blob), (0o100644, b"a", blob)]):
        with pytest.raises(TreeRefused):
            bare.tree(commit_of(tree_of(rows)))
    both = [(0o100644, b"a", blob), (0o40000, b"a", tree_of([]))]
    with pytest.raises(TreeRefused):
        bare.tree(commit_of(tree_of(both)))


def test_modes_and_objects_of_another_kind_are_refused(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    empty = tree_of([])
    tree = bare.tree(
        commit_of(
            tree_of([(0o100000, b"device", blob), (0o104755, b"setuid", blob), (0o100644, b"tree-as-file", empty)])
        )
    )
    assert tree.refused() == {
        "device": "mode 100000 is unknown",
        "setuid": "mode 104755 is unknown",
        "tree-as-file": "not a file's content",
    }
    with pytest.raises(RepositoryDamaged):
        bare.tree(commit_of(tree_of([(0o40000, b"file-as-tree", blob)])))
    with pytest.raises(RepositoryDamaged):
        bare.tree(commit_of(tree_of([(0o100644, b"missing", "1" * 40)])))


def test_a_file_over_the_limit_is_refused_without_being_read(
    bare: Repository, put: Callable[..., str], tree_of: Callable[..., str], commit_of: Callable[..., str]
) -> None:
    large = put(ObjectType.BLOB, b"x" * (listing.MAX_FILE_BYTES + 1))
    exact = put(ObjectType.BLOB, b"x" * listing.MAX_FILE_BYTES)
    tree = bare.tree(commit_of(tree_of([(0o100644, b"exact", exact), (0o100644, b"large", large)])))
    assert list(tree.entries()) == ["exact"]
    assert tree.refused() == {"large": "1048577 bytes; a file may have 1048576"}
    with pytest.raises(TreeRefused):
        tree.read(large)


def test_a_bomb_of_one_tree_in_itself_ten_times_is_refused_at_once(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    tree = tree_of([(0o100644, b"f%d" % n, blob) for n in range(10)])
    for _ in range(10):
        tree = tree_of([(0o40000, b"d%d" % n, tree) for n in range(10)])
    with pytest.raises(TreeRefused, match="more than 100000"):
        bare.tree(commit_of(tree))
    # And one of nothing but directories.
    tree = tree_of([])
    for _ in range(6):
        tree = tree_of([(0o40000, b"d%d" % n, tree) for n in range(10)])
    with pytest.raises(TreeRefused, match="more than 100000"):
        bare.tree(commit_of(tree))
    tree = tree_of([(0o100644, b"f", blob)])
    for _ in range(100):
        tree = tree_of([(0o40000, b"d", tree)])
    refused = bare.tree(commit_of(tree)).refused()
    assert set(refused.values()) == {"nested deeper than 64"}


def test_a_path_longer_than_a_report_can_name_is_refused(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    tree = tree_of([(0o100644, b"a", blob), (0o100644, b"b" * 250, blob)])
    for _ in range(4):
        tree = tree_of([(0o40000, b"d" * 200, tree)])
    found = bare.tree(commit_of(tree))
    assert [len(path) for path in found.entries()] == [805]
    assert [len(path) for path in found.refused()] == [1054]


def test_a_torn_object_is_damage_and_never_content(work: Repository) -> None:
    commit = write.commit(work, "main", {"a.vgo": b"first"}, AUTHOR, "first")
    oid = work.tree(commit).entries()["a.vgo"].oid
    place = work.path / "objects" / oid[:2] / oid[2:]
    other = listing.blob_id(b"other")
    write.commit(work, "main", {"b.vgo": b"other"}, AUTHOR, "second")
    place.chmod(0o644)
    place.write_bytes((work.path / "objects" / other[:2] / other[2:]).read_bytes())
    with pytest.raises(RepositoryDamaged):
        repository.open(work.path).tree(commit).read(oid)
    place.write_bytes(b"")
    with pytest.raises(RepositoryDamaged):
        repository.open(work.path).tree(commit).read(oid)


def test_objects_stay_readable_when_git_packs_them_meanwhile(work: Repository, git: Callable[..., str]) -> None:
    commits = [
        write.commit(work, "main", {"a.vgo": b"%d" % n, f"d{n}/b.vgo": b"x%d" % n}, AUTHOR, "one") for n in range(20)
    ]
    top = work.work_tree
    assert top is not None
    assert work.tree(commits[0]).read(listing.blob_id(b"0")) == b"0"
    git(top, "gc", "-q")
    newer = write.commit(work, "main", {"a.vgo": b"new"}, AUTHOR, "new")
    git(top, "gc", "-q")
    for commit in [*commits, newer]:
        tree = work.tree(commit)
        assert all(tree.read(entry.oid) is not None for entry in tree.entries().values())


def test_a_commit_that_touches_one_file_reads_only_the_directories_above_it(bare: Repository) -> None:
    files: dict[str, bytes | None] = {f"d{n}/e{m}/f.vgo": b"%d.%d" % (n, m) for n in range(20) for m in range(5)}
    bare.tree(write.commit(bare, "main", files, AUTHOR, "first"))
    assert len(bare.objects) == 1 + 20 + 100
    bare.tree(write.commit(bare, "main", {"d3/e2/f.vgo": b"changed"}, AUTHOR, "second"))
    assert len(bare.objects) == 1 + 20 + 100 + 3


def test_a_directory_may_hide_things_but_never_leads_out(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / ".git").mkdir()
    (top / ".git/config").write_text("[core]\n")
    (top / "sub/.git").write_text("gitdir: /tmp")
    (top / "empty").mkdir()
    (top / "sub/a.vgo").write_bytes(b"a")
    os.mkfifo(top / "pipe")
    (top / "big").write_bytes(b"x" * (listing.MAX_FILE_BYTES + 1))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("s")
    (top / "door").symlink_to(tmp_path / "outside")
    (top / os.fsdecode(b"\xff")).write_bytes(b"x")
    tree = repository.directory(top)
    assert list(tree.entries()) == ["sub/a.vgo"]
    assert list(tree.subtrees()) == ["", "sub"]
    assert tree.refused() == {
        "big": "1048577 bytes; a file may have 1048576",
        "door": "symbolic link",
        "pipe": "neither a file nor a directory",
        "sub/.git": "name that some file system takes for .git",
        "\\xff": "name is not UTF-8",
    }
    before = tree.id
    (top / "pipe").unlink()
    assert repository.directory(top).id != before
    # What stood there when it was listed is what is read, or nothing is.
    oid = tree.entries()["sub/a.vgo"].oid
    (top / "sub/a.vgo").write_bytes(b"b")
    with pytest.raises(RepositoryDamaged):
        tree.read(oid)
    (top / "sub/a.vgo").unlink()
    (tmp_path / "outside/a").write_bytes(b"a")
    (top / "sub/a.vgo").symlink_to(tmp_path / "outside/a")
    with pytest.raises(RepositoryDamaged):
        tree.read(oid)
    with pytest.raises(RepositoryNotFound):
        repository.directory(tmp_path / "absent")


def test_the_index_leaves_out_what_is_in_conflict_and_honours_the_hooks_index(
    work: Repository, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    top = work.work_tree
    assert top is not None
    assert dict(work.index().entries()) == {}
    base = write.commit(work, "main", {"a.vgo": b"base\n", "b.vgo": b"b\n"}, AUTHOR, "base")
    git(top, "checkout", "-qb", "other")
    write.commit(work, "other", {"a.vgo": b"theirs\n"}, AUTHOR, "theirs")
    git(top, "checkout", "-q", "main")
    write.commit(work, "main", {"a.vgo": b"ours\n"}, AUTHOR, "ours")
    with pytest.raises(Exception, match="exit status 1"):
        git(top, "merge", "other")
    assert work.index().refused() == {"a.vgo": "merge conflict"}
    assert list(work.index().entries()) == ["b.vgo"]
    # `git commit -- path` gives its hook another index.
    git(top, "read-tree", f"--index-output={top / '.git/next-index-1.lock'}", base)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index-1.lock")
    assert work.index().id == work.tree_id(base)
    (top / ".git/next-index-1.lock").write_bytes(b"DIRC" + b"\xff" * 40)
    with pytest.raises(RepositoryDamaged):
        work.index()


def test_a_bare_repository_has_no_index(bare: Repository) -> None:
    with pytest.raises(RepositoryNotFound):
        bare.index()


_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4) | st.sampled_from(
    [".git", "..", "a", "A", "é", "e\u0301"]
)


@settings(max_examples=tries(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        _NAMES.map(str.encode), st.sampled_from([0o100644, 0o100755, 0o120000, 0o160000, 0o40000]), max_size=6
    )
)
def test_every_row_is_either_read_or_refused(
    bare: Repository, tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str, rows: dict[bytes, int]
) -> None:
    child = tree_of([(0o100644, b"inside", blob)])
    made = [
        listing.Row(mode, name, child if mode == 0o40000 else blob) for name, mode in rows.items() if b"\0" not in name
    ]
    tree = bare.tree(commit_of(tree_of(sorted(made, key=listing.order))))
    top = [path for path in tree.entries() if "/" not in path] + [path for path in tree.subtrees() if path]
    assert len(top) + len(tree.refused()) == len(made)
    assert not set(tree.refused()) & set(tree.entries())
