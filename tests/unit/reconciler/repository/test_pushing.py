"""Pushes to real remotes over TLS and SSH: from where the ref is expected, to whom we know, and never forced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from reconciler import repository
from reconciler.repository import drafts, write
from reconciler.repository.drafts import Draft
from reconciler.repository.faults import BranchProtected, PushFailed, PushRefused, RefMoved
from reconciler.repository.repository import Repository
from tests.unit.reconciler.repository.git_server import Authority, GitServer
from tests.unit.reconciler.repository.ssh_server import SshServer

AUTHOR = write.Author("Jane Doe", "jane@example.com")
MAIN = "refs/heads/main"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def origin(tmp_path: Path, git: Callable[..., str]) -> Repository:
    made = write.init(tmp_path / "srv/config.git", bare=True)
    write.commit(made, "main", {"a.vgo": b"1", "d/b.vgo": b"1"}, AUTHOR, "first")
    git(made.path, "config", "http.receivepack", "true")
    git(made.path, "config", "receive.denyNonFastForwards", "true")
    return made


@pytest.fixture
def https(tmp_path: Path, origin: Repository, authority: Authority) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "srv")
    with server.serving(authority.issue("localhost")):
        yield server


@pytest.fixture
def copy(tmp_path: Path, https: GitServer, authority: Authority) -> Repository:
    opened = repository.open(
        f"{https.url}/config.git",
        cache_dir=tmp_path / "cache",
        access=repository.Access(ca_file=authority.path),
    )
    opened.fetch()
    return opened


def draft_of(copy: Repository, content: bytes, tip: str | None = None) -> Draft:
    tip = tip or copy.resolve("main")
    made = drafts.make(copy.objects, tip, copy.tree_id(tip), {"a.vgo": content}, AUTHOR, "change")
    assert made is not None
    return made


def push(copy: Repository, draft: Draft, ref: str = MAIN, *, new: bool = False) -> None:
    assert copy.copy is not None
    copy.copy.push(draft, ref, None if new else draft.parent)


def hook(origin: Repository, text: str) -> None:
    place = origin.path / "hooks/pre-receive"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
    place.chmod(0o755)


def test_a_push_moves_the_ref_from_where_it_was_and_the_next_fetch_brings_it(
    copy: Repository, origin: Repository, git: Callable[..., str]
) -> None:
    draft = draft_of(copy, b"2")
    push(copy, draft)
    assert origin.resolve("main") == draft.commit
    assert git(origin.path, "fsck", "--full", "--strict", "--no-dangling") == ""
    copy.fetch()
    assert copy.resolve("main") == draft.commit
    proposal = draft_of(copy, b"3")
    push(copy, proposal, "refs/heads/vigo/x", new=True)
    assert (origin.resolve("vigo/x"), origin.resolve("main")) == (proposal.commit, draft.commit)
    assert sorted(each.name for each in copy.path.parent.iterdir()) == ["lock", "repo.git"]


def test_a_ref_that_moved_or_is_there_already_is_left_alone(copy: Repository, origin: Repository) -> None:
    draft = draft_of(copy, b"2")
    other = write.commit(origin, "main", {"d/b.vgo": b"2"}, AUTHOR, "somebody else")
    with pytest.raises(RefMoved):
        push(copy, draft)
    assert origin.resolve("main") == other
    taken = write.commit(origin, "vigo/x", {"x.vgo": b"1"}, AUTHOR, "taken")
    with pytest.raises(RefMoved):
        push(copy, draft, "refs/heads/vigo/x", new=True)
    assert origin.resolve("vigo/x") == taken


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("error: GH006: Protected branch update failed for refs/heads/main.", BranchProtected),
        ("GitLab: You are not allowed to push code to protected branches on this project.", BranchProtected),
        ("Gitea: branch main is protected from being pushed to: branch is protected", BranchProtected),
        ("commit message has no ticket", PushRefused),
    ],
)
def test_what_a_remote_refuses_is_told_in_its_words(
    copy: Repository, origin: Repository, said: str, fault: type[Exception]
) -> None:
    tip = origin.resolve("main")
    hook(origin, said)
    with pytest.raises(fault) as caught:
        push(copy, draft_of(copy, b"2"))
    assert said.split(":")[-1].strip()[:30] in str(caught.value)
    assert origin.resolve("main") == tip


def test_a_token_that_may_only_read_is_told_apart(
    copy: Repository, origin: Repository, https: GitServer, git: Callable[..., str]
) -> None:
    git(origin.path, "config", "http.receivepack", "false")
    with pytest.raises(PushFailed) as caught:
        push(copy, draft_of(copy, b"2"))
    assert caught.value.details["sent"] is False
    git(origin.path, "config", "http.receivepack", "true")
    https.token = "Basic never"
    with pytest.raises((PushRefused, PushFailed)) as refused:
        push(copy, draft_of(copy, b"2"))
    assert refused.value.details.get("sent") is not True


def test_a_stranger_gets_neither_commit_nor_credentials(copy: Repository, https: GitServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("VIGOCANARY")
    other = repository.open(
        f"{https.url}/config.git",
        cache_dir=tmp_path / "cache",
        access=repository.Access(ca_file=Authority(tmp_path / "stranger").path, token_file=token),
    )
    https.seen.clear()
    with pytest.raises(PushFailed) as caught:
        push(other, draft_of(copy, b"2"))
    assert "certificate" in str(caught.value)
    assert caught.value.details["sent"] is False
    assert https.seen == []


def test_over_ssh_the_host_key_is_checked(tmp_path: Path, origin: Repository) -> None:
    server = SshServer(tmp_path / "srv", tmp_path / "keys")
    with server.serving():
        known = server.known_hosts(tmp_path / "known")
        access = repository.Access(ssh_key=server.client_key, known_hosts=known)
        copy = repository.open(f"{server.url}/config.git", cache_dir=tmp_path / "cache", access=access)
        copy.fetch()
        draft = draft_of(copy, b"2")
        push(copy, draft)
        assert origin.resolve("main") == draft.commit
        server.known_hosts(known, asyncssh.generate_private_key("ssh-ed25519"))
        server.commands.clear()
        with pytest.raises(PushFailed, match="host key"):
            push(copy, draft_of(copy, b"3", draft.parent))
        assert server.commands == []


def test_a_remote_that_hangs_is_given_up_and_says_nothing_of_the_outcome(
    copy: Repository, https: GitServer, tmp_path: Path, authority: Authority
) -> None:
    hurried = repository.open(
        f"{https.url}/config.git",
        cache_dir=tmp_path / "cache",
        access=repository.Access(ca_file=authority.path),
        limits=repository.FetchLimits(push_s=1.0),
    )
    https.hang_s = 3.0
    with pytest.raises(PushFailed, match="longer than 1 s") as caught:
        push(hurried, draft_of(hurried, b"2"))
    assert caught.value.details["sent"] is True
