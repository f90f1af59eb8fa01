"""Writing documents: plain data as canonical `.vgo` text that reads back as the same data.

Text is plain where YAML 1.1 and 1.2 agree that it is text, a block where it has lines, else quoted. The layout is that
of `vigo fmt`, so an import and the formatter never disagree.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.documents import formatting
from reconciler.documents.compose import compose, resolve
from reconciler.documents.kinds import Kind
from reconciler.importing.proposals import Crate, ImportRefused

MAX_FORMATTED_BYTES: Final = 16 * 1024
"""The formatter takes 50 µs a byte; beyond this the layout stays as it is written here, the same but for rare cases."""

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+=~-]*(?: [A-Za-z0-9_./@+=~-]+)*")
_AMBIGUOUS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BREAKS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def document(kind: Kind, data: Mapping[str, Any], *, comment: str = "") -> bytes:
    """A document of a kind, canonical.

    Args:
        comment: lines above it, without their `#`.
    """
    text = "".join(_comments(comment, "")) + "".join(_map(data, ""))
    return _canonical(kind, data, text)


def crate(made: Crate) -> bytes:
    """The document of a proposed crate, each resource under its comment."""
    head = {"name": made.name, "description": made.description}
    lines = [*_map(head, ""), "resources:\n"]
    for attributes, comment in made.resources:
        lines += _comments(comment, "  ")
        lines += _item(attributes, "  ")
    if not made.resources:
        lines[-1] = "resources: []\n"
    data = {**head, "resources": [attributes for attributes, _ in made.resources]}
    return _canonical(Kind.CONFIGCRATE, data, "".join(lines))


def _canonical(kind: Kind, data: Mapping[str, Any], text: str) -> bytes:
    written = text.encode()
    if len(written) <= MAX_FORMATTED_BYTES:
        # Data that the formatter cannot lay out again is written as it is.
        with contextlib.suppress(formatting.NotFormattable):
            written = formatting.canonical(written, kind)
    if compose(written).data != data:
        raise ImportRefused("what was read cannot be written as a document of the language")
    return written


def _comments(comment: str, indent: str) -> Iterator[str]:
    for line in comment.splitlines():
        yield f"{indent}# {_BREAKS.sub('?', line).strip()}\n" if line.strip() else f"{indent}#\n"


def _map(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        yield from _value(f"{indent}{scalar(key)}:", value, indent)


def _value(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield f"{head}\n"
        yield from _map(value, f"{indent}  ")
    elif isinstance(value, list | tuple) and value:
        yield f"{head}\n"
        for item in value:
            yield from _item(item, f"{indent}  ")
    elif isinstance(value, str) and _is_block(value):
        yield from _block(head, value, f"{indent}  ")
    else:
        yield f"{head} {scalar(value)}\n"


def _item(item: Any, indent: str) -> Iterator[str]:
    """One item of a list; what is nested begins behind the dash."""
    if isinstance(item, Mapping) and item:
        lines = list(_map(item, f"{indent}  "))
        yield f"{indent}- {lines[0][len(indent) + 2 :]}"
        yield from lines[1:]
    elif isinstance(item, list | tuple) and item:
        lines = [line for each in item for line in _item(each, f"{indent}  ")]
        yield f"{indent}- {lines[0][len(indent) + 2 :]}"
        yield from lines[1:]
    elif isinstance(item, str) and _is_block(item):
        yield from _block(f"{indent}-", item, f"{indent}  ")
    else:
        yield f"{indent}- {scalar(item)}\n"


def _is_block(text: str) -> bool:
    """Whether text is one that a literal block shows as it is."""
    lines = text.split("\n")
    return (
        len(lines) > 2
        and text.endswith("\n")
        and not text.endswith("\n\n")
        and not _BREAKS.search(text)
        and "\t" not in text
        and not lines[0].startswith(" ")
        and bool(lines[0])
        and all(line == line.rstrip() for line in lines)
    )


def _block(head: str, text: str, indent: str) -> Iterator[str]:
    yield f"{head} |\n"
    for line in text[:-1].split("\n"):
        yield f"{indent}{line}\n" if line else "\n"


def scalar(value: Any) -> str:
    """One value on one line, as YAML.

    Raises:
        ImportRefused: not a value that the language has.
    """
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[]"
    if not isinstance(value, str):
        raise ImportRefused(f"a {type(value).__name__} is no value of the language")
    if _PLAIN.fullmatch(value) and value.lower() not in _AMBIGUOUS and resolve(value) is value:
        return str(value)
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if _BREAKS.match(char) or (not char.isprintable() and char != " "):
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char
