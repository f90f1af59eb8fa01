"""What is below a directory: all of it, within bounds, and which of it nobody manages.

No link is followed. What the host needs as it is (`schema.precious`) is not swept, by whatever name it is reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.hosts import Host, HostFault, Kind, Stat
from agent.hosts.host import MANAGED, components
from agent.tools.validation import BACKUP_SUFFIX
from schema.precious import PLACES

MAX_ENTRIES: Final = 100_000
MAX_SURPLUS: Final = 10_000
MAX_DEPTH: Final = 128
_OURS: Final = ".vigo-"
"""How names begin that stand only while something is made ready."""


class Neighbours:
    """What other resources of this run manage, as far as it lies below a directory.

    Raises:
        HostFault: that is not known, or the directory is one that the host needs as it is.
    """

    def __init__(self, host: Host, path: str) -> None:
        managed = host.memo.get(MANAGED)
        if managed is None:
            raise HostFault("what else is managed here is not known")
        self.path: Final = "/" + "/".join(components(path))
        self._host: Final = host
        self._managed: Final = managed() - {self.path}
        self._above: Final = {above for each in self._managed for above in _above(each)}
        self._aliases: Final[dict[str, list[str]]] = {}
        for each in self._managed | self._above:
            if each != "/" and not each.startswith(f"{self.path}/"):
                self._aliases.setdefault(each.rpartition("/")[2], []).append(each)
        for place in PLACES:
            if host.same(place, self.path):
                raise HostFault(f"{path} is {place}: nothing sweeps it")

    def own(self, path: str) -> bool:
        """Whether a resource manages what is at a path, or lets it stand while it makes something ready."""
        name = path.rpartition("/")[2]
        if path in self._managed or name.startswith(_OURS) or path.removesuffix(BACKUP_SUFFIX) in self._managed:
            return True
        return any(self._host.same(path, alias) for alias in self._aliases.get(name, ()))

    def lead_below(self, path: str) -> bool:
        """Whether something below a path is managed."""
        return path in self._above


def below(host: Host, path: str) -> Iterator[tuple[str, Stat]]:
    """All that is below a directory but what others manage: a directory before what is in it, sorted.

    Raises:
        HostFault: more than `MAX_ENTRIES`, or deeper than `MAX_DEPTH`.
    """
    neighbours = Neighbours(host, path)
    left = MAX_ENTRIES
    todo = [neighbours.path]
    while todo:
        here = todo.pop()
        if here.count("/") - neighbours.path.count("/") > MAX_DEPTH:
            raise HostFault(f"{path} is deeper than {MAX_DEPTH} directories")
        directories = []
        for name in host.listdir(here):
            left -= 1
            if left < 0:
                raise HostFault(f"{path} holds more than {MAX_ENTRIES} entries")
            at = f"{here}/{name}"
            stat = host.lstat(at)
            if stat is None or neighbours.own(at):
                continue
            yield at, stat
            if stat.kind is Kind.DIRECTORY:
                directories.append(at)
        todo += directories[::-1]


def surplus(host: Host, path: str) -> list[tuple[str, Kind]]:
    """What is in a directory and is managed by nobody: the topmost of it, each with all that is below.

    Raises:
        HostFault: more than `MAX_SURPLUS`; see also `below`.
    """
    neighbours = Neighbours(host, path)
    found: list[tuple[str, Kind]] = []
    todo = [neighbours.path]
    while todo:
        here = todo.pop()
        for name in host.listdir(here):
            at = f"{here}/{name}"
            stat = host.lstat(at)
            if stat is None or neighbours.own(at):
                continue
            if stat.kind is Kind.DIRECTORY and neighbours.lead_below(at):
                todo.append(at)
                continue
            found.append((at, stat.kind))
            if len(found) > MAX_SURPLUS:
                raise HostFault(f"{path} holds more than {MAX_SURPLUS} entries that nobody manages: none is removed")
    return sorted(found)


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path
