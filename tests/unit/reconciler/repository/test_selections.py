"""Which refs are looked at beside the tracked one, here and of a remote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import repository
from reconciler.repository import selections, write
from reconciler.repository.faults import RevisionNotFound, RevisionRefused
from reconciler.repository.repository import Repository
from reconciler.repository.selections import MAX_SELECTED, Selection, short
from tests.unit.reconciler.repository.git_server import Authority, GitServer

AUTHOR = write.Author("Jane Doe", "jane@example.com")


def commit(target: Repository, content: object, ref: str) -> str:
    return write.commit(target, ref, {"a.vgo": str(content).encode()}, AUTHOR, "change")


def test_a_pattern_is_of_branches_or_of_full_refs_and_a_star_is_anything() -> None:
    selection = Selection(["pr/*", "refs/pull/*/head", "pr/*", "exact"])
    assert selection.patterns == ("refs/heads/pr/*", "refs/pull/*/head", "refs/heads/exact")
    for ref in ("refs/heads/pr/7", "refs/heads/pr/a/b", "refs/pull/12/head", "refs/heads/exact"):
        assert ref in selection
    for ref in (
        "refs/heads/pr",
        "refs/heads/xpr/7",
        "refs/pull/12/merge",
        "refs/heads/exactly",
        "refs/heads/exac",
        "pr/7",
    ):
        assert ref not in selection
    assert "anything" not in Selection([])
    assert not Selection([])
    assert "refs/heads/axb" not in Selection(["a.b"])


@pytest.mark.parametrize(
    "pattern", ["", "a..b", "-x", "a b", "pr/[0-9]", "pr/?", "refs/heads/refs/x", "a\x01", "x" * 300]
)
def test_what_fits_no_ref_is_refused(pattern: str) -> None:
    with pytest.raises(RevisionRefused):
        Selection([pattern])


def test_there_are_only_so_many_patterns() -> None:
    with pytest.raises(RevisionRefused, match="more than 32"):
        Selection([f"p{n}/*" for n in range(33)])


def test_the_highest_numbers_come_first_and_the_rest_are_counted() -> None:
    refs = [f"refs/pull/{n}/head" for n in range(MAX_SELECTED + 5)]
    found, left_out = Selection(["refs/pull/*/head"]).select(refs)
    assert found[:2] == [f"refs/pull/{MAX_SELECTED + 4}/head", f"refs/pull/{MAX_SELECTED + 3}/head"]
    assert (len(found), left_out) == (MAX_SELECTED, 5)
    assert Selection(["*"]).select(["refs/heads/main", "refs/heads/x"], without="refs/heads/main") == (
        ["refs/heads/x"],
        0,
    )
    assert short("refs/heads/pr/7") == "pr/7"
    assert short("refs/pull/7/head") == "refs/pull/7/head"


def test_refs_of_a_local_repository_come_and_go(bare: Repository, git: Callable[..., str]) -> None:
    selection = Selection(["pr/*", "refs/pull/*/head"])
    assert bare.refs(selection) == ({}, 0)
    one, two = commit(bare, 1, "pr/1"), commit(bare, 2, "pr/10")
    commit(bare, 3, "main")
    git(bare.path, "update-ref", "refs/pull/3/head", one)
    git(bare.path, "tag", "-m", "x", "v1", two)
    git(bare.path, "update-ref", "refs/heads/pr/2", one)
    git(bare.path, "pack-refs", "--all")
    found, left_out = bare.refs(selection, without="refs/heads/pr/2")
    assert list(found.items()) == [("refs/pull/3/head", one), ("refs/heads/pr/10", two), ("refs/heads/pr/1", one)]
    assert left_out == 0
    git(bare.path, "update-ref", "-d", "refs/heads/pr/10")
    assert "refs/heads/pr/10" not in bare.refs(selection)[0]


def test_a_ref_that_leads_nowhere_is_left_out_and_told(bare: Repository, git: Callable[..., str]) -> None:
    made = commit(bare, 1, "pr/1")
    (bare.path / "refs/heads/pr/2").write_text("0" * 39 + "1\n")
    assert bare.refs(Selection(["pr/*"])) == ({"refs/heads/pr/1": made}, 1)


def test_other_refs_of_a_remote_are_fetched_where_they_are_asked_for(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority, git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = commit(origin, 1, "main")
    pull = commit(origin, 2, "work")
    git(origin.path, "update-ref", "refs/pull/7/head", pull)
    git(origin.path, "update-ref", "refs/pull/7/merge", pull)
    git(origin.path, "update-ref", "-d", "refs/heads/work")
    url, access = f"{https.url}/config.git", repository.Access(ca_file=authority.path)
    plain = repository.open(url, cache_dir=tmp_path / "plain", access=access)
    plain.fetch()
    with pytest.raises(RevisionNotFound):
        plain.resolve("refs/pull/7/head")
    patterns = ["refs/pull/*/head"]
    opened = repository.open(url, cache_dir=tmp_path / "cache", access=access, also=patterns)
    opened.fetch()
    assert opened.resolve("main") == first
    assert opened.refs(Selection(patterns)) == ({"refs/pull/7/head": pull}, 0)
    assert opened.tree(pull).commit == pull
    with pytest.raises(RevisionNotFound):
        opened.resolve("refs/pull/7/merge")
    git(origin.path, "update-ref", "-d", "refs/pull/7/head")
    opened.fetch()
    assert opened.refs(Selection(patterns)) == ({}, 0)
    assert selections.MAX_SELECTED == 1_000
