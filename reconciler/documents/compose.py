"""Bytes → plain data: one YAML 1.2 document, by libyaml's events and a composer of our own.

libyaml splits the text into events; what they mean is decided here, so that nothing is guessed: the core schema of
YAML 1.2 (`yes` and `on` are text), keys are text and stand once, no merge keys, no tags beyond the core's, aliases that
cannot explode. Values that aliases share are shared in the result too; nobody may change it.

Positions are not kept (that would double the time): `marks` finds them again when somebody asks. Only the lines of
the items of top-level lists are, since every compiled resource says its own.
"""

from __future__ import annotations

import re
from sys import intern
from typing import Any, Final, NamedTuple

from yaml.cyaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import AliasEvent, DocumentStartEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent
from yaml.reader import ReaderError

from reconciler.documents import simple
from reconciler.documents.complaints import Complaint
from reconciler.documents.scalars import MAX_INTEGER as MAX_INTEGER
from reconciler.documents.scalars import NUMERIC, WORDS
from reconciler.documents.scalars import resolve as resolve

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 64
MAX_EXPANSIONS: Final = 10_000
"""Nodes that aliases may add to a file, all together."""
MAX_EXPANDED_CHARS: Final = MAX_BYTES
"""Characters of text that they may add: one long text named ten thousand times is a bomb, too."""
MAX_ANCHORS: Final = 10_000
MAX_COMPLAINTS: Final = 100

_CORE: Final = "tag:yaml.org,2002:"
_OLD_BREAKS: Final = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
_BREAKS: Final = re.compile(r"\r\n|\r|\n")
_TAB_INDENT: Final = re.compile(r"^ *\t", re.MULTILINE)
_QUOTE_BRACES: Final = 'quote a value that begins with a brace: "{{ ... }}"'


class Composed(NamedTuple):
    """What a file's bytes say. With complaints, `data` is what could be read, or None."""

    data: Any
    item_lines: dict[str, list[int]]
    """Key of a top-level list → the line of each of its items."""
    complaints: list[Complaint]
    plain: bool = False
    """Whether `is_plain` holds of the data; it may also be false where that is not known."""


class _Stop(Exception):
    """The rest of the file is not read."""


def compose(source: bytes) -> Composed:
    """Read one document. Never raises for bad content; time and memory are bounded by the size of `source`."""
    found = simple.read(source)
    if found is not None:
        return Composed(*found, complaints=[], plain=True)
    return compose_events(source)


def compose_events(source: bytes) -> Composed:
    """The same by libyaml's events, however the file is written: what `simple` is held against."""
    early = _refusals(source)
    if early:
        return Composed(None, {}, early)
    composer = _Composer(source)
    data: Any = None
    try:
        data = composer.document()
    except _Stop:
        pass
    except ReaderError as error:
        composer.complain(
            "yaml.encoding", *_position(source, error.position), f"{error.reason}: U+{int(error.character):04X}"
        )
    except MarkedYAMLError as error:
        composer.complaints.append(_syntax(source, error))
    except YAMLError as error:  # libyaml has no other kind, but hidden errors are worse than a plain message
        composer.complain("yaml.syntax", 1, 1, str(error))
    if b"\t" in source and not composer.complaints:
        composer.complaints.extend(_tabs(source))
    # A key beyond the Basic Multilingual Plane stands there as it is, or as an escape of eight digits.
    plain = not composer.floats and ((source.isascii() and b"\\U" not in source) or is_plain(data))
    return Composed(data, composer.item_lines, composer.complaints, plain)


def is_plain(value: Any) -> bool:
    """Whether plain data has no floats and no keys beyond the Basic Multilingual Plane."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is dict:
        for key, item in value.items():
            if not (key.isascii() or max(key) <= "\uffff"):
                return False
            if type(item) is not str and type(item) is not int and not is_plain(item):
                return False
        return True
    return kind is list and all(type(item) is str or is_plain(item) for item in value)


class _Composer:
    __slots__ = (
        "_anchors",
        "_chars",
        "_expanded",
        "_expanded_chars",
        "_get",
        "_named",
        "_open",
        "complaints",
        "floats",
        "item_lines",
        "nodes",
    )

    def __init__(self, source: bytes) -> None:
        self._get: Final = CParser(source).get_event
        self._anchors: Final[dict[str, tuple[Any, int, int, int]]] = {}
        self._named = 0
        self._chars = 0
        self._expanded_chars = 0
        self._open: Final[set[str]] = set()
        self._expanded = 0
        self.nodes = 0
        self.floats = False
        self.item_lines: Final[dict[str, list[int]]] = {}
        self.complaints: Final[list[Complaint]] = []

    def complain(self, code: str, line: int, column: int, message: str, hint: str = "") -> None:
        """Remember one; after too many, the rest of the file is not read."""
        self.complaints.append(Complaint(code, line, column, message, hint))
        if len(self.complaints) >= MAX_COMPLAINTS:
            raise _Stop

    def document(self) -> Any:
        self._get()
        start = self._get()
        if type(start) is not DocumentStartEvent:
            self.complain("yaml.empty", 1, 1, "the file holds no document")
            return None
        if start.version is not None and tuple(start.version) != (1, 2):
            self._blame("yaml.directive", start, f"YAML {start.version[0]}.{start.version[1]}; .vgo files are YAML 1.2")
        data = self._value(self._get(), 0)
        self._get()
        more = self._get()
        if type(more) is DocumentStartEvent:
            self._blame("yaml.several-documents", more, "a second document begins here", "one file holds one document")
        return data

    def _value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        self.nodes += 1
        if kind is ScalarEvent:
            text = event.value
            self._chars += len(text)
            if event.tag is None and event.implicit[0]:
                if not text or text[0] in NUMERIC or text in WORDS:
                    text = self._plain(event, text)
            elif event.tag is not None:
                text = self._tagged(event, text)
            if event.anchor is not None:
                self._remember(event, text, 1, 0, len(event.value))
            return text
        if kind is AliasEvent:
            return self._alias(event, depth)
        if depth >= MAX_DEPTH:
            self._blame("yaml.depth", event, f"nested deeper than {MAX_DEPTH}")
            raise _Stop
        return self._collection(event, depth)

    def _collection(self, event: Any, depth: int) -> Any:
        is_map = type(event) is MappingStartEvent
        if event.tag is not None and event.tag not in ("!", _CORE + ("map" if is_map else "seq")):
            self._refuse_tag(event)
        anchor, before, chars = event.anchor, self.nodes, self._chars
        if anchor is not None:
            self._open.add(anchor)
        value = self._mapping(depth + 1) if is_map else self._sequence(depth + 1)
        if anchor is not None:
            self._open.discard(anchor)
            self._remember(event, value, self.nodes - before + 1, _height(value), self._chars - chars)
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        get = self._get
        while type(event := get()) in _NODES:
            if type(event) is ScalarEvent and event.tag is None and event.anchor is None:
                key = event.value
                if event.implicit[0] and (not key or key[0] in NUMERIC or key in WORDS or key == "<<"):
                    key = self._odd_key(event, key, depth)
            else:
                key = self._odd_key(event, None, depth)
            value_event = get()
            value = self._value(value_event, depth)
            if key is not None:
                self._chars += len(key)
            if key in found:
                self._blame("yaml.duplicate-key", event, f"the key {key} stands here for the second time")
            elif key is not None:
                found[intern(key)] = value
                if depth == 1 and type(value) is list and type(value_event) is not AliasEvent:
                    self.item_lines[key] = self.item_lines.pop("", [])
        return found

    def _sequence(self, depth: int) -> list[Any]:
        found: list[Any] = []
        get, value = self._get, self._value
        if depth == 2:
            lines: list[int] = []
            while type(event := get()) in _NODES:
                lines.append(event.start_mark.line + 1)
                found.append(value(event, depth))
            self.item_lines[""] = lines
            return found
        while type(event := get()) in _NODES:
            found.append(value(event, depth))
        return found

    def _odd_key(self, event: Any, text: str | None, depth: int) -> str | None:
        """A key that is more than a word: as text, or None where it is refused."""
        if text == "<<":
            self._blame("yaml.merge-key", event, "merge keys (<<) are not part of the language", "write the keys out")
            return None
        key = self._value(event, max(depth, MAX_DEPTH - 2))
        if isinstance(key, str):
            return key
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        hint = "quote it" if type(event) is ScalarEvent else ""
        if type(event) is MappingStartEvent:
            hint = _QUOTE_BRACES
        shown = f"{text} is {_called(key)}" if text else f"this is {_called(key)}"
        self.complain("yaml.key", line, column, f"a key must be text; {shown}", hint)
        return None

    def _plain(self, event: Any, text: str) -> Any:
        try:
            value = resolve(text)
        except OverflowError as error:
            shown = text if len(text) <= 40 else text[:40] + "..."
            self._blame("yaml.number", event, f"{shown} is {error}", "quote it if it is meant as text")
            return 0
        self.floats |= type(value) is float
        return value

    def _tagged(self, event: Any, text: str) -> Any:
        tag = event.tag
        if tag in ("!", _CORE + "str"):
            return text
        meant: dict[str, tuple[type, ...]] = {
            _CORE + "null": (type(None),),
            _CORE + "bool": (bool,),
            _CORE + "int": (int,),
            _CORE + "float": (float, int),
        }
        if tag not in meant:
            self._refuse_tag(event)
            return text
        value = self._plain(event, text)
        if not isinstance(value, meant[tag]) or (tag != _CORE + "bool" and isinstance(value, bool)):
            self._blame("yaml.tag", event, f"{text[:40]} is not of the type that its tag says")
        self.floats |= tag == _CORE + "float"
        return float(value) if tag == _CORE + "float" and isinstance(value, int) else value

    def _alias(self, event: Any, depth: int) -> Any:
        name = event.anchor
        if name in self._open:
            self._blame("yaml.alias", event, f"*{name} stands within what it refers to")
            raise _Stop
        if name not in self._anchors:
            self._blame("yaml.alias", event, f"nothing is anchored as &{name}")
            return None
        value, size, height, chars = self._anchors[name]
        self.nodes += size - 1
        self._chars += chars
        self._expanded += size
        self._expanded_chars += chars
        if self._expanded > MAX_EXPANSIONS:
            self._blame("yaml.alias-limit", event, f"aliases expand to more than {MAX_EXPANSIONS} nodes")
            raise _Stop
        if self._expanded_chars > MAX_EXPANDED_CHARS:
            message = f"aliases expand to more than {MAX_EXPANDED_CHARS} characters"
            self._blame("yaml.alias-limit", event, message)
            raise _Stop
        if depth + height > MAX_DEPTH:
            self._blame("yaml.depth", event, f"nested deeper than {MAX_DEPTH} through *{name}")
            raise _Stop
        return value

    def _remember(self, event: Any, value: Any, size: int, height: int, chars: int) -> None:
        self._named += 1  # one name may be given again and again
        if self._named > MAX_ANCHORS:
            self._blame("yaml.alias-limit", event, f"more than {MAX_ANCHORS} anchors")
            raise _Stop
        self._anchors[event.anchor] = (value, size, height, chars)

    def _refuse_tag(self, event: Any) -> None:
        shown = event.tag if len(event.tag) <= 60 else event.tag[:60] + "..."
        self._blame("yaml.tag", event, f"the tag {shown} is not of YAML's core schema", "tags are never needed here")

    def _blame(self, code: str, event: Any, message: str, hint: str = "") -> None:
        self.complain(code, event.start_mark.line + 1, event.start_mark.column + 1, message, hint)


_NODES: Final = frozenset((ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent))


def _refusals(source: bytes) -> list[Complaint]:
    if len(source) > MAX_BYTES:
        return [Complaint("file.too-large", 1, 1, f"{len(source)} bytes; a file has at most {MAX_BYTES}")]
    if source.startswith(b"\xef\xbb\xbf"):
        return [Complaint("yaml.bom", 1, 1, "the file begins with a byte order mark", "save it as UTF-8 without BOM")]
    try:
        source.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position(source, error.start)
        byte = source[error.start]
        return [Complaint("yaml.encoding", line, column, f"not UTF-8: byte 0x{byte:02x}", "save it as UTF-8")]
    if not source.isascii() and (found := _OLD_BREAKS.search(source)) is not None:
        line, column = _position(source, found.start())
        message = f"U+{ord(found[0].decode()):04X} ended a line in YAML 1.1 and does not in 1.2"
        return [Complaint("yaml.encoding", line, column, message, "write it as an escape in a quoted text")]
    return []


def rows(text: str) -> list[str]:
    """The lines of a text, as YAML and editors count them: a carriage return ends one, too."""
    return _BREAKS.split(text) if "\r" in text else text.split("\n")


def _position(source: bytes, offset: int) -> tuple[int, int]:
    before = rows(source[:offset].decode("utf-8", "replace"))
    return len(before), len(before[-1]) + 1


def _syntax(source: bytes, error: MarkedYAMLError) -> Complaint:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = rows(source.decode("utf-8"))
    row = lines[line - 1] if line <= len(lines) else ""
    problem = str(error.problem or "not YAML")
    at = row[column - 1 : column]
    if at == "\t" or "tab character" in problem:
        return Complaint("yaml.tab", line, column, "a tab where YAML wants spaces", "indent with spaces")
    message = f"{error.context}: {problem}" if error.context else problem
    hint = ""
    if re.search(r"[:-]\s+\{[{%]", row):
        hint = _QUOTE_BRACES
    elif at in ("@", "`", "%"):
        hint = f"quote a value that begins with {at}"
    elif "mapping values" in problem:
        hint = "quote a value that holds a colon and a space, or check the indentation"
    elif "block mapping" in message or "block collection" in message:
        hint = "check the indentation"
    elif "flow" in message and re.search(r"\{[{%]", row):
        hint = "between braces or brackets, quote a value that holds an expression"
    elif "flow" in message:
        hint = "a bracket or brace is not closed, or a comma is missing"
    elif "quoted scalar" in message:
        hint = "a quote is not closed"
    return Complaint("yaml.syntax", line, column, message, hint)


def _tabs(source: bytes) -> list[Complaint]:
    """Lines indented with tabs that libyaml let pass (in flow collections): refused, unless they are text."""
    text = source.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    if _TAB_INDENT.search(text) is None:
        return []
    texts: list[tuple[int, int]] = []
    parser = CParser(source)
    try:
        while (event := parser.get_event()) is not None:
            if type(event) is ScalarEvent and event.end_mark.line > event.start_mark.line:
                texts.append((event.start_mark.line + 2, event.end_mark.line + 2))
    except YAMLError:
        return []
    found: list[Complaint] = []
    line, at, text_at = 1, 0, 0
    for tab in _TAB_INDENT.finditer(text):
        line, at = line + text.count("\n", at, tab.start()), tab.start()
        while text_at < len(texts) and texts[text_at][1] <= line:
            text_at += 1
        if text_at < len(texts) and texts[text_at][0] <= line:
            continue
        message, hint = "a tab in indentation", "indent with spaces"
        found.append(Complaint("yaml.tab", line, tab.end() - tab.start(), message, hint))
        if len(found) >= MAX_COMPLAINTS:
            break
    return found


def _height(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0


def _called(value: Any) -> str:
    names = {dict: "a map", list: "a list", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), "text")
