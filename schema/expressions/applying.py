"""Closures that apply functions, filters and tests to what other closures give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.failures import FAILURES, failure
from schema.expressions.filters import FILTERS
from schema.expressions.filters.lists import attribute_of, items_of
from schema.expressions.predicates import TESTS
from schema.expressions.running import MISSING, Missing, Run

Closure = Callable[[Run], Any]
Named = Sequence[tuple[str, Closure]]

_ABSENT: Final = Missing()
"""What `selectattr(…, 'defined')` sees where an item lacks the attribute."""


def applied(function: Callable[..., Any], positional: Sequence[Closure], named: Named, at: int) -> Closure:
    """The function called with its run and what the closures give."""

    def run_applied(run: Run) -> Any:
        try:
            run.step(2)
            if named:
                keywords = {key: item(run) for key, item in named}
                return function(run, *[item(run) for item in positional], **keywords)
            return function(run, *[item(run) for item in positional])
        except FAILURES as error:
            raise failure(error, at) from None

    return run_applied


def mapped(inner: Closure, name: str, positional: Sequence[Closure], named: Named, at: int) -> Closure:
    """`map('name', …)`: the filter applied to each item."""
    function = FILTERS[name]

    def run_map(run: Run) -> Any:
        source = inner(run)
        values = [item(run) for item in positional]
        keywords = {key: item(run) for key, item in named}
        try:
            found = items_of(run, source)
            run.step(2 * len(found))
            return [_kept(function(run, item, *values, **keywords), name) for item in found]
        except FAILURES as error:
            raise failure(error, at) from None

    return run_map


def attributes(inner: Closure, attribute: Closure, default: Closure | None, at: int) -> Closure:
    """`map(attribute=…)`: what stands in each item."""

    def run_attributes(run: Run) -> Any:
        source, path = inner(run), attribute(run)
        otherwise = MISSING if default is None else default(run)
        try:
            return [attribute_of(run, item, path, otherwise) for item in items_of(run, source)]
        except FAILURES as error:
            raise failure(error, at) from None

    return run_attributes


def selected(
    inner: Closure, attribute: Closure | None, name: str | None, rest: Sequence[Closure], at: int, *, keeps: bool
) -> Closure:
    """The items for which the test holds, or (`keeps` false) does not; with no test, what is true counts."""
    test = test_function(name)

    def run_select(run: Run) -> Any:
        source = inner(run)
        path = attribute(run) if attribute else None
        values = [item(run) for item in rest]
        default = _ABSENT if path is not None and name in ("defined", "undefined") else MISSING
        try:
            found = items_of(run, source)
            run.step(2 * len(found))
            return [item for item in found if test(run, attribute_of(run, item, path, default), *values) is keeps]
        except FAILURES as error:
            raise failure(error, at) from None

    return run_select


def test_function(name: str | None) -> Callable[..., bool]:
    """The test of this name; none asks for truth."""
    if name is None:
        return lambda _run, value: bool(value)
    if name in ("defined", "undefined"):
        wanted = name == "defined"
        return lambda _run, value: (not isinstance(value, Missing)) is wanted
    return TESTS[name]


def _kept(value: Any, name: str) -> Any:
    if value is MISSING:
        raise ExpressionError(f"{name}: there is nothing in it", Kind.UNDEFINED)
    return value
