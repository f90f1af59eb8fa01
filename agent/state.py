"""The state directory: all that an agent remembers, and who may touch it.

Owns the layout, the lock that lets one agent at a time use it, and each small file in it; objects and spool have
modules of their own, the journal belongs to converge. Files are whole or not there (`agent.durable`), keys are 0600.

    identity.json ca.pem cert.pem tls.key ed25519.key x25519.key signing.pub    from enrolment
    target.json floor.json objects/ spool/                                      what was accepted, what is to be told
    pin.json                                                                    of `agent.pinning`
    probe.json                                                                  of `agent.probes`
    journal.jsonl originals/                                                    of `agent.journal`
    lock processes.json link.json last-run.json traits.json                     for `status`, and not to repeat oneself

Invariant: `identity.json` is written last, so an enrolment is whole or has not happened.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent import durable
from schema.errors import Conflict, Fault, Invalid
from schema.ids import EnvoyId, Hostname, Sha256, sha256
from schema.time import Instant

LOCK_PATIENCE_S: Final = 0.2
"""`owner` holds the lock for an instant: whoever wants it waits that out."""
MAX_SMALL_FILE_BYTES: Final = 1024 * 1024
MAX_TARGET_FILE_BYTES: Final = 16 * 1024 * 1024

IDENTITY_FILES: Final = ("ca.pem", "cert.pem", "tls.key", "ed25519.key", "x25519.key", "signing.pub")
_OF_ONE_IDENTITY: Final = (
    "target.json",
    "floor.json",
    "traits.json",
    "last-run.json",
    "link.json",
    "processes.json",
    "probe.json",
)

_NEXT: Final = ".next"
"""Behind the name of a file that a renewal is about to replace."""

Model = TypeVar("Model", bound=BaseModel)


class StateUnsafe(Invalid):
    """Somebody else could change what the agent trusts."""

    code = "agent.state_unsafe"


class StateUnusable(Fault):
    """The state directory cannot be made or read."""

    code = "agent.state_unusable"


class AlreadyRunning(Conflict):
    """Another agent uses this state directory."""

    code = "agent.already_running"


class NotEnrolled(Invalid):
    """There is no identity yet."""

    code = "agent.not_enrolled"


class Identity(BaseModel):
    """Who this agent is, as the server decided; nothing secret."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    envoy_id: EnvoyId
    project: str
    hostname: Hostname
    gateway_url: str
    server_url: str
    enrolled_at: Instant
    expires: Instant
    """Of the certificate."""
    root: str = "/"
    """What stands for the host: the agent that was enrolled for a directory never touches the machine by mistake."""
    files: Mapping[str, Sha256]
    """Digests of the files that belong to it: what was half replaced is seen."""


class State:
    """One state directory, opened."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """The state directory at `path`, made if it is not there, safe to trust.

        Raises:
            NotEnrolled: it is not there and is not to be made.
            StateUnsafe: others may write to it or replace it.
            StateUnusable: it cannot be made, or is not a directory.
        """
        path = path.absolute()
        if not create and not path.is_dir():
            raise NotEnrolled(f"{path} is not there; `vigo-agent enrol --server URL --token TOKEN` makes it")
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_shared(path)
            for name in ("objects", "spool"):
                (path / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateUnusable(f"{path}: {error.strerror or error}") from error
        return cls(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """While the block runs, this process is the only agent on this state.

        Raises:
            AlreadyRunning: another one is; the message says which.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            deadline = time.monotonic() + LOCK_PATIENCE_S
            while not _flock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                    raise AlreadyRunning(
                        f"another agent (pid {owner or 'unknown'}) uses {self.path}; stop it first, "
                        "as by `systemctl stop vigo-agent`"
                    )
                time.sleep(0.02)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            for where in ("", "objects/", "spool/", "originals/", "undo/", "undo/*/"):
                for unfinished in self.path.glob(f"{where}{durable.ASIDE}*"):
                    unfinished.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def owner(self) -> int | None:
        """The pid of the agent that runs on this state now; None when none does."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            return None if _flock(descriptor, fcntl.LOCK_SH) else int(os.pread(descriptor, 32, 0) or b"0")
        finally:
            os.close(descriptor)

    def file(self, name: str) -> Path:
        """Where a file of the layout stands."""
        return self.path / name

    def enrolled(self) -> bool:
        """Whether there is an identity, whole or not."""
        return self.file("identity.json").exists()

    def identity(self) -> Identity:
        """Who this agent is.

        Raises:
            NotEnrolled: nobody yet, or the files that belong to the identity are not all what they were.
        """
        found = self.read_model("identity.json", Identity)
        if found is None:
            raise NotEnrolled(f"{self.path} holds no identity; run `vigo-agent enrol --server URL --token TOKEN`")
        for name in IDENTITY_FILES:
            if not any(self._holds(each, found.files.get(name)) for each in (name, name + _NEXT)):
                raise NotEnrolled(f"{self.file(name)} is not what the enrolment wrote; enrol again with --replace")
        return found

    def save_enrolment(self, files: Mapping[str, bytes], identity: Identity) -> None:
        """Become this identity. What belonged to another one (target, reports, objects) goes; the journal stays."""
        assert set(files) == set(IDENTITY_FILES)
        durable.remove(self.file("identity.json"))
        for name in (*_OF_ONE_IDENTITY, *(each + _NEXT for each in IDENTITY_FILES)):
            durable.remove(self.file(name))
        for directory in ("objects", "spool"):
            for path in (self.path / directory).iterdir():
                path.unlink()
        for name, data in files.items():
            durable.write(self.file(name), data)
        self.write_model("identity.json", identity)

    def save_renewal(self, files: Mapping[str, bytes], identity: Identity) -> None:
        """Take these files of the same identity in place of those there. `identity`, written in between, decides which
        of them count: interrupted anywhere, all are the old ones or all the new.
        """
        for name, data in files.items():
            durable.write(self.file(name + _NEXT), data)
        self.write_model("identity.json", identity)
        self.settle(identity)

    def settle(self, identity: Identity) -> None:
        """Finish or forget a renewal that was interrupted. For who holds the lock."""
        for name in IDENTITY_FILES:
            data = durable.read(self.file(name + _NEXT), MAX_SMALL_FILE_BYTES)
            if data is None:
                continue
            if sha256(data) == identity.files.get(name):
                durable.write(self.file(name), data)
            durable.remove(self.file(name + _NEXT))

    def _holds(self, name: str, digest: str | None) -> bool:
        data = durable.read(self.file(name), MAX_SMALL_FILE_BYTES)
        return data is not None and sha256(data) == digest

    def read_model(self, name: str, model: type[Model]) -> Model | None:
        """What a small file says; None when it is not there or says nothing that can be read."""
        data = durable.read(self.file(name), MAX_SMALL_FILE_BYTES)
        if data is None:
            return None
        try:
            return model.model_validate_json(data)
        except ValidationError:
            return None

    def write_model(self, name: str, value: BaseModel, *, synced: bool = True) -> None:
        """Keep a small file, durably if `synced`.

        Raises:
            OSError: no space.
        """
        durable.write(self.file(name), value.model_dump_json(indent=1).encode() + b"\n", synced=synced)

    def target(self) -> bytes | None:
        """The target accepted last, as the server sent it; nothing in it may be trusted before it is verified again."""
        return durable.read(self.file("target.json"), MAX_TARGET_FILE_BYTES)

    def save_target(self, target: bytes) -> None:
        """Keep the target that was accepted, durably."""
        durable.write(self.file("target.json"), target)


def _refuse_shared(path: Path) -> None:
    """Refuse a directory that others own or write to, or that they could rename away."""
    me = os.geteuid()
    for level, directory in enumerate((path, *path.parents)):
        info = directory.stat() if level else directory.lstat()
        if not stat.S_ISDIR(info.st_mode):
            raise StateUnsafe(f"{directory} is not a directory")
        if info.st_uid not in (0, me):
            raise StateUnsafe(f"{directory} belongs to uid {info.st_uid}; it must belong to root or to uid {me}")
        group_may = (
            info.st_mode & stat.S_IWGRP and info.st_gid != 0 and not (level and me and info.st_gid == os.getegid())
        )
        others_may = info.st_mode & stat.S_IWOTH
        sticky = level and info.st_mode & stat.S_ISVTX  # others may add names there, but not take ours away
        if (group_may or others_may) and not sticky:
            raise StateUnsafe(f"{directory} may be written by others (mode {stat.S_IMODE(info.st_mode):04o})")


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
