"""Where names stand: which places of which kind of document name a crate, a role, a task ..., and which define one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from reconciler.documents import Document, Kind
from reconciler.documents.marks import Path


class What(StrEnum):
    """What a name is the name of."""

    CRATE = "configcrate"
    USERCRATE = "usercrate"
    ROLE = "role"
    ENVIRONMENT = "environment"
    TASK = "task"
    STEP = "step"
    """Of a workflow; known within it alone."""
    RESOURCE = "resource"
    """Of a crate; known within it alone."""
    SOURCE = "source"
    """A file below `templates/` or `files/`."""


LOCAL: Final = frozenset({What.STEP, What.RESOURCE})
"""Names that mean something within their file alone."""
_ANY: Final = "*"


class Named(NamedTuple):
    """A name at one place of a document."""

    what: What
    name: str
    path: Path
    """Of the value; of a key that is the name, the path that it ends."""
    on_key: bool
    defines: bool


_CRATES: Final = (("configcrates",), What.CRATE), (("exclude_configcrates",), What.CRATE)
_TARGETS: Final = ("depends_on", "before", "notify", "subscribes")
_RESOURCES: Final = (
    *((("resources", _ANY, key), What.RESOURCE) for key in _TARGETS),
    (("resources", _ANY, "source"), What.SOURCE),
    (("defaults", "source"), What.SOURCE),
)


def _below(*prefix: str) -> tuple[tuple[Path, What], ...]:
    return tuple(((*prefix, *path), what) for path, what in _CRATES)


def _expected(key: str, what: What) -> tuple[tuple[Path, What], ...]:
    """What a test expects of a list: written out, or by operator."""
    at = ("tests", _ANY, "expect", key)
    return ((at, what), *(((*at, operator), what) for operator in ("include", "exclude", "only")))


USES: Final[Mapping[Kind, tuple[tuple[Path, What], ...]]] = {
    Kind.LEAF: (
        *_below("envoys", _ANY),
        (("envoys", _ANY, "roles"), What.ROLE),
        (("envoys", _ANY, "usercrates"), What.USERCRATE),
        (("envoys", _ANY, "environment"), What.ENVIRONMENT),
    ),
    Kind.INHERITED: (*_CRATES, (("roles",), What.ROLE), (("usercrates",), What.USERCRATE)),
    Kind.ROLES: ((("roles", _ANY, "configcrates"), What.CRATE), (("roles", _ANY, "includes"), What.ROLE)),
    Kind.ENVIRONMENTS: _below("environments", _ANY),
    Kind.CONFIGCRATE: ((("depends_on",), What.CRATE), *_RESOURCES),
    Kind.USERCRATE: ((("depends_on",), What.USERCRATE), *_RESOURCES),
    Kind.WORKFLOW: ((("steps", _ANY, "task"), What.TASK), (("steps", _ANY, "on_failure"), What.STEP)),
    Kind.TESTS: (
        (("tests", _ANY, "configcrate"), What.CRATE),
        (("tests", _ANY, "role"), What.ROLE),
        (("tests", _ANY, "environment"), What.ENVIRONMENT),
        (("tests", _ANY, "expect", "environment"), What.ENVIRONMENT),
        *_expected("configcrates", What.CRATE),
        *_expected("roles", What.ROLE),
    ),
    Kind.ROLLOUT: ((("waves", _ANY, "environment"), What.ENVIRONMENT),),
    Kind.INVARIANTS: (
        (("invariants", _ANY, "where", "environment"), What.ENVIRONMENT),
        (("invariants", _ANY, "where", "role"), What.ROLE),
        (("invariants", _ANY, "where", "configcrate"), What.CRATE),
    ),
}
"""Kind → paths of values that name something, alone or as items of a list."""

DEFINITIONS: Final[Mapping[Kind, tuple[tuple[Path, What], ...]]] = {
    Kind.CONFIGCRATE: ((("name",), What.CRATE), (("resources", _ANY, "name"), What.RESOURCE)),
    Kind.USERCRATE: ((("name",), What.USERCRATE), (("resources", _ANY, "name"), What.RESOURCE)),
    Kind.TASK: ((("name",), What.TASK),),
    Kind.WORKFLOW: ((("steps", _ANY, "name"), What.STEP),),
}
"""Kind → paths of values that give something its name."""

KEYS: Final[Mapping[Kind, tuple[Path, What]]] = {
    Kind.ROLES: (("roles", _ANY), What.ROLE),
    Kind.ENVIRONMENTS: (("environments", _ANY), What.ENVIRONMENT),
}
"""Kind → the path whose last key is a name."""


_TESTED: Final = ("tests", _ANY, "expect", "resources", _ANY)
"""Keys of tests that begin with a crate's name: `CRATE/RESOURCE`."""


def used_at(kind: Kind, path: Path) -> What | None:
    """What the value at a path names; None when it names nothing."""
    for pattern, what in USES.get(kind, ()):
        if _fits(path, pattern) or (path and isinstance(path[-1], int) and _fits(path[:-1], pattern)):
            return what
    return None


def defined_at(kind: Kind, path: Path, *, on_key: bool) -> What | None:
    """What the value, or the key, at a path gives a name to."""
    if on_key:
        pattern, what = KEYS.get(kind, ((), None))
        return what if pattern and _fits(path, pattern) else None
    return next((what for pattern, what in DEFINITIONS.get(kind, ()) if _fits(path, pattern)), None)


def kinds_of(what: What, *, defining: bool = False) -> frozenset[Kind]:
    """The kinds of documents that may name such a thing, or define it."""
    tables = (DEFINITIONS,) if defining else (USES, DEFINITIONS)
    found = {kind for table in tables for kind, rows in table.items() if any(each is what for _, each in rows)}
    return frozenset(found | {kind for kind, (_, each) in KEYS.items() if each is what})


def names_in(document: Document, only: What | None = None) -> Iterator[Named]:
    """Every name in a document, also where something else in it is wrong.

    Args:
        only: names of this sort.
    """
    data, kind = document.parsed.data, document.kind
    for pattern, what in _rows(USES, kind, only):
        for path, value in _at(data, pattern):
            for inner, name in [((), value)] if isinstance(value, str) else _items(value):
                yield Named(what, name, (*path, *inner), on_key=False, defines=False)
    for pattern, what in _rows(DEFINITIONS, kind, only):
        for path, value in _at(data, pattern):
            if isinstance(value, str):
                yield Named(what, value, path, on_key=False, defines=True)
    if kind is Kind.TESTS and only in (None, What.CRATE):
        for path, _ in _at(data, _TESTED):
            crate, slash, _ = str(path[-1]).partition("/")
            if slash and ":" not in crate:
                yield Named(What.CRATE, crate, path, on_key=True, defines=False)
    if kind in KEYS and only in (None, KEYS[kind][1]):
        pattern, what = KEYS[kind]
        for path, _ in _at(data, pattern):
            yield Named(what, str(path[-1]), path, on_key=True, defines=True)


def _rows(
    table: Mapping[Kind, tuple[tuple[Path, What], ...]], kind: Kind, only: What | None
) -> list[tuple[Path, What]]:
    return [row for row in table.get(kind, ()) if only in (None, row[1])]


def _items(value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield (index,), item


def _fits(path: Path, pattern: Path) -> bool:
    return len(path) == len(pattern) and all(part in (_ANY, each) for each, part in zip(path, pattern, strict=True))


def _at(data: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not pattern:
        yield path, data
    elif pattern[0] != _ANY:
        if isinstance(data, dict) and pattern[0] in data:
            yield from _at(data[pattern[0]], pattern[1:], (*path, pattern[0]))
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _at(value, pattern[1:], (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _at(value, pattern[1:], (*path, index))
