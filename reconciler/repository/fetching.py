"""The child that fetches: one remote, one attempt, within limits, into a directory of its own.

Run as a program by `remotes`, which gives it a job as JSON on standard input and reads what came of it as JSON from
standard output. It knows no more of the copy than where its objects are, and cannot change it: what it brings is taken
over by the parent once it has ended well. All that a hostile remote can do is done to this process.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final, TypedDict

import pygit2
from pygit2.credentials import Keypair, UserPass
from pygit2.enums import CredentialType, FetchPrune, ObjectType

from reconciler.repository import libgit2
from reconciler.repository.selections import Selection

MAX_REFS: Final = 20_000
MAX_TOKEN_BYTES: Final = 16 * 1024
WINDOW_BYTES: Final = 16 * 1024 * 1024
MAPPED_BYTES: Final = 128 * 1024 * 1024

EXHAUSTED: Final = (
    ("emory", "it needs more memory than it may have"),
    ("File too large", "it needs more disk than it may have"),
    ("No space left", "there is no space left on this machine"),
)
"""libgit2 says so in words alone."""
SILENT: Final = "Resource temporarily unavailable"
"""What libgit2 makes of a socket that nothing came from within its time."""
DISTRUSTED: Final = (
    "its certificate or host key is not one we were told to trust (VIGO_REPO_CA_FILE, VIGO_REPO_KNOWN_HOSTS)"
)


class Identity(TypedDict):
    """Which remote, who we are to it, and what its child may use; paths as text."""

    url: str
    scratch: str
    user: str
    ssh_key: str | None
    token_file: str | None
    wall_s: float
    memory_bytes: int
    disk_bytes: int


class Job(Identity):
    """What the child is asked for."""

    objects: str
    """The object directory of the copy, for what need not be fetched again; empty to fetch all."""
    also: list[str]
    """Patterns of refs that are wanted beside branches and tags."""
    pack: bool
    """Do not fetch: make one pack of all that is in the copy."""
    refs: dict[str, str]
    """What the copy has: ref → object id."""


class Answer(TypedDict):
    """What came of it."""

    fault: str
    """Empty, `failed`, `untrusted`, `denied`, `limit`, or `damaged`: of the copy, objects are missing."""
    message: str
    refs: dict[str, str]
    """Branches, tags of commits, and other refs that were asked for: ref → object id; each is there, in the copy or in
    `scratch`."""
    head: str
    """The branch that the remote's HEAD names; empty where it names none."""
    left_out: int
    """Other refs that were asked for and are too many."""


class Callbacks(pygit2.RemoteCallbacks):
    """Says who we are once, and never that a stranger is a friend."""

    def __init__(self, job: Identity) -> None:
        super().__init__()
        self._job: Final = job
        self.distrusted = False
        self.denied = False

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:  # noqa: ARG002, FBT001
        # pygit2's default lets every SSH host key pass, whatever libgit2 found in known_hosts: it has to be said here.
        self.distrusted = self.distrusted or not valid
        return valid

    def credentials(
        self,
        url: str,  # noqa: ARG002
        username_from_url: str | None,  # noqa: ARG002
        allowed_types: CredentialType,
    ) -> Keypair | UserPass:
        offered = self._offer(allowed_types)
        # Asked again means that what was offered was refused; libgit2 would go on asking.
        if self.denied or offered is None:
            self.denied = True
            raise pygit2.GitError("the remote does not let us in")
        self.denied = True
        return offered

    def _offer(self, allowed: CredentialType) -> Keypair | UserPass | None:
        job = self._job
        if allowed & CredentialType.SSH_KEY and job["ssh_key"] is not None:
            return Keypair(job["user"], None, job["ssh_key"], "")
        if allowed & CredentialType.USERPASS_PLAINTEXT and job["token_file"] is not None:
            with Path(job["token_file"]).open("rb") as file:
                return UserPass(job["user"], file.read(MAX_TOKEN_BYTES).decode().strip())
        return None


def fetch(job: Job) -> Answer:
    """Bring what the remote has and the copy lacks into `scratch`."""
    callbacks = Callbacks(job)
    try:
        return _fetch(job, callbacks)
    except (MemoryError, _TooMuch) as error:
        return _fault("limit", str(error) or "it needs more memory than it may have")
    except (pygit2.GitError, OSError, ValueError, KeyError) as error:
        if callbacks.distrusted:
            return _fault("untrusted", DISTRUSTED)
        if callbacks.denied and "let us in" in str(error):
            return _fault("denied", "it does not let us in with the credentials we have")
        for sign, what in EXHAUSTED:
            if sign in str(error):
                return _fault("limit", what)
        if SILENT in str(error):
            return _fault("failed", "it was reached, and then it did not answer in time")
        return _fault("failed", str(error))


class _TooMuch(Exception):
    pass


def _fetch(job: Job, callbacks: Callbacks) -> Answer:
    git = _scratch(job)
    if job["pack"]:
        git.pack(Path(git.path) / "objects/pack", n_threads=1)
        return Answer(fault="", message="", refs=job["refs"], head="", left_out=0)
    if not all(git.odb.exists(oid) for oid in job["refs"].values()):
        return _fault("damaged", "its copy lacks objects")
    remote = git.remotes.create_anonymous(job["url"])
    remote.connect(callbacks=callbacks)
    refs: dict[str, str] = {}
    others: dict[str, str] = {}
    also, head = Selection(job["also"]), ""
    for found in remote.list_heads(connect=False):
        name = found.name or ""
        if name == "HEAD":
            head = found.symref_target or ""
        elif name.startswith(("refs/heads/", "refs/tags/")) and not name.endswith("^{}"):
            refs[name] = str(found.oid)
        elif name in also and not name.endswith("^{}"):
            others[name] = str(found.oid)
    selected, left_out = also.select(others)
    # One that is named in full is never among those that are too many.
    refs |= {name: others[name] for name in (*selected, *also.patterns) if name in others}
    if len(refs) > MAX_REFS:
        raise _TooMuch(f"more than {MAX_REFS} refs")
    callbacks.denied = False
    if refs != job["refs"]:
        # Without a destination nothing is written but the pack: refs are the parent's to move.
        remote.fetch(sorted(refs), callbacks=callbacks, prune=FetchPrune.NO_PRUNE)
    if not all(git.odb.exists(oid) for oid in refs.values()):
        return _fault("failed", "it did not send what it announced")
    kept = {name: oid for name, oid in refs.items() if _is_commit(git, oid)}
    return Answer(fault="", message="", refs=kept, head=head if head in kept else "", left_out=left_out)


def _scratch(job: Job) -> pygit2.Repository:
    """An empty repository that borrows the copy's objects and starts from its refs."""
    place = Path(job["scratch"]) / "repo.git"
    pygit2.init_repository(str(place), bare=True)
    with (place / "config").open("a") as config:
        # A remote could send us, and our credentials, to another host.
        config.write("[http]\n\tfollowRedirects = false\n")
    (place / "objects/info").mkdir(exist_ok=True)
    if job["objects"]:
        (place / "objects/info/alternates").write_text(job["objects"] + "\n")
    lines = [f"{oid} {name}\n" for name, oid in sorted(job["refs"].items())]
    (place / "packed-refs").write_text("".join(lines))
    return pygit2.Repository(str(place))


def _is_commit(git: pygit2.Repository, oid: str) -> bool:
    try:
        kind, _ = git.odb.read_header(oid)
    except (KeyError, ValueError, pygit2.GitError):
        return False
    return kind in (ObjectType.COMMIT, ObjectType.TAG)


def _fault(kind: str, message: str) -> Answer:
    return Answer(fault=kind, message=message, refs={}, head="", left_out=0)


def confine(job: Identity) -> None:
    """Limits of this process. The alarm ends it where the parent is not there to do so."""
    seconds = math.ceil(job["wall_s"]) + 5
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    for what, most in (
        (resource.RLIMIT_AS, job["memory_bytes"]),
        (resource.RLIMIT_FSIZE, job["disk_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))
    pygit2.settings.mwindow_size = WINDOW_BYTES
    pygit2.settings.mwindow_mapped_limit = MAPPED_BYTES


def main() -> None:
    """Read a job, fetch, write the answer."""
    job: Any = json.load(sys.stdin)
    libgit2.harden(str(Path(job["scratch"]) / "home"))
    confine(job)
    json.dump(fetch(job), sys.stdout)


if __name__ == "__main__":
    main()
