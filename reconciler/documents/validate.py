"""Plain data → the model of its kind, with every flaw; what is sound is kept although something else is not.

One wrong key must not hide that a role in the same file is unknown: what is wrong is cut out, and the rest is read on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from reconciler.documents import flaws
from reconciler.documents.flaws import Flaw
from reconciler.documents.marks import Path

MAX_ROUNDS: Final = 4
"""Cutting one thing out can show another: validators of a whole object run when its parts are sound."""

_GONE: Final = object()


class Judged(NamedTuple):
    """What became of a document's data."""

    model: BaseModel | None
    flaws: list[Flaw]
    kept: Mapping[Path, Sequence[int]]
    """Path of a list that lost items → for each item of the model's list, its index in the file."""


def judge(data: Any, model: type[BaseModel]) -> Judged:
    """The model of what is sound in `data`, and all that is not."""
    try:
        return Judged(model.model_validate(data), [], {})
    except ValidationError as error:
        return _salvage(data, model, flaws.of(error, data, model, "schema"))


def original(path: Sequence[str | int], kept: Mapping[Path, Sequence[int]]) -> Path:
    """A path in the model as a path in the file."""
    if not kept:
        return tuple(path)
    written: list[str | int] = []
    for index, part in enumerate(path):
        indexes = kept.get(tuple(path[:index]))
        if indexes is not None and isinstance(part, int) and part < len(indexes):
            written.append(indexes[part])
        else:
            written.append(part)
    return tuple(written)


def _salvage(data: Any, model: type[BaseModel], fresh: list[Flaw]) -> Judged:
    found: list[Flaw] = []
    marked, clean, kept = data, data, dict[Path, list[int]]()
    for _ in range(MAX_ROUNDS):
        shortened = {original(path, kept) for path in kept}
        fresh = [flaw._replace(path=original(flaw.path, kept)) for flaw in fresh]
        found += [
            flaw
            for flaw in fresh
            if flaw not in found and flaw.path not in shortened and not _was_cut(flaw, data)  # too short by our cutting
        ]
        for flaw in fresh:
            marked = _without(marked, flaw.path)
        if marked is _GONE:
            break
        kept = {}
        clean = _clean(marked, (), kept)
        try:
            return Judged(model.model_validate(clean), found, kept)
        except ValidationError as error:
            fresh = flaws.of(error, clean, model, "schema")
    return Judged(None, found, {})


def _was_cut(flaw: Flaw, data: Any) -> bool:
    """Whether a key is missing only because its value was cut out."""
    if not flaw.code.endswith(".missing-key"):
        return False
    for part in flaw.path:
        if isinstance(data, dict) and part not in data:
            return False
        data = data[part]
    return True


def _without(data: Any, path: Path) -> Any:
    """A copy in which the value at a path is gone; the value around it where the path leads nowhere."""
    if not path:
        return _GONE
    part, rest = path[0], path[1:]
    if isinstance(data, dict) and part in data:
        return {**data, part: _without(data[part], rest)}
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return [*data[:part], _without(data[part], rest), *data[part + 1 :]]
    return _GONE


def _clean(data: Any, path: Path, kept: dict[Path, list[int]]) -> Any:
    if isinstance(data, dict):
        return {key: _clean(value, (*path, key), kept) for key, value in data.items() if value is not _GONE}
    if isinstance(data, list):
        indexes = [index for index, item in enumerate(data) if item is not _GONE]
        if len(indexes) < len(data):
            kept[path] = indexes
        return [_clean(data[index], (*path, position), kept) for position, index in enumerate(indexes)]
    return data
