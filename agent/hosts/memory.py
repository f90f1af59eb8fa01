"""A machine of dictionaries, for laws over resource types: it counts writes, and fails at whichever it is told to.

It has paths, owners, links and accounts as a real one has; programs are functions that the test brings.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.hosts.accounts import FileAccounts
from agent.hosts.host import MAX_READ_BYTES, Account, HostFault, Kind, Ran, Stat, components

Program = Callable[["MemoryHost", Sequence[str], bytes], Ran]
"""A program of a memory machine: gets the machine, its arguments and its standard input; writes to the machine."""

_MAX_LINKS: Final = 40


@dataclass(frozen=True)
class Node:
    """What stands at one path."""

    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    data: bytes = b""
    target: str = ""


class _Count:
    """Writes, counted for a machine and all views of it; one of them fails."""

    def __init__(self, fail_at: int | None) -> None:
        self.writes = 0
        self.fail_at = fail_at

    def add(self) -> None:
        if self.fail_at is not None and self.writes == self.fail_at:
            self.fail_at = None
            raise _system_error(errno.ENOSPC, "write")
        self.writes += 1


class MemoryHost:
    """See the module. `writes` counts the writing calls that took effect.

    Args:
        programs: by the name that `argv[0]` has.
        fail_at: the number of the write, from 0, that finds no space left on the device.
        confined: see `Host`.
        privileged: see `Host`.
    """

    def __init__(
        self,
        programs: Mapping[str, Program] | None = None,
        *,
        fail_at: int | None = None,
        confined: bool = False,
        privileged: bool = True,
    ) -> None:
        self.nodes: dict[str, Node] = {"/": Node(Kind.DIRECTORY)}
        self.programs: dict[str, Program] = dict(programs or {})
        self._count = _Count(fail_at)
        self._account: Account | None = None
        self.confined: Final = confined
        self.privileged: Final = privileged
        self.memo: Final[dict[object, Any]] = {}
        self.runs: list[list[str]] = []
        self._accounts: Final = FileAccounts(self)

    @property
    def writes(self) -> int:
        """How many writing calls took effect."""
        return self._count.writes

    @property
    def fail_at(self) -> int | None:
        """See the class; None once it has failed."""
        return self._count.fail_at

    @fail_at.setter
    def fail_at(self, number: int | None) -> None:
        self._count.fail_at = number

    def as_user(self, account: Account) -> MemoryHost:
        """See `Host`: the same machine; a link or a stranger's directory in the home is refused."""
        view = copy(self)
        view._account = account  # noqa: SLF001 - its own kind
        return view

    def guards(self, path: str) -> bool:
        """See `Host`."""
        return self._account is not None and "/".join(["", *components(path)]).startswith(self._account.home + "/")

    # reading

    def lstat(self, path: str) -> Stat | None:
        """See `Host`."""
        node = self.nodes.get(self._place(path))
        if node is None:
            return None
        size = len(node.data) if node.kind is Kind.FILE else len(node.target)
        return Stat(node.kind, node.mode, node.uid, node.gid, size, 1)

    def fingerprint(self, path: str, size: int | None) -> tuple[Stat, str | None] | None:
        """See `Host`."""
        found = self.lstat(path)
        if found is None:
            return None
        if found.kind is not Kind.FILE or found.size != size:
            return found, None
        return found, hashlib.sha256(self.nodes[self._place(path)].data).hexdigest()

    def read(self, path: str, *, limit: int = MAX_READ_BYTES) -> bytes:
        """See `Host`."""
        node = self._node(path)
        if node.kind is not Kind.FILE:
            raise HostFault(f"{path} is a {node.kind}, not a regular file")
        if len(node.data) > limit:
            raise HostFault(f"{path} is larger than {limit} bytes")
        return node.data

    def readlink(self, path: str) -> str:
        """See `Host`."""
        node = self._node(path)
        if node.kind is not Kind.SYMLINK:
            raise _system_error(errno.EINVAL, path)
        return node.target

    def listdir(self, path: str) -> list[str]:
        """See `Host`."""
        if self._node(path).kind is not Kind.DIRECTORY:
            raise _system_error(errno.ENOTDIR, path)
        return sorted(name.rpartition("/")[2] for name in self._children(self._place(path)))

    # writing

    def write(
        self,
        path: str,
        data: bytes,
        *,
        mode: int,
        uid: int | None = None,
        gid: int | None = None,
        check: Callable[[str], None] | None = None,
    ) -> None:
        """See `Host`."""
        place = self._new_place(path, create=self.confined)
        self._own(uid, gid)
        old = self.nodes.get(place)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, path)
        node = Node(Kind.FILE, mode, *self._owners(path, uid, gid), data)
        if check is not None:
            candidate = f"{place.rpartition('/')[0]}/.vigo-candidate.tmp"
            self.nodes[candidate] = node
            try:
                check(candidate)
            finally:
                del self.nodes[candidate]
        self._count.add()
        self.nodes[place] = node

    def poke(self, path: str, data: bytes) -> None:
        """See `Host`."""
        node = self._node(path)
        if node.kind is not Kind.FILE:
            raise HostFault(f"{path} is a {node.kind}, not a regular file")
        self._count.add()
        self.nodes[self._place(path)] = replace(node, data=data)

    def mkdir(self, path: str, *, mode: int, uid: int | None = None, gid: int | None = None) -> None:
        """See `Host`."""
        place = self._new_place(path, create=True)
        self._own(uid, gid)
        if place in self.nodes:
            raise _system_error(errno.EEXIST, path)
        self._count.add()
        self.nodes[place] = Node(Kind.DIRECTORY, mode, *self._owners(path, uid, gid))

    def symlink(self, path: str, target: str) -> None:
        """See `Host`."""
        place = self._new_place(path, create=self.confined)
        old = self.nodes.get(place)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, path)
        self._count.add()
        self.nodes[place] = Node(Kind.SYMLINK, 0o777, *self._owners(path, None, None), target=target)

    def remove(self, path: str) -> None:
        """See `Host`."""
        place = self._place(path)
        node = self.nodes.get(place)
        if node is None:
            return
        if node.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, path)
        self._count.add()
        del self.nodes[place]

    def rmdir(self, path: str) -> None:
        """See `Host`."""
        place = self._place(path)
        node = self.nodes.get(place)
        if node is None:
            return
        if node.kind is not Kind.DIRECTORY:
            raise _system_error(errno.ENOTDIR, path)
        if self._children(place):
            raise _system_error(errno.ENOTEMPTY, path)
        self._count.add()
        del self.nodes[place]

    def remove_tree(self, path: str) -> None:
        """See `Host`."""
        place = self._place(path)
        for child in sorted((name for name in self.nodes if name.startswith(place + "/")), reverse=True):
            self._count.add()
            del self.nodes[child]
        self.rmdir(path)

    def chmod(self, path: str, mode: int) -> None:
        """See `Host`."""
        node = self._node(path)
        self._count.add()
        self.nodes[self._place(path)] = replace(node, mode=mode)

    def chown(self, path: str, uid: int | None, gid: int | None) -> None:
        """See `Host`."""
        node = self._node(path)
        self._own(uid, gid)
        self._count.add()
        self.nodes[self._place(path)] = replace(
            node, uid=node.uid if uid is None else uid, gid=node.gid if gid is None else gid
        )

    def sync_pending(self) -> None:
        """See `Host`: memory has nothing to sync."""

    # accounts

    def uid(self, name: str) -> int | None:
        """See `Host`."""
        return self._accounts.uid(name)

    def gid(self, name: str) -> int | None:
        """See `Host`."""
        return self._accounts.gid(name)

    def user_name(self, uid: int) -> str:
        """See `Host`."""
        return self._accounts.user_name(uid)

    def group_name(self, gid: int) -> str:
        """See `Host`."""
        return self._accounts.group_name(gid)

    # programs

    def which(self, program: str) -> str | None:
        """See `Host`."""
        return f"/usr/bin/{program}" if program in self.programs and not self.confined else None

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002
        timeout_s: float = 60.0,  # noqa: ARG002 - a function ends by itself
        env: Mapping[str, str] | None = None,  # noqa: ARG002
        cwd: str | None = None,  # noqa: ARG002
        user: str | None = None,
    ) -> Ran:
        """See `Host`."""
        if self._account is not None and user not in (None, self._account.name):
            raise HostFault(f"on behalf of {self._account.name} no program is run as {user}")
        self.runs.append(list(argv))
        if self.confined:
            raise HostFault(f"{argv[0]} is not run: the host is confined")
        program = self.programs.get(argv[0])
        if program is None:
            raise HostFault(f"there is no program {argv[0]} on this host")
        try:
            return program(self, argv[1:], input)
        except OSError as error:  # as a program that meets a full disk
            return Ran(1, b"", str(error).encode())

    # private

    def _owners(self, path: str, uid: int | None, gid: int | None) -> tuple[int, int]:
        if self._account is None or not self.guards(path) or not self.privileged:
            return uid or 0, gid or 0
        return self._account.uid if uid is None else uid, self._account.gid if gid is None else gid

    def _own(self, uid: int | None, gid: int | None) -> None:
        if not self.privileged and (uid or gid):  # its own ids are 0 here too
            raise _system_error(errno.EPERM, "chown")

    def _node(self, path: str) -> Node:
        node = self.nodes.get(self._place(path))
        if node is None:
            raise _system_error(errno.ENOENT, path)
        return node

    def _children(self, place: str) -> list[str]:
        prefix = place.rstrip("/") + "/"
        return [
            name for name in self.nodes if name.startswith(prefix) and name != "/" and "/" not in name[len(prefix) :]
        ]

    def _new_place(self, path: str, *, create: bool) -> str:
        place = self._place(path, create=create)
        parent = self.nodes.get(place.rpartition("/")[0] or "/")
        if parent is None:
            raise _system_error(errno.ENOENT, path)
        if parent.kind is not Kind.DIRECTORY:
            raise _system_error(errno.ENOTDIR, path)
        return place

    def _place(self, path: str, *, create: bool = False) -> str:
        """The key of a path: links on the way followed within the machine, the last component not."""
        todo = components(path)[::-1]
        place: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                place = place[:-1]
                continue
            key = "/" + "/".join([*place, part])
            node = self.nodes.get(key)
            if not todo:
                return key
            if node is None:
                if not create:
                    return key + "/" + "/".join(reversed(todo))
                self._count.add()
                self.nodes[key] = Node(Kind.DIRECTORY, 0o755, *self._owners(key, None, None))
            elif self._account is not None and self.guards(key) and node.uid not in (0, self._account.uid):
                raise HostFault(f"{key} belongs to user {node.uid}, not to {self._account.name}")
            elif node.kind is Kind.SYMLINK:
                if self.guards(key):
                    raise HostFault(f"{key} is a symbolic link: nothing is done through it")
                links += 1
                if links > _MAX_LINKS:
                    raise _system_error(errno.ELOOP, path)
                place = [] if node.target.startswith("/") else place
                todo.extend(name for name in reversed(node.target.split("/")) if name not in ("", "."))
                continue
            elif node.kind is not Kind.DIRECTORY:
                if create:
                    raise _system_error(errno.ENOTDIR, path)
                return key + "/" + "/".join(reversed(todo))
            place.append(part)
        return "/" + "/".join(place)


def _system_error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)
