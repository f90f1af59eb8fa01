"""Some keys of a structured document that others own: what differs, and the document changed in place.

The same for every format. A format reads a text twice: as plain data, to decide, and as what its library keeps comments
and layout in, to edit. What is written is read again first, and refused if it is not what was meant: no library that
edits such text is without faults.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from typing import Any, Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.tools import parts
from agent.tools.difference import Change
from agent.tools.parts import Whole
from schema.resources.base import KeysSpec, key_path

MAX_CHARS: Final = 1024 * 1024
MAX_NODES: Final = 100_000
_MAX_SHOWN: Final = 50
_NOTHING: Final = object()


class Format(NamedTuple):
    """How a kind of document is read and written. The functions raise `ValueError` for what is not of it."""

    name: str
    plain: Callable[[str], Any]
    """Maps, lists and scalars; an empty text is an empty map."""
    edited: Callable[[str, Callable[[Any], None]], str]
    """The text, after the function has changed the document in place."""
    fresh: Callable[[Any], Any] = copy.deepcopy
    """A value of the spec, or a key, as it goes into the document."""


class DocumentState(NamedTuple):
    """The file as it was found, as data, and as it should be."""

    whole: Whole
    before: Any
    after: Any

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.whole.note


def read(host: Host, spec: KeysSpec, form: Format) -> DocumentState:
    """What is there, and what it should be.

    Raises:
        HostFault: it cannot be read as a document of this format, or what is asked for does not fit it.
    """
    whole = parts.read(host, spec)
    before = _plain(spec, form, whole.text)
    after = copy.deepcopy(before)
    change(after, spec)
    return DocumentState(whole, before, after)


def changes(spec: KeysSpec, state: DocumentState) -> list[Change]:
    """The keys that differ."""
    if state.whole.stat is None and not (spec.merge or spec.set):
        return []
    found: list[Change] = []
    _compare(state.before, state.after, "", found, secret=spec.sensitive)
    if len(found) > _MAX_SHOWN:
        found = [*found[:_MAX_SHOWN], Change("keys", f"and {len(found) - _MAX_SHOWN} more", None)]
    return [Change("state", "absent", Kind.FILE), *found] if state.whole.stat is None else found


def write(host: Host, spec: KeysSpec, form: Format, state: DocumentState) -> None:
    """Make it so, at once.

    Raises:
        HostFault: what would be written is not what was meant.
    """
    try:
        text = form.edited(state.whole.text.replace("\r\n", "\n"), lambda document: change(document, spec, form.fresh))
        made = form.plain(text)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise HostFault(f"{spec.path} cannot be changed as {form.name}: {error}") from error
    if not _same(made, state.after):
        raise HostFault(f"{spec.path} would not come out as it should: its form is more than we can edit")
    parts.write(host, spec, state.whole, text.replace("\n", state.whole.ending))


def change(document: Any, spec: KeysSpec, fresh: Callable[[Any], Any] = copy.deepcopy) -> None:
    """Change a document in place: merge, then set, then remove.

    Raises:
        HostFault: the way to a key leads through what is no map, or through what stands in several places.
    """
    shared = _shared(document)
    if not isinstance(document, MutableMapping):
        raise HostFault(f"{spec.path} holds no map")
    _merge(document, spec.merge, shared, fresh)
    for text, value in spec.set.items():
        keys = key_path(text)
        inner = _inner(document, keys[:-1], shared, text, make=fresh)
        if isinstance(inner, MutableSequence):
            inner[_index(inner, keys[-1], text)] = fresh(value)
        elif not _same(inner.get(keys[-1], _NOTHING), value):
            inner[_key(inner, keys[-1], fresh)] = fresh(value)
    for text in spec.remove:
        keys = key_path(text)
        inner = _inner(document, keys[:-1], shared, text)
        if isinstance(inner, MutableSequence):
            raise HostFault(f"{text} is an item of a list: it is not removed")
        if inner is not None and keys[-1] in inner:
            del inner[keys[-1]]


def _merge(there: Any, over: Mapping[str, Any], shared: set[int], fresh: Callable[[Any], Any]) -> None:
    for key, value in over.items():
        held = there.get(key, _NOTHING)
        if isinstance(held, MutableMapping) and isinstance(value, dict):
            if id(held) in shared and not _holds(held, value):
                raise HostFault(f"{key} stands in several places of the document: it would change in all")
            _merge(held, value, shared, fresh)
        elif not _same(held, value):
            there[_key(there, key, fresh)] = fresh(value)


def _key(there: Any, key: str, fresh: Callable[[Any], Any]) -> Any:
    """A key that is there stays as it is written."""
    return key if key in there else fresh(key)


def _holds(there: Any, over: Mapping[str, Any]) -> bool:
    return all(
        _holds(there[key], value)
        if isinstance(value, dict) and isinstance(there.get(key), Mapping)
        else _same(there.get(key, _NOTHING), value)
        for key, value in over.items()
    )


def _inner(
    document: Any, keys: tuple[str, ...], shared: set[int], text: str, *, make: Callable[[Any], Any] | None = None
) -> Any:
    """What holds the last key; None where there is nothing, and nothing is made."""
    here = document
    for key in keys:
        if isinstance(here, MutableSequence):
            here = here[_index(here, key, text)]
        elif key in here:
            here = here[key]
        elif make is not None:
            here[make(key)] = make({})
            here = here[key]
        else:
            return None
        if not isinstance(here, MutableMapping | MutableSequence):
            if make is None:
                return None
            raise HostFault(f"{text} leads through {key}, which is no map")
        if id(here) in shared:
            raise HostFault(f"{text} leads through {key}, which stands in several places of the document")
    return here


def _index(inner: MutableSequence[Any], key: str, text: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(inner)):
        raise HostFault(f"{text} asks for item {key} of a list of {len(inner)}")
    return int(key)


def _shared(document: Any) -> set[int]:
    """Ids of maps and lists that stand in several places; all of what they stand for is counted.

    Raises:
        HostFault: it is more than a document has.
    """
    sizes: dict[int, int] = {}
    several: set[int] = set()

    def size(node: Any) -> int:
        if not isinstance(node, MutableMapping | MutableSequence):
            return 1
        if id(node) in sizes:
            several.add(id(node))
            return sizes[id(node)]
        sizes[id(node)] = MAX_NODES + 1  # within itself
        children = node.values() if isinstance(node, MutableMapping) else node
        sizes[id(node)] = 1 + sum(size(child) for child in children)
        return sizes[id(node)]

    if size(document) > MAX_NODES:
        raise HostFault(f"a document of more than {MAX_NODES} values")
    return several


def _plain(spec: KeysSpec, form: Format, text: str) -> Any:
    if len(text) > MAX_CHARS:
        raise HostFault(f"{spec.path} has more than {MAX_CHARS} characters")
    try:
        text.encode()
        made = form.plain(text)
        _shared(made)
    except (ValueError, RecursionError) as error:
        what = "text within text within text" if isinstance(error, RecursionError) else error
        raise HostFault(f"{spec.path} is not {form.name}: {what}") from error
    return made


def _same(one: Any, other: Any) -> bool:
    """Equal, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)


def _compare(before: Any, after: Any, path: str, found: list[Change], *, secret: bool) -> None:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            one, other = before.get(key, _NOTHING), after.get(key, _NOTHING)
            if isinstance(other, Mapping) and one is _NOTHING and other:
                one = {}
            _compare(one, other, f"{path}.{key}" if path else str(key), found, secret=secret)
    elif not _same(before, after):
        found.append(Change(path, _shown(before), _shown(after), secret))


def _shown(value: Any) -> str | None:
    return None if value is _NOTHING else json.dumps(value, ensure_ascii=False, default=str)
