"""The canonical layout of a document: one way to write it, comments kept, meaning untouched.

Two spaces a level and list items beneath their key, by ruamel.yaml's round-trip loader; keys in the order of the
models, each with the comments above it; one blank line at most, none at the ends, no trailing blanks, one final
newline. What is written in braces or brackets stays as it is. The result is compared with what was there, data and
comments: a layout that would change either is never returned.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, get_args, get_origin

import yaml
from pydantic import BaseModel
from ruamel.yaml import YAML
from yaml.cyaml import CParser
from yaml.events import ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.documents.compose import Composed, compose
from reconciler.documents.kinds import MODELS, Kind
from schema.documents.configcrates import Resource
from schema.errors import Invalid
from schema.resources import RESOURCES

_FIRST: Final = ("name", "type", "when", "foreach")
"""Of a resource; its parameters follow, then what binds it to others."""
_BLANKS: Final = " \t"
_OLD_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
_LEAD: Final = re.compile(r"^ *(?:- +)*")
_HEADER: Final = re.compile(r"[|>][-+0-9]*")


class NotFormattable(Invalid):
    """The layout cannot be changed without changing what the text says."""

    code = "documents.not_formattable"


def canonical(source: bytes, kind: Kind) -> bytes:
    """A document in the canonical layout; the same bytes when it has it already.

    Args:
        source: of a document that `compose` has no complaint about.

    Raises:
        NotFormattable: it is not such a document, or its data or comments would change.
    """
    before = compose(source)
    if before.complaints:
        raise NotFormattable("the document cannot be read")
    text = source.decode().replace("\r\n", "\n").replace("\r", "\n")
    if _OLD_BREAKS.search(text):
        raise NotFormattable("it holds line breaks of Unicode, which YAML 1.1 and 1.2 read differently")
    comments = sorted(_comments(text))
    lines = _tidy(_laid_out(_flush(text)), list(_standing(text)))
    if not _has_anchors(text):  # an alias must not come before its anchor
        lines = _in_order(lines, MODELS[kind])
    written = "\n".join(_trimmed(lines)) + "\n"
    after = compose(written.encode())
    if _meaning(after) != _meaning(before) or sorted(_comments(written)) != comments:
        raise NotFormattable("another layout would change what the document says or lose a comment")
    return written.encode()


def _meaning(composed: Composed) -> str:
    return json.dumps([composed.data, len(composed.complaints)], sort_keys=True)


def _laid_out(text: str) -> str:
    loader = YAML(typ="rt")
    loader.preserve_quotes = True
    loader.width = 1 << 20  # no line that a person wrote is folded
    loader.brace_single_entry_mapping_in_flow_sequence = True  # [{a: 1}], never [a: 1]
    loader.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    try:
        loader.dump(loader.load(text), written)
    except Exception as error:  # whatever the loader stumbles over, the file stays as it is
        raise NotFormattable(f"the round-trip loader cannot read it: {error}") from error
    return written.getvalue()


def _flush(text: str) -> str:
    """The text with comments that have a line of their own at its left edge.

    The round-trip loader keeps their columns: behind a text block that moves to the left they would become part of it.
    """
    inside = _within_scalars(text)
    lines = enumerate(text.split("\n"))
    return "\n".join(line.lstrip(_BLANKS) if n not in inside and _is_loose(line) else line for n, line in lines)


def _standing(text: str) -> Iterator[tuple[str, bool]]:
    """Each comment with a line of its own, and whether it is deeper than what follows: the end of a block."""
    lines = text.split("\n")
    inside = _within_scalars(text)
    for number, line in enumerate(lines):
        if number not in inside and line.strip(_BLANKS).startswith("#"):
            yield line.strip(_BLANKS), _indent(line) > _indent(_below(lines, number))


def _tidy(text: str, comments: Sequence[tuple[str, bool]]) -> list[str]:
    """Lines without trailing blanks, with one empty line at a time, and comments level with what they are about.

    Args:
        comments: as they stood before; the round-trip loader leaves them in their old columns.
    """
    if [comment for comment, _ in _standing(text)] != [comment for comment, _ in comments]:
        raise NotFormattable("the round-trip loader would move a comment")
    lines = text.split("\n")
    inside = _within_scalars(text)
    deeper = (each for _, each in comments)
    kept: list[str] = []
    column = 0
    for number, line in enumerate(lines):
        bare = line.strip(_BLANKS)
        if number in inside:
            kept.append(line)
        elif bare.startswith("#"):
            level = _indent(_below(lines, number))
            kept.append(" " * (max(column, level) if next(deeper) else level) + bare)
        elif bare:
            column = len(line) - len(_LEAD.sub("", line, count=1))
            # Blanks at the end of a line in which a quoted text goes on may be escaped.
            goes_on = number + 1 in inside and not _HEADER.fullmatch(bare.rpartition(" ")[2])
            kept.append(line if goes_on else line.rstrip(_BLANKS))
        elif kept and kept[-1]:
            kept.append("")
    return kept


def _below(lines: Sequence[str], number: int) -> str:
    """The next line with content."""
    return next((line for line in lines[number + 1 :] if not _is_loose(line)), "")


def _trimmed(lines: Sequence[str]) -> list[str]:
    first = next((number for number, line in enumerate(lines) if line.strip(_BLANKS)), 0)
    last = next((number for number in range(len(lines), 0, -1) if lines[number - 1].strip(_BLANKS)), 0)
    return list(lines[first:last])


def _in_order(lines: Sequence[str], model: Any) -> list[str]:
    """The same lines, with the keys of block maps in the order of their models."""
    text = "\n".join(lines)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    arranged = list(lines)
    if root is not None:
        _arrange(root, model, arranged, len(arranged), _within_scalars(text))
    return arranged


def _arrange(node: Node, shape: Any, lines: list[str], end: int, inside: frozenset[int]) -> None:
    """Put the keys of a node and of all below it in order, in place. No line leaves the node's own, up to `end`."""
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Annotated:
        _arrange(node, parts[0], lines, end, inside)
    elif isinstance(node, SequenceNode) and not node.flow_style:
        within = next((_item(part) for part in (shape, *parts) if get_origin(part) is list), None)
        starts = [_begin(lines, each.start_mark.line, _dash(each), inside) for each in node.value[1:]]
        for each, limit in zip(node.value, [*starts, end], strict=True):
            _arrange(each, within, lines, limit, inside)
    elif isinstance(node, MappingNode) and not node.flow_style and node.value:
        _arrange_map(node, shape, lines, end, inside)


def _arrange_map(node: MappingNode, shape: Any, lines: list[str], end: int, inside: frozenset[int]) -> None:
    keys = [key.value if isinstance(key, ScalarNode) else "" for key, _ in node.value]
    column = node.start_mark.column
    begins = [node.value[0][0].start_mark.line]
    begins += [_begin(lines, key.start_mark.line, column, inside) for key, _ in node.value[1:]]
    limits = [*begins[1:], _begin(lines, end, column, inside)]
    model = _model(shape)
    fields = _fields(model) if model is not None else {}
    values = next((get_args(part)[1] for part in (shape, *get_args(shape)) if get_origin(part) is dict), None)
    for (_, value), key, limit in zip(node.value, keys, limits, strict=True):
        _arrange(value, fields.get(key, values), lines, limit, inside)
    if model is None:
        return
    order = {key: place for place, key in enumerate(_order(model, node))}
    sequence = sorted(range(len(keys)), key=lambda each: order.get(keys[each], len(order)))
    if sequence == list(range(len(keys))):
        return
    blocks = [lines[begin:limit] for begin, limit in zip(begins, limits, strict=True)]
    heads = [key.start_mark.line - begin for (key, _), begin in zip(node.value, begins, strict=True)]
    lines[begins[0] : limits[-1]] = _joined(blocks, heads, sequence, column)


def _joined(blocks: list[list[str]], heads: Sequence[int], sequence: Sequence[int], column: int) -> list[str]:
    """Blocks in a new sequence. The first line of all keeps what stands before it (`- `), and no blank line leads."""
    prefix = blocks[0][0][:column]
    leader = sequence[0]
    head = heads[leader]
    above = [line for line in blocks[leader][:head] if line.strip(_BLANKS)]
    blanks = [""] * (head - len(above))
    # Comments above the key that is now first go above the dash, where its list item begins.
    level = len(prefix) - len(prefix.lstrip(_BLANKS))
    above = [" " * level + line.strip(_BLANKS) for line in above]
    found = [*above, prefix + blocks[leader][head][column:], *blocks[leader][head + 1 :]]
    for each in sequence[1:]:
        block = blocks[each]
        found += [*blanks, " " * column + block[0][column:], *block[1:]] if each == 0 else block
    return found


def _begin(lines: Sequence[str], line: int, column: int, inside: frozenset[int]) -> int:
    """Where an entry begins whose key stands in a line: with the comments and blank lines above it that are its own."""
    while line > 0 and line - 1 not in inside and _is_loose(lines[line - 1]):
        if lines[line - 1].strip(_BLANKS) and _indent(lines[line - 1]) > column:
            break
        line -= 1
    return line


def _dash(node: Node) -> int:
    return max(int(node.start_mark.column) - 2, 0)


def _item(shape: Any) -> Any:
    return get_args(shape)[0]


def _model(shape: Any) -> type[BaseModel] | None:
    """The model of a map, where a shape has one."""
    for part in (shape, *get_args(shape)):
        if isinstance(part, type) and issubclass(part, BaseModel) and get_origin(part) is None:
            return part
    return None


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _order(model: type[BaseModel], node: MappingNode) -> list[str]:
    if model is not Resource:
        return list(_fields(model))
    kind = next((value.value for key, value in node.value if key.value == "type"), "")
    spec = RESOURCES.get(kind) if isinstance(kind, str) else None
    own = list(_fields(spec)) if spec is not None else []
    return [*_FIRST, *own, *(key for key in _fields(Resource) if key not in _FIRST)]


def _is_loose(line: str) -> bool:
    return not line.strip(_BLANKS) or line.lstrip(_BLANKS).startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(_BLANKS))


def _scalars(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end (line, column) of every scalar."""
    parser = CParser(text)
    try:
        while (event := parser.get_event()) is not None:
            if isinstance(event, ScalarEvent):
                start, end = event.start_mark, event.end_mark
                yield (start.line, start.column), (end.line, end.column)
    finally:
        parser.dispose()


def _within_scalars(text: str) -> frozenset[int]:
    """Lines that begin within a scalar: every character of them may be data."""
    lines = text.split("\n")
    found: set[int] = set()
    for (first, begin), (last, column) in _scalars(text):
        # A block scalar ends behind the indentation of what follows it.
        end = last + bool(last < len(lines) and lines[last][:column].strip(_BLANKS))
        header = _HEADER.match(lines[first], begin) if first < len(lines) else None
        if header is not None and "+" not in header.group():  # blank lines behind it are not its own
            while end > first + 1 and (end > len(lines) or not lines[end - 1].strip(_BLANKS)):
                end -= 1
        found.update(range(first + 1, end))
    return frozenset(found)


def _comments(text: str) -> Iterator[str]:
    """Every comment, without the blanks around it."""
    lines = text.split("\n")
    for (first, begin), (last, end) in _scalars(text):
        for number in range(first, min(last, len(lines) - 1) + 1):
            line = lines[number]
            start, stop = begin if number == first else 0, end if number == last else len(line)
            lines[number] = line[:start] + " " * (stop - start) + line[stop:]
    for line in lines:
        at = (
            0
            if line.startswith("#")
            else next((n for n in range(1, len(line)) if line[n] == "#" and line[n - 1] in " \t"), None)
        )
        if at is not None:
            yield line[at:].strip(_BLANKS)


def _has_anchors(text: str) -> bool:
    parser = CParser(text)
    try:
        while (event := parser.get_event()) is not None:
            if getattr(event, "anchor", None) is not None:
                return True
    finally:
        parser.dispose()
    return False
