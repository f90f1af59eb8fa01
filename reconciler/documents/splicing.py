"""Edits that touch nothing but their own place: a value replaced, a key or item added, all other bytes as they were.

What cannot be done so is not done: the round trip of `edit` does it then. Every result is read back and compared with
what it should say, so that an edit is right or is not made.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.documents.compose import compose

_WIDTH: Final = 1 << 20
"""No line is folded."""


def set_value(text: str, path: Sequence[str | int], value: Any) -> str | None:
    """The text with one value replaced, or a key or item added at the end of its map or list; None where that takes
    more than a splice."""
    before = compose(text.encode())
    if before.complaints or not path:
        return None
    expected = copy.deepcopy(before.data)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None or _has_aliases(root) or not _put(expected, path, value):
            return None
        made = _spliced(text, root, list(path), value)
    except (yaml.YAMLError, RecursionError):
        return None
    if made is None:
        return None
    after = compose(made.encode())
    return made if not after.complaints and _exactly(after.data) == _exactly(expected) else None


def _has_aliases(root: Node) -> bool:
    """Whether something stands in two places: who edits the one has not said that the other shall follow."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            return True
        seen.add(id(node))
        if isinstance(node, MappingNode):
            todo += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            todo += node.value
    return False


def _put(data: Any, path: Sequence[str | int], value: Any) -> bool:
    """Whether `value` could be put at a path of plain data, where it stands now."""
    for part in path[:-1]:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.setdefault(part, {})
        elif isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
            data = data[part]
        else:
            return False
    last = path[-1]
    if isinstance(data, dict) and isinstance(last, str):
        data[last] = value
    elif isinstance(data, list) and isinstance(last, int) and 0 <= last <= len(data):
        data[last : last + 1] = [value]
    else:
        return False
    return True


def _exactly(data: Any) -> str:
    # Python takes 1 for True.
    return json.dumps(data, default=repr)


def _spliced(text: str, node: Node, path: list[str | int], value: Any) -> str | None:
    while True:
        part = path.pop(0)
        below = _child(node, part)
        if below is None:
            for above in reversed(path):
                if isinstance(above, int):
                    return None
                value = {above: value}
            return _added(text, node, part, value)
        if not path:
            return _replaced(text, below, value)
        node = below


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if isinstance(key, ScalarNode) and key.value == part), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def _replaced(text: str, node: Node, value: Any) -> str | None:
    start, end = node.start_mark, node.end_mark
    if not isinstance(node, ScalarNode) or start.line != end.line or isinstance(value, dict | list):
        return None
    written = _quoted(value, node.style) if isinstance(value, str) else _flow(value)
    if start.index == end.index:  # `key:` with nothing behind it
        written = f" {written}"
    return text[: start.index] + written + text[end.index :]


def _quoted(value: str, style: str | None) -> str:
    """Text in the quotes that stood there."""
    if not value.isprintable() or style == '"':
        return json.dumps(value, ensure_ascii=False)
    return "'" + value.replace("'", "''") + "'" if style == "'" else _flow(value)


def _added(text: str, node: Node, part: str | int, value: Any) -> str | None:
    if not isinstance(node, MappingNode | SequenceNode):
        return None
    is_map = isinstance(node, MappingNode)
    if is_map != isinstance(part, str):
        return None
    if node.flow_style or not node.value:
        return _added_to_flow(text, node, part, value)
    column = node.value[0][0].start_mark.column if is_map else node.start_mark.column
    block = _block({part: value} if is_map else [value])
    lines = text.split("\n")
    at = _last_line(node) + 1
    new = [" " * column + line if line else line for line in block.rstrip("\n").split("\n")]
    if at >= len(lines):  # the last line has no end
        return "\n".join([*lines, *new])
    return "\n".join([*lines[:at], *new, *lines[at:]])


def _added_to_flow(text: str, node: MappingNode | SequenceNode, part: str | int, value: Any) -> str | None:
    end = node.end_mark.index - 1
    if node.start_mark.line != node.end_mark.line or text[end : end + 1] not in {"}", "]"}:
        return None
    new = f"{_flow(part)}: {_flow(value)}" if isinstance(node, MappingNode) else _flow(value)
    head = text[:end].rstrip(" ")
    return f"{head}{', ' if node.value else ''}{new}{text[len(head) :] if node.value else text[end:]}"


def _last_line(node: Node) -> int:
    """The line (from 0) on which a node ends."""
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        start, end = node.start_mark, node.end_mark
        return int(end.line) - (1 if end.column == 0 and end.line > start.line else 0)
    return _last_line(node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1])


class _Indented(yaml.SafeDumper):  # type: ignore[misc]  # has no annotations
    """Items of a list stand deeper than its key, as in all of our files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)  # noqa: FBT003


def _block(value: Any) -> str:
    return str(
        yaml.dump(value, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)
    )


def _flow(value: Any) -> str:
    if isinstance(value, str) and ("\n" in value or not value.isprintable()):
        return json.dumps(value, ensure_ascii=False)
    written = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=True)
    return str(written).removesuffix("...\n").rstrip("\n")
