"""Which secrets a text asks for, and whether it computes with them.

Everywhere but on the host a secret stands by its name. A text that passes the name on is as true here as there; one
that computes with it (`vars.password | sha256`) would come to the digest of the name: nobody knows it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler import expressions
from reconciler.expressions.uses import USER_ROOTS, Analysis
from schema import secrets
from schema.expressions import ExpressionError, has_tags, nodes
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template
from schema.expressions.walking import children, walk
from schema.expressions.walking import expressions as within

Known = Mapping[str, Any]
"""What stands at the roots that may hold secrets: `vars`, and `item` within a `foreach`."""

_HOLDING: Final = frozenset({"vars", "item"})
_PASSING: Final = frozenset(
    {"default", "d", "list", "sort", "dictsort", "items", "join", "indent", "reverse", "unique"}
)
"""Filters that hand a reference to a secret on as it is."""
_PASSING_METHODS: Final = frozenset({"items", "values", "keys", "get"})
_ABSENT: Final = object()
_Bound = list[tuple[tuple[str, ...], nodes.Expression]]


def secrets_read(text: str, analysis: Analysis, known: Known) -> list[str]:
    """Names of the secrets that an expression or template reads, itself or at its paths, in order.

    Args:
        analysis: of the text.
        known: other roots may be among them; they hold no secrets.
    """
    found = secrets.find(text)
    for use in analysis.paths:
        if use.path[0] in _HOLDING and use.path[0] in known:
            value: Any = known[use.path[0]]
            for part in use.path[1:]:
                inner = value.get(part, _ABSENT) if isinstance(value, Mapping) and isinstance(part, str) else _ABSENT
                if inner is _ABSENT:
                    break  # an index, or a key that is itself looked up: any of what is here may be read
                value = inner
            found |= secrets.find(value)
    return sorted(found)


def derived(text: str, known: Known, *, template: bool) -> list[str]:
    """Names of the secrets that a text reads, in order, if it computes with any; else none."""
    names = secrets_read(text, expressions.analyse(text, template=template, roots=USER_ROOTS), known)
    if not names:
        return []
    try:
        body = parse_template(text).body if template else ()
        every = list(within(body)) if template else list(walk(parse_expression(text)))
    except (ExpressionError, RecursionError):  # it fails on the host; there is nothing it reads
        return []
    local = _local(body, known)
    return names if any(_computes(node) and _touches(node, known, local) for node in every) else []


def derived_in(value: Any, known: Known) -> list[str]:
    """The same of every template in a value's strings, lists and maps."""
    return sorted({name for text in _templates(value) for name in derived(text, known, template=True)})


def _templates(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if has_tags(item):
                yield item
        elif isinstance(item, Mapping):
            stack += item.values()
        elif isinstance(item, list | tuple):
            stack += item


def _computes(node: nodes.Expression) -> bool:
    if isinstance(node, nodes.Filter):
        return node.name not in _PASSING
    if isinstance(node, nodes.Method):
        return node.name not in _PASSING_METHODS
    return isinstance(node, nodes.Slice | nodes.Binary | nodes.Compare | nodes.Call)


def _local(body: nodes.Body, known: Known) -> Mapping[str, bool]:
    """The names that a template binds itself, and whether each may stand for a secret."""
    bound = _bound(body)
    local = {name: bool(secrets.find(known.get(name))) for names, _ in bound for name in names}
    grows = True
    while grows:  # at most once for each name: none is ever taken back
        grows = False
        for names, expression in bound:
            if not all(local[name] for name in names) and _touches(expression, known, local):
                local |= dict.fromkeys(names, True)
                grows = True
    return local


def _bound(body: nodes.Body) -> _Bound:
    found: _Bound = []
    todo = list(body)
    while todo:
        each = todo.pop()
        if isinstance(each, nodes.Assign):
            found.append((each.targets, each.value))
        elif isinstance(each, nodes.For):
            found.append((each.targets, each.iterable))
            todo += [*each.body, *each.otherwise]
        elif isinstance(each, nodes.If):
            todo += [inner for _, branch in each.branches for inner in branch] + list(each.otherwise)
    return found


def _touches(node: nodes.Expression, known: Known, local: Mapping[str, bool]) -> bool:
    todo = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, nodes.Literal):
            if secrets.find(each.value):
                return True
        elif isinstance(each, nodes.Name | nodes.Attribute | nodes.Item):
            root, value = _at(each, known)
            if root is None:
                todo += children(each)
                continue
            if local[root] if root in local else bool(secrets.find(value)):
                return True
            todo += _keys(each)
        else:
            todo += children(each)
    return False


def _keys(node: nodes.Expression) -> Iterator[nodes.Expression]:
    """What a path looks up on its way."""
    while isinstance(node, nodes.Attribute | nodes.Item):
        if isinstance(node, nodes.Item):
            yield node.key
        node = node.node


def _at(node: nodes.Expression, known: Known) -> tuple[str | None, Any]:
    """The name that a path begins with, and what stands at it or, where that cannot be told, around it."""
    if isinstance(node, nodes.Name):
        return node.name, known.get(node.name) if node.name in _HOLDING else None
    if isinstance(node, nodes.Attribute | nodes.Item):
        root, value = _at(node.node, known)
        key = node.name if isinstance(node, nodes.Attribute) else getattr(node.key, "value", _ABSENT)
        if isinstance(value, Mapping) and isinstance(key, str):
            return root, value.get(key)
        return root, value
    return None, None
