"""A glance at what was right when it was last looked at: most of what an agent does, for most of its life.

The whole of `agent.converge` around one resource (conditions, fights, what is remembered, what is owed) takes several
times as long as opening, reading and hashing a small file. Where the last run left a resource as it should be, and one
file or directory and the ids of two names are all that decides whether it still is, these are looked at together when a
run begins: each directory is opened once, and each file in it opened, read and hashed from there. What is not found
exactly as it should be is looked at as ever, and so is all that comes after a change in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.hosts.host import Exact
from agent.tools import ownership
from agent.tools.ownership import Ownership
from agent.unmoved import Unmoved

if TYPE_CHECKING:
    from agent.hosts import Host
    from agent.journal import Journal
    from agent.plan import Instance, Step

RIGHT: Final = "right"
"""In the host's memo, which a change clears: the steps that this run need not look at."""

_Names = tuple[str | None, str | None]


class Rests(NamedTuple):
    """What alone decides whether a resource is as it should be: a file or a directory, and the ids of two names."""

    path: str
    format: int
    """S_IFREG or S_IFDIR."""
    mode: int | None
    size: int | None
    sha256: str | None
    owner: str | None
    group: str | None


class _Folder(NamedTuple):
    """What is looked at in one directory: files, and the step that each is of."""

    path: str
    steps: list[int]
    files: list[Exact]


class Glance:
    """Of the files of one plan. What to look for is worked out once, and kept for as long as it is the same."""

    def __init__(self) -> None:
        self._unmoved: Final = Unmoved()
        self._calm: list[tuple[int, list[Instance]]] = []
        self._rests: Mapping[int, Sequence[Rests]] = {}
        self._names: dict[_Names, Ownership] = {}
        self._folders: Sequence[_Folder] = ()
        self._looked_for: frozenset[int] = frozenset()

    def take(self, host: Host, steps: Sequence[Step], journal: Journal, *, believing: bool) -> None:
        """A run begins that looks at everything: find the steps that are right, beyond doubt.

        Args:
            believing: a file whose stat is what it was when it was last read is not read again.
        """
        self._prepare(host, steps, [] if journal.holds else _calm(steps, journal))
        matching = self._unmoved.matching if believing else _matching
        wrong: set[int] = set()
        for folder in self._folders:
            found = matching(host, folder.path, folder.files)
            if not all(found):
                wrong.update(step for step, matches in zip(folder.steps, found, strict=True) if not matches)
        host.memo[RIGHT] = self._looked_for - wrong

    def _prepare(self, host: Host, steps: Sequence[Step], calm: list[tuple[int, list[Instance]]]) -> None:
        same = calm == self._calm
        if not same:
            self._calm, self._rests = calm, _rests(steps, calm)
        pairs = self._names if same else {each[-2:] for rests in self._rests.values() for each in rests}
        names = {pair: ownership.resolve(host, *pair) for pair in pairs}
        if same and names == self._names:
            return
        if any(names.get(pair) != known for pair, known in self._names.items()):
            self._unmoved.forget()
        plain = {pair for pair, each in names.items() if not (each.note or each.missing)}
        sure = {index: rests for index, rests in self._rests.items() if all(each[-2:] in plain for each in rests)}
        self._names, self._folders, self._looked_for = names, _folders(sure, names), frozenset(sure)


def _calm(steps: Sequence[Step], journal: Journal) -> list[tuple[int, list[Instance]]]:
    """Steps of which nothing but the host itself can have changed since they were left as desired."""
    known, found = journal.entries.get, []
    for index, step in enumerate(steps):
        if step.calm and step.fresh and step.restful and step.instances:
            for each in step.instances:
                if known(each.id) != each.entry:
                    break
            else:
                found.append((index, step.instances))
    return found


def _rests(steps: Sequence[Step], calm: Sequence[tuple[int, list[Instance]]]) -> dict[int, Sequence[Rests]]:
    """Of those steps of which all instances rest on files."""
    found: dict[int, Sequence[Rests]] = {}
    for index, instances in calm:
        kind = steps[index].kind
        assert kind is not None
        assert kind.rests is not None
        rests = [rests for each in instances if (rests := kind.rests(each.prepared)) is not None]
        if len(rests) == len(instances):
            found[index] = rests
    return found


def _folders(of_steps: Mapping[int, Sequence[Rests]], names: Mapping[_Names, Ownership]) -> Sequence[_Folder]:
    """What is looked for, by directory."""
    found: dict[str, _Folder] = {}
    for index, rests in of_steps.items():
        for path, kind, mode, size, digest, owner, group in rests:
            above, _, name = path.rpartition("/")
            folder = found.setdefault(above, _Folder(above, [], []))
            whose, content = names[owner, group], None if digest is None else bytes.fromhex(digest)
            folder.steps.append(index)
            folder.files.append(Exact(name, kind, mode, whose.uid, whose.gid, size, content))
    return list(found.values())


def _matching(host: Host, path: str, files: Sequence[Exact]) -> Sequence[bool]:
    return host.matching(path, files)
