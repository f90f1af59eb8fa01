"""YAML and JSON as Ansible reads them (YAML 1.1, merge keys, `!vault`, `!unsafe`), into plain data with limits.

What the language has no form for becomes a `Foreign`, in its place, so that nothing is lost without a word.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml
from yaml.cyaml import CParser
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from reconciler.documents.compose import MAX_INTEGER
from reconciler.importing.proposals import ImportRefused

MAX_BYTES: Final = 8 << 20
MAX_DEPTH: Final = 64
MAX_EVENTS: Final = 1_000_000
MAX_ALIASES: Final = 10_000
MAX_NODES: Final = 1_000_000
"""Values of one document, those that aliases repeat counted again."""
MAX_MERGED: Final = 100_000
"""Keys that `<<` brings into a document."""

VAULT_HEADER: Final = "$ANSIBLE_VAULT;"


class Foreign(NamedTuple):
    """A value that the language has no form for."""

    why: str
    sealed: bool = False
    """Whether it is a secret that ansible-vault has sealed."""


_VAULTED: Final = Foreign("sealed by ansible-vault", sealed=True)


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader with Ansible's tags; `<<` cannot multiply."""

    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        before = len(node.value)
        super().flatten_mapping(node)
        if len(node.value) == before and all(key.tag != "tag:yaml.org,2002:merge" for key, _ in node.value):
            return
        distinct: dict[Any, Any] = {}
        for key, value in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
            distinct.pop(name, None)  # the last one wins, and stands last
            distinct[name] = (key, value)
        node.value = list(distinct.values())
        self.merged += len(node.value)
        if self.merged > MAX_MERGED:
            raise ImportRefused(f"merge keys bring in more than {MAX_MERGED} keys")


def _vault(_loader: yaml.Loader, _node: yaml.Node) -> Foreign:
    return _VAULTED


def _unsafe(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return (
        loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.MappingNode)
        else loader.construct_sequence(node, deep=True)
    )


def _unknown(_loader: yaml.Loader, node: yaml.Node) -> Foreign:
    return Foreign(f"has the tag {str(node.tag)[:80]}, which is not known here")


for _tag in ("!vault", "!vault-encrypted"):
    _Loader.add_constructor(_tag, _vault)
_Loader.add_constructor("!unsafe", _unsafe)
_Loader.add_constructor(None, _unknown)


def document(source: bytes, name: str) -> Any:
    """The data of a YAML or JSON file; None when it holds nothing.

    Args:
        name: of the file, for messages.

    Raises:
        ImportRefused: it cannot be read, or goes beyond a limit.
    """
    text = _text(source, name)
    try:
        data = json.loads(text) if text.lstrip()[:1] in ("{", "[") else ...
    except (ValueError, RecursionError):
        data = ...
    try:
        # What is JSON is read as JSON, whatever the file is called: `1e3` is a number there, and text in YAML 1.1.
        return plain(_loaded(text, name) if data is ... else data)
    except ImportRefused as refused:
        raise ImportRefused(f"{name}: {refused.message.removeprefix(f'{name}: ')}") from refused


def script_output(source: bytes, name: str) -> Any:
    """The data of JSON that an inventory script printed.

    Raises:
        ImportRefused: it is no JSON, or goes beyond a limit.
    """
    try:
        return plain(json.loads(_text(source, name)))
    except RecursionError as error:
        raise ImportRefused(f"{name}: nested too deep") from error
    except ValueError as error:
        raise ImportRefused(f"{name}: not JSON: {error}") from error


def plain(value: Any) -> Any:
    """The data with every value that JSON and the language have no form for replaced by a `Foreign`.

    Raises:
        ImportRefused: it goes beyond a limit.
    """
    budget = [MAX_NODES]
    return _plain(value, MAX_DEPTH, budget)


def _text(source: bytes, name: str) -> str:
    if len(source) > MAX_BYTES:
        raise ImportRefused(f"{name}: {len(source)} bytes; a file may have {MAX_BYTES}")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{name}: not UTF-8: byte 0x{source[error.start]:02x} at {error.start}") from error


def _loaded(text: str, name: str) -> Any:
    try:
        _survey(text)
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        at = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ImportRefused(f"{name}: not YAML: {error.problem or error.context}{at}") from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ImportRefused(f"{name}: not YAML: {str(error) or type(error).__name__}") from error


def _survey(text: str) -> None:
    """Go through the events alone, which takes no memory, before anything is built of them.

    Raises:
        ImportRefused: there are too many, or they are nested too deep.
    """
    parser = CParser(text)
    depth = aliases = 0
    try:
        for _ in range(MAX_EVENTS):
            event = parser.get_event()
            if event is None:
                return
            if isinstance(event, CollectionStartEvent):
                depth += 1
            elif isinstance(event, CollectionEndEvent):
                depth -= 1
            elif isinstance(event, AliasEvent):
                aliases += 1
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                raise ImportRefused(f"nested deeper than {MAX_DEPTH}, or more than {MAX_ALIASES} aliases")
    finally:
        parser.dispose()
    raise ImportRefused(f"more than {MAX_EVENTS} values")


def _plain(value: Any, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth < 0:
        raise ImportRefused(f"more than {MAX_NODES} values, or nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, bool | Foreign):
        return value
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, int):
        return value if abs(value) <= MAX_INTEGER else Foreign("a number beyond ±9007199254740991")
    if isinstance(value, float):
        return value if math.isfinite(value) else Foreign("not a finite number")
    if isinstance(value, Mapping):
        if set(value) == {"__ansible_vault"}:
            return _VAULTED
        if set(value) == {"__ansible_unsafe"}:
            return _plain(value["__ansible_unsafe"], depth - 1, budget)
        return {_key(key): _plain(item, depth - 1, budget) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1, budget) for item in value]
    if isinstance(value, datetime.date):  # a datetime is one too
        return value.isoformat()
    return Foreign(f"a {type(value).__name__}, which the language does not have")


def _plain_text(value: str) -> Any:
    if value.startswith(VAULT_HEADER):
        return _VAULTED
    try:
        value.encode()
    except UnicodeEncodeError:
        return Foreign("text that is not Unicode")
    return value


def _key(key: Any) -> str:
    """A key as JSON writes it."""
    if isinstance(key, str):
        return key.encode("utf-8", "replace").decode()
    if isinstance(key, bool) or key is None:
        return json.dumps(key)
    return str(key)
