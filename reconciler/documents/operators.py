"""Values that tests expect: operators, as they are written, and the traits that hosts are said to have.

A map of which one key is an operator is a map of operators; any other map leads further down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from reconciler.documents import flaws
from reconciler.documents.complaints import listed, nearest
from reconciler.documents.flaws import Flaw
from reconciler.documents.kinds import Kind
from reconciler.documents.marks import Path
from schema import traits
from schema.documents.tests import Expected
from schema.patterns import PatternError, compile_pattern
from schema.traits import TraitInfo, TraitType

OPERATORS: Final = ("equals", "contains", "excludes", "matches", "at_least", "at_most", "absent")
"""`contains` and `excludes`: a part of a text, items of a list, keys of a map. `matches`: RE2, found anywhere."""

_SHAPES: Final[dict[TraitType, type | tuple[type, ...]]] = {
    TraitType.STRING: str,
    TraitType.INT: int,
    TraitType.FLOAT: (int, float),
    TraitType.BOOL: bool,
    TraitType.LIST: list,
    TraitType.MAP: dict,
}
_WORDS: Final[dict[TraitType, str]] = {
    TraitType.STRING: "text",
    TraitType.INT: "a whole number",
    TraitType.FLOAT: "a number",
    TraitType.BOOL: "true or false",
    TraitType.LIST: "a list",
    TraitType.MAP: "a map",
}


def are_operators(value: Any) -> bool:
    """Whether a value is a map of operators."""
    return isinstance(value, dict) and any(key in OPERATORS for key in value)


def check(kind: Kind, data: Any) -> list[Flaw]:
    """What is wrong with the operators and traits in a document; `data` is all of it."""
    tests = data.get("tests") if kind is Kind.TESTS and isinstance(data, dict) else None
    found: list[Flaw] = []
    for index, test in enumerate(tests if isinstance(tests, list) else ()):
        if not isinstance(test, dict):
            continue
        at: Path = ("tests", index)
        if isinstance(test.get("traits"), dict):
            found += _check_traits(test["traits"], (*at, "traits"), ())
        expect = test.get("expect")
        if expect == {}:
            hint = f"known keys: {listed(flaws.keys_of(Expected))}"
            found.append(Flaw("schema.bad-value", (*at, "expect"), "a test expects something", hint))
        for key in ("vars", "resources"):
            values = expect.get(key) if isinstance(expect, dict) else None
            for name, value in values.items() if isinstance(values, dict) else ():
                if key == "resources" and are_operators(value):
                    message = f"{name}: parameters stand here, and operators behind them"
                    found.append(Flaw("schema.bad-value", (*at, "expect", key, name), message, f"{name}: absent"))
                else:
                    found += _check_value(value, (*at, "expect", key, name))
    return found


def _check_value(value: Any, path: Path) -> Iterator[Flaw]:
    if not isinstance(value, dict):
        return
    if not are_operators(value):
        for key, below in value.items():
            yield from _check_value(below, (*path, key))
        return
    for key, operand in value.items():
        if key not in OPERATORS:
            hint = nearest(key, OPERATORS) or f"operators: {', '.join(OPERATORS)}; a map as it is: equals: {{...}}"
            yield Flaw(
                "schema.unknown-key", (*path, key), f"{key} stands beside operators and is none", hint, on_key=True
            )
        elif complaint := _operand(key, operand):
            yield Flaw("schema.bad-value", (*path, key), complaint)


def _operand(key: str, operand: Any) -> str:
    """What is wrong with what stands behind an operator; empty when nothing is."""
    if key == "absent" and operand is not True:
        return "absent is true, or not given"
    if key in ("at_least", "at_most") and (isinstance(operand, bool) or not isinstance(operand, int | float)):
        return f"{key} takes a number, not {flaws.called(operand)}"
    if key == "matches":
        if not isinstance(operand, str):
            return f"matches takes a regular expression, not {flaws.called(operand)}"
        try:
            compile_pattern(operand)
        except PatternError as error:
            return str(error)
    if key in ("contains", "excludes") and operand in ("", None, []):
        return f"{key} takes what is to be there, not {flaws.called(operand) if operand != '' else 'an empty text'}"
    return ""


def _check_traits(given: dict[str, Any], path: Path, above: tuple[str, ...]) -> Iterator[Flaw]:
    for key, value in given.items():
        parts, at = (*above, key), (*path, key)
        info = traits.lookup(parts)
        if info is None:
            hint = nearest(key, known := _below(above)) or f"known here: {listed(known)}"
            yield Flaw("expression.unknown-trait", at, f"no host has a trait {'.'.join(parts)}", hint, on_key=True)
        elif value is not None and not _fits(value, info):
            yield Flaw("schema.wrong-type", at, f"{'.'.join(parts)} is {_WORDS[info.type]}, not {flaws.called(value)}")
        elif isinstance(value, dict):
            yield from _check_traits(value, at, parts)


def _below(above: tuple[str, ...]) -> set[str]:
    """The declared keys at a path of traits."""
    depth = len(above)
    return {
        parts[depth]
        for parts in (each.split(".") for each in traits.TRAITS)
        if len(parts) > depth and all(part in (traits.ANY, key) for part, key in zip(parts, above, strict=False))
    }


def _fits(value: Any, info: TraitInfo) -> bool:
    if isinstance(value, bool):
        return info.type is TraitType.BOOL
    return isinstance(value, _SHAPES[info.type])
