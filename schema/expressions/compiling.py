"""Trees of expressions → closures over a run.

Each closure is `f(run) -> value`. What can be decided beforehand (names of filters, their arguments' places, paths) is
decided here, once per text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from schema.expressions import applying, nodes
from schema.expressions.applying import Closure
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.failures import FAILURES, failure
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS, METHODS
from schema.expressions.operators import BINARY, COMPARISONS
from schema.expressions.running import CELL, MISSING, Run, type_name, wrong_type
from schema.expressions.vocabulary import TESTING, complaints


def compiled(node: nodes.Expression) -> Closure:
    """The closure of an expression; what it gives is never missing.

    Raises:
        ExpressionError: kind syntax: a word that does not exist, or wrong arguments.
    """
    return _COMPILERS[type(node)](node)


def optional(node: nodes.Expression) -> Closure:
    """The closure of an expression that gives `MISSING` where a path ends, a list is empty, a condition has no else."""
    if isinstance(node, nodes.Attribute | nodes.Item):
        return _step(node)
    if isinstance(node, nodes.Name):
        name = node.name
        return lambda run: run.names.get(name, MISSING)
    if isinstance(node, nodes.Filter) and node.name in FILTERS:
        _checked(node)
        return _applied_filter(node)
    if isinstance(node, nodes.Conditional):
        return _conditional(node, optional)
    return compiled(node)


def path_of(node: nodes.Expression) -> str:
    """How a path is written, for messages: `vars.users[…].name`."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Attribute):
        return f"{path_of(node.node)}.{node.name}"
    if isinstance(node, nodes.Item):
        key = node.key.value if isinstance(node.key, nodes.Literal) else "…"
        return f"{path_of(node.node)}[{key!r}]" if key != "…" else f"{path_of(node.node)}[…]"
    return "(…)"


def _absent(message: str, at: int) -> ExpressionError:
    return ExpressionError(message, Kind.UNDEFINED, at=at)


def _present(inner: Closure, message: str, at: int) -> Closure:
    def run_present(run: Run) -> Any:
        value = inner(run)
        if value is MISSING:
            raise _absent(message, at)
        return value

    return run_present


def _literal(node: nodes.Literal) -> Closure:
    value = node.value
    return lambda _run: value


def _name(node: nodes.Name) -> Closure:
    name, at = node.name, node.at

    def run_name(run: Run) -> Any:
        try:
            return run.names[name]
        except KeyError:
            raise ExpressionError(f"{name} is undefined", Kind.UNDEFINED, at=at) from None

    return run_name


def _step(node: nodes.Attribute | nodes.Item) -> Closure:
    """One step along a path; missing where the path ends, and everything behind that is missing too."""
    inner = optional(node.node)
    if isinstance(node, nodes.Attribute):
        _checked(node)
        name = node.name

        def run_attribute(run: Run) -> Any:
            value = inner(run)
            if isinstance(value, dict):
                return value.get(name, MISSING)
            return MISSING

        return run_attribute
    key_of, at = compiled(node.key), node.at

    def run_item(run: Run) -> Any:
        value, key = inner(run), key_of(run)
        try:
            if isinstance(value, dict):
                return value.get(key, MISSING)
            if isinstance(value, list | str) and type(key) is int:
                return value[key]
        except IndexError:
            return MISSING
        except TypeError as error:
            raise ExpressionError(f"a key cannot be a {type_name(key)}", Kind.TYPE, at=at) from error
        return MISSING

    return run_item


def _path(node: nodes.Attribute | nodes.Item) -> Closure:
    """A path that must be there. One that is written with dots alone, as most are, takes no closure for each step."""
    message, at = f"{path_of(node)} is undefined", node.at
    keys: list[str] = []
    base: nodes.Expression = node
    while isinstance(base, nodes.Attribute):
        _checked(base)
        keys.append(base.name)
        base = base.node
    if not isinstance(base, nodes.Name):
        return _present(_step(node), message, at)
    root, first, *rest = base.name, *reversed(keys)

    def run_path(run: Run) -> Any:
        try:
            value = run.names[root][first]
            for key in rest:
                value = value[key]
        except (LookupError, TypeError):  # no such key, or nothing that has keys: lists and strings take no names
            raise _absent(message, at) from None
        return value

    return run_path


def _slice(node: nodes.Slice) -> Closure:
    inner, at = compiled(node.node), node.at
    bounds = [compiled(bound) if bound is not None else None for bound in (node.start, node.stop, node.step)]

    def run_slice(run: Run) -> Any:
        value = inner(run)
        parts = [bound(run) if bound is not None else None for bound in bounds]
        try:
            if not isinstance(value, list | str):
                raise wrong_type("only a list or string has slices", value)
            if any(part is not None and type(part) is not int for part in parts) or parts[2] == 0:
                raise ExpressionError("the bounds of a slice are numbers, its step not 0", Kind.TYPE)
            run.take(len(value) * (1 if isinstance(value, str) else CELL))
            return value[slice(*parts)]
        except FAILURES as error:
            raise failure(error, at) from None

    return run_slice


def _sequence(node: nodes.Sequence) -> Closure:
    items, cost = [compiled(item) for item in node.items], CELL * len(node.items)

    def run_sequence(run: Run) -> Any:
        run.take(cost)
        return [item(run) for item in items]

    return run_sequence


def _map(node: nodes.Map) -> Closure:
    pairs, cost = [(compiled(key), compiled(item)) for key, item in node.pairs], CELL * len(node.pairs)
    at = node.at

    def run_map(run: Run) -> Any:
        try:
            run.take(cost)
            return {key(run): item(run) for key, item in pairs}
        except FAILURES as error:
            raise failure(error, at) from None

    return run_map


def _arguments(arguments: nodes.Arguments) -> tuple[list[Closure], list[tuple[str, Closure]]]:
    return [compiled(item) for item in arguments.positional], [(key, compiled(item)) for key, item in arguments.named]


def _applied(function: Callable[..., Any], operands: list[Closure], arguments: nodes.Arguments, at: int) -> Closure:
    positional, named = _arguments(arguments)
    return applying.applied(function, [*operands, *positional], named, at)


def _checked(node: nodes.Expression) -> None:
    for complaint in complaints(node):
        hint = f" ({complaint.hint})" if complaint.hint else ""
        raise ExpressionError(complaint.message + hint, Kind.SYNTAX, at=complaint.at)


def _call(node: nodes.Call) -> Closure:
    _checked(node)
    return _applied(FUNCTIONS[node.name], [], node.arguments, node.at)


def _method(node: nodes.Method) -> Closure:
    _checked(node)
    inner, (owner, function), name = compiled(node.node), METHODS[node.name], node.name

    def checked(run: Run) -> Any:
        value = inner(run)
        if not isinstance(value, owner):
            raise wrong_type(f"{name} is a method of a {'map' if issubclass(owner, dict) else 'string'}", value)
        return value

    return _applied(function, [checked], node.arguments, node.at)


def _filter(node: nodes.Filter) -> Closure:
    _checked(node)
    if node.name in ("default", "d"):
        return _default(node)
    if node.name == "map":
        return _mapped(node)
    if node.name in TESTING:
        return _selected(node)
    return _present(_applied_filter(node), f"{node.name}: there is nothing in it", node.at)


def _applied_filter(node: nodes.Filter) -> Closure:
    return _applied(FILTERS[node.name], [compiled(node.node)], node.arguments, node.at)


def _default(node: nodes.Filter) -> Closure:
    inner = optional(node.node)
    positional, named = _arguments(node.arguments)
    by_name = dict(named)
    value_of = positional[0] if positional else by_name.get("default_value", lambda _run: "")
    boolean_of = positional[1] if len(positional) > 1 else by_name.get("boolean", lambda _run: False)

    def run_default(run: Run) -> Any:
        value = inner(run)
        return value_of(run) if value is MISSING or (boolean_of(run) and not value) else value

    return run_default


def _mapped(node: nodes.Filter) -> Closure:
    inner = compiled(node.node)
    positional, named = _arguments(node.arguments)
    if not positional:
        by_name = dict(named)
        return applying.attributes(inner, by_name["attribute"], by_name.get("default"), node.at)
    applied = node.arguments.positional[0]
    assert isinstance(applied, nodes.Literal)
    return applying.mapped(inner, applied.value, positional[1:], named, node.at)


def _selected(node: nodes.Filter) -> Closure:
    """select, reject, selectattr, rejectattr."""
    place = TESTING[node.name]
    positional = node.arguments.positional
    attribute = compiled(positional[0]) if place else None
    name = positional[place].value if len(positional) > place else None  # type: ignore[union-attr]
    rest = [compiled(item) for item in positional[place + 1 :]]
    keeps = node.name.startswith("select")
    return applying.selected(compiled(node.node), attribute, name, rest, node.at, keeps=keeps)


def _test(node: nodes.Test) -> Closure:
    _checked(node)
    if node.name in ("defined", "undefined"):
        return _applied(applying.test_function(node.name), [optional(node.node)], node.arguments, node.at)
    return _applied(applying.test_function(node.name), [compiled(node.node)], node.arguments, node.at)


def _unary(node: nodes.Unary) -> Closure:
    inner = compiled(node.node)
    if node.operator == "not":
        return lambda run: not inner(run)
    sign, at = (operator.neg if node.operator == "-" else operator.pos), node.at

    def run_sign(run: Run) -> Any:
        value = inner(run)
        if not isinstance(value, int | float):
            raise failure(wrong_type("a number", value), at)
        return sign(value)

    return run_sign


def _binary(node: nodes.Binary) -> Closure:
    _checked(node)
    left, right, at = compiled(node.left), compiled(node.right), node.at
    act = BINARY[node.operator]

    def run_binary(run: Run) -> Any:
        first, second = left(run), right(run)
        try:
            return act(run, first, second)
        except FAILURES as error:
            raise failure(error, at) from None

    return run_binary


def _concat(node: nodes.Concat) -> Closure:
    parts, at = [compiled(part) for part in node.parts], node.at

    def run_concat(run: Run) -> Any:
        try:
            texts = [run.text(part(run)) for part in parts]
            run.take(sum(map(len, texts)))
        except FAILURES as error:
            raise failure(error, at) from None
        return "".join(texts)

    return run_concat


def _compare(node: nodes.Compare) -> Closure:
    first, at = compiled(node.first), node.at
    rest = [(COMPARISONS[symbol], compiled(item)) for symbol, item in node.rest]

    def run_compare(run: Run) -> Any:
        value = first(run)
        for holds, item in rest:
            other = item(run)
            try:
                if not holds(run, value, other):
                    return False
            except FAILURES as error:
                raise failure(error, at) from None
            value = other
        return True

    return run_compare


def _logic(node: nodes.Logic) -> Closure:
    parts, ends_on = [compiled(part) for part in node.parts], node.operator == "or"

    def run_logic(run: Run) -> Any:
        value: Any = None
        for part in parts:
            value = part(run)
            if bool(value) is ends_on:
                return value
        return value

    return run_logic


def _conditional(node: nodes.Conditional, branch: Callable[[nodes.Expression], Closure] = compiled) -> Closure:
    test, yes = compiled(node.test), branch(node.yes)
    no = branch(node.no) if node.no is not None else None
    return lambda run: yes(run) if test(run) else no(run) if no is not None else MISSING


def _full_conditional(node: nodes.Conditional) -> Closure:
    if node.no is not None:
        return _conditional(node)
    return _present(_conditional(node), "the condition does not hold, and there is no else", node.at)


_COMPILERS: Final[dict[type, Callable[[Any], Closure]]] = {
    nodes.Literal: _literal,
    nodes.Name: _name,
    nodes.Attribute: _path,
    nodes.Item: _path,
    nodes.Slice: _slice,
    nodes.Sequence: _sequence,
    nodes.Map: _map,
    nodes.Call: _call,
    nodes.Method: _method,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Unary: _unary,
    nodes.Binary: _binary,
    nodes.Concat: _concat,
    nodes.Compare: _compare,
    nodes.Logic: _logic,
    nodes.Conditional: _full_conditional,
}
