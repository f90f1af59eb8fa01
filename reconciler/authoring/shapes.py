"""What a document may hold at each path, read from the models: keys with their docs, and the words of values."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, RootModel

from reconciler.documents import resources
from reconciler.documents.docstrings import field_docstrings
from reconciler.documents.kinds import MODELS, Kind
from reconciler.documents.marks import Path
from schema.documents.base import Expression
from schema.documents.configcrates import Configcrate, Resource
from schema.resources import RESOURCES

_PLAIN: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Any: "anything"}
EXPRESSIONS: Final = frozenset({"when", "foreach"})
"""Keys whose text is an expression without braces."""


class Key(NamedTuple):
    """A key of a map."""

    name: str
    takes: str
    """In words."""
    docs: str
    required: bool
    default: str
    """As it would be written; empty where there is none to speak of."""
    compound: bool
    """Whether its value is a map."""


def keys(kind: Kind, path: Path, scalars: Mapping[Path, str]) -> dict[str, Key]:
    """The keys that the map at a path may have; empty where keys are free or nothing is a map.

    Args:
        scalars: the text at paths, for what depends on it: a resource's `type`.
    """
    if _is_defaults(kind, path):
        found: dict[str, Key] = {}
        for spec in RESOURCES.values():
            for name, key in _keys_of(spec).items():
                found.setdefault(name, key._replace(required=False))
        return found
    model = _model(_shape(kind, path))
    if model is None:
        return {}
    known = dict(_keys_of(model))
    if model is Resource:
        named = RESOURCES.get(scalars.get((*path, "type"), ""))
        known |= _keys_of(named) if named is not None else {}
    return known


def key(kind: Kind, path: Path, scalars: Mapping[Path, str]) -> Key | None:
    """The key that ends a path; None where keys are free."""
    name = path[-1] if path else None
    return keys(kind, path[:-1], scalars).get(name) if isinstance(name, str) else None


def words(kind: Kind, path: Path, scalars: Mapping[Path, str]) -> list[str]:
    """The words that a value at a path is one of; empty when it is free."""
    if path[-1:] == ("type",) and _model(_shape(kind, path[:-1])) is Resource:
        return sorted(RESOURCES)
    return _words(_value_shape(kind, path, scalars))


def is_list(kind: Kind, path: Path) -> bool:
    """Whether a list stands at a path."""
    return any(get_origin(each) is list for each in _members(_shape(kind, path)))


def is_map(kind: Kind, path: Path) -> bool:
    """Whether a map stands at a path."""
    return any(_is_map(each) for each in _members(_shape(kind, path)))


def has_vars(path: Path) -> int | None:
    """How many parts of a path lead to the vars that it is in or below; None when to none."""
    return path.index("vars") + 1 if "vars" in path else None


def about_type(name: str) -> str:
    """What a resource type is for, from its model; empty when there is none."""
    spec = RESOURCES.get(name)
    return inspect.cleandoc(spec.__doc__ or "") if spec is not None else ""


def _is_defaults(kind: Kind, path: Path) -> bool:
    return path == ("defaults",) and issubclass(MODELS[kind], Configcrate)


def _shape(kind: Kind, path: Path) -> Any:
    """The annotation of what stands at a path; None where there is none."""
    found: Any = MODELS[kind]
    for part in path:
        found = _step(found, part)
        if found is None:
            return None
    return found


def _value_shape(kind: Kind, path: Path, scalars: Mapping[Path, str]) -> Any:
    shape = _shape(kind, path)
    if shape is not None and not (shape is Any and path[:1] == ("defaults",)):
        return shape
    for cut in range(len(path), 0, -1):
        around = path[: cut - 1]
        specs: Sequence[type[BaseModel]] = ()
        if _model(_shape(kind, around)) is Resource:
            named = RESOURCES.get(scalars.get((*around, "type"), ""))
            specs = (named,) if named is not None else ()
        elif _is_defaults(kind, around):
            specs = tuple(RESOURCES.values())
        for spec in specs:
            found: Any = spec
            for part in path[cut - 1 :]:
                found = _step(found, part)
            if found is not None:
                return found
    return None


def _step(annotation: Any, part: str | int) -> Any:
    for each in _members(annotation):
        if isinstance(each, type) and issubclass(each, RootModel):
            return _step(each.model_fields["root"].annotation, part)
        if isinstance(each, type) and issubclass(each, BaseModel):
            field = next((f for name, f in each.model_fields.items() if (f.alias or name) == part), None)
            return field.annotation if field is not None else None
        origin, arguments = get_origin(each), get_args(each)
        if origin in (dict, Mapping) and len(arguments) == 2 and isinstance(part, str):
            return arguments[1]
        if origin in (list, Sequence, tuple) and arguments and isinstance(part, int):
            return arguments[0]
    return None


def _members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without what only constrains them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [each for part in get_args(annotation) if part is not type(None) for each in _members(part)]
    return [annotation]


def _model(annotation: Any) -> type[BaseModel] | None:
    for each in _members(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel) and not issubclass(each, RootModel):
            return each
    return None


def _is_map(member: Any) -> bool:
    return get_origin(member) in (dict, Mapping) or (isinstance(member, type) and issubclass(member, BaseModel))


def _words(annotation: Any) -> list[str]:
    found: list[str] = []
    for each in _members(annotation):
        if get_origin(each) is Literal:
            found += [_written(value) for value in get_args(each)]
        elif isinstance(each, type) and issubclass(each, Enum):
            found += [str(member.value) for member in each]
        elif each is bool:
            found += ["true", "false"]
    return found


def _takes(annotation: Any) -> str:
    if annotation is Expression:
        return "an expression"
    origin = get_origin(annotation)
    if origin is Annotated:
        return _takes(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        parts = [_takes(part) for part in get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if origin is Literal:
        return " | ".join(map(_written, get_args(annotation)))
    if origin in (list, Sequence, tuple):
        inner = _takes(get_args(annotation)[0])
        return "a list of maps" if inner == "a map" else f"a list of {inner}"
    if origin in (dict, Mapping):
        return "a map"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a map"
    return _PLAIN.get(annotation, "text")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


@lru_cache(maxsize=256)
def _keys_of(model: type[BaseModel]) -> dict[str, Key]:
    docs = field_docstrings(model)
    found = {}
    for name, field in model.model_fields.items():
        written = field.alias or name
        default = ""
        if isinstance(field.default, str | int | float | bool):
            default = _written(field.default)
        found[written] = Key(
            written,
            _takes(field.annotation),
            docs.get(name, ""),
            field.is_required(),
            default,
            any(_is_map(each) for each in _members(field.annotation)),
        )
    return found


KEYS_OF_ANY: Final = resources.COMMON
"""Keys that a resource of any type may carry."""
