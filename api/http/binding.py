"""Binding: from a function's annotations to its arguments. Bad input is one fault that names every wrong place."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from starlette.datastructures import QueryParams
from starlette.responses import Response

from api.http.errors import BadInput
from api.services.work import Work

MAX_INT: Final = 2**63 - 1
"""What both databases can compare with."""
MAX_DIGITS: Final = 64
"""Of a fraction; no number that can be told from its neighbours needs half as many."""
MAX_ERRORS: Final = 20
_IN_PATH: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Binding:
    """How one endpoint takes its input and gives its output."""

    wants_work: bool
    """Whether it runs in a transaction; else it takes a `Call`."""
    path: type[BaseModel] | None
    query: type[BaseModel] | None
    many: frozenset[str]
    """Query parameters that may be given more than once."""
    body_name: str
    body: TypeAdapter[Any] | None
    body_required: bool
    answer: TypeAdapter[Any] | None
    """None: the endpoint makes its own response, or none."""
    body_model: type[BaseModel] | None
    """The model that the body is, or of which it is a collection; None where there are several, or none."""
    answer_model: type[BaseModel] | None
    """The same of the answer."""

    @classmethod
    @cache
    def of(cls, run: Callable[..., Any], path: str) -> Binding:
        """Read a function's annotations: once, they are as much for the description of the API as for its requests.

        Raises:
            TypeError: they do not fit the path, or something is not annotated.
        """
        hints = get_type_hints(run, include_extras=True)
        names = list(inspect.signature(run).parameters.values())
        in_path = set(_IN_PATH.findall(path))
        path_fields: dict[str, Any] = {}
        query_fields: dict[str, Any] = {}
        body_name, body, body_required, body_model = "", None, False, None
        for parameter in names[1:]:
            hint = hints[parameter.name]
            required = parameter.default is inspect.Parameter.empty
            if parameter.name in in_path:
                path_fields[parameter.name] = (hint, ...)
            elif _is_model(hint):
                body_name, body, body_required = parameter.name, TypeAdapter(hint), required
                body_model = _only_model(hint)
            else:
                query_fields[parameter.name] = (hint, ... if required else parameter.default)
        if in_path != set(path_fields):
            raise TypeError(f"{run.__qualname__}: the path has {sorted(in_path)}, the function {sorted(path_fields)}")
        wants_work = hints[names[0].name] is Work
        if wants_work == inspect.iscoroutinefunction(run):
            raise TypeError(f"{run.__qualname__}: an async endpoint takes Call, a sync one takes Work")
        query = create_model("Query", **query_fields) if query_fields else None
        result = hints["return"]
        own = result is type(None) or result is None or (isinstance(result, type) and issubclass(result, Response))
        return cls(
            wants_work=wants_work,
            path=create_model("Path", **path_fields) if path_fields else None,
            query=query,
            many=frozenset(_alias(name, info) for name, info in query.model_fields.items() if _is_list(info))
            if query
            else frozenset(),
            body_name=body_name,
            body=body,
            body_required=body_required,
            answer=None if own else TypeAdapter(result),
            body_model=body_model,
            answer_model=_only_model(result),
        )

    def arguments(self, path: Mapping[str, Any], query: QueryParams, body: bytes) -> dict[str, Any]:
        """The function's arguments after the first.

        Raises:
            BadInput: with every wrong place in `details.errors`.
        """
        given: dict[str, Any] = {}
        errors: list[dict[str, str]] = []
        if self.path is not None:
            given |= _validated(self.path, dict(path), "path", errors)
        if self.query is not None:
            given |= _validated(self.query, self._collected(query, errors), "query", errors)
        if self.body is not None:
            given |= self._body(body, errors)
        if errors:
            first = errors[0]
            raise BadInput(f"{first['place']}: {first['message']}", errors=errors[:MAX_ERRORS])
        return given

    def _collected(self, query: QueryParams, errors: list[dict[str, str]]) -> dict[str, Any]:
        assert self.query is not None
        raw: dict[str, Any] = {}
        for name in (_alias(field, info) for field, info in self.query.model_fields.items()):
            values = query.getlist(name)
            if len(values) > 1 and name not in self.many:
                errors.append({"place": f"query.{name}", "message": "given more than once"})
            elif values:
                raw[name] = values if name in self.many else values[0]
        return raw

    def _body(self, body: bytes, errors: list[dict[str, str]]) -> dict[str, Any]:
        assert self.body is not None
        if not body.strip():
            if self.body_required:
                errors.append({"place": "body", "message": "a JSON body is needed"})
            return {}
        try:
            _check_json(body)
            return {self.body_name: self.body.validate_json(body)}
        except ValidationError as error:
            errors.extend(_told(error, "body"))
        except (ValueError, RecursionError) as error:
            errors.append({"place": "body", "message": str(error)[:200]})
        return {}


def _validated(model: type[BaseModel], raw: dict[str, Any], where: str, errors: list[dict[str, str]]) -> dict[str, Any]:
    for name, value in raw.items():
        if "\0" in str(value):
            errors.append({"place": f"{where}.{name}", "message": "holds a NUL"})
            return {}
    try:
        made = model.model_validate(raw)
    except ValidationError as error:
        errors.extend(_told(error, where))
        return {}
    given = {name: getattr(made, name) for name in model.model_fields}
    for name, value in given.items():
        if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
            errors.append({"place": f"{where}.{name}", "message": "the number is too large"})
    return given


def _told(error: ValidationError, where: str) -> list[dict[str, str]]:
    return [
        {
            "place": ".".join([where, *(str(part) for part in item["loc"])])[:200],
            "message": item["msg"].removeprefix("Value error, ")[:200],
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _check_json(body: bytes) -> None:
    """Refuse what JSON parsers read differently: repeated keys, NaN, numbers without end, NUL and half surrogates.

    Raises:
        ValueError: there is some.
    """
    value = json.loads(
        body.decode("utf-8"),
        object_pairs_hook=_without_repeats,
        parse_constant=_refused,
        parse_int=_bounded,
        parse_float=_finite,
    )
    if b"\\u" in body:
        json.dumps(value, ensure_ascii=False).encode()
        if b"\\u0000" in body and "\0" in _joined(value):
            raise ValueError("holds a NUL")


def _joined(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"{key}{_joined(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(_joined, value))
    return value if isinstance(value, str) else ""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _refused(name: str) -> float:
    raise ValueError(f"{name} has no place in JSON")


def _bounded(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a number is too large")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number is too long")
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _is_model(hint: Any) -> bool:
    return bool(_models(hint))


def _only_model(hint: Any) -> type[BaseModel] | None:
    found = _models(hint)
    return found[0] if len(found) == 1 else None


def _models(hint: Any) -> list[type[BaseModel]]:
    parts = (hint, *(get_args(hint) if hint else ()))
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]


def _is_list(info: FieldInfo) -> bool:
    return any(get_origin(part) is list for part in (info.annotation, *get_args(info.annotation)))


def _alias(name: str, info: FieldInfo) -> str:
    return info.alias or name
