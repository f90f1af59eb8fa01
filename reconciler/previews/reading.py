"""What a resource reads, and how: whose values decide what it is rendered to, and which of them are only passed on.

Hosts for which all that is read is the same need one rendering. A value that every text only puts out as it stands, as
`{{ host.hostname }}` is in most files, need not be the same: a mark stands for it, and what differs between two
revisions is the same for all hosts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.expressions import EACH
from schema import secrets
from schema.expressions import ExpressionError, has_tags, nodes
from schema.expressions.statements import parse_template
from schema.expressions.walking import children, walk
from schema.traits import TRAITS

ALL: Final = "*"
HOSTNAME: Final = ("host", "hostname")
USER: Final = "user"
Path = tuple[str, ...]
"""Root first: `("traits", "os", "family")`."""

_ASKED: Final[Mapping[str, Path]] = {
    "os_family": ("traits", "os", "family"),
    "distro": ("traits", "os", "distro"),
    "arch": ("traits", "hardware", "arch"),
    "is_container": ("traits", "hardware", "container"),
}
_OPEN: Final = frozenset({(path.partition(".")[0],) for path in TRAITS if "*" in path})
_PASSING: Final = frozenset(
    {"default", "d", "list", "sort", "dictsort", "items", "join", "indent", "reverse", "unique"}
)
"""Filters that hand a reference to a secret on as it is."""
_ROOTS: Final = expressions.RESOURCE_ROOTS | {USER}
_PASSING_METHODS: Final = frozenset({"items", "values", "keys", "get"})


@dataclass(frozen=True, slots=True)
class Reads:
    """What one resource reads, in one revision."""

    vars: frozenset[str] = frozenset()
    """Top keys; `ALL`: any."""
    host: frozenset[str] = frozenset()
    traits: frozenset[Path] = frozenset()
    """Without those below another; `("traits",)`: any."""
    user: frozenset[Path] = frozenset()
    """Of the user that a usercrate is applied for."""
    plain: frozenset[Path] = frozenset()
    """The host's name, traits and what is known of a user, where they are put out and nothing else."""

    def overlaps(self, paths: Iterable[Path]) -> bool:
        """Whether a trait at one of these paths is read, or something above or below it."""
        return any(_overlap(one, other) for one in self.traits for other in paths)


class _Text(NamedTuple):
    text: str
    template: bool


def of(when: Iterable[str], foreach: Any, spec: Mapping[str, Any], templates: Iterable[str]) -> Reads:
    """What a resource with these conditions, attributes and templates reads."""
    texts = [_Text(condition, template=False) for condition in when]
    texts += [_Text(foreach, template=False)] if isinstance(foreach, str) else list(_templates(foreach))
    texts += [*_templates(spec), *(_Text(text, template=True) for text in templates)]
    vars_: set[str] = set()
    host: set[str] = set()
    traits: set[Path] = set()
    user: set[Path] = set()
    read: Counter[Path] = Counter()
    passed: Counter[Path] = Counter()
    for each in texts:
        paths = _paths(each.text, each.template)
        read.update(paths)
        passed.update(_passed_on(each.text) if each.template else ())
        for path in paths:
            if path[0] == "vars":
                vars_.add(path[1] if len(path) > 1 else ALL)
            elif path[0] == "host":
                host.add(path[1] if len(path) > 1 else ALL)
            elif path[0] == "traits":
                traits.add(path)
            elif path[0] == USER:
                user.add(path)
    plain = {
        path
        for path, count in passed.items()
        if count == read[path] and not any(other != path and _overlap(other, path) for other in read)
    }
    top = frozenset(path for path in traits if not any(path != other and _begins(path, other) for other in traits))
    return Reads(frozenset(vars_), frozenset(host), top, frozenset(user), frozenset(plain))


def tainted(
    when: Iterable[str], foreach: Any, spec: Mapping[str, Any], content: str | None, keys: frozenset[str]
) -> list[str]:
    """Attributes that do something with a secret's value, which nobody has here. `when` and `foreach` may be among
    them.

    Args:
        content: the template that its source names.
        keys: top keys of vars that hold secrets.
    """
    items = bool(secrets.find(foreach)) or (isinstance(foreach, str) and _reads(foreach, template=False, keys=keys))
    found = ["when"] if any(_reads(text, template=False, keys=keys) for text in when) else []
    if isinstance(foreach, str) and _derives(foreach, keys, template=False, items=False):
        found.append("foreach")
    for name, value in spec.items():
        if any(_derives(text.text, keys, template=True, items=items) for text in _templates(value)):
            found.append(name)
    if content is not None and _derives(content, keys, template=True, items=items):
        found.append("content")
    return found


def _reads(text: str, *, template: bool, keys: frozenset[str]) -> bool:
    if "secret:" in text:
        return True
    return any(
        path[0] == "vars" and (len(path) == 1 or path[1] in keys or ALL in keys) for path in _paths(text, template)
    ) and bool(keys)


def _derives(text: str, keys: frozenset[str], *, template: bool, items: bool) -> bool:
    """Whether something is computed from a secret, or from a name that may stand for one."""
    if not (items or _reads(text, template=template, keys=keys)):
        return False
    return any(_computes(node) and _touches(node, keys, items=items) for node in _all(text, template))


def _computes(node: nodes.Expression) -> bool:
    if isinstance(node, nodes.Filter):
        return node.name not in _PASSING
    if isinstance(node, nodes.Method):
        return node.name not in _PASSING_METHODS
    return isinstance(node, nodes.Slice | nodes.Binary | nodes.Compare | nodes.Call)


def _touches(node: nodes.Expression, keys: frozenset[str], *, items: bool) -> bool:
    todo = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, nodes.Attribute | nodes.Item) and isinstance(each.node, nodes.Name):
            key = each.name if isinstance(each, nodes.Attribute) else getattr(each.key, "value", None)
            if each.node.name == "vars":
                if key is None or key in keys:
                    return True
                todo += [] if isinstance(each, nodes.Attribute) else [each.key]
                continue
        if isinstance(each, nodes.Name) and (
            each.name == "vars" or (each.name == "item" and items) or each.name not in _ROOTS
        ):
            return True
        if isinstance(each, nodes.Literal) and isinstance(each.value, str) and "secret:" in each.value:
            return True
        todo += children(each)
    return False


def _all(text: str, template: bool) -> Iterator[nodes.Expression]:  # noqa: FBT001 - the analysis's own word
    from schema.expressions.grammar import parse_expression
    from schema.expressions.walking import expressions as below

    try:
        yield from below(parse_template(text).body) if template else walk(parse_expression(text))
    except (ExpressionError, RecursionError):  # it fails on the host; there is nothing it reads
        return


def _templates(value: Any) -> Iterator[_Text]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if has_tags(item):
                yield _Text(item, template=True)
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item


@lru_cache(maxsize=16_384)
def _paths(text: str, template: bool) -> tuple[Path, ...]:  # noqa: FBT001 - the analysis's own word
    """Each path that a text asks for, as often as it does, as far as it is written out."""
    analysis = expressions.analyse(text, template=template, roots=_ROOTS)
    found = [_fixed(use.path) for use in analysis.paths]
    # The keys of an open map may have dots, at which what `has_trait` asks about is split.
    found += [path[:2] if path[1:2] in _OPEN else path for path in map(_fixed, (use.path for use in analysis.asked))]
    found += [_ASKED[word.name] for word in analysis.functions if word.name in _ASKED]
    if sum(word.name == "has_trait" for word in analysis.functions) > len(analysis.asked):
        found.append(("traits",))  # what it asks about is computed
    return tuple(found)


def _fixed(path: expressions.Path) -> Path:
    fixed: list[str] = []
    for part in path:
        if part == EACH or not isinstance(part, str):
            break
        fixed.append(part)
    return tuple(fixed)


@lru_cache(maxsize=16_384)
def _passed_on(text: str) -> tuple[Path, ...]:
    """The paths below `host.hostname` and `traits` that a template puts out as they are."""
    try:
        body = parse_template(text).body
    except (ExpressionError, RecursionError):
        return ()
    found: list[Path] = []
    todo: list[Any] = list(body)
    while todo:
        each = todo.pop()
        if isinstance(each, nodes.Output):
            path = _written(each.node)
            if path == HOSTNAME or path[:1] in (("traits",), (USER,)):
                found.append(path)
        elif isinstance(each, nodes.If):
            todo += [inner for _, branch in each.branches for inner in branch] + list(each.otherwise)
        elif isinstance(each, nodes.For):
            todo += [*each.body, *each.otherwise]
    return tuple(found)


def _written(node: nodes.Expression) -> Path:
    keys: list[str] = []
    while isinstance(node, nodes.Attribute):
        keys.append(node.name)
        node = node.node
    return (node.name, *reversed(keys)) if isinstance(node, nodes.Name) and keys else ()


def _begins(path: Path, with_: Path) -> bool:
    return path[: len(with_)] == with_


def _overlap(one: Path, other: Path) -> bool:
    return _begins(one, other) or _begins(other, one)
