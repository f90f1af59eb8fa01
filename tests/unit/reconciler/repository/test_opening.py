"""Where a repository may be read from, and which revisions may be named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygit2.enums import ObjectType

from reconciler import repository
from reconciler.repository import locations, revisions, write
from reconciler.repository.faults import (
    LocationRefused,
    RepositoryDamaged,
    RepositoryNotFound,
    RepositoryUntrusted,
    RevisionNotFound,
    RevisionRefused,
)
from reconciler.repository.repository import Repository

AUTHOR = write.Author("Jane Doe", "jane@example.com")

REFUSED = [
    "ext::sh -c 'touch /tmp/x'", "file:///etc", "file://localhost/etc", "git://host/path", "http://host/path", "ftp://host/path",
    "-oProxyCommand=touch /tmp/x", "--upload-pack=touch", "ssh://-oProxyCommand=x/path", "ssh://host/-x", "ssh://host/a'b",
    "ssh://host/a b", 'ssh://host/a"b', "ssh://host/a;b", "ssh://host/$(x)", "ssh://host/a`b`", "https://user:password@host/path",
    "https://:password@host/path", "https://host/path?x=1", "https://host/path#x", "https://host", "https://host/", "https:///path",
    "https://host:0/path", "https://host:99999/path", "https://host/a/../b", "https://host/./b", "https://host//b", "https://ho st/b",
    "https://host\n/b", "https://host/b\0", "", "\0", "host:path", "-host:path", "user@-host:path", "user@host:-path",
    "user@host:a/../b", "transport::address", "https://" + "a" * 2000 + "/x", "HTTPS://host/path", "https://hóst/path", "::",
]  # fmt: skip


@pytest.mark.parametrize("location", REFUSED, ids=lambda text: repr(text)[:50])
def test_a_location_of_another_form_is_refused_and_its_password_is_not_repeated(location: str, tmp_path: Path) -> None:
    with pytest.raises(LocationRefused) as refused:
        repository.open(location, cache_dir=tmp_path)
    assert "password@" not in refused.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("location", "remote"),
    [
        ("https://git.example.com/team/config.git", ("https", None, "git.example.com", None, "/team/config.git")),
        ("https://bot@git.example.com:8443/config", ("https", "bot", "git.example.com", 8443, "/config")),
        ("ssh://git@Host.example.com:2222/~me/x.git", ("ssh", "git", "host.example.com", 2222, "/~me/x.git")),
        ("ssh://[::1]/x", ("ssh", None, "[::1]", None, "/x")),
        ("git@github.com:team/config.git", ("ssh", "git", "github.com", None, "/team/config.git")),
    ],
)
def test_https_and_ssh_are_remotes(location: str, remote: tuple[object, ...]) -> None:
    parsed = locations.parse(location)
    assert parsed == remote
    assert locations.parse(str(parsed)) == parsed


@pytest.mark.parametrize("location", ["/srv/config", "config", "./a:b", "../x", "/a/ext::x"])
def test_all_else_is_a_path(location: str) -> None:
    assert locations.parse(location) == Path(location)


def test_remotes_with_equal_base_names_never_share_a_copy() -> None:
    names = [
        "https://a/config.git",
        "https://b/config.git",
        "https://a/x/config.git",
        "ssh://a/config.git",
        "https://a:1/config.git",
    ]
    keys = {remote.key for name in names if isinstance(remote := locations.parse(name), locations.Remote)}
    assert len(keys) == len(names)


@given(st.text())
def test_any_text_is_a_path_a_remote_or_refused(text: str) -> None:
    try:
        parsed = locations.parse(text)
    except LocationRefused:
        return
    assert isinstance(parsed, Path) or str(parsed).startswith(("https://", "ssh://"))


def test_a_work_tree_its_git_directory_and_a_bare_repository_open(work: Repository, bare: Repository) -> None:
    commit = write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    top = work.work_tree
    assert top is not None
    for place in (top, str(top), top / ".git"):
        assert repository.open(place).resolve("main") == commit
    assert repository.open(bare.path).work_tree is None


def test_a_directory_below_or_beside_a_repository_is_not_one(work: Repository, tmp_path: Path) -> None:
    top = work.work_tree
    assert top is not None
    (top / "sub").mkdir()
    (tmp_path / "file").write_text("x")
    for place in (top / "sub", tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(RepositoryNotFound):
            repository.open(place)


def test_a_linked_work_tree_opens(work: Repository, git: Callable[..., str], tmp_path: Path) -> None:
    commit = write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    top = work.work_tree
    assert top is not None
    git(top, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    linked = repository.open(tmp_path / "linked")
    assert linked.resolve("HEAD") == linked.resolve("other") == commit
    assert linked.index().id == linked.tree_id(commit)
    made = write.commit(linked, "other", {"b.vgo": b"1"}, AUTHOR, "second")
    assert (tmp_path / "linked/b.vgo").read_bytes() == b"1"
    assert work.resolve("other") == made
    assert work.resolve("main") == commit


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
def test_a_repository_of_another_user_is_refused(work: Repository) -> None:
    write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    top = work.work_tree
    assert top is not None
    for place in [top, *top.rglob("*")]:
        os.chown(place, 12345, 12345)
    with pytest.raises(RepositoryUntrusted):
        repository.open(top)


def test_a_damaged_repository_says_so(work: Repository) -> None:
    write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    (work.path / "config").write_text("[core\nbroken")
    with pytest.raises(RepositoryDamaged):
        repository.open(work.path)


def test_no_configuration_but_the_repositorys_own_is_read(
    work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/.gitconfig").write_text("[user]\n\tname = evil\n[core]\n\tbare = maybe\n")
    monkeypatch.setenv("HOME", str(tmp_path / "evil"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "evil"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    opened = repository.open(work.path)
    assert "user.name" not in opened.git.config
    assert opened.path == work.path


def test_exact_refs_branches_tags_and_hex_name_a_commit(work: Repository, git: Callable[..., str]) -> None:
    first = write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    second = write.commit(work, "main", {"a.vgo": b"2"}, AUTHOR, "second")
    top = work.work_tree
    assert top is not None
    git(top, "tag", "-m", "release", "v1", first)
    git(top, "tag", "-m", "tag of a tag", "v2", "v1")
    git(top, "branch", "team/x", first)
    for rev in (
        "v1",
        "v2",
        "refs/tags/v1",
        "refs/tags/v2",
        "team/x",
        "refs/heads/team/x",
        first,
        first[:7],
        first[:12].upper(),
    ):
        assert work.resolve(rev) == first
    for rev in ("main", "HEAD", "refs/heads/main", second):
        assert work.resolve(rev) == second
    git(top, "checkout", "-q", first)
    assert work.resolve("HEAD") == first
    git(top, "pack-refs", "--all")
    assert work.resolve("main") == second
    for rev in ("v3", "absent", "refs/heads/absent", "f" * 40, "0" * 40, "abcdef0", "main/x"):
        with pytest.raises(RevisionNotFound):
            work.resolve(rev)


@pytest.mark.parametrize(
    "rev",
    [":/first", "HEAD^{/first}", "@{-1}", "@", "HEAD~1", "HEAD^", "main@{0}", "main..other", "-x", "--all", "a b", "a\nb", "a\0b",
     "refs/heads/../../config", "refs\\heads", "refs/heads/refs/heads/x", "refs/heads/x.lock", "refs/heads/.x", "refs/heads/x.",
     "refs/heads/-x", "refs/heads//x", "/refs/heads/x", "refs/heads/", "refs", "a*", "a?", "a[", "x" * 10_000, "", "\u202ex", "\udcff",
     "refs/heads/HEAD"],
)  # fmt: skip
def test_a_revision_of_another_form_is_refused(work: Repository, rev: str) -> None:
    write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    with pytest.raises(RevisionRefused):
        work.resolve(rev)


def test_an_expression_is_told_what_to_write_instead(work: Repository) -> None:
    write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    with pytest.raises(RevisionRefused, match=r"'HEAD~1' names no commit: write a branch, a tag, .* `git rev-parse`"):
        work.resolve("HEAD~1")


def test_a_branch_and_a_tag_of_one_name_are_told_apart_when_they_differ(
    work: Repository, git: Callable[..., str]
) -> None:
    first = write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    second = write.commit(work, "main", {"a.vgo": b"2"}, AUTHOR, "second")
    top = work.work_tree
    assert top is not None
    git(top, "tag", "release", first)
    git(top, "branch", "release", first)
    assert work.resolve("release") == first
    git(top, "branch", "-f", "release", second)
    with pytest.raises(RevisionRefused, match=r"refs/heads/release, refs/tags/release, which differ"):
        work.resolve("release")
    assert work.resolve("refs/tags/release") == first
    assert work.resolve("refs/heads/release") == second


@given(st.text(max_size=30))
def test_no_text_reaches_git_as_an_expression(text: str) -> None:
    try:
        revisions.check_ref(text)
    except RevisionRefused:
        return
    assert not set("~^:?*[\\ ") & set(text)
    assert "@{" not in text
    assert ".." not in text
    assert not text.startswith("-")


def test_what_is_no_commit_is_not_found(
    bare: Repository, put: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    tree = put(ObjectType.TREE, b"")
    for oid in (blob, tree, blob[:10]):
        with pytest.raises(RevisionNotFound):
            bare.resolve(oid)
    tag = commit_of(tree)
    for _ in range(20):
        tag = put(ObjectType.TAG, b"object %b\ntype tag\ntag x\ntagger J <j@x> 1 +0000\n\nm\n" % tag.encode())
    with pytest.raises(RepositoryDamaged):
        bare.resolve(tag)
    with pytest.raises(RevisionRefused):
        bare.tree("main")
    empty = write.init(bare.path.parent / "empty")
    with pytest.raises(RevisionNotFound):
        empty.resolve("HEAD")
    for text in (b"ref: refs/heads/main\n", b"../../etc/passwd", b"x" * 40, b""):
        (bare.path / "refs/heads/odd").write_bytes(text)
        with pytest.raises((RepositoryDamaged, RevisionNotFound)):
            bare.resolve("odd")


def test_a_branch_named_like_hex_is_never_taken_for_another_commit(work: Repository, git: Callable[..., str]) -> None:
    first = write.commit(work, "main", {"a.vgo": b"1"}, AUTHOR, "first")
    second = write.commit(work, "main", {"a.vgo": b"2"}, AUTHOR, "second")
    top = work.work_tree
    assert top is not None
    git(top, "branch", first[:8], second)
    with pytest.raises(RevisionRefused):
        work.resolve(first[:8])
    assert work.resolve(f"refs/heads/{first[:8]}") == second
    git(top, "branch", "beef123", second)
    assert work.resolve("beef123") == second


@pytest.mark.parametrize(
    "head",
    [b"J <j@x> 99999999999999 +0000", b"J <j@x> -5 +0000", b"\xff\xfe <\xff@x> 1 +0000", b"\x1b[31m\xe2\x80\xae <> 1 +9999", b"nobody", b"J <j@x> 99999999999999999999999 +0000", b""],
)  # fmt: skip
def test_a_commit_may_say_anything_of_itself(
    bare: Repository, put: Callable[..., str], commit_of: Callable[..., str], head: bytes
) -> None:
    commit = commit_of(put(ObjectType.TREE, b""), head=head)
    try:
        info = bare.commit_info(commit)
    except RepositoryDamaged:
        return
    assert info.author.isprintable()
    assert info.email.isprintable()
    assert 0 <= info.time <= 253_402_300_799_000_000


def test_descent_and_difference(bare: Repository) -> None:
    first = write.commit(bare, "main", {"a.vgo": b"1\n", "d/b.vgo": b"1\n", "e/c.vgo": b"1\n"}, AUTHOR, "first")
    second = write.commit(bare, "main", {"a.vgo": b"2\n", "d/b.vgo": None, "d/x/n.vgo": b"new\n"}, AUTHOR, "second")
    other = write.commit(bare, "other", {"a.vgo": b"1\n"}, AUTHOR, "other")
    assert bare.descends(second, first)
    assert bare.descends(first, first)
    assert not bare.descends(first, second)
    assert not bare.descends(other, first)
    assert not bare.descends(second, "1" * 40)
    with pytest.raises(RevisionNotFound):
        bare.descends("1" * 40, first)
    assert bare.changed_paths(first, second) == ["a.vgo", "d/b.vgo", "d/x/n.vgo"]
    assert bare.changed_paths(first, first) == []
    assert bare.changed_paths(None, first) == ["a.vgo", "d/b.vgo", "e/c.vgo"]
    text = bare.diff_text(first, second)
    for line in ("-1", "+2", "+new", "--- a/a.vgo", "+++ /dev/null", "--- /dev/null"):
        assert line in text.split("\n")
    assert "... cut here" in bare.diff_text(first, second, max_bytes=40)
    assert "and 2 more files" in bare.diff_text(first, second, max_bytes=40)


def test_a_difference_shows_no_link_submodule_or_huge_file(
    bare: Repository, put: Callable[..., str], tree_of: Callable[..., str], commit_of: Callable[..., str], blob: str
) -> None:
    huge = put(ObjectType.BLOB, b"x" * 2_000_000)
    empty = commit_of(tree_of([]))
    full = commit_of(
        tree_of(
            [
                (0o100644, b"a\x1b", blob),
                (0o100644, b"huge", huge),
                (0o120000, b"link", blob),
                (0o160000, b"sub", "1" * 40),
            ]
        )
    )
    assert bare.changed_paths(empty, full) == ["a\\x1b", "huge", "link", "sub"]
    text = bare.diff_text(empty, full)
    assert "2000000 bytes: not shown" in text
    assert text.count("symbolic link or submodule: not shown") == 2
    assert "\x1b" not in text
