"""Remotes over real TLS and SSH, good ones and bad ones: what is fetched, who is trusted, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pygit2
import pytest

from reconciler import repository
from reconciler.repository import write
from reconciler.repository.faults import (
    FetchFailed,
    FetchLimit,
    LocationRefused,
    ReadOnly,
    RemoteUntrusted,
    RepositoryDamaged,
    RevisionNotFound,
)
from reconciler.repository.repository import Repository
from schema.errors import Fault
from tests.unit.reconciler.repository.git_server import Authority, GitServer
from tests.unit.reconciler.repository.ssh_server import SshServer

AUTHOR = write.Author("Jane Doe", "jane@example.com")
TOKEN = "VIGOCANARY-4f9c1d7be2"


@pytest.fixture
def ssh(tmp_path: Path, origin: Repository) -> Iterator[SshServer]:
    server = SshServer(tmp_path / "srv", tmp_path / "keys")
    with server.serving():
        yield server


def commit(target: Repository, content: object, ref: str = "main") -> str:
    return write.commit(target, ref, {"a.vgo": str(content).encode()}, AUTHOR, "change")


def left_behind(copy: Repository) -> list[str]:
    """All that stands beside a copy, and its packs."""
    home = copy.path.parent
    return sorted(path.name for path in home.iterdir()) + sorted(p.name for p in home.glob("repo.git/objects/pack/*"))


def test_a_remote_is_a_copy_that_follows_branches_tags_and_their_removal(
    origin: Repository, opened: Repository, https: GitServer, git: Callable[..., str]
) -> None:
    with pytest.raises(RevisionNotFound):
        opened.resolve("main")
    first = commit(origin, 1)
    git(origin.path, "tag", "-m", "x", "v1", first)
    other = commit(origin, "x", "team/other")
    opened.fetch()
    assert opened.resolve("main") == opened.resolve("HEAD") == opened.resolve("refs/tags/v1") == first
    assert opened.resolve("team/other") == other
    second = commit(origin, 2)
    git(origin.path, "update-ref", "-d", "refs/heads/team/other")
    opened.fetch()
    assert opened.resolve("main") == second
    assert opened.tree(second).read(opened.tree(second).entries()["a.vgo"].oid) == b"2"
    assert opened.descends(second, first)
    with pytest.raises(RevisionNotFound):
        opened.resolve("team/other")
    # Without news one request is all: a poll is cheap.
    https.seen.clear()
    opened.fetch()
    assert [path for path, _ in https.seen] == ["/config.git/info/refs?service=git-upload-pack"]
    # A forced push is followed, and known for what it is.
    git(origin.path, "update-ref", "refs/heads/main", first)
    third = commit(origin, 3)
    opened.fetch()
    assert opened.resolve("main") == third
    assert not opened.descends(third, second)
    assert opened.tree(second).commit == second
    assert [name for name in left_behind(opened) if not name.startswith("pack-")] == ["lock", "repo.git"]
    assert git(opened.path, "fsck", "--full", "--no-dangling") == ""


def test_a_copy_is_read_only_and_opens_without_the_remote(
    opened: Repository, origin: Repository, tmp_path: Path
) -> None:
    first = commit(origin, 1)
    opened.fetch()
    with pytest.raises(ReadOnly):
        commit(opened, 2)
    assert opened.copy is not None
    again = repository.open(str(opened.copy.remote), cache_dir=tmp_path / "cache")
    assert again.resolve("main") == first


def test_a_certificate_of_an_authority_we_were_not_told_of_is_refused(
    opened: Repository, origin: Repository, https: GitServer, tmp_path: Path
) -> None:
    commit(origin, 1)
    stranger = Authority(tmp_path / "stranger")
    for access in (repository.Access(), repository.Access(ca_file=stranger.path)):
        other = repository.open(
            f"{https.url}/config.git", cache_dir=tmp_path / f"c{access.ca_file is None}", access=access
        )
        with pytest.raises(RemoteUntrusted):
            other.fetch()
        assert left_behind(other) == ["lock", "repo.git"]
    assert https.seen == []


@pytest.mark.parametrize("name", ["other.example.com", "127.0.0.2"])
def test_a_certificate_for_another_name_or_address_is_refused(
    tmp_path: Path, origin: Repository, authority: Authority, name: str
) -> None:
    server = GitServer(tmp_path / "srv")
    with server.serving(authority.issue(name)):
        for host in ("localhost", "127.0.0.1"):
            access = repository.Access(ca_file=authority.path)
            other = repository.open(
                f"https://{host}:{server.port}/config.git", cache_dir=tmp_path / host, access=access
            )
            # libgit2 has no better words for an address that does not match than "early EOF".
            with pytest.raises(FetchFailed):
                other.fetch()
    assert server.seen == []


def test_a_token_is_sent_where_it_is_asked_for_and_shown_nowhere(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority
) -> None:
    first = commit(origin, 1)
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    https.token = "Basic " + base64.b64encode(f"bot:{TOKEN}".encode()).decode()
    access = repository.Access(ca_file=authority.path, token_file=token, user="bot")
    copy = repository.open(f"{https.url}/config.git", cache_dir=tmp_path / "cache", access=access)
    seen: list[str] = []
    done = threading.Event()

    def spy() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if b"repository.fetching" in (line := (process / "cmdline").read_bytes()):
                        seen.append((line + (process / "environ").read_bytes()).decode())
                except OSError:
                    continue

    spying = threading.Thread(target=spy)
    spying.start()
    copy.fetch()
    done.set()
    spying.join()
    assert copy.resolve("main") == first
    assert seen
    assert not [text for text in seen if TOKEN in text]
    for path in copy.path.parent.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    token.write_text("wrong-" + TOKEN)
    with pytest.raises(FetchFailed, match="does not let us in") as refused:
        copy.fetch()
    assert TOKEN not in refused.value.message
    without = repository.open(
        f"{https.url}/config.git", cache_dir=tmp_path / "other", access=repository.Access(ca_file=authority.path)
    )
    with pytest.raises(FetchFailed, match="does not let us in"):
        without.fetch()


def test_a_remote_that_sends_us_to_another_host_is_not_followed(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority
) -> None:
    commit(origin, 1)
    elsewhere = GitServer(tmp_path / "srv")
    with elsewhere.serving(authority.issue("127.0.0.1")):
        https.redirect = elsewhere.url.replace("localhost", "127.0.0.1")
        access = repository.Access(ca_file=authority.path)
        copy = repository.open(f"{https.url}/config.git", cache_dir=tmp_path / "cache", access=access)
        with pytest.raises(FetchFailed, match="cannot redirect"):
            copy.fetch()
    assert elsewhere.seen == []


def test_garbage_a_missing_repository_and_silence_leave_the_copy_as_it_was(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority
) -> None:
    first = commit(origin, 1)
    access = repository.Access(ca_file=authority.path)
    limits = repository.FetchLimits(wall_s=2.0)
    copy = repository.open(f"{https.url}/config.git", cache_dir=tmp_path / "cache", access=access, limits=limits)
    copy.fetch()
    before = left_behind(copy)
    commit(origin, 2)
    https.garbage = True
    with pytest.raises(FetchFailed):
        copy.fetch()
    https.garbage = False
    https.hang_s = 4.0
    with pytest.raises(FetchLimit, match="longer than 2 s"):
        copy.fetch()
    https.hang_s = 0.0
    origin.path.rename(origin.path.with_name("gone.git"))
    with pytest.raises(FetchFailed):
        copy.fetch()
    assert copy.resolve("main") == first
    assert left_behind(copy) == before


def test_nobody_there_is_a_fault_that_backs_off(tmp_path: Path, authority: Authority) -> None:
    copy = repository.open(
        "https://localhost:1/x", cache_dir=tmp_path, access=repository.Access(ca_file=authority.path)
    )
    with pytest.raises(FetchFailed) as failed:
        copy.fetch()
    assert failed.value.next == "back_off"


def test_what_needs_too_much_memory_or_disk_is_given_up_and_nothing_of_it_kept(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority, git: Callable[..., str]
) -> None:
    # Zeros: 50 MB on the host are 50 KB on the wire. As deltas of each other they have to be held whole to be read.
    tree = origin.git.TreeBuilder()
    for n in range(2):
        tree.insert(f"huge{n}", origin.git.create_blob(bytes(50_000_000 + n)), 0o100644)
    by = pygit2.Signature("Jane", "jane@example.com", 0, 0)
    origin.git.create_commit("refs/heads/main", by, by, "huge", tree.write(), [])
    git(origin.path, "-c", "pack.threads=1", "repack", "-adfq")
    access = repository.Access(ca_file=authority.path)
    for n, limits in enumerate(
        [repository.FetchLimits(memory_bytes=130 * 1024 * 1024), repository.FetchLimits(disk_bytes=20_000)]
    ):
        copy = repository.open(f"{https.url}/config.git", cache_dir=tmp_path / f"{n}", access=access, limits=limits)
        with pytest.raises(FetchLimit):
            copy.fetch()
        assert left_behind(copy) == ["lock", "repo.git"]
    # Where it is brought all the same, it is not read.
    copy = repository.open(f"{https.url}/config.git", cache_dir=tmp_path / "other", access=access)
    copy.fetch()
    assert list(copy.tree(copy.resolve("main")).refused()) == ["huge0", "huge1"]


def entry(kind: int, size: int, data: bytes, base: bytes = b"") -> bytes:
    """One object of a pack, whose header may lie about its size."""
    head = bytearray([(kind << 4) | (size & 15)])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + base + zlib.compress(data)


def pack(*entries: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(entries) if count is None else count) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(0x80 | (number & 0x7F))
        number >>= 7
    out.append(number)
    return bytes(out)


BASE = entry(3, 4, b"base")
BASE_ID = hashlib.sha1(b"blob 4\0base").digest()
HOSTILE_PACKS = {
    "nothing": b"",
    "garbage": b"x" * 1000,
    "a thousand million objects": pack(count=1_000_000_000),
    "cut": pack(BASE)[:-10],
    "wrong checksum": pack(BASE)[:-1] + b"x",
    "delta of 2**60 bytes": pack(BASE, entry(7, 20, varint(4) + varint(2**60) + b"\x90\x04", BASE_ID)),
    "delta of itself": pack(entry(7, 4, varint(4) + varint(4) + b"\x90\x04", b"\x11" * 20)),
    "object larger than it says": pack(entry(3, 4, bytes(50_000_000))),
    "object smaller than it says": pack(entry(3, 2**50, b"base")),
    "unknown kind": pack(entry(5, 4, b"base")),
    "all but the commit": pack(BASE),
}


@pytest.mark.parametrize("name", HOSTILE_PACKS)
def test_a_hostile_pack_is_refused_within_the_limits_and_leaves_nothing(
    opened: Repository, https: GitServer, name: str
) -> None:
    https.crafted = ("1" * 40, HOSTILE_PACKS[name])
    began = time.monotonic()
    with pytest.raises(FetchFailed):
        opened.fetch()
    assert left_behind(opened) == ["lock", "repo.git"]
    assert time.monotonic() - began < 10
    with pytest.raises(RevisionNotFound):
        opened.resolve("main")


@pytest.mark.parametrize("lie", [entry(3, 4, bytes(50_000_000)), entry(3, 2**50, b"base"), entry(5, 4, b"base")])
def test_an_object_that_lies_of_its_size_or_kind_is_never_content(
    opened: Repository, https: GitServer, lie: bytes
) -> None:
    tree = b"100644 a.vgo\0" + BASE_ID
    tree_id = hashlib.sha1(b"tree %d\0" % len(tree) + tree)
    text = f"tree {tree_id.hexdigest()}\nauthor J <j@x> 1 +0000\ncommitter J <j@x> 1 +0000\n\nm\n".encode()
    made = hashlib.sha1(b"commit %d\0" % len(text) + text).hexdigest()
    https.crafted = (made, pack(entry(1, len(text), text), entry(2, len(tree), tree), lie))
    with contextlib.suppress(FetchFailed, RepositoryDamaged):
        opened.fetch()
        tree_of = opened.tree(opened.resolve("main"))
        assert "a.vgo" in tree_of.refused() or tree_of.read(BASE_ID.hex()) == b"base"


def test_many_fetches_are_made_one_pack_and_lose_nothing(
    tmp_path: Path, origin: Repository, https: GitServer, authority: Authority, git: Callable[..., str]
) -> None:
    url, cache = f"{https.url}/config.git", tmp_path / "cache"
    access, limits = repository.Access(ca_file=authority.path), repository.FetchLimits(packs=2)
    reader = repository.open(url, cache_dir=cache, access=access)
    again = repository.open(url, cache_dir=cache, access=access, limits=limits)
    commits = []
    for n in range(4):
        commits.append(commit(origin, n))
        if n == 2:
            git(origin.path, "update-ref", "refs/heads/main", commits[0])
            commits.append(commit(origin, "forced"))
        again.fetch()
    packs = list((again.path / "objects/pack").glob("*.pack"))
    assert 1 <= len(packs) <= 3
    for made in commits:
        if made != commits[2]:
            assert again.tree(made).commit == made
            assert reader.tree(made).commit == made
    assert git(again.path, "fsck", "--full", "--no-dangling") == ""


def test_two_processes_and_threads_may_fetch_at_once(origin: Repository, opened: Repository) -> None:
    first = commit(origin, 1)
    faults: list[BaseException] = []

    def fetch() -> None:
        try:
            opened.fetch()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert opened.resolve("main") == first


def test_what_a_killed_fetch_left_is_cleared_by_the_next(origin: Repository, opened: Repository) -> None:
    commit(origin, 1)
    left = opened.path.parent / "fetch-killed"
    left.mkdir()
    (left / "huge.pack").write_bytes(b"x" * 1000)
    opened.fetch()
    assert not left.exists()


def test_refs_that_no_repository_may_have_are_left_there(
    origin: Repository, opened: Repository, git: Callable[..., str]
) -> None:
    first = commit(origin, 1)
    packed = f"{first} refs/heads/main\n{first} refs/heads/refs/heads/x\n{first} refs/heads/-x\n{first} refs/heads/ok\n"
    (origin.path / "refs/heads/main").unlink()
    (origin.path / "packed-refs").write_text(
        "# pack-refs with: sorted \n" + "".join(sorted(packed.splitlines(True), key=lambda line: line.split()[1]))
    )
    opened.fetch()
    assert (opened.path / "packed-refs").read_text().split("\n")[1:] == [
        f"{first} refs/heads/main",
        f"{first} refs/heads/ok",
        "",
    ]


def test_a_watched_remote_is_polled_and_poked(origin: Repository, opened: Repository, https: GitServer) -> None:
    async def scenario() -> None:
        faults: list[Fault | None] = []
        failed = asyncio.Event()

        def on_fault(fault: Fault | None) -> None:
            faults.append(fault)
            failed.set()

        first = await asyncio.to_thread(commit, origin, 1)
        stream = opened.watch("main", poll_s=60.0, on_fault=on_fault)
        assert await asyncio.wait_for(anext(stream), 50) == first
        pending = asyncio.ensure_future(anext(stream))
        second = await asyncio.to_thread(commit, origin, 2)
        await asyncio.sleep(0.2)
        assert not pending.done()
        opened.poke()
        assert await asyncio.wait_for(pending, 50) == second
        https.garbage = True
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1)
        opened.poke()
        await asyncio.wait_for(failed.wait(), 50)
        https.garbage = False
        third = await asyncio.to_thread(commit, origin, 3)
        opened.poke()
        while not pending.done():
            opened.poke()
            await asyncio.sleep(0.1)
        assert await pending == third
        assert isinstance(faults[0], FetchFailed)
        assert faults[-1] is None
        await stream.aclose()
        polled = opened.watch("main", poll_s=0.1)
        assert await asyncio.wait_for(anext(polled), 50) == third
        pending = asyncio.ensure_future(anext(polled))
        fourth = await asyncio.to_thread(commit, origin, 4)
        assert await asyncio.wait_for(pending, 50) == fourth
        await polled.aclose()

    asyncio.run(asyncio.wait_for(scenario(), 120))


def test_ssh_with_the_right_keys_fetches_and_runs_nothing_but_upload_pack(
    tmp_path: Path, origin: Repository, ssh: SshServer
) -> None:
    first = commit(origin, 1)
    access = repository.Access(ssh_key=ssh.client_key, known_hosts=ssh.known_hosts(tmp_path / "known_hosts"))
    for n, url in enumerate([f"{ssh.url}/config.git", f"{ssh.url.replace('git@', '')}/config.git"]):
        copy = repository.open(url, cache_dir=tmp_path / f"cache{n}", access=access)
        copy.fetch()
        assert copy.resolve("main") == first
    second = commit(origin, 2)
    copy.fetch()
    assert copy.resolve("main") == second
    assert set(ssh.commands) == {"git-upload-pack '/config.git'"}


def test_ssh_to_a_host_with_another_key_or_an_unknown_one_is_refused_before_we_show_ours(
    tmp_path: Path, origin: Repository, ssh: SshServer
) -> None:
    commit(origin, 1)
    other = asyncssh.generate_private_key("ssh-ed25519")
    empty = tmp_path / "empty"
    empty.write_text("")
    for n, known in enumerate([ssh.known_hosts(tmp_path / "other", other), empty]):
        access = repository.Access(ssh_key=ssh.client_key, known_hosts=known)
        copy = repository.open(f"{ssh.url}/config.git", cache_dir=tmp_path / f"cache{n}", access=access)
        with pytest.raises(RemoteUntrusted):
            copy.fetch()
        assert left_behind(copy) == ["lock", "repo.git"]
    assert ssh.commands == []


def test_ssh_with_a_key_that_is_not_ours_is_not_let_in(tmp_path: Path, origin: Repository, ssh: SshServer) -> None:
    commit(origin, 1)
    stranger = tmp_path / "stranger"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(stranger)
    known = ssh.known_hosts(tmp_path / "known_hosts")
    for n, key in enumerate([stranger, tmp_path / "absent"]):
        access = repository.Access(ssh_key=key, known_hosts=known)
        copy = repository.open(f"{ssh.url}/config.git", cache_dir=tmp_path / f"cache{n}", access=access)
        with pytest.raises(FetchFailed):
            copy.fetch()
    assert ssh.commands == []


def test_ssh_without_a_key_or_known_hosts_and_a_remote_without_a_place_are_refused(tmp_path: Path) -> None:
    for access in (
        repository.Access(),
        repository.Access(ssh_key=tmp_path / "key"),
        repository.Access(known_hosts=tmp_path / "known_hosts"),
    ):
        with pytest.raises(LocationRefused):
            repository.open("ssh://git@host/x", cache_dir=tmp_path / "cache", access=access)
    with pytest.raises(LocationRefused):
        repository.open("https://host/x")
    assert not (tmp_path / "cache").exists()


def test_the_homes_configuration_and_agent_are_not_used(
    tmp_path: Path, origin: Repository, ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(origin, 1)
    home = tmp_path / "evil-home"
    (home / ".ssh").mkdir(parents=True)
    ssh.known_hosts(home / ".ssh/known_hosts")
    (home / ".gitconfig").write_text('[url "https://evil.example.com/"]\n\tinsteadOf = ssh://\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    empty = tmp_path / "empty"
    empty.write_text("")
    access = repository.Access(ssh_key=ssh.client_key, known_hosts=empty)
    copy = repository.open(f"{ssh.url}/config.git", cache_dir=tmp_path / "cache", access=access)
    with pytest.raises(RemoteUntrusted):
        copy.fetch()
