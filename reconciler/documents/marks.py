"""Where the values of a file are written: found again, by reading its events once more, when somebody asks.

Compiling needs hardly any positions; keeping them all would double its time. A diagnostic or a trace asks for a few, of
a few files. Paths are those of the composed data: keys and list indexes from the root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from yaml.cyaml import CParser
from yaml.error import YAMLError
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from reconciler.documents.compose import rows

Path = tuple[str | int, ...]

MAX_DEPTH: Final = 70
"""More than a file that was composed can have."""
MAX_MARKS: Final = 100_000
"""What comes behind so many is where its surroundings are."""
MAX_COPIED: Final = 10_000
"""Of them, marks of what stands below aliases: as many as may be composed."""


class Mark(NamedTuple):
    """Where one value and its key begin. Lines and columns count from 1; items of lists have no key of their own."""

    line: int
    column: int
    key_line: int
    key_column: int
    style: str = ""
    """Of a scalar: empty for plain, else its quote, `|` or `>`."""


class Marks:
    """The marks of one file."""

    __slots__ = ("_found", "_rows")

    def __len__(self) -> int:
        """How many places are known."""
        return len(self._found)

    def __init__(self, found: Mapping[Path, Mark], rows: Sequence[str]) -> None:
        self._found: Final = found
        self._rows: Final = rows

    def value(self, path: Sequence[str | int]) -> Mark:
        """The mark of a value; of the nearest thing around it where the file has none at that path."""
        parts = tuple(path)
        while parts and parts not in self._found:
            parts = parts[:-1]
        return self._found.get(parts, Mark(1, 1, 1, 1))

    def key(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Line and column of a key; of the item itself in a list."""
        mark = self.value(path)
        return mark.key_line, mark.key_column

    def within(self, path: Sequence[str | int], text: str, line: int, column: int) -> tuple[int, int]:
        """Where line `line`, column `column` of a scalar's text is in the file.

        Exact where a line of the text stands as a whole in a line of the file, as in block scalars and in short plain
        or quoted ones; else the scalar's own position.
        """
        mark = self.value(path)
        rows = text.split("\n")
        row = rows[line - 1] if 0 < line <= len(rows) else ""
        number = mark.line + line - (0 if mark.style in ("|", ">") else 1)
        if row.strip() and 0 < number <= len(self._rows):
            start = self._rows[number - 1].find(row, mark.column - 1 if number == mark.line else 0)
            if start >= 0:
                return number, start + column
        return mark.line, mark.column

    def source(self, path: Sequence[str | int]) -> str:
        """The text of the line from a value's beginning on."""
        mark = self.value(path)
        return self._rows[mark.line - 1][mark.column - 1 :] if mark.line <= len(self._rows) else ""


def read(source: bytes) -> Marks:
    """The marks of a file's first document; of what comes before the error, if it has one."""
    found: dict[Path, Mark] = {}
    parser = CParser(source)
    try:
        parser.get_event()
        parser.get_event()
        _Reader(parser.get_event, found).value(parser.get_event(), (), None)
    except (YAMLError, _Enough):
        pass
    return Marks(found, rows(source.decode("utf-8", "replace")))


class _Enough(Exception):
    """The rest of the file has no values."""


class _Reader:
    def __init__(self, get: Any, found: dict[Path, Mark]) -> None:
        self._get: Final = get
        self._found: Final = found
        self._order: Final[list[Path]] = []
        self._copied = 0
        self._anchors: Final[dict[str, tuple[Path, int, int]]] = {}
        """Name → path of what it anchors, and where in `_order` what stands below it begins and ends."""

    def value(self, event: Any, path: Path, key: Any) -> None:
        """Mark one value and all below it; consumes its events."""
        if event is None or len(path) > MAX_DEPTH:
            raise _Enough
        first = path not in self._found
        if first:
            start, named = event.start_mark, (key or event).start_mark
            style = event.style or "" if type(event) is ScalarEvent else ""
            self._keep(path, Mark(start.line + 1, start.column + 1, named.line + 1, named.column + 1, style))
        anchor = getattr(event, "anchor", None)
        if type(event) is AliasEvent:
            if first and anchor in self._anchors:
                self._copy(*self._anchors[anchor], path)
            return
        begin = len(self._order)
        if type(event) is MappingStartEvent:
            self._mapping(path)
        elif type(event) is SequenceStartEvent:
            self._sequence(path)
        elif type(event) is not ScalarEvent:
            raise _Enough
        if anchor is not None:
            self._anchors[anchor] = (path, begin, len(self._order))

    def _keep(self, path: Path, mark: Mark) -> None:
        if len(self._order) >= MAX_MARKS:
            raise _Enough
        self._found[path] = mark
        self._order.append(path)

    def _mapping(self, path: Path) -> None:
        while type(key := self._get()) in _NODES:
            if type(key) is ScalarEvent:
                self.value(self._get(), (*path, key.value), key)
            else:  # refused by the composer: a name that no path has
                self.value(key, (*path, "\0key"), None)
                self.value(self._get(), (*path, "\0value"), None)

    def _sequence(self, path: Path) -> None:
        index = 0
        while type(event := self._get()) in _NODES:
            self.value(event, (*path, index), None)
            index += 1

    def _copy(self, source: Path, begin: int, end: int, target: Path) -> None:
        """What stands below an alias is written where its anchor is."""
        for at in range(begin, end):
            self._copied += 1
            if self._copied > MAX_COPIED:
                return
            path = self._order[at]
            copied = target + path[len(source) :]
            if copied not in self._found:
                self._keep(copied, self._found[path])


_NODES: Final = frozenset((ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent))
