"""The words of the language, and whether a use of one is right: one judgement for the compiler and for static analysis.

A filter, test, function or method that does not exist, or is given arguments it does not take, is an error wherever it
stands, also in a branch that is never taken.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schema.expressions import nodes
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS, METHODS
from schema.expressions.predicates import TESTS

APPLYING: Final = frozenset({"map"})
"""Filters whose first argument may name a filter."""
TESTING: Final[Mapping[str, int]] = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
"""Filters of which one argument, at this place, names a test."""
FILTER_NAMES: Final = frozenset({*FILTERS, *APPLYING, *TESTING, "default", "d"})
TEST_NAMES: Final = frozenset({*TESTS, "defined", "undefined"})

INSTEAD: Final[Mapping[str, str]] = {
    "attr": "write value.key or value[key]",
    "combine": "merge maps in vars",
    "escape": "nothing is escaped; quote is for the shell, to_json for JSON",
    "e": "nothing is escaped; quote is for the shell, to_json for JSON",
    "safe": "nothing is escaped, so nothing has to be marked as safe",
    "random": "the same input always gives the same text",
    "to_nice_json": "write to_json(indent=2)",
    "to_nice_yaml": "write to_yaml",
    "namespace": "values do not change; compute a list with filters",
    "dict": "write {'key': value}",
    "lookup": "vars hold what a template may use",
    "now": "use hour_range or day_of_week in `when`",
}
"""Words that people bring from elsewhere → what to write here."""

ATTRIBUTES: Final = {
    "groupby": 0,
    "join": 1,
    "map": 0,
    "max": 1,
    "min": 1,
    "rejectattr": 0,
    "selectattr": 0,
    "sort": 2,
    "sum": 0,
    "unique": 1,
}
"""Filters that look at an attribute of each item → which argument names it."""
_MACHINERY: Final = re.compile(r"__\w+__")


class Complaint(NamedTuple):
    """A word that is not used rightly."""

    at: int
    message: str
    hint: str = ""


def complaints(node: nodes.Expression) -> Iterator[Complaint]:
    """What is wrong with the word that this node uses; nothing below it is looked at."""
    if isinstance(node, nodes.Filter):
        yield from _filter_complaints(node)
    elif isinstance(node, nodes.Test):
        yield from _test_complaints(node.name, node.arguments, node.at)
    elif isinstance(node, nodes.Call):
        if node.name not in FUNCTIONS:
            yield _unknown("function", node.name, FUNCTIONS, node.at)
        else:
            yield from _mismatch(node.name, FUNCTIONS[node.name], 1, node.arguments, node.at)
    elif isinstance(node, nodes.Method):
        if node.name == "format":
            yield Complaint(node.at, "there is no method format", "write {{ 'port %d'|format(vars.port) }}")
        elif node.name not in METHODS:
            yield _unknown("method", node.name, METHODS, node.at)
        else:
            yield from _mismatch(node.name, METHODS[node.name][1], 2, node.arguments, node.at)
    elif isinstance(node, nodes.Attribute):
        yield from _python(node.name, node.at)
    elif isinstance(node, nodes.Binary) and node.operator == "%" and _is_text(node.left):
        yield Complaint(node.at, "% does not fill in a text", "write {{ 'port %d'|format(vars.port) }}")


def _is_text(node: nodes.Expression) -> bool:
    return isinstance(node, nodes.Literal) and isinstance(node.value, str)


def _python(name: str, at: int) -> Iterator[Complaint]:
    """Names of Python's own machinery lead nowhere; who writes one should hear so before a host does."""
    for part in name.split("."):
        if _MACHINERY.fullmatch(part):
            yield Complaint(at, f"{part} is no part of the language", f"a key of that name is reached as ['{part}']")


def _filter_complaints(node: nodes.Filter) -> Iterator[Complaint]:
    name, arguments = node.name, node.arguments
    place = ATTRIBUTES.get(name)
    if place is not None and not (name == "map" and arguments.positional):
        given = dict(enumerate(arguments.positional)).get(place) or dict(arguments.named).get("attribute")
        if isinstance(given, nodes.Literal) and isinstance(given.value, str):
            yield from _python(given.value, given.at)
    if name in FILTERS:
        yield from _mismatch(name, FILTERS[name], 2, arguments, node.at)
    elif name in ("default", "d"):
        yield from _mismatch(name, _default_form, 0, arguments, node.at)
    elif name in TESTING:
        place = TESTING[name]
        if len(arguments.positional) < place or arguments.named:
            yield Complaint(node.at, f"{name} needs {'an attribute and perhaps a test' if place else 'a test'}")
        elif len(arguments.positional) > place:
            tested = arguments.positional[place]
            rest = nodes.Arguments(arguments.positional[place + 1 :])
            if isinstance(tested, nodes.Literal) and isinstance(tested.value, str):
                yield from _test_complaints(tested.value, rest, tested.at)
            else:
                yield Complaint(node.at, f"{name}: the name of the test must be written out")
    elif name in APPLYING:
        yield from _map_complaints(node)
    else:
        yield _unknown("filter", name, FILTER_NAMES, node.at)


def _map_complaints(node: nodes.Filter) -> Iterator[Complaint]:
    positional, named = node.arguments.positional, dict(node.arguments.named)
    if not positional:
        if "attribute" not in named or named.keys() - {"attribute", "default"}:
            yield Complaint(node.at, "map needs the name of a filter, or attribute=")
        return
    applied = positional[0]
    if not (isinstance(applied, nodes.Literal) and isinstance(applied.value, str)):
        yield Complaint(node.at, "map: the name of the filter must be written out")
    elif applied.value in FILTERS:
        rest = nodes.Arguments(positional[1:], node.arguments.named)
        yield from _mismatch(applied.value, FILTERS[applied.value], 2, rest, applied.at)
    else:
        yield _unknown("filter", applied.value, FILTERS, applied.at)


def _test_complaints(name: str, arguments: nodes.Arguments, at: int) -> Iterator[Complaint]:
    if name in ("defined", "undefined"):
        yield from _mismatch(name, _no_arguments, 0, arguments, at)
    elif name in TESTS:
        yield from _mismatch(name, TESTS[name], 2, arguments, at)
    else:
        yield _unknown("test", name, TEST_NAMES, at)


class _Shape(NamedTuple):
    """What a function takes."""

    names: tuple[str, ...]
    required: int
    """How many of the names must be given."""
    variadic: bool


def _mismatch(
    name: str, function: Callable[..., Any], given: int, arguments: nodes.Arguments, at: int
) -> Iterator[Complaint]:
    """Whether the function takes these arguments behind the `given` ones that the language itself passes."""
    shape = _shape(function)
    names = shape.names[given:]
    count = len(arguments.positional)
    if count > len(names) and not shape.variadic:
        yield Complaint(at, f"{name} takes {_counted(len(names))}, not {count}")
    placed, named = set(names[:count]), [key for key, _ in arguments.named]
    for key in named:
        if key in placed:
            yield Complaint(at, f"{name}: {key} is given twice")
        elif key not in names:
            yield Complaint(at, f"{name} has no argument {key}", f"it has {', '.join(names)}" if names else "")
    missing = [key for key in shape.names[given : shape.required] if key not in placed and key not in named]
    if missing:
        yield Complaint(at, f"{name} needs {' and '.join(missing)}")


def _counted(count: int) -> str:
    return "no argument" if count == 0 else "one argument" if count == 1 else f"at most {count} arguments"


@lru_cache(maxsize=256)
def _shape(function: Callable[..., Any]) -> _Shape:
    parameters = inspect.signature(function).parameters.values()
    plain = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    return _Shape(
        tuple(each.name for each in plain),
        sum(each.default is each.empty for each in plain),
        any(each.kind is each.VAR_POSITIONAL for each in parameters),
    )


def _unknown(what: str, name: str, known: Any, at: int) -> Complaint:
    if name in INSTEAD:
        return Complaint(at, f"there is no {what} {name}", INSTEAD[name])
    import difflib  # for complaints alone

    near = difflib.get_close_matches(name, known, n=1)
    return Complaint(at, f"there is no {what} {name}", f"did you mean {near[0]}?" if near else "")


def _default_form(default_value: Any = "", boolean: Any = False) -> None:  # noqa: FBT002 - Jinja2's signature
    """The arguments of `default`."""


def _no_arguments() -> None:
    """The arguments of `defined`."""
