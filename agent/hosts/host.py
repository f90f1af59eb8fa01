"""The port to a machine, and the shapes that cross it.

Invariants of every implementation: a path is absolute and has no `..`; the last component is never followed when it is
a symbolic link; each writing method is atomic (done or not done) unless it says otherwise; programs get argument lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

MAX_READ_BYTES: Final = 16 * 1024 * 1024
MAX_OUTPUT_BYTES: Final = 1024 * 1024
OUTPUT_CUT: Final = b"\n[... cut at 1 MiB]\n"
MAX_PATH_CHARS: Final = 4096
ONCE: Final = "once"
"""Key of the memo that a change does not clear: the set of what is done at most once in a run."""
ALONG: Final = "along"
"""Key of the memo, which a change does not clear: what comes right after a resource (`agent.along`)."""
MANAGED: Final = "managed"
"""Another one: a function that gives all paths that resources of this run manage; see `agent.tools.purging`."""


ANY: Final = -1
"""Instead of a size."""


class HostFault(Exception):
    """The host layer refuses: an unsafe path, a wrong kind of file, too much of something. The message says why."""


class Kind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "special file"  # fifo, socket, device


class Stat(NamedTuple):
    """What is known of a path without reading it. `mode` holds the permission bits alone."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    links: int


class Ran(NamedTuple):
    """A program that has ended. `code` is negative for a signal; output is cut at `MAX_OUTPUT_BYTES` each."""

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False

    @property
    def text(self) -> str:
        """Standard output, undecodable bytes replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """The last lines a person should read when it failed: of standard error, else of standard output."""
        said = (self.stderr.strip() or self.stdout.strip()).decode("utf-8", "replace")
        tail = "\n".join(said.splitlines()[-8:])[-1500:]
        how = "timed out" if self.timed_out else f"exit {self.code}"
        return f"{how}: {tail}" if tail else how


class Signature(NamedTuple):
    """What changes whenever something at a path does."""

    changed_ns: int
    modified_ns: int
    rest: tuple[int, ...]
    """Mode, inode, device, links, uid, gid and size."""


class Exact(NamedTuple):
    """A file or directory as it should be, by its name in the one above; what is None may be anything."""

    name: str
    format: int
    """S_IFREG or S_IFDIR of inode(7)."""
    mode: int | None
    uid: int | None
    gid: int | None
    size: int | None
    sha256: bytes | None


class Account(NamedTuple):
    """A user, as far as the host layer must know one."""

    name: str
    uid: int
    gid: int
    """Of the primary group."""
    home: str


class Host(Protocol):
    """One machine. Methods raise `OSError` as the system does, and `HostFault` for what this layer refuses."""

    @property
    def confined(self) -> bool:
        """Whether this is a directory that stands for a machine: no program runs, no service or package exists."""
        ...

    @property
    def privileged(self) -> bool:
        """Whether it may give files to others."""
        ...

    def as_user(self, account: Account) -> Host:
        """The same machine, touched on behalf of a user: their home is taken for a trap, programs run as they."""
        ...

    def guards(self, path: str) -> bool:
        """Whether what is at a path lies in the hands of the user on whose behalf the host is touched.

        Then no link on the way is followed, and a file is written anew rather than given away or opened up: the user
        may have put there what was another's.
        """
        ...

    @property
    def memo(self) -> MutableMapping[object, Any]:
        """What tools have read for many resources at once. Cleared when a run begins and after a change."""
        ...

    # reading

    def lstat(self, path: str) -> Stat | None:
        """What is at a path; None when nothing is, or when a parent is missing."""
        ...

    def fingerprint(self, path: str, size: int | None) -> tuple[Stat, str | None] | None:
        """Like `lstat`, with the SHA-256 of a regular file's bytes when its size is `size`; None for any other.

        Args:
            size: `ANY`: whatever its size.
        """
        ...

    def read(self, path: str, *, limit: int = MAX_READ_BYTES) -> bytes:
        """The bytes of a regular file. Raises `HostFault` when it is not one or is larger than `limit`."""
        ...

    def stream(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A regular file of any length, open to read and seek; what has no part in it raises as `read` does."""
        ...

    def signatures(self, folder: str, names: Sequence[str]) -> Sequence[Signature | None]:
        """For each name in a directory what changes whenever it does; None where that cannot be said, or nothing is.

        Many at once: the directory is opened once, and each is cheaper next to another.
        """
        ...

    def matching(self, folder: str, files: Sequence[Exact]) -> Sequence[bool]:
        """For each whether it stands in the directory exactly so; what has a digest is read. Many at once.

        What cannot be opened, or is told of by `fingerprint` alone, does not match.
        """
        ...

    def same(self, path: str, other: str) -> bool:
        """Whether two paths lead to one and the same thing."""
        ...

    def attribute(self, path: str, name: str) -> bytes | None:
        """An extended attribute of a file or directory; None where it has none of this name."""
        ...

    def readlink(self, path: str) -> str:
        """Where a symbolic link points, as written in it."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        ...

    # writing

    def write(
        self,
        path: str,
        data: bytes | Iterable[bytes],
        *,
        mode: int,
        uid: int | None = None,
        gid: int | None = None,
        check: Callable[[str], None] | None = None,
        keep: bool = False,
    ) -> None:
        """Put a regular file in place, whole, over a file or link that is there.

        `check` gets the path of the finished candidate before it replaces anything; if it raises, all stays as it was.
        With `keep`, extended attributes (access control lists, labels) of the file that is replaced are those of the
        new one. Data that comes in pieces is not held in memory.
        """
        ...

    def poke(self, path: str, data: bytes) -> None:
        """Tell the kernel something through a file of its own that is there (/proc, /sys): one write, in place."""
        ...

    def mkdir(self, path: str, *, mode: int, uid: int | None = None, gid: int | None = None) -> None:
        """Make a directory. Missing parents are made with mode 0755, each in one step."""
        ...

    def symlink(self, path: str, target: str) -> None:
        """Put a symbolic link in place, over a file or link that is there."""
        ...

    def link(self, path: str, target: str) -> None:
        """Make `path` another name of the regular file `target`, over a file or link that is there.

        On behalf of a user only of what is theirs, in their home.
        """
        ...

    def rename(self, path: str, name: str) -> None:
        """Give what is at a path another name in its directory, over a file or link; never over a directory's."""
        ...

    def exchange(self, path: str, name: str) -> None:
        """Let what is at a path and what has another name in its directory change places, at once where that can be."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or link; nothing there is no error."""
        ...

    def rmdir(self, path: str) -> None:
        """Remove an empty directory; nothing there is no error."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a directory and all below it. Not atomic; follows no link and enters no other file system."""
        ...

    def chmod(self, path: str, mode: int) -> None:
        """Set permission bits of a file or directory; refused for a file with several hard links."""
        ...

    def chown(self, path: str, uid: int | None, gid: int | None) -> None:
        """Set owner and group, None leaves one; refused for a file with several hard links."""
        ...

    def set_attribute(self, path: str, name: str, value: bytes | None) -> None:
        """Set an extended attribute, None removes it; refused for a file with several hard links."""
        ...

    def sync_pending(self) -> None:
        """Make durable what was written since the last call. Called once, at the end of a run."""
        ...

    # accounts

    def uid(self, name: str) -> int | None:
        """The id of a user by name, or of a number as text."""
        ...

    def gid(self, name: str) -> int | None:
        """The id of a group by name, or of a number as text."""
        ...

    def user_name(self, uid: int) -> str:
        """The name of a user, or the number as text."""
        ...

    def group_name(self, gid: int) -> str:
        """The name of a group, or the number as text."""
        ...

    # programs

    def which(self, program: str) -> str | None:
        """Where a program is; None when it is not to be had."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002 - as in subprocess
        timeout_s: float = 60.0,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
    ) -> Ran:
        """Run a program to its end, in its own process group and a clean environment; `env` adds to it.

        Touched on behalf of a user, a host runs it as that user, in the home unless `cwd` says otherwise.

        Raises:
            HostFault: no such program, no such user, or this host runs none.
        """
        ...


def forget(host: Host, *, but: Iterable[object] = ()) -> None:
    """Clear the memo after a change: what was read before it may no longer be so, `but` for these."""
    lasting = [(key, host.memo[key]) for key in (ONCE, ALONG, MANAGED, *but) if key in host.memo]
    host.memo.clear()
    host.memo.update(lasting)


def components(path: str) -> list[str]:
    """The components of an absolute path.

    Raises:
        HostFault: relative, with `..`, with a NUL, or too long.
    """
    if not path.startswith("/"):
        raise HostFault(f"{path!r} is not an absolute path")
    if "\0" in path or len(path) > MAX_PATH_CHARS:
        raise HostFault(f"{path[:200]!r} is not a path: it has a NUL or more than {MAX_PATH_CHARS} characters")
    parts = path[1:].split("/")
    if "" in parts or "." in parts:  # seldom, and asked of each path several times a run
        parts = [part for part in parts if part not in ("", ".")]
    if ".." in parts:
        raise HostFault(f"{path!r} has a '..' component")
    return parts
