"""What an expression or template would ask for, found without evaluating it.

`analyse` gives every path below `vars`, `traits`, `host` and the other roots, with its place, and every complaint about
words that do not exist. It knows local names (`for`, `set`), follows them to the paths they stand for, and knows which
paths are *guarded*: where the text itself provides for their absence. Whether a path exists is the caller's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from reconciler.expressions import plain
from reconciler.expressions.uses import EACH as EACH
from reconciler.expressions.uses import RESOURCE_ROOTS as RESOURCE_ROOTS
from reconciler.expressions.uses import TASK_ROOTS as TASK_ROOTS
from reconciler.expressions.uses import USER_ROOTS as USER_ROOTS
from reconciler.expressions.uses import WORKFLOW_ROOTS as WORKFLOW_ROOTS
from reconciler.expressions.uses import Analysis as Analysis
from reconciler.expressions.uses import Path as Path
from reconciler.expressions.uses import PathUse as PathUse
from reconciler.expressions.uses import Problem as Problem
from reconciler.expressions.uses import Word as Word
from reconciler.expressions.uses import dotted as dotted
from reconciler.expressions.walk import Walk
from schema.expressions.errors import ExpressionError
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template
from schema.expressions.tags import has_tags


@lru_cache(maxsize=32_768)
def analyse(
    text: str,
    *,
    template: bool,
    roots: frozenset[str] = RESOURCE_ROOTS,
    given: frozenset[Path] = frozenset(),
) -> Analysis:
    """The analysis of a template, or of a bare expression (`when`, `foreach`).

    Args:
        roots: the names it may begin paths with.
        given: paths known to be there, from a `when` around it (`Analysis.proves`).
    """
    if template:
        if not has_tags(text):
            return Analysis()
        if (found := plain.analyse(text, roots, given)) is not None:
            return found
    walk = Walk([0, *(found.end() for found in re.finditer("\n", text))], roots, given)
    try:
        if template:
            walk.body(parse_template(text).body)
            proves: frozenset[Path] = frozenset()
        else:
            node = parse_expression(text)
            walk.expression(node)
            proves = frozenset(walk.facts_of(node, holds=True))
    except ExpressionError as error:
        error.locate(text)
        return Analysis(problems=(Problem(error.line, error.column, error.message, ""),))
    except RecursionError:
        return Analysis(problems=(Problem(1, 1, "nested too deep", ""),))
    return Analysis(
        paths=tuple(walk.paths),
        filters=tuple(walk.filters),
        tests=tuple(walk.tests),
        functions=tuple(walk.functions),
        asked=tuple(walk.asked),
        unknown=tuple(walk.unknown),
        problems=tuple(walk.problems),
        proves=proves,
    )


def analyse_value(
    value: Any, *, roots: frozenset[str] = RESOURCE_ROOTS, given: frozenset[Path] = frozenset()
) -> Iterator[tuple[Path, Analysis]]:
    """The analysis of every string with tags in plain data, with the keys and indexes that lead to it."""
    stack: list[tuple[Path, Any]] = [((), value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, str) and has_tags(item):
            yield where, analyse(item, template=True, roots=roots, given=given)
        elif isinstance(item, dict):
            stack.extend(((*where, key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            stack.extend(((*where, index), item[index]) for index in reversed(range(len(item))))
