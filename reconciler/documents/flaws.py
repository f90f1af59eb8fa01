"""Flaws: what Pydantic finds wrong with plain data, in the words of somebody who writes `.vgo` files.

A flaw names a path in the data; `complaints` finds the line. One value, one flaw: the alternatives of a union are told
together.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.documents.complaints import Complaint, listed, nearest
from reconciler.documents.docstrings import field_docstrings
from reconciler.documents.marks import Marks, Path

QUOTE: Final = "quote it"
_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
_PATTERNS: Final = {
    r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$": "a name has letters, digits and . _ @ + - and begins with a letter or digit",
    r"^[0-7]{3,4}$": 'a mode is three or four octal digits as text: "0644"',
    r"^/[^\x00]*$": "a path begins with /",
    r"^[A-Za-z0-9_.*?\[\]!-]+$": "the name of a user, or a glob over names: dev-*",
}
_READABLE: Final = 50
"""Characters of a pattern that a person still reads."""
_BARE: Final = re.compile(r"[^\s,}\]#]+")


class Flaw(NamedTuple):
    """One thing wrong at one path."""

    code: str
    path: Path
    message: str
    hint: str = ""
    on_key: bool = False
    """The key is wrong, not its value."""


def of(error: ValidationError, data: Any, model: type[BaseModel], area: str, also: Iterable[str] = ()) -> list[Flaw]:
    """The flaws behind a validation error.

    Args:
        error: what Pydantic found.
        data: what it was given.
        model: what it was to be.
        area: first segment of the codes: `schema` or `resource`.
        also: more keys to hint at, beside the model's own.
    """
    grouped: dict[tuple[Path, bool], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        path, on_key = _path(detail, data)
        grouped.setdefault((path, on_key), []).append(detail)
    return [_flaw(path, details, model, area, also, on_key=on_key) for (path, on_key), details in grouped.items()]


def complaint(flaw: Flaw, marks: Marks) -> Complaint:
    """A flaw with its line and column."""
    mark = marks.value(flaw.path)
    line, column = (mark.key_line, mark.key_column) if flaw.on_key else (mark.line, mark.column)
    hint = flaw.hint
    if hint == QUOTE and (bare := _BARE.match(marks.source(flaw.path))):
        hint = f'{QUOTE}: "{bare[0]}"'
    return Complaint(flaw.code, line, column, flaw.message, hint)


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a model takes, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def called(value: Any) -> str:
    """What a value is, for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a map"


def _path(detail: ErrorDetails, data: Any) -> tuple[Path, bool]:
    """Pydantic's location without the names of union members and validators, which are no part of the data."""
    path: list[str | int] = []
    loc, on_key = detail["loc"], detail["type"] == "extra_forbidden"
    for index, part in enumerate(loc):
        if part == "[key]":
            on_key = True
        elif _holds(data, part):
            data = data[part]
            path.append(part)
        elif index == len(loc) - 1 and detail["type"] == "missing":
            path.append(part)
    return tuple(path), on_key


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _flaw(
    path: Path, details: Sequence[ErrorDetails], model: type[BaseModel], area: str, also: Iterable[str], *, on_key: bool
) -> Flaw:
    detail = next((each for each in details if each["type"] not in _EXPECTED), details[0])
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    name = next((part for part in reversed(path) if isinstance(part, str)), "the document")
    if isinstance(path[-1:][0] if path else "", int):
        name = f"an item of {name}"
    if kind == "extra_forbidden":
        around = _model_at(model, path[:-1])
        known = [*(keys_of(around) if around is not None else ()), *also]
        hint = nearest(str(path[-1]), known) or f"known keys: {listed(known)}"
        return Flaw(f"{area}.unknown-key", path, f"unknown key {path[-1]}", hint, on_key=True)
    if kind == "missing":
        return Flaw(f"{area}.missing-key", path, f"the key {path[-1]} is missing")
    expected = [word for each in details if (word := _EXPECTED.get(each["type"]))]
    if expected and kind in _EXPECTED:
        hint = QUOTE if "text" in expected and isinstance(value, int | float) else ""
        message = f"{name} takes {' or '.join(dict.fromkeys(expected))}, not {called(value)}"
        return Flaw(f"{area}.wrong-type", path, message, hint)
    if kind in ("literal_error", "enum"):
        allowed = str(context.get("expected", ""))
        hint = nearest(str(value), re.findall(r"'([^']*)'", allowed))
        return Flaw(f"{area}.bad-value", path, f"{name} is {allowed}, not {_shown(value)}", hint)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        said = _described(model, path, pattern) if area == "resource" else ""
        hint = _PATTERNS.get(pattern, said or f"it must match {pattern}")
        code = f"{area}.bad-value"
        return Flaw(code, path, f"{name}: {_shown(value)} is not allowed", hint, on_key=on_key)
    if "." in kind:  # a specification that names its own diagnostic
        return Flaw(kind, path, detail["msg"])
    message = detail["msg"].removeprefix("Value error, ")
    if kind in ("value_error", "assertion_error") and not isinstance(value, str):
        return Flaw("resource.invalid" if area == "resource" else f"{area}.bad-value", path, message)
    return Flaw(f"{area}.bad-value", path, f"{name}: {message[:1].lower()}{message[1:]}")


def _described(model: type[BaseModel], path: Path, pattern: str) -> str:
    """What a parameter is, where its pattern says that to machines alone."""
    if len(pattern) <= _READABLE or not path or path[0] not in model.model_fields:
        return ""
    return field_docstrings(model).get(str(path[0]), "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    found: Any = model
    for part in path:
        found = _step(found, part)
        if found is None:
            return None
    found = _bare(found)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _step(annotation: Any, part: str | int) -> Any:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _step(annotation.model_fields["root"].annotation, part)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = next((f for name, f in annotation.model_fields.items() if (f.alias or name) == part), None)
        return field.annotation if field else None
    arguments = get_args(annotation)
    if get_origin(annotation) in (dict, Mapping) and len(arguments) == 2:
        return arguments[1]
    return arguments[0] if get_origin(annotation) is list and arguments else None


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        members = [each for each in get_args(annotation) if each is not type(None)]
        annotation = members[0]
    return annotation
