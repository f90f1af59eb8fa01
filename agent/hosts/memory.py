"""A machine of dictionaries, for laws over resource types: it counts writes, and fails at whichever it is told to.

It has paths, owners, links and accounts as a real one has; programs are functions that the test brings.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

from agent.hosts import posix_acl
from agent.hosts.accounts import FileAccounts
from agent.hosts.host import ANY, MAX_READ_BYTES, Account, Exact, HostFault, Kind, Ran, Signature, Stat, components

Program = Callable[["MemoryHost", Sequence[str], bytes], Ran]
"""A program of a memory machine: gets the machine, its arguments and its standard input; writes to the machine."""

_MAX_LINKS: Final = 40
_CAPABILITY: Final = "security.capability"


@dataclass(frozen=True)
class Node:
    """What stands at one path."""

    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    data: bytes = b""
    target: str = ""
    inode: int = 0
    """What several names of one file have in common; 0: it has one name."""
    attributes: Mapping[str, bytes] = field(default_factory=dict)


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
        return Stat(node.kind, node.mode, node.uid, node.gid, size, len(self._names(self._place(path))))

    def fingerprint(self, path: str, size: int | None) -> tuple[Stat, str | None] | None:
        """See `Host`."""
        found = self.lstat(path)
        if found is None:
            return None
        if found.kind is not Kind.FILE or size not in (found.size, ANY):
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

    def signatures(self, folder: str, names: Sequence[str]) -> Sequence[Signature | None]:  # noqa: ARG002
        """See `Host`: it keeps no times."""
        return [None] * len(names)

    def matching(self, folder: str, files: Sequence[Exact]) -> Sequence[bool]:  # noqa: ARG002
        """See `Host`: each is looked at for itself."""
        return [False] * len(files)

    @contextmanager
    def stream(self, path: str) -> Iterator[BinaryIO]:
        """See `Host`."""
        yield io.BytesIO(self.read(path, limit=1 << 62))

    def same(self, path: str, other: str) -> bool:
        """See `Host`."""
        places = [self._place(each) for each in (path, other)]
        return all(place in self.nodes for place in places) and places[1] in self._names(places[0])

    def attribute(self, path: str, name: str) -> bytes | None:
        """See `Host`."""
        return self._node(path).attributes.get(name)

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
        data: bytes | Iterable[bytes],
        *,
        mode: int,
        uid: int | None = None,
        gid: int | None = None,
        check: Callable[[str], None] | None = None,
        keep: bool = False,
    ) -> None:
        """See `Host`."""
        place = self._new_place(path, create=self.confined)
        self._own(uid, gid)
        old = self.nodes.get(place)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, path)
        whole = data if isinstance(data, bytes) else b"".join(data)
        node = Node(Kind.FILE, mode, *self._owners(path, uid, gid), whole)
        if keep and old is not None and old.kind is Kind.FILE:
            kept = {name: value for name, value in old.attributes.items() if name != _CAPABILITY}
            node = _with_mode(replace(node, attributes=kept), mode)
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

    def link(self, path: str, target: str) -> None:
        """See `Host`."""
        node, place = self._node(target), self._new_place(path, create=False)
        if node.kind is not Kind.FILE:
            raise HostFault(f"{target} is not a regular file: it gets no second name")
        if self.guards(path) and not (self.guards(target) and self._account and node.uid == self._account.uid):
            raise HostFault(f"{target} is not in the home of who is to have {path}")
        old = self.nodes.get(place)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, path)
        self._count.add()
        if not node.inode:
            node = replace(node, inode=max(each.inode for each in self.nodes.values()) + 1)
            self.nodes[self._place(target)] = node
        self.nodes[place] = node

    def rename(self, path: str, name: str) -> None:
        """See `Host`."""
        node, place = self._node(path), self._place(path)
        new = f"{place.rpartition('/')[0]}/{name}"
        old = self.nodes.get(new)
        if old is not None and node.kind is Kind.DIRECTORY:
            raise _system_error(errno.EEXIST, name)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise _system_error(errno.EISDIR, name)
        self._count.add()
        self._move({place: new})

    def exchange(self, path: str, name: str) -> None:
        """See `Host`."""
        place = self._place(path)
        other = f"{place.rpartition('/')[0]}/{name}"
        if place not in self.nodes or other not in self.nodes:
            raise _system_error(errno.ENOENT, path)
        self._count.add()
        self._move({place: other, other: place})

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
        node = self._only(path)
        self._count.add()
        self.nodes[self._place(path)] = _with_mode(node, mode)

    def chown(self, path: str, uid: int | None, gid: int | None) -> None:
        """See `Host`."""
        node = self._only(path)
        self._own(uid, gid)
        self._count.add()
        kept = {name: value for name, value in node.attributes.items() if name != _CAPABILITY}
        self.nodes[self._place(path)] = replace(
            node, uid=node.uid if uid is None else uid, gid=node.gid if gid is None else gid, attributes=kept
        )

    def set_attribute(self, path: str, name: str, value: bytes | None) -> None:
        """See `Host`."""
        node = self._only(path)
        if name == _CAPABILITY and not self.privileged:
            raise _system_error(errno.EPERM, path)
        self._count.add()
        kept = {key: held for key, held in node.attributes.items() if key != name}
        if value is not None and name in (posix_acl.ACCESS, posix_acl.DEFAULT):
            entries = posix_acl.parse(value)
            if name == posix_acl.ACCESS:
                node = replace(node, mode=posix_acl.mode_of(entries, node.mode))
                value = None if posix_acl.is_plain(entries) else value
        self.nodes[self._place(path)] = replace(node, attributes=kept if value is None else {**kept, name: value})

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

    def _only(self, path: str) -> Node:
        """What may be changed in place."""
        node = self._node(path)
        if node.kind not in (Kind.FILE, Kind.DIRECTORY):
            raise HostFault(f"{path} is a {node.kind}: its owner and mode are left alone")
        if len(names := self._names(self._place(path))) > 1:
            raise HostFault(f"{path} has {len(names)} hard links: its owner and mode would change elsewhere too")
        return node

    def _names(self, place: str) -> list[str]:
        """All names of what is at a place."""
        inode = self.nodes[place].inode
        return [name for name, node in self.nodes.items() if node.inode == inode] if inode else [place]

    def _move(self, moves: Mapping[str, str]) -> None:
        """Move things with all below them."""
        moved = {}
        for old, new in moves.items():
            for name in [each for each in self.nodes if each == old or each.startswith(old + "/")]:
                moved[new + name[len(old) :]] = self.nodes[name]
        for old in moves:
            for name in [each for each in self.nodes if each == old or each.startswith(old + "/")]:
                del self.nodes[name]
        self.nodes.update(moved)

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


def _with_mode(node: Node, mode: int) -> Node:
    """With other permission bits, which an access control list shares."""
    held = node.attributes.get(posix_acl.ACCESS)
    if held is None:
        return replace(node, mode=mode)
    changed = posix_acl.dump(posix_acl.with_mode(posix_acl.parse(held), mode))
    return replace(node, mode=mode, attributes={**node.attributes, posix_acl.ACCESS: changed})


def _system_error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)
