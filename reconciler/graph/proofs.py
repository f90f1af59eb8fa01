"""Proofs: what the expressions of a crate ask for, and whether it is there.

Words, traits and the host's own names are judged at once, they are the same everywhere. What is asked of `vars` becomes
a list of needs, which every profile that has the crate must meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.documents.complaints import nearest
from reconciler.documents.marks import Path as DocumentPath
from reconciler.documents.resources import deferred
from reconciler.documents.variables import DYNAMIC_SECRET
from reconciler.expressions import EACH, RESOURCE_ROOTS, USER_ROOTS, Analysis, Path, PathUse, dotted
from schema import traits
from schema.traits import TraitType

HOST_NAMES: Final = ("environment", "hostname", "roles")
USER_NAMES: Final = ("gid", "group", "home", "name", "shell", "uid")
_NO_ITEM: Final = RESOURCE_ROOTS - {"item"}
_NO_ITEM_OF_USERS: Final = USER_ROOTS - {"item"}
_DECLARED: Final = frozenset(
    tuple(path.split(".")[:depth]) for path in traits.TRAITS for depth in range(1, path.count(".") + 2)
)
"""Declared traits and the branches they stand on."""


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
    provided: int = 0
    """How many of its parts, from the first on, may be absent: what follows is asked for only where they are there."""
    listed: bool = False
    """It must be a list."""

    @property
    def dotted(self) -> str:
        """As people write it."""
        return dotted(("vars", *self.path))


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
    provided: int = 0
    """How many parts of that path may be absent."""
    literal: Sequence[Any] | None = None
    """The list itself, when it is written out."""


def of(  # noqa: C901 - calls would take the time
    analysis: Analysis, origin: Origin, *, items: Items | None = None, listed: Path | None = None
) -> Proof:
    """What an analysed text needs and what is wrong with it.

    Args:
        items: what `item` is; None where there is no `foreach`.
        listed: the path that the text stands for, when it must be a list.
    """
    needs: list[Need] = []
    objections = [*dynamic_secret(origin.text, origin)] if "secret:" in origin.text else []
    for problem in analysis.problems:
        code = _code(analysis, problem.message)
        objections.append(Objection(code, origin, problem.line, problem.column, problem.message, problem.hint))
    for word in analysis.unknown:
        if word.name == "item":
            message, hint, code = "there is no item here", "item is the element of a foreach", "expression.item"
        elif word.name == "user":
            message, hint, code = "there is no user here", "user is known in usercrates", "expression.unknown-name"
        else:
            message, code = f"there is no {word.name}", "expression.unknown-name"
            hint = nearest(word.name, RESOURCE_ROOTS) or "expressions begin with vars, traits, item or host"
        objections.append(Objection(code, origin, word.line, word.column, message, hint))
    for use in analysis.paths:
        found = _resolved(use, items) if use.path[0] == "item" else use
        if found is None:
            continue
        path, line, column, provided = found
        if path[0] == "vars":
            if len(path) > provided and len(path) > 1:
                below = provided - 1 if provided else 0
                needs.append(Need(path[1:], origin, line, column, below, path == listed))
        elif path[0] == "traits":
            if (about := _about_trait(path, provided)) is not None:
                objections.append(_object(about[0], found, origin, *about[1:]))
        elif (objection := _judge(found, origin, items)) is not None:
            objections.append(objection)
    if analysis.asked:
        unknown = ((use, about) for use in analysis.asked if (about := _unknown_trait(use.path)) is not None)
        objections += [_object(about[0], use, origin, *about[1:]) for use, about in unknown]
    return Proof(needs, objections)


def dynamic_secret(text: str, origin: Origin) -> Iterator[Objection]:
    """An objection to the first secret in a text whose name is a template."""
    found = DYNAMIC_SECRET.search(text) if "secret:" in text else None
    if found is not None:
        before = text[: found.start()]
        line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
        message = "the name of a secret may not be a template"
        yield Objection("secret.dynamic", origin, line, column, message, "write one reference for each secret")


def items_of(foreach: str | Sequence[Any]) -> Items:
    """What `item` is under this `foreach`."""
    if not isinstance(foreach, str):
        return Items(literal=foreach)
    # A loop over the expression shows what it goes through, filters that keep the items included.
    opening = "{% for item in " + foreach.replace("\n", " ") + " %}{{ "
    analysis = expressions.analyse(opening + "item }}{% endfor %}", template=True, roots=_NO_ITEM)
    last = analysis.paths[-1] if analysis.paths else None
    inside = last is not None and last.column > len(opening)
    return Items(last.path, last.provided) if last is not None and inside else Items()


def roots_for(items: Items | None, *, per_user: bool = False) -> frozenset[str]:
    """The names that expressions may begin with; `per_user`: in a usercrate."""
    if items is None:
        return _NO_ITEM_OF_USERS if per_user else _NO_ITEM
    return USER_ROOTS if per_user else RESOURCE_ROOTS


def missing(value: Any, path: Sequence[str | int], provided: int = 0) -> bool:
    """Whether plain data lacks something at a path; what is absent within the first `provided` parts is not missed."""
    for index, part in enumerate(path):
        if type(value) is dict:
            if part == EACH:
                rest = path[index + 1 :]
                below = max(provided - index - 1, 0)
                return bool(rest) and any(missing(item, rest, below) for item in value.values())
            if part not in value:
                return index >= provided
            value = value[part]
        elif type(value) is list:
            if part == EACH:
                rest = path[index + 1 :]
                below = max(provided - index - 1, 0)
                return bool(rest) and any(missing(item, rest, below) for item in value)
            if not isinstance(part, int) or not -len(value) <= part < len(value):
                return index >= provided
            value = value[part]
        else:
            letter = isinstance(value, str) and isinstance(part, int) and -len(value) <= part < len(value)
            return not letter and index >= provided
    return False


def lacks(value: Any, path: Sequence[str | int]) -> tuple[str, list[str]]:
    """The part of a path that is missing, and the keys that are there in its place."""
    for part in path:
        if part == EACH:
            below = value.values() if isinstance(value, dict) else value
            lacking = [item for item in below if isinstance(item, dict)] if isinstance(below, Iterable) else []
            rest = path[path.index(part) + 1 :]
            return next((lacks(item, rest) for item in lacking if missing(item, rest)), (str(part), []))
        if not isinstance(value, dict) or part not in value:
            return str(part), sorted(value) if isinstance(value, dict) else []
        value = value[part]
    return str(path[-1]), []


def is_list(value: Mapping[str, Any], path: Sequence[str | int]) -> bool:
    """Whether a list stands at a path; also where nothing does, or items of items are asked for."""
    found: Any = value
    for part in path:
        if part == EACH or not isinstance(found, dict) or part not in found:
            return True
        found = found[part]
    return isinstance(found, list)


def _resolved(use: PathUse, items: Items | None) -> PathUse | None:
    if use.path[0] != "item":
        return use
    if items is None or len(use.path) == 1:
        return None
    if items.path is not None:
        provided = len(items.path) + use.provided - 1 if use.provided else items.provided
        return use._replace(path=items.path + use.path[1:], provided=provided)
    return use if items.literal is not None else None


def _judge(use: PathUse, origin: Origin, items: Items | None) -> Objection | None:
    root, rest = use.path[0], use.path[1:]
    if root == "host" and rest and rest[0] not in HOST_NAMES and not use.guarded:
        hint = nearest(str(rest[0]), HOST_NAMES) or "host has hostname, environment and roles"
        return _object("expression.unknown-name", use, origin, f"host has no {rest[0]}", hint)
    if root == "user" and rest and rest[0] not in USER_NAMES and not use.guarded:
        hint = nearest(str(rest[0]), USER_NAMES) or f"user has {', '.join(USER_NAMES)}"
        return _object("expression.unknown-name", use, origin, f"user has no {rest[0]}", hint)
    if root == "item" and items is not None and items.literal is not None:
        lacking = [each for each in items.literal if not deferred(each) and missing(each, rest, use.provided - 1)]
        if lacking:
            return _object("vars.undefined", use, origin, f"{use.dotted} is not there for every item", "")
    return None


_About = tuple[str, str, str] | None
"""Code, message and hint."""


@lru_cache(maxsize=4_096)
def _about_trait(path: Path, provided: int) -> _About:
    """What is wrong with asking for a path below `traits`, wherever that is done."""
    return _unknown_trait(path) or _optional_trait(path, provided)


def _unknown_trait(path: Path) -> _About:
    declared = _declared(path[1:])
    if not declared or traits.lookup(declared) is not None:
        return None
    near = traits.nearest([str(part) for part in declared])
    hint = f"did you mean traits.{near}?" if near else ""
    return "expression.unknown-trait", f"no host has {dotted(path)}", hint


def _optional_trait(path: Path, provided: int) -> _About:
    optional = [at for at in _optional_parts(path[1:]) if at + 1 >= provided]
    if not optional:
        return None
    asked = ".".join(map(str, path[1 : optional[0] + 2]))
    hint = f"write {dotted(path)} | default(...)"
    if isinstance(path[optional[0] + 1], str):
        hint += f", or ask has_trait('{asked}') first"
    return "expression.optional-trait", f"not every host has {dotted(path)}", hint


def _optional_parts(path: Path) -> list[int]:
    """Which parts of a path below `traits` may be absent though what is before them is there."""
    declared: tuple[str, ...] = ()
    found: list[int] = []
    for at, part in enumerate(path):
        info = traits.TRAITS.get(".".join(declared))
        if info is not None and info.type is TraitType.LIST:
            return found if part == EACH else [*found, at]
        exact = (*declared, str(part))
        declared = exact if exact in _DECLARED else (*declared, traits.ANY)
        info = traits.TRAITS.get(".".join(declared))
        by_key = declared[-1] == traits.ANY
        if part != EACH and (by_key or (info is not None and not info.always)):
            found.append(at)
    return found


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
