"""Simple files, read line by line: a small part of YAML that needs no parser, and most of what people write in `.vgo`.

It is defined by what is *not* in it. A line is blank, a comment, `key: value`, `- value` or `- key: value`; a value is
one plain or quoted text, a number, a flow list or map that ends on its line, or a literal block (`|`). No anchors, no
tags, no escapes, no text over several lines, no second document, nothing beyond ASCII. Where a line is anything else,
or does not stand just where its neighbours let it stand, the file is not simple, and libyaml reads all of it.

So nothing is ever refused here, and nothing here has to be right about what is wrong with a file. What has to be right
is that each simple file means what libyaml's events make of it: tests hold the two together. Lines are remembered:
most of those of a repository stand in it many times.
"""

from __future__ import annotations

import json
import re
from sys import intern
from typing import Any, Final

from reconciler.documents.scalars import NUMERIC, WORDS, resolve

MAX_BYTES: Final = 1 << 18
"""Larger files are read by libyaml, and so are those with longer lines: what is remembered is small."""
MAX_LINE: Final = 1_000
MAX_DEPTH: Final = 32
"""Of containers in containers; the language allows more."""
MAX_LINES_KEPT: Final = 4_096
"""Twice, and as many beginnings of lines. More are slower: they no longer fit into the processor's cache."""

_SKIP, _KEY, _OPEN, _LITERAL, _STRIPPED, _ITEM = range(6)
"""What a line is: nothing; a key with its value, with what stands below it, with a literal block (with, without its
last line break); an item that is no map."""

_Line = tuple[int, int, str, Any]
"""The column of its key, or `~` of that of its dash; what it is; key; value."""
_NOTHING: Final[_Line] = (1 << 30, _SKIP, "", None)
"""What stands at no column."""

_PRINTABLE: Final = bytes([10, *range(32, 127)])
_PLAIN: Final = r"(?:[A-Za-z0-9_/.(+~$\\^=<;]|-(?=[!-~]))(?:[!-9;-~]|:(?=[!-~])| +(?=[!\"$-~]))*"
"""A plain text in block context: a colon with something behind it, a `#` with something before it."""
_NAME: Final = r"[A-Za-z_](?:[A-Za-z0-9_./+-]|:(?=[A-Za-z0-9_/])){0,100}"
_LINE: Final = re.compile(
    rf"""(?P<indent>[ ]*)(?P<dash>-[ ])?
    (?:(?P<key>{_NAME}):(?=[ ]|$)[ ]*)?
    (?:(?P<plain>{_PLAIN.replace(" ", "[ ]")})
     | (?P<quoted>"[^"\\]*"|'[^']*')
     | (?P<flow>[\[{{].*[]}}])
     | (?P<literal>[|]-?))?
    (?:[ ]*|[ ]+[#].*|(?<![^ ])[#].*)""",
    re.VERBOSE,
)
_WORD: Final = r"[A-Za-z0-9_/][A-Za-z0-9_./-]*"
_FLAT_LIST: Final = re.compile(rf"\[{_WORD}(?:, {_WORD})*\]")
_FLAT_MAP: Final = re.compile(rf"\{{[A-Za-z_]\w{{0,100}}: {_WORD}(?:, [A-Za-z_]\w{{0,100}}: {_WORD})*\}}", re.ASCII)
_FLOW: Final = re.compile(
    rf"""(?P<mark>[\[\]{{}},]|[ ]+)
      | (?P<key>{_NAME}):[ ]
      | (?:(?P<plain>[A-Za-z0-9_/.(+~$](?:[A-Za-z0-9_/.()+~$*=%@^;<>|!'-]|:(?=[A-Za-z0-9_/])|[ ](?=[A-Za-z0-9_/.(]))*)
         | (?P<quoted>"[^"\\]*"|'[^']*'))(?=[ ]*[],}}])
      | (?P<other>.)""",
    re.VERBOSE,
)
_TEXT: Final = re.compile(_PLAIN)
_known: dict[str, _Line] = {}
_before: dict[str, _Line] = {}
"""Lines read last, and those read before them."""
_heads: Final[dict[str, tuple[int, str]]] = {}
"""What stands before the value of a line → its column as above, and its key."""


class _NotSimple(Exception):
    """libyaml has to read this."""


def read(source: bytes) -> tuple[dict[str, Any], dict[str, list[int]]] | None:
    """The data of a simple file, and the lines of the items of its top-level lists; None where it is not simple.

    Values may be shared with those of other files; nobody may change them. There are no floats among them.
    """
    if len(source) > MAX_BYTES or not source.endswith(b"\n") or source.translate(None, _PRINTABLE):
        return None
    try:
        return _read(source.decode("ascii").split("\n"))
    except _NotSimple:
        return None


def _read(lines: list[str]) -> tuple[dict[str, Any], dict[str, list[int]]]:  # noqa: C901 - calls would take the time
    root: dict[str, Any] = {}
    item_lines: dict[str, list[int]] = {}
    here: Any = root
    place = 0
    """Of the keys of `here`; of the dashes, where it is a list."""
    around: list[tuple[int, Any]] = []
    waiting: str | None = None
    """The last key of `here`, while what stands below it may still come."""
    listed: Any = None
    """The top-level list that is open, and the lines of its items."""
    listed_lines: list[int] = []
    known = _known
    behind = 0
    """Lines before this one have been read as part of a block."""
    for number, line in enumerate(lines, 1):
        if number <= behind:
            continue
        found = known.get(line)
        if found is None:
            found = _remember(line)
            known = _known
        at, kind, key, value = found
        if at != place:
            if kind == _SKIP:
                continue
            column = place if place >= 0 else ~place
            if waiting is not None and (at > column if at >= 0 else ~at >= column):
                fresh: Any = {} if at >= 0 else []
                if at < 0 and here is root:
                    listed, listed_lines = fresh, item_lines.setdefault(waiting, [])
                here[waiting] = fresh
                around.append((place, here))
                here, place = fresh, at
                if len(around) > MAX_DEPTH:
                    raise _NotSimple
            else:
                column = at if at >= 0 else ~at
                while at != place:
                    if column > (place if place >= 0 else ~place) or not around:
                        raise _NotSimple
                    place, here = around.pop()
        if at < 0:
            if here is listed:
                listed_lines.append(number)
            if kind == _ITEM:
                here.append(value)
                waiting = None
                continue
            fresh = {}
            here.append(fresh)
            around.append((place, here))
            here, place = fresh, ~at + 2
        elif key in here:
            raise _NotSimple
        if kind == _KEY:
            here[key] = value
            waiting = None
            if not place and type(value) is list:
                item_lines[key] = [number] * len(value)
        elif kind == _OPEN:
            here[key] = None
            waiting = key
        else:
            text, behind = _literal(lines, number, place)
            here[key] = text if kind == _LITERAL else text[:-1]
            waiting = None
    if not root:
        raise _NotSimple
    return root, item_lines


def _literal(lines: list[str], at: int, column: int) -> tuple[str, int]:
    """The text of a literal block below a key at a column, and which line comes behind it."""
    first = lines[at]
    indent = len(first) - len(first.lstrip(" "))
    if indent <= column or indent == len(first):
        raise _NotSimple
    margin = " " * indent
    found: list[str] = []
    while (line := lines[at]).startswith(margin) or not line:
        if line.isspace() or at + 1 == len(lines):
            break
        found.append(line[indent:])
        at += 1
    if len(line) - len(line.lstrip(" ")) > column:
        raise _NotSimple
    while not found[-1]:
        found.pop()
    found.append("")
    return "\n".join(found), at


def _remember(line: str) -> _Line:
    """A line that is not among those read last."""
    global _known, _before
    found = _before.get(line)
    if found is None:
        head, colon, text = line.partition(": ")
        known = _heads.get(head) if colon else None
        if known is not None and len(text) <= MAX_LINE and _TEXT.fullmatch(text):
            place, key = known
            found = (place, _KEY, key, _scalar(text) if text[0] in NUMERIC or text in WORDS else text)
        else:
            found = _line(line)
            if colon and found[1] == _KEY:
                if len(_heads) >= MAX_LINES_KEPT:
                    _heads.clear()
                _heads[head] = (found[0], found[2])
    if len(_known) >= MAX_LINES_KEPT:
        _known, _before = {}, _known
    _known[line] = found
    return found


def _line(line: str) -> _Line:
    if len(line) > MAX_LINE:
        raise _NotSimple
    found = _LINE.fullmatch(line)
    if found is None:
        raise _NotSimple
    indent, dash, key, plain, quoted, flow, literal = found.groups()
    place = ~len(indent) if dash else len(indent)
    if key is None:
        if dash is None and plain is quoted is flow is literal is None:
            return _NOTHING
        if dash is None or plain is quoted is flow is None:
            raise _NotSimple
    elif key in WORDS:
        raise _NotSimple
    elif literal is not None:
        return (place, _LITERAL if literal == "|" else _STRIPPED, intern(key), None)
    elif plain is quoted is flow is None:
        return (place, _OPEN, intern(key), None)
    value = _scalar(plain) if plain is not None else quoted[1:-1] if quoted is not None else _flow(flow)
    return (place, _ITEM, "", value) if key is None else (place, _KEY, intern(key), value)


def _scalar(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMERIC:
        return text
    try:
        value = resolve(text)
    except OverflowError:
        raise _NotSimple from None
    if type(value) is float:
        raise _NotSimple
    return value


def _flow(text: str) -> Any:
    """A flow list or map that is all of a text."""
    if _FLAT_LIST.fullmatch(text):
        return [_scalar(item) for item in text[1:-1].split(", ")]
    if _FLAT_MAP.fullmatch(text):
        pairs = [item.split(": ") for item in text[1:-1].split(", ")]
        return _distinct([(key, _scalar(item)) for key, item in pairs])
    return _nested(text)


def _nested(text: str) -> Any:
    """Flow collections within others: as JSON, which knows where commas and brackets may stand."""
    if text.count("[") + text.count("{") > MAX_DEPTH:
        raise _NotSimple
    try:
        return json.loads(_FLOW.sub(_as_json, text), object_pairs_hook=_distinct)
    except ValueError:
        raise _NotSimple from None


def _as_json(found: re.Match[str]) -> str:
    mark, key, plain, quoted, other = found.groups()
    if other is not None:
        raise _NotSimple
    if mark is not None:
        return found[0]
    if key is not None:
        return f'"{key}":'
    return json.dumps(_scalar(plain) if plain is not None else quoted[1:-1])


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {intern(key): value for key, value in pairs}
    if len(found) < len(pairs) or not WORDS.keys().isdisjoint(found):
        raise _NotSimple
    return found
