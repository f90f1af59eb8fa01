"""Rendering: texts and scopes in, text or plain data out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from schema.expressions import nodes
from schema.expressions.applying import Closure
from schema.expressions.compiling import compiled
from schema.expressions.errors import ExpressionError, Kind
from schema.expressions.grammar import parse_expression
from schema.expressions.host import HostFunctions, NoHost
from schema.expressions.running import MAX_NESTING, MAX_OUTPUT, Allowance, Run, result_of
from schema.expressions.statements import parse_template
from schema.expressions.tags import has_tags
from schema.expressions.writing import Writer, written

T = TypeVar("T")

CACHED_CHARACTERS: Final = 2 * 1024 * 1024
"""Of texts whose compiled form is kept; beyond it the cache begins anew."""
_ENTRY: Final = 200
"""Characters that an entry counts for beside its text: the form of `{{ vars.a }}` takes some 2 KB."""


class Renderer:
    """Evaluates the language against scopes. Keep one: it remembers what it compiled.

    Args:
        host: answers what only the host knows; without one those answers are unknown.
        allowance: charged for each rendering; whoever gave it looks at what is left.
    """

    def __init__(self, host: HostFunctions | None = None, allowance: Allowance | None = None) -> None:
        self._host: Final = host or NoHost()
        self._allowance: Final = allowance
        self._templates: Final = _Cache(_template)
        self._expressions: Final = _Cache(lambda text: compiled(parse_expression(text)))

    def render(self, text: str, scope: Mapping[str, Any]) -> str:
        """The text with its tags replaced. Text without tags comes back as it is.

        Raises:
            ExpressionError: with line and column within `text`.
        """
        if not has_tags(text):
            return text
        return self._guarded(text, self._write, scope)

    def evaluate(self, expression: str, scope: Mapping[str, Any]) -> Any:
        """The value of a bare expression, as plain data.

        Raises:
            ExpressionError: with line and column within `expression`.
        """
        return self._guarded(expression, self._value, scope)

    def holds(self, condition: str, scope: Mapping[str, Any]) -> bool:
        """Whether a bare expression is true, as `when:` asks.

        Raises:
            ExpressionError: with line and column within `condition`.
        """
        return bool(self.evaluate(condition, scope))

    def render_value(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """Plain data with every string in it rendered; keys stay. A string that is exactly one `{{ expression }}`
        becomes that expression's value with its type.

        Raises:
            ExpressionError: with line and column within the string at fault.
        """
        return self._rendered(value, scope, 0)

    def _rendered(self, value: Any, scope: Mapping[str, Any], depth: int) -> Any:
        if isinstance(value, str):
            return self._guarded(value, self._typed, scope) if has_tags(value) else value
        if depth > MAX_NESTING:
            raise ExpressionError(f"a value nested deeper than {MAX_NESTING}", Kind.LIMIT)
        if isinstance(value, dict):
            return {key: self._rendered(item, scope, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._rendered(item, scope, depth + 1) for item in value]
        return value

    def _guarded(self, text: str, act: Callable[[str, Run], T], scope: Mapping[str, Any]) -> T:
        run = Run(dict(scope), self._host)
        try:
            return act(text, run)
        except ExpressionError as error:
            raise error.locate(text) from None
        except RecursionError:
            raise ExpressionError("nested too deep", Kind.LIMIT).locate(text) from None
        finally:
            if self._allowance is not None:
                self._allowance.charge(run)

    def _write(self, text: str, run: Run) -> str:
        self._templates[text][0](run)
        result = "".join(run.out)
        if len(result) * 4 > MAX_OUTPUT and len(result.encode()) > MAX_OUTPUT:
            raise ExpressionError(f"the text is longer than {MAX_OUTPUT} bytes", Kind.LIMIT)
        return result

    def _typed(self, text: str, run: Run) -> Any:
        single = self._templates[text][1]
        return self._write(text, run) if single is None else result_of(run, single(run))

    def _value(self, text: str, run: Run) -> Any:
        return result_of(run, self._expressions[text](run))


def _template(text: str) -> tuple[Writer, Closure | None]:
    tree: nodes.Template = parse_template(text)
    return written(tree.body), compiled(tree.single) if tree.single is not None else None


class _Cache(dict[str, T]):
    """Text → what was compiled from it."""

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self._make = make
        self._held = 0

    def __missing__(self, text: str) -> T:
        made = self._make(text)
        self._held += len(text) + _ENTRY
        if self._held > CACHED_CHARACTERS:
            self.clear()
            self._held = len(text) + _ENTRY
        self[text] = made
        return made
