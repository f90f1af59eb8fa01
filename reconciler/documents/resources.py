"""Parameters of resources, checked against `schema.resources` by type, as far as they are known before rendering.

A value with a template or a secret in it is checked on the host, after rendering; that its key exists is checked here,
and so is whether the parameters that are given go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from reconciler.documents import flaws
from reconciler.documents.complaints import listed, nearest
from reconciler.documents.flaws import Flaw
from reconciler.documents.marks import Path
from schema.documents.configcrates import Resource
from schema.resources import RESOURCES, ResourceSpec

COMMON: Final = frozenset(Resource.model_fields)
"""Keys that a resource of any type may carry."""
_AUDIT: Final = "`audit: true` has the host say where it differs, and change nothing; `mode` is that of files"


@cache
def parameters(kind: str) -> frozenset[str]:
    """The parameters of a type, as they are written."""
    return frozenset(flaws.keys_of(RESOURCES[kind]))


@cache
def all_parameters() -> frozenset[str]:
    """The parameters of all types."""
    return frozenset().union(*(parameters(kind) for kind in RESOURCES))


def specification(kind: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one resource with the crate's defaults under them."""
    if not defaults:
        return dict(given)
    takes = parameters(kind)
    found = {key: value for key, value in defaults.items() if key in takes}
    found.update(given)
    return found


def deferred(value: Any) -> bool:
    """Whether something in a value is only known on the host."""
    if isinstance(value, str):
        return ("{" in value and ("{{" in value or "{%" in value)) or "secret:" in value
    if not isinstance(value, dict | list):
        return False
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) is str:
            if ("{" in item and ("{{" in item or "{%" in item)) or "secret:" in item:
                return True
        elif deferred(item):
            return True
    return False


def check(data: Any) -> list[Flaw]:
    """What is wrong with the parameters of a crate's resources and with its `defaults`; `data` is the document."""
    if not isinstance(data, dict):
        return []
    defaults = data.get("defaults", {})
    if not isinstance(defaults, dict):
        defaults = {}
    found: list[Flaw] = []
    resources = data.get("resources", [])
    taken = _taken(resources) if defaults else frozenset[str]()
    for key in defaults:
        if key not in taken and key not in all_parameters():  # which loads every type
            hint = _hint(key, all_parameters())
            found.append(
                Flaw("resource.unknown-key", ("defaults", key), f"no resource type has {key}", hint, on_key=True)
            )
    blamed_defaults: set[Flaw] = set()
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        if not isinstance(resource, dict) or not isinstance(resource.get("type"), str):
            continue  # the document's model has said so
        path = ("resources", index)
        if resource["type"] not in RESOURCES:
            message = f"there is no resource type {resource['type']}"
            hint = _hint(resource["type"], RESOURCES, "known types")
            found.append(Flaw("resource.unknown-type", (*path, "type"), message, hint))
            continue
        for flaw in _check_one(resource, defaults):
            if flaw.path and flaw.path[0] in defaults and flaw.path[0] not in resource:
                blamed_defaults.add(flaw._replace(path=("defaults", *flaw.path)))
            else:
                found.append(flaw._replace(path=path + flaw.path))
    return found + sorted(blamed_defaults, key=repr)


def _taken(resources: Any) -> frozenset[str]:
    """The parameters of the types that a document has resources of."""
    items = resources if isinstance(resources, list) else ()
    types = {each["type"] for each in items if isinstance(each, dict) and isinstance(each.get("type"), str)}
    return frozenset().union(*[parameters(each) for each in types if each in RESOURCES])


def _check_one(resource: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Flaw]:
    kind = resource["type"]
    given = {key: value for key, value in resource.items() if key not in COMMON}
    spec = specification(kind, given, defaults)
    model = RESOURCES[kind]
    try:
        model.__pydantic_validator__.validate_python(spec, strict=True)
    except ValidationError as error:
        waits = deferred(spec)
        found = [flaw for flaw in flaws.of(error, spec, model, "resource", COMMON) if not waits or _sure(flaw, spec)]
        if given.get("mode") in ("audit", "enforce"):
            found = [flaw._replace(hint=_AUDIT) if flaw.path == ("mode",) else flaw for flaw in found]
        # What is wrong until it is rendered has kept the rules over whole specs from being asked.
        if waits and not found and (rules := _rules(model)):
            return _go_together(model, spec, rules)
        return found
    return []


@cache
def _rules(model: type[ResourceSpec]) -> tuple[Callable[..., Any], ...]:
    """What a type asks of a whole spec."""
    decorators = model.__pydantic_decorators__.model_validators.values()
    return tuple(each.func for each in decorators if each.info.mode == "after")


def _sure(flaw: Flaw, spec: Mapping[str, Any]) -> bool:
    """Whether a flaw stands however the templates turn out."""
    if flaw.on_key or flaw.code == "resource.missing-key":
        return True
    return bool(flaw.path) and not deferred(_at(spec, flaw.path))


def _go_together(model: type[ResourceSpec], spec: Mapping[str, Any], rules: Iterable[Callable[..., Any]]) -> list[Flaw]:
    """Run the rules over whole specs on values of which some are still templates: given, and equal to no fixed word."""
    one_or_many = _lists(model)
    shaped: dict[str, Any] = {
        key: [value] if key in one_or_many and isinstance(value, str) else value for key, value in spec.items()
    }
    unvalidated = model.model_construct(**shaped)
    for rule in rules:
        try:
            rule(unvalidated)
        except PydanticCustomError as error:
            return [Flaw(error.type if "." in error.type else "resource.invalid", (), error.message())]
        except ValueError as error:
            return [Flaw("resource.invalid", (), str(error))]
        except AttributeError:  # a required parameter is not given, which has been said
            return []
    return []


@cache
def _lists(model: type[ResourceSpec]) -> frozenset[str]:
    """Parameters of a type that are lists; one item may be written as it is."""
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is list)


def _at(spec: Any, path: Path) -> Any:
    for part in path:
        try:
            spec = spec[part]
        except (KeyError, IndexError, TypeError):
            return None
    return spec if path else None


def _hint(word: str, known: Iterable[str], label: str = "known") -> str:
    return nearest(word, known) or f"{label}: {listed(known)}"


def identity(model: type[BaseModel] | None, spec: Mapping[str, Any]) -> str | None:
    """The value of the parameter that names what a resource is about; None when it is not given as text."""
    if model is None or not issubclass(model, ResourceSpec):
        return None
    value = spec.get(model.IDENTITY)
    return value if isinstance(value, str) else None


def identities(model: type[ResourceSpec], spec: Mapping[str, Any]) -> list[str]:
    """Each thing that a resource is about, where the parameter that names it is a text or a list of texts."""
    value = spec.get(model.IDENTITY)
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
