"""Where in the language the cursor is, read from indentation, dashes and brackets alone.

While somebody types, a file is hardly ever YAML; what a person sees in it is all there is. Lines are read once from the
top to the cursor, and on to the end of the map it is in. Nothing is judged, so nothing can be too broken for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.authoring.texts import Position, Span, Text
from reconciler.documents.marks import Path

MAX_BEHIND: Final = 2_000
"""Lines behind the cursor that are looked at for the rest of its map."""
MAX_LINES: Final = 50_000
"""Of a text that is read as a whole."""
MAX_OPEN: Final = 500
"""Lines that one bracket or quote may stay open."""

_KEY: Final = re.compile(
    r"""(?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)'
          | (?P<plain>[^\s\#&*!|>'"%@`{}\[\],?:-][^\#]*? | [-?:][^\s\#][^\#]*?) )\s*:(?=\s|$)""",
    re.VERBOSE,
)
_HEADER: Final = re.compile(r"(?:[&!]\S+\s+)*[|>][-+0-9]*\s*(?:#.*)?$")
_ANCHOR: Final = re.compile(r"(?:[&!]\S*\s+)+")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_WORD: Final = re.compile(r"[^\s\"'\[\]{},]*$")
_REST: Final = re.compile(r"[^\s\"'\[\]{},:#]*")


class Slot(StrEnum):
    """What may be written at the cursor."""

    KEY = "key"
    """A key of the map at the path; or, where nothing stands there yet, anything that may."""
    ITEM = "item"
    """An item of a list: the path is the item's."""
    VALUE = "value"
    """The value at the path, in its line."""
    TEXT = "text"
    """More of a text of several lines at the path."""
    NOTHING = "nothing"
    """A comment."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of the cursor."""

    path: Path
    slot: Slot
    word: Span
    """What is being written there, up to and behind the cursor."""
    left: str
    """The value so far: of a text of several lines, all of them."""
    scalars: Mapping[Path, str]
    """Path → the value as it is written in its line, of what stands around."""
    on_line: bool = True
    """Whether something stands on the cursor's line before it, dashes included."""

    def around(self) -> dict[str, str]:
        """Keys of the map at the path → their values, as far as they stand in one line."""
        size = len(self.path)
        return {
            str(path[-1]): value
            for path, value in self.scalars.items()
            if len(path) == size + 1 and path[:size] == self.path and isinstance(path[-1], str)
        }


class _Level(NamedTuple):
    indent: int
    part: str | int
    path: Path


class _Open(NamedTuple):
    """A value that goes on in the next line."""

    kind: str
    """`|` for a block, `[` for brackets and braces, else a quote."""
    indent: int
    path: Path
    lines: list[str]


def find(text: Text, position: Position) -> Cursor:
    """Where the cursor is."""
    reader = _Reader()
    for number in range(1, position.line):
        reader.feed(text.line(number))
    line = text.line(position.line)
    column = min(position.column, len(line) + 1)
    path, slot, left, on_line, indent = reader.look(line[: column - 1])
    begin = column - len(_WORD.search(left.rpartition("\n")[2])[0])  # type: ignore[index]
    behind = _REST.match(line, column - 1)
    end = behind.end() + 1 if behind is not None and slot is not Slot.TEXT else column
    reader.behind(line, column - 1)
    for number in range(position.line + 1, min(len(text.lines), position.line + MAX_BEHIND) + 1):
        row = text.line(number)
        bare = row.lstrip(" ")
        if reader.open is None and bare and not bare.startswith("#") and len(row) - len(bare) < indent:
            break
        reader.feed(row)
    word = Span(position.line, max(begin, 1), position.line, end)
    return Cursor(path, slot, word, left, reader.scalars, on_line)


def scalars(text: Text) -> Mapping[Path, str]:
    """Path → the value as it is written in its line, of all of a text."""
    reader = _Reader()
    for line in text.lines[:MAX_LINES]:
        reader.feed(line)
    return reader.scalars


class _Reader:
    def __init__(self) -> None:
        self.levels: list[_Level] = []
        self.open: _Open | None = None
        self.scalars: Final[dict[Path, str]] = {}

    def feed(self, line: str) -> None:
        """Read one whole line."""
        if self.open is not None and self._goes_on(line):
            return
        if not line.strip() or line.lstrip().startswith("#"):
            return
        at = self._head(line)
        self._value(line[at:], len(line) - len(line.lstrip(" ")))

    def look(self, left: str) -> tuple[Path, Slot, str, bool, int]:
        """What the cursor is on, with this much of its line before it, and the indentation of its map."""
        if self.open is not None and self._holds(left):
            opened = self.open
            so_far = "\n".join((*opened.lines, left))
            if opened.kind == "[":
                path, slot, token, _ = _flow(so_far, opened.path, {})
                return path, slot, token, True, opened.indent + 1
            return opened.path, Slot.TEXT, so_far, True, opened.indent + 1
        self.open = None
        if _COMMENT.search(left):
            return self._path(), Slot.NOTHING, "", True, 0
        if not left.strip(" "):
            self._leave(len(left))
            return self._path(), Slot.KEY, "", False, len(left)
        before = self._path()
        at = self._head(left)
        rest, indent = left[at:], self.levels[-1].indent if self.levels else 0
        level = self.levels[-1] if self.levels else None
        keyed = level is not None and isinstance(level.part, str) and at > 0 and ":" in left[level.indent : at]
        if keyed:
            return self._in_value(rest, Slot.VALUE, indent)
        if level is not None and isinstance(level.part, int) and left.lstrip(" ").startswith("-"):
            return self._in_value(rest, Slot.ITEM, at)
        column = len(left) - len(left.lstrip(" "))
        self._leave(column)
        if not self._path() and before and column > 0:
            return before, Slot.TEXT, rest, True, column
        return self._path(), Slot.KEY, rest.strip(), True, column

    def behind(self, line: str, column: int) -> None:
        """Take note of what the cursor's own line says behind it."""
        if self.open is None and _HEADER.search(line, column):
            top = self.levels[-1] if self.levels else _Level(0, "", ())
            self.open = _Open("|", top.indent, top.path, [])

    def _in_value(self, rest: str, slot: Slot, indent: int) -> tuple[Path, Slot, str, bool, int]:
        path = self._path()
        bare = _ANCHOR.sub("", rest, count=1) if rest[:1] in "&!" else rest
        if bare[:1] in ("[", "{") and not bare.startswith("{{"):
            inner, inner_slot, token, closed = _flow(bare, path, self.scalars)
            return (path, slot, bare, True, indent) if closed else (inner, inner_slot, token, True, indent)
        return path, slot, bare, True, indent

    # one line

    def _head(self, line: str) -> int:
        """Read indentation, dashes and a key; where the rest begins."""
        at = len(line) - len(line.lstrip(" "))
        while line.startswith("- ", at) or line[at:] == "-":
            self._item(at)
            at += 1
            at += len(line[at:]) - len(line[at:].lstrip(" "))
        found = _KEY.match(line, at)
        if found is None:
            return at
        name = next(each for each in (found["double"], found["single"], found["plain"]) if each is not None)
        self._leave(at)
        self._push(at, name)
        end = found.end()
        self.scalars.setdefault(self._path(), "")
        return end + len(line[end:]) - len(line[end:].lstrip(" "))

    def _value(self, rest: str, indent: int) -> None:
        path = self._path()
        if not rest:
            return
        if _HEADER.match(rest):
            self.open = _Open("|", self.levels[-1].indent if self.levels else indent, path, [])
            return
        rest = _ANCHOR.sub("", rest, count=1)
        if rest[:1] in ("[", "{"):
            closed = _flow(rest, path, self.scalars)[3]
            self.open = None if closed else _Open("[", indent, path, [rest])
        elif rest[:1] in ("'", '"'):
            closed = _end_of_quote(rest) is not None
            self.open = None if closed else _Open(rest[0], indent, path, [rest])
        self.scalars[path] = _bare(rest)

    def _goes_on(self, line: str) -> bool:
        """Whether a line belongs to the value that is open; if so it is read."""
        opened = self.open
        if opened is None or not self._holds(line) or len(opened.lines) >= MAX_OPEN:
            self.open = None
            return False
        opened.lines.append(line)
        if opened.kind == "[":
            if _flow("\n".join(opened.lines), opened.path, self.scalars)[3]:
                self.open = None
        elif opened.kind != "|" and _end_of_quote("\n".join(opened.lines)) is not None:
            self.open = None
        return True

    def _holds(self, line: str) -> bool:
        assert self.open is not None
        bare = line.lstrip(" ")
        if len(line) - len(bare) > self.open.indent or (not bare and self.open.kind != "|"):
            return True
        if self.open.kind == "|":
            return not bare and len(line) == 0
        # A bracket that is not closed would take all that follows; a key in its own column ends it.
        return _KEY.match(bare) is None and not bare.startswith("- ")

    # levels

    def _item(self, column: int) -> None:
        while self.levels and (
            self.levels[-1].indent > column
            or (self.levels[-1].indent == column and isinstance(self.levels[-1].part, str) and self._has_list(column))
        ):
            self.levels.pop()
        top = self.levels[-1] if self.levels else None
        if top is not None and top.indent == column and isinstance(top.part, int):
            self.levels.pop()
            self._push(column, top.part + 1)
        else:
            self._push(column, 0)

    def _has_list(self, column: int) -> bool:
        return any(each.indent == column and isinstance(each.part, int) for each in self.levels)

    def _leave(self, column: int) -> None:
        while self.levels and self.levels[-1].indent >= column:
            self.levels.pop()

    def _push(self, indent: int, part: str | int) -> None:
        self.levels.append(_Level(indent, part, (*self._path(), part)))

    def _path(self) -> Path:
        return self.levels[-1].path if self.levels else ()


def _flow(text: str, path: Path, found: dict[Path, str]) -> tuple[Path, Slot, str, bool]:
    """Where brackets and braces lead to: path, slot, what is written there so far, and whether all are closed."""
    flow = _Flow(path, found)
    for at, char in enumerate(text):
        if not flow.read(char, text[at - 1 : at], text[at + 1 : at + 2]):
            return path, Slot.VALUE, "", True
    return flow.place, flow.slot(), flow.token.lstrip(), False


class _Flow:
    """Brackets and braces, read character by character."""

    def __init__(self, path: Path, found: dict[Path, str]) -> None:
        self.place = path
        self.token = ""
        self._found: Final = found
        self._frames: Final[list[tuple[str, Path, int]]] = []
        self._key = ""
        self._quote = ""

    def slot(self) -> Slot:
        """What may be written now."""
        if not self._frames:
            return Slot.VALUE
        return Slot.ITEM if self._frames[-1][0] == "[" else Slot.VALUE if self._key else Slot.KEY

    def read(self, char: str, before: str, behind: str) -> bool:
        """Take one character; false when it closes the last bracket."""
        if self._quote:
            self.token += char
            if char == self._quote and not (char == '"' and before == "\\"):
                self._quote = ""
        elif char in "\"'" and not self.token.strip():
            self._quote = self.token = char
        elif char in "[{":
            self._open(char)
        elif char in "]},":
            return self._close(char)
        elif char == ":" and self.slot() is Slot.KEY and behind in ("", " ", "\n"):
            self._key = _bare(self.token.strip())
            self.place, self.token = (*self._frames[-1][1], self._key), ""
        else:
            self.token += char
        return True

    def _open(self, bracket: str) -> None:
        if self._frames:
            self._found.setdefault(self.place, "")
        self._frames.append((bracket, self.place, 0))
        self.token, self._key = "", ""
        if bracket == "[":
            self.place = (*self.place, 0)

    def _close(self, char: str) -> bool:
        if self.token.strip():
            self._found[self.place] = _bare(self.token.strip())
        if not self._frames:
            return False
        bracket, base, count = self._frames[-1]
        self.token, self._key = "", ""
        if char == ",":
            self._frames[-1] = (bracket, base, count + 1)
            self.place = (*base, count + 1) if bracket == "[" else base
            return True
        self._frames.pop()
        self.place = base
        return bool(self._frames)


def _end_of_quote(text: str) -> int | None:
    pattern = r"'(?:[^']|'')*'(?!')" if text[0] == "'" else r'"(?:[^"\\]|\\.)*"'
    found = re.match(pattern, text, re.DOTALL)
    return found.end() if found is not None else None


def _bare(text: str) -> str:
    """A value without its quotes or the comment behind it."""
    if text[:1] in ("'", '"'):
        end = _end_of_quote(text)
        return text[1 : end - 1] if end is not None else text[1:]
    return _COMMENT.sub("", text).strip()
