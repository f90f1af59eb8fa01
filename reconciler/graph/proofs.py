"""Proofs: what the expressions of a crate ask for, and whether it is there.

Words, traits and the host's own names are judged at once, they are the same everywhere. What is asked of `vars` becomes
a list of needs, which every profile that has the crate must meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.documents.complaints import nearest
from reconciler.documents.marks import Path as DocumentPath
from reconciler.documents.resources import deferred
from reconciler.expressions import EACH, RESOURCE_ROOTS, Analysis, Path, PathUse
from schema import traits
from schema.traits import TraitType

HOST_NAMES: Final = ("environment", "hostname", "roles")
_NO_ITEM: Final = RESOURCE_ROOTS - {"item"}


class Origin(NamedTuple):
    """Where a text with expressions stands."""

    where: DocumentPath
    """In the crate's document; of a template, the `source` that names it."""
    text: str
    template: str = ""
    """The template's path, when the text is a file of its own."""


class Need(NamedTuple):
    """A path below `vars` that must be there."""

    path: Path
    origin: Origin
    line: int
    column: int
    listed: bool = False
    """It must be a list."""

    @property
    def dotted(self) -> str:
        """As people write it."""
        return ".".join(("vars", *map(str, self.path))).replace(f".{EACH}", EACH)


class Objection(NamedTuple):
    """Something wrong with a text, wherever it is used."""

    code: str
    origin: Origin
    line: int
    column: int
    message: str
    hint: str


class Proof(NamedTuple):
    """What was found out about one text."""

    needs: Sequence[Need]
    objections: Sequence[Objection]


class Items(NamedTuple):
    """What `item` is under a `foreach`."""

    path: Path | None = None
    """Where its items come from, when that is a path: `("vars", "vhosts", EACH)`."""
    literal: Sequence[Any] | None = None
    """The list itself, when it is written out."""


def of(analysis: Analysis, origin: Origin, *, items: Items | None = None, listed: Path | None = None) -> Proof:
    """What an analysed text needs and what is wrong with it.

    Args:
        items: what `item` is; None where there is no `foreach`.
        listed: the path that the text stands for, when it must be a list.
    """
    needs: list[Need] = []
    objections = [
        Objection(_code(analysis, problem.message), origin, problem.line, problem.column, problem.message, problem.hint)
        for problem in analysis.problems
    ]
    for word in analysis.unknown:
        if word.name == "item":
            message, hint, code = "there is no item here", "item is the element of a foreach", "expression.item"
        else:
            message, code = f"there is no {word.name}", "expression.unknown-name"
            hint = nearest(word.name, RESOURCE_ROOTS) or "expressions begin with vars, traits, item or host"
        objections.append(Objection(code, origin, word.line, word.column, message, hint))
    for use in analysis.paths:
        found = _resolved(use, items)
        if found is None or (found.guarded and found.path[0] != "traits"):
            continue
        if found.path[0] == "vars":
            if len(found.path) > 1:
                needs.append(Need(found.path[1:], origin, use.line, use.column, found.path == listed))
        elif (objection := _judge(found, origin, items)) is not None:
            objections.append(objection)
    asked = (_unknown_trait(use, origin) for use in analysis.asked)
    objections.extend(objection for objection in asked if objection is not None)
    return Proof(needs, objections)


def items_of(foreach: str | Sequence[Any]) -> Items:
    """What `item` is under this `foreach`."""
    if not isinstance(foreach, str):
        return Items(literal=foreach)
    # A loop over the expression shows what it goes through, filters that keep the items included.
    opening = "{% for item in " + foreach.replace("\n", " ") + " %}{{ "
    analysis = expressions.analyse(opening + "item }}{% endfor %}", template=True, roots=_NO_ITEM)
    last = analysis.paths[-1] if analysis.paths else None
    inside = last is not None and last.column > len(opening)
    return Items(path=last.path if last is not None and inside else None)


def roots_for(items: Items | None) -> frozenset[str]:
    """The names that expressions may begin with."""
    return _NO_ITEM if items is None else RESOURCE_ROOTS


def missing(value: Any, path: Sequence[str | int]) -> bool:
    """Whether plain data lacks something at a path."""
    for index, part in enumerate(path):
        if type(value) is dict:
            if part == EACH:
                rest = path[index + 1 :]
                return bool(rest) and any(missing(item, rest) for item in value.values())
            if part not in value:
                return True
            value = value[part]
        elif type(value) is list:
            if part == EACH:
                rest = path[index + 1 :]
                return bool(rest) and any(missing(item, rest) for item in value)
            if not isinstance(part, int) or not -len(value) <= part < len(value):
                return True
            value = value[part]
        else:
            return not (isinstance(value, str) and isinstance(part, int) and -len(value) <= part < len(value))
    return False


def is_list(value: Mapping[str, Any], path: Sequence[str | int]) -> bool:
    """Whether a list stands at a path that is there; also where items of items are asked for."""
    found: Any = value
    for part in path:
        if part == EACH:
            return True
        found = found[part]
    return isinstance(found, list)


def _resolved(use: PathUse, items: Items | None) -> PathUse | None:
    if use.path[0] != "item":
        return use
    if items is None or len(use.path) == 1:
        return None
    if items.path is not None:
        return use._replace(path=items.path + use.path[1:])
    return use if items.literal is not None else None


def _judge(use: PathUse, origin: Origin, items: Items | None) -> Objection | None:
    root, rest = use.path[0], use.path[1:]
    if root == "traits":
        return _unknown_trait(use, origin) or _optional_trait(use, origin)
    if root == "host" and rest and rest[0] not in HOST_NAMES:
        hint = nearest(str(rest[0]), HOST_NAMES) or "host has hostname, environment and roles"
        return _object("expression.unknown-name", use, origin, f"host has no {rest[0]}", hint)
    if root == "item" and items is not None and items.literal is not None:
        lacking = [item for item in items.literal if missing(item, rest) and not deferred(item)]
        if lacking:
            return _object("vars.undefined", use, origin, f"{use.dotted} is not there for every item", "")
    return None


def _unknown_trait(use: PathUse, origin: Origin) -> Objection | None:
    path = _declared(use.path[1:])
    if not path or traits.lookup(path) is not None:
        return None
    near = traits.nearest([str(part) for part in path])
    hint = f"did you mean traits.{near}?" if near else ""
    return _object("expression.unknown-trait", use, origin, f"no host has {use.dotted}", hint)


def _optional_trait(use: PathUse, origin: Origin) -> Objection | None:
    path = _declared(use.path[1:])
    info = traits.lookup(path) if path else None
    if use.guarded or info is None:
        return None
    within_list = len(path) < len(use.path) - 1 and use.path[len(path) + 1] != EACH
    if info.always and not within_list:
        return None
    asked = ".".join(path)
    hint = f"write {use.dotted} | default(...), or ask has_trait('{asked}') first"
    return _object("expression.optional-trait", use, origin, f"not every host has {use.dotted}", hint)


def _declared(path: Path) -> tuple[str, ...]:
    """The part of a path below `traits` that can be declared: up to the items of a list."""
    parts: list[str] = []
    for part in path:
        info = traits.lookup(tuple(parts)) if parts else None
        if info is not None and info.type is TraitType.LIST:
            break
        parts.append(traits.ANY if part == EACH else str(part))
    return tuple(parts)


def _object(code: str, use: PathUse, origin: Origin, message: str, hint: str) -> Objection:
    return Objection(code, origin, use.line, use.column, message, hint)


def _code(analysis: Analysis, message: str) -> str:
    if message.startswith("there is no filter"):
        return "expression.unknown-filter"
    if message.startswith(("there is no function", "there is no test", "there is no method")):
        return "expression.unknown-function"
    words = (analysis.paths, analysis.filters, analysis.tests, analysis.functions, analysis.unknown)
    return "expression.invalid" if any(words) else "expression.syntax"
