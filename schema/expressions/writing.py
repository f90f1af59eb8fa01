"""Trees of templates → closures that write to a run's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from schema.expressions import nodes
from schema.expressions.compiling import compiled
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.filters.lists import items_of
from schema.expressions.functions import Loop
from schema.expressions.running import MAX_OUTPUT, MAX_STEPS, Run, wrong_type
from schema.expressions.walking import expressions, weight

Writer = Callable[[Run], None]


def written(body: nodes.Body) -> Writer:
    """The closure that writes a body, statement by statement."""
    writers = [_WRITERS[type(statement)](statement) for statement in body]
    if len(writers) == 1:
        return writers[0]

    def run_body(run: Run) -> None:
        for write in writers:
            write(run)

    return run_body


def _data(node: nodes.Data) -> Writer:
    text, size = node.text, len(node.text)

    def run_data(run: Run) -> None:
        run.left -= size
        if run.left < 0:
            raise _too_long(node.at)
        run.out.append(text)

    return run_data


def _output(node: nodes.Output) -> Writer:
    inner, cost, at = compiled(node.node), weight(node.node), node.at

    def run_output(run: Run) -> None:
        run.steps -= cost
        if run.steps < 0:
            raise _too_much(at)
        text = inner(run)
        if type(text) is not str:
            text = str(text) if type(text) is int else _text(run, text, at)
        run.left -= len(text)
        if run.left < 0:
            raise _too_long(at)
        run.out.append(text)

    return run_output


def _if(node: nodes.If) -> Writer:
    branches = [(compiled(test), written(body)) for test, body in node.branches]
    otherwise = written(node.otherwise)
    cost, at = 1 + sum(weight(test) for test, _ in node.branches), node.at

    def run_if(run: Run) -> None:
        run.steps -= cost
        if run.steps < 0:
            raise _too_much(at)
        for test, write in branches:
            if test(run):
                write(run)
                return
        otherwise(run)

    return run_if


def _assign(node: nodes.Assign) -> Writer:
    value_of, cost, at = compiled(node.value), weight(node.value), node.at
    bind = _binder(node.targets, node.unpack, at)

    def run_assign(run: Run) -> None:
        run.steps -= cost
        if run.steps < 0:
            raise _too_much(at)
        bind(run.names, value_of(run))

    return run_assign


def _for(node: nodes.For) -> Writer:
    at, iterable = node.at, compiled(node.iterable)
    bind = _binder(node.targets, node.unpack, at)
    choose = _chooser(node.condition, bind, at) if node.condition is not None else None
    body, otherwise = written(node.body), written(node.otherwise)
    wants_loop = any(isinstance(found, nodes.Name) and found.name == "loop" for found in expressions(node.body))
    sets = _assigns(node.body)

    def run_for(run: Run) -> None:
        outer = run.names
        try:
            found = items_of(run, iterable(run))
        except ExpressionError as error:
            if error.at is None:
                error.at = at
            raise
        try:
            if choose is not None:
                found = choose(run, found)
            for index, item in enumerate(found):
                run.steps -= 1 + len(outer) // 4
                if run.steps < 0:
                    raise _too_much(at)
                if sets or index == 0:
                    names = run.names = outer.copy()
                bind(names, item)
                if wants_loop:
                    names["loop"] = _loop(found, index)
                body(run)
        finally:
            run.names = outer
        if not found:
            otherwise(run)

    return run_for


def _chooser(
    condition: nodes.Expression, bind: Callable[[dict[str, Any], Any], None], at: int
) -> Callable[[Run, list[Any]], list[Any]]:
    """The items for which the condition behind a `for` holds."""
    holds, cost = compiled(condition), weight(condition)

    def choose(run: Run, found: list[Any]) -> list[Any]:
        names = run.names = run.names.copy()
        kept = []
        for item in found:
            run.steps -= cost
            if run.steps < 0:
                raise _too_much(at)
            bind(names, item)
            if holds(run):
                kept.append(item)
        return kept

    return choose


def _assigns(body: nodes.Body) -> bool:
    """Whether a body sets names of its own, which each iteration begins without."""
    return any(
        isinstance(statement, nodes.Assign)
        or (
            isinstance(statement, nodes.If)
            and any(map(_assigns, (statement.otherwise, *(inner for _, inner in statement.branches))))
        )
        for statement in body
    )


def _loop(found: list[Any], index: int) -> Loop:
    count = len(found)
    loop = Loop(
        index=index + 1,
        index0=index,
        revindex=count - index,
        revindex0=count - index - 1,
        first=index == 0,
        last=index == count - 1,
        length=count,
    )
    if index:
        loop["previtem"] = found[index - 1]
    if index < count - 1:
        loop["nextitem"] = found[index + 1]
    return loop


def _binder(targets: tuple[str, ...], unpack: bool, at: int) -> Callable[[dict[str, Any], Any], None]:  # noqa: FBT001 - from the tree
    if not unpack:
        (target,) = targets

        def bind_one(names: dict[str, Any], value: Any) -> None:
            names[target] = value

        return bind_one

    def bind_each(names: dict[str, Any], value: Any) -> None:
        if not isinstance(value, list):
            error = wrong_type(f"a list of {len(targets)}", value)
            error.at = at
            raise error
        if len(value) != len(targets):
            raise ExpressionError(f"a list of {len(targets)}, not of {len(value)}", Kind.TYPE, at=at)
        names.update(zip(targets, value, strict=True))

    return bind_each


def _text(run: Run, value: Any, at: int) -> str:
    try:
        return run.text(value)
    except ExpressionError as error:
        error.at = at
        raise


def _too_long(at: int) -> ExpressionError:
    return ExpressionError(f"the text is longer than {MAX_OUTPUT} bytes", Kind.LIMIT, at=at)


def _too_much(at: int) -> ExpressionError:
    return ExpressionError(f"more than {MAX_STEPS} steps of work", Kind.LIMIT, at=at)


_WRITERS: Final[dict[type, Callable[[Any], Writer]]] = {
    nodes.Data: _data,
    nodes.Output: _output,
    nodes.If: _if,
    nodes.For: _for,
    nodes.Assign: _assign,
}
