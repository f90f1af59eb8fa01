"""Edits that keep comments, quotes and layout: by a splice of the text, which leaves all else as it is; where that does
not do, by ruamel.yaml's round-trip loader, which is slow and knows comments."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.documents import splicing
from schema.errors import Invalid


class NotEditable(Invalid):
    """The text, or the path in it, cannot be edited."""

    code = "documents.not_editable"


def set_value(text: str, path: Sequence[str | int], value: Any) -> str:
    """The text with one value replaced; maps on the way that are missing are made.

    Raises:
        NotEditable: the text is not YAML, the path is empty, leads through a scalar or past the end of a list.
    """
    if not path:
        raise NotEditable("a path names at least one key")
    spliced = splicing.set_value(text, path, value)
    if spliced is not None:
        return spliced
    yaml, document = _loaded(text)
    if document is None:
        document = {}
    place = document
    for part in path[:-1]:
        place = _into(place, part)
    last = path[-1]
    if isinstance(place, dict) and isinstance(last, str):
        place[last] = value
    elif isinstance(place, list) and isinstance(last, int) and 0 <= last <= len(place):
        place[last : last + 1] = [value]
    else:
        raise NotEditable(f"nothing can be set at {last!r}", path=[str(part) for part in path])
    return _dumped(yaml, document)


def remove_item(text: str, path: Sequence[str | int]) -> str:
    """The text without one item of a list.

    Raises:
        NotEditable: the text is not YAML, or there is no list with that item.
    """
    yaml, document = _loaded(text)
    place = document
    for part in path[:-1]:
        place = _into(place, part)
    if not path or not isinstance(place, list) or not isinstance(path[-1], int) or path[-1] >= len(place):
        raise NotEditable("only an item of a list can be taken out")
    del place[path[-1]]
    return _dumped(yaml, document)


def append_copy(text: str, path: Sequence[str | int], more: Mapping[Sequence[str], Any]) -> str:
    """The text with an item of a list written once more at its end, with other values at some paths of it.

    Raises:
        NotEditable: the text is not YAML, or there is no list with that item.
    """
    yaml, document = _loaded(text)
    place = document
    for part in path[:-1]:
        place = _into(place, part)
    item = _into(place, path[-1])
    if not isinstance(place, list) or not isinstance(item, dict):
        raise NotEditable("only an item of a list can be written once more")
    made = deepcopy(item)
    for keys, value in more.items():
        inner = made
        for key in keys[:-1]:
            inner = _into(inner, key)
        inner[keys[-1]] = value
    place.append(made)
    return _dumped(yaml, document)


def _into(place: Any, part: str | int) -> Any:
    if isinstance(place, dict) and isinstance(part, str):
        return place.setdefault(part, {})
    if isinstance(place, list) and isinstance(part, int) and 0 <= part < len(place):
        return place[part]
    raise NotEditable(f"there is nothing at {part!r}")


def _loaded(text: str) -> tuple[YAML, Any]:
    yaml = _round_trip()
    try:
        return yaml, yaml.load(text)
    except YAMLError as error:
        raise NotEditable(f"not YAML: {error}") from error


def _dumped(yaml: YAML, document: Any) -> str:
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.explicit_start = False
    yaml.preserve_quotes = True
    yaml.width = 4096  # no line that a person wrote is folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
