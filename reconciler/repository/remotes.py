"""Remotes: a bare copy on this machine, brought up to date by a child process.

The copy's refs are one file that is replaced whole, so that a reader sees all of a fetch or nothing of it. Nothing that
a remote sent is in the copy before the child has ended well and within its limits.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pygit2

from reconciler.repository import pushing, revisions
from reconciler.repository.faults import (
    BranchProtected,
    FetchFailed,
    FetchLimit,
    LocationRefused,
    PushFailed,
    PushRefused,
    RefMoved,
    RemoteUntrusted,
    RepositoryDamaged,
    RevisionRefused,
)
from reconciler.repository.fetching import Answer, Identity, Job
from reconciler.repository.locations import Remote
from reconciler.repository.names import printable

if TYPE_CHECKING:
    from reconciler.repository.drafts import Draft

MAX_MESSAGE_CHARS: Final = 300
DEFAULT_USER: Final = "git"

RENEW_EVERY_S: Final = 600.0
"""A copy that seems damaged is fetched anew, whole, at most so often."""
FAILURES: Final = 3
"""Fetches that failed one after the other: perhaps it is the copy that is at fault."""

_PACK: Final = re.compile(r"(pack-[0-9a-f]{40})\.pack")
_OID: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Access:
    """How we show who we are to a remote, and know who it is. Secrets are named by path and stay in their files."""

    user: str | None = None
    """For a remote whose URL names none; `git` when not said."""
    ssh_key: Path | None = None
    """Private key, without a passphrase; needed for ssh."""
    known_hosts: Path | None = None
    """Host keys as OpenSSH writes them; needed for ssh."""
    token_file: Path | None = None
    """Password or token for https; sent as a password."""
    ca_file: Path | None = None
    """PEM of the only authorities to trust for https; the system's when not said."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch or push may use, and how many a copy may be made of."""

    wall_s: float = 60.0
    push_s: float = 25.0
    """Of one push: who asked for it waits half a minute."""
    memory_bytes: int = 512 * 1024 * 1024
    disk_bytes: int = 2 * 1024 * 1024 * 1024
    """Of any one file."""
    packs: int = 50
    """Each fetch brings one; beyond so many they are made one, since each pack is looked through for each object."""


class _Ended(Exception):
    """A child broke off."""


class _CopyDamaged(FetchFailed):
    """The copy lacks objects of its own refs: nothing can be fetched on top of it."""


class RemoteCopy:
    """The copy of one remote, in a directory of its own below `cache_dir`. Safe from several threads and processes.

    Raises:
        LocationRefused: ssh without a key or without known host keys.
    """

    def __init__(
        self, remote: Remote, access: Access, limits: FetchLimits, cache_dir: Path, also: Sequence[str] = ()
    ) -> None:
        """A copy of `remote`; of its refs, branches, tags and those that fit a pattern of `also`."""
        if remote.scheme == "ssh" and (access.ssh_key is None or access.known_hosts is None):
            raise LocationRefused(
                f"{remote} needs a private key (VIGO_REPO_SSH_KEY), and a file of host keys to know it by"
                " (VIGO_REPO_KNOWN_HOSTS)"
            )
        self.remote: Final = remote
        self._access: Final = access
        self._limits: Final = limits
        self._home: Final = cache_dir.absolute() / remote.key
        self._also: Final = list(also)
        self._pack_beyond = self._limits.packs
        self._failures = 0
        self._doubted = False
        self._renewed_at = -RENEW_EVERY_S
        self.left_out = 0
        """Refs that fit a pattern of `also` and were too many to fetch."""

    @property
    def path(self) -> Path:
        """Where the bare repository is."""
        return self._home / "repo.git"

    def prepare(self) -> None:
        """Make sure that there is a copy, if only an empty one."""
        if not (self.path / "HEAD").exists():
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                pygit2.init_repository(str(self.path), bare=True, initial_head="main")

    def discard(self) -> None:
        """Throw away a copy that cannot be opened, and begin an empty one."""
        with self._locked():
            shutil.rmtree(self.path, ignore_errors=True)
        self.prepare()

    def doubt(self) -> None:
        """Something in the copy cannot be read: have the next fetch bring all of it anew. Safe from any thread."""
        self._doubted = True

    def fetch(self) -> None:
        """Bring the copy up to date with the remote's branches and tags; those it has no more are gone here too.

        A copy that is damaged, or may be, is fetched whole and replaced, now and then.

        Raises:
            FetchFailed: the remote is silent, answers nonsense, or does not let us in.
            RemoteUntrusted: it is not who it should be.
            FetchLimit: it took more time, memory or disk than it may.
            Of none of these is anything kept.
        """
        with self._locked():
            for left in (*self._home.glob("fetch-*"), *self._home.glob("push-*")):
                shutil.rmtree(left, ignore_errors=True)
            self._bring()
            packs = self._packs()
            if len(packs) > self._pack_beyond:
                self._pack_beyond = len(packs) + self._limits.packs
                self._pack(packs)

    def push(self, draft: Draft, ref: str, expected: str | None) -> None:
        """Move a ref of the remote to a commit that is in no repository yet, from where it is expected; never forced.

        The copy stays as it is: the next fetch brings what was pushed.

        Args:
            ref: in full.
            expected: the commit that it is at; None where it is to be made.

        Raises:
            RefMoved: it is elsewhere. BranchProtected: commits come there by review only.
            PushRefused: the remote does not want it, or not from us.
            PushFailed: it is silent, or not who it should be; `details.sent` says whether it may have the commit.
        """
        with (
            self._locked() as lock,
            tempfile.TemporaryDirectory(dir=self._home, prefix="push-", ignore_cleanup_errors=True) as place,
        ):
            scratch, push_s = Path(place), self._limits.push_s
            git = _borrowing(scratch / "repo.git", self.path / "objects")
            draft.store(git)
            git.references.create(pushing.SOURCE, draft.commit)
            job = pushing.Job(
                **self._identity(scratch), ref=ref, commit=draft.commit, expected=expected or pushing.NO_COMMIT
            )
            try:
                # With the lock in the child's hands too: should this process end, the next one's fetch waits for it.
                answer = json.loads(self._child("pushing", job, scratch, push_s, (lock,)))
            except subprocess.TimeoutExpired as error:
                raise PushFailed(f"pushing to {self.remote} took longer than {push_s:g} s", sent=True) from error
            except _Ended as error:
                raise PushFailed(f"pushing to {self.remote} ended with {error}", sent=True) from error
        message = f"{self.remote}: {_shown(answer['message'])}"
        match answer["fault"]:
            case "":
                return
            case "moved":
                raise RefMoved(message, ref=ref)
            case "protected":
                raise BranchProtected(message, ref=ref)
            case "refused" | "denied":
                raise PushRefused(message, ref=ref)
            case _:
                raise PushFailed(message, sent=bool(answer["sent"]))

    def _bring(self) -> None:
        if (self._doubted or self._failures >= FAILURES) and time.monotonic() - self._renewed_at >= RENEW_EVERY_S:
            self._renew()
            return
        try:
            self._attempt(pack=False)
        except _CopyDamaged:
            self._doubted = True
            if time.monotonic() - self._renewed_at < RENEW_EVERY_S:
                raise
            self._renew()
        except FetchFailed:
            self._failures += 1
            raise
        self._failures = 0

    def _renew(self) -> None:
        """Fetch all of it, and let go of what was there before."""
        self._renewed_at = time.monotonic()
        before = self._packs()
        taken = self._attempt(pack=False, whole=True)
        self._doubted, self._failures = False, 0
        for old in before:
            if taken and old.name not in taken:
                old.with_suffix(".idx").unlink(missing_ok=True)
                old.unlink(missing_ok=True)

    def _attempt(self, *, pack: bool, whole: bool = False) -> set[str]:
        """Run the child once and take what it brought: names of packs."""
        with tempfile.TemporaryDirectory(dir=self._home, prefix="fetch-", ignore_cleanup_errors=True) as scratch:
            answer = self._run(Path(scratch), {} if whole else self._refs(), pack=pack, whole=whole)
            return self._take(Path(scratch) / "repo.git/objects/pack", answer)

    def _pack(self, packs: list[Path]) -> None:
        """Make one pack of many. Also of what no ref leads to any more: it may be in force still."""
        try:
            taken = self._attempt(pack=True)
        except FetchFailed:  # it is slower with many packs, and right all the same
            return
        if not taken:
            return
        for old in packs:
            if old.name not in taken:
                old.with_suffix(".idx").unlink(missing_ok=True)
                old.unlink(missing_ok=True)
        self._pack_beyond = self._limits.packs

    def _run(self, scratch: Path, refs: dict[str, str], *, pack: bool, whole: bool) -> Answer:
        job = Job(
            **self._identity(scratch),
            objects="" if whole else str(self.path / "objects"),
            also=self._also,
            pack=pack,
            refs=refs,
        )
        wall_s = self._limits.wall_s
        try:
            output = self._child("fetching", job, scratch, wall_s)
        except subprocess.TimeoutExpired as error:
            raise FetchLimit(f"fetching {self.remote} took longer than {wall_s:g} s") from error
        except _Ended as error:
            raise FetchLimit(f"fetching {self.remote} ended with {error}") from error
        return self._judge(json.loads(output))

    def _identity(self, scratch: Path) -> Identity:
        """What a child is told of the remote and of us; its home is made."""
        limits, access = self._limits, self._access
        home = scratch / "home"
        (home / ".ssh").mkdir(parents=True)
        if access.known_hosts is not None:
            shutil.copyfile(access.known_hosts, home / ".ssh/known_hosts")
        user = self.remote.user or access.user or DEFAULT_USER
        return Identity(
            # Over SSH the user is part of the URL, or libgit2 asks for it before it asks for a key.
            url=str(self.remote._replace(user=user) if self.remote.scheme == "ssh" else self.remote),
            scratch=str(scratch),
            user=user,
            ssh_key=_text(access.ssh_key),
            token_file=_text(access.token_file),
            wall_s=limits.wall_s,
            memory_bytes=limits.memory_bytes,
            disk_bytes=limits.disk_bytes,
        )

    def _child(
        self, module: str, job: Mapping[str, object], scratch: Path, wall_s: float, keep: tuple[int, ...] = ()
    ) -> bytes:
        """What a child answers to a job.

        Args:
            keep: descriptors that it has too, and keeps should we end before it.

        Raises:
            subprocess.TimeoutExpired: it took too long. _Ended: it broke off.
        """
        home = scratch / "home"
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": "",
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        }
        if self._access.ca_file is not None:
            # Read by Python and OpenSSL when they start; through libgit2 it would only be added to the system's.
            environment |= {"SSL_CERT_FILE": str(self._access.ca_file.absolute()), "SSL_CERT_DIR": str(home)}
        child = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", f"reconciler.repository.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=environment,
            start_new_session=True,
            pass_fds=keep,
        )
        try:
            output, _ = child.communicate(json.dumps(job).encode(), timeout=wall_s)
        finally:
            if child.poll() is None:
                child.kill()
            child.communicate()
        if child.returncode != 0:
            raise _Ended(_ending(child.returncode))
        return output

    def _judge(self, answer: Answer) -> Answer:
        message = f"{self.remote}: {_shown(answer['message'])}"
        match answer["fault"]:
            case "":
                return answer
            case "untrusted":
                raise RemoteUntrusted(message)
            case "limit":
                raise FetchLimit(message)
            case "damaged":
                raise _CopyDamaged(message)
            case _:
                raise FetchFailed(message)

    def _take(self, brought: Path, answer: Answer) -> set[str]:
        """Move packs into the copy, then its refs; each is on disk before what leans on it. Names of the packs."""
        place = self.path / "objects/pack"
        taken = set()
        for pack in sorted(brought.glob("*.pack")):
            if _PACK.fullmatch(pack.name) and pack.with_suffix(".idx").exists():
                # A reader finds packs by their indexes.
                pack.rename(place / pack.name)
                pack.with_suffix(".idx").rename(place / pack.with_suffix(".idx").name)
                taken.add(pack.name)
        _sync(place)
        refs = {name: oid for name, oid in answer["refs"].items() if _is_ref(name) and _OID.fullmatch(oid)}
        if refs != self._refs():
            lines = [f"{oid} {name}\n" for name, oid in sorted(refs.items())]
            _replace(self.path / "packed-refs", "# pack-refs with: sorted \n" + "".join(lines))
        self.left_out = answer["left_out"]
        head = answer["head"]
        if head in refs and head.startswith("refs/heads/"):
            _replace(self.path / "HEAD", f"ref: {head}\n")
        return taken

    def _refs(self) -> dict[str, str]:
        try:
            lines = (self.path / "packed-refs").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RepositoryDamaged(f"the copy of {self.remote} cannot be read: {error}") from error
        pairs = (line.split(" ", 1) for line in lines if not line.startswith("#"))
        # What is no ref was not written by us; the next fetch writes them all.
        return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and _OID.fullmatch(pair[0]) and _is_ref(pair[1])}

    def _packs(self) -> list[Path]:
        return sorted((self.path / "objects/pack").glob("*.pack"))

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Nobody else touches the copy meanwhile; the descriptor of the lock."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()


def _borrowing(place: Path, objects: Path) -> pygit2.Repository:
    """A new bare repository that has another one's objects beside its own."""
    pygit2.init_repository(str(place), bare=True)
    with (place / "config").open("a") as config:
        # A remote could send us, and our credentials, to another host.
        config.write("[http]\n\tfollowRedirects = false\n")
    (place / "objects/info").mkdir(exist_ok=True)
    (place / "objects/info/alternates").write_text(f"{objects}\n")
    return pygit2.Repository(str(place))


def _text(path: Path | None) -> str | None:
    return str(path.absolute()) if path is not None else None


def _is_ref(name: str) -> bool:
    try:
        return revisions.check_ref(name) == name
    except RevisionRefused:
        return False


def _replace(place: Path, text: str) -> None:
    temporary = place.with_name(place.name + ".new")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place)
    _sync(place.parent)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _shown(message: str) -> str:
    return printable(message[:MAX_MESSAGE_CHARS].encode("utf-8", "surrogatepass"))
