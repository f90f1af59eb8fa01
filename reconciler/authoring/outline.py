"""The outline of a file: each value and key with the whole of its place, read from libyaml's events.

`documents.marks` says where values begin, of any tree, and is kept; an outline says where they end, too, of the one
file that somebody looks at. It reaches as far as the file can be read: what comes behind an error is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from yaml.cyaml import CParser
from yaml.error import YAMLError
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from reconciler.authoring.texts import Position, Span, Text
from reconciler.documents.marks import MAX_DEPTH, Path

MAX_NODES: Final = 100_000
"""What comes behind so many is not in the outline."""
_SMALL: Final = 32 << 10
"""Characters; the outline of a text of a mebibyte weighs as much as those of a thousand usual ones."""


class Node(NamedTuple):
    """One value of a file."""

    path: Path
    key: Span | None
    """Of the key it stands behind; None for items of lists and the document itself."""
    value: Span
    text: str | None
    """Of a scalar; None for maps, lists and aliases."""
    style: str = ""
    """Of a scalar: empty for plain, else its quote, `|` or `>`."""


class Outline:
    """The nodes of one file, in the order in which they stand."""

    def __init__(self, nodes: Mapping[Path, Node], aliases: Mapping[Path, Path], *, whole: bool) -> None:
        self.nodes: Final = nodes
        self._aliases: Final = aliases
        self.whole: Final = whole
        """Whether it reaches to the file's end."""

    def node(self, path: Sequence[str | int]) -> Node | None:
        """The node at a path; of what stands below an alias, the one below its anchor."""
        parts = tuple(path)
        for _ in range(MAX_DEPTH):
            if parts in self.nodes and parts not in self._aliases:
                return self.nodes[parts]
            cut = next((at for at in range(len(parts), 0, -1) if parts[:at] in self._aliases), None)
            if cut is None:
                return None
            parts = self._aliases[parts[:cut]] + parts[cut:]
        return None

    def at(self, position: Position) -> tuple[Node, bool] | None:
        """The scalar or key at a position, and whether it is the key."""
        found: tuple[Node, bool] | None = None
        for node in self.nodes.values():
            if node.value.start > position and (node.key is None or node.key.start > position):
                continue
            if node.key is not None and node.key.touches(position):
                return node, True
            if node.text is not None and node.value.touches(position):
                found = (node, False)
        return found

    def children(self, path: Path) -> Iterator[Node]:
        """The nodes directly below a path."""
        return (node for node in self.nodes.values() if len(node.path) == len(path) + 1 and node.path[:-1] == path)


def of(source: str) -> Outline:
    """The outline of a file, as far as it can be read. The last ones are remembered."""
    return _small(source) if len(source) <= _SMALL else _large(source)


@lru_cache(maxsize=256)
def _small(source: str) -> Outline:
    return _read(source)


@lru_cache(maxsize=2)
def _large(source: str) -> Outline:
    return _read(source)


def _read(source: str) -> Outline:
    found: dict[Path, Node] = {}
    aliases: dict[Path, Path] = {}
    whole = False
    parser = CParser(source)
    try:
        parser.get_event()
        parser.get_event()
        _Reader(parser.get_event, found, aliases, Text(source)).value(parser.get_event(), (), None)
        whole = True
    except (YAMLError, _EnoughError):
        pass
    finally:
        parser.dispose()
    return Outline(found, aliases, whole=whole)


class _EnoughError(Exception):
    """The rest of the file is not read."""


class _Reader:
    def __init__(self, get: Any, found: dict[Path, Node], aliases: dict[Path, Path], text: Text) -> None:
        self._get: Final = get
        self._found: Final = found
        self._aliases: Final = aliases
        self._anchors: Final[dict[str, Path]] = {}
        self._text: Final = text

    def value(self, event: Any, path: Path, key: Any) -> None:
        """Keep one value and all below it; consumes its events."""
        if event is None or len(path) > MAX_DEPTH or len(self._found) >= MAX_NODES:
            raise _EnoughError
        if path in self._found:  # a key that stands twice: the first counts
            path = (*path[:-1], f"\0{len(self._found)}")
        kind = type(event)
        named = _span(key) if key is not None else None
        span = _span(event)
        if kind is ScalarEvent:
            self._found[path] = Node(path, named, span, event.value, event.style or "")
        else:
            self._found[path] = Node(path, named, span, None)
        if kind is AliasEvent:
            if event.anchor in self._anchors:
                self._aliases[path] = self._anchors[event.anchor]
            return
        if kind is not ScalarEvent:
            last = self._mapping(path) if kind is MappingStartEvent else self._sequence(path)
            self._found[path] = Node(path, named, self._trimmed(span, last), None)
        if event.anchor is not None:
            self._anchors[event.anchor] = path

    def _mapping(self, path: Path) -> Any:
        while type(key := self._get()) in _NODES:
            if type(key) is ScalarEvent:
                self.value(self._get(), (*path, key.value), key)
            else:  # refused by the composer: a name that no path has
                self.value(key, (*path, f"\0{len(self._found)}"), None)
                self.value(self._get(), (*path, f"\0{len(self._found)}"), None)
        return key

    def _sequence(self, path: Path) -> Any:
        index = 0
        while type(event := self._get()) in _NODES:
            self.value(event, (*path, index), None)
            index += 1
        return event

    def _trimmed(self, start: Span, end: Any) -> Span:
        """From a collection's beginning to the last character in it: its end event stands where the next thing does."""
        line, column = end.end_mark.line + 1, end.end_mark.column + 1
        while (line, column) > (start.line, start.column) and not self._text.line(line)[: column - 1].strip():
            line -= 1
            column = len(self._text.line(line)) + 1
        return Span(start.line, start.column, *max((line, column), (start.line, start.column)))


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


_NODES: Final = frozenset((ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent))
