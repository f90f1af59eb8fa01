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
from reconciler.expressions import EACH, secrecy
from schema import secrets
from schema.expressions import ExpressionError, has_tags, nodes
from schema.expressions.statements import parse_template
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
_ROOTS: Final = expressions.RESOURCE_ROOTS | {USER}


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
    when: Iterable[str], foreach: Any, spec: Mapping[str, Any], content: str | None, vars_: Mapping[str, Any]
) -> list[str]:
    """Attributes that do something with a secret's value, which nobody has here. `when` and `foreach` may be among
    them.

    Args:
        content: the template that its source names.
    """
    known: dict[str, Any] = {"vars": vars_}
    found = ["when"] if any(_secrets_in(text, known) for text in when) else []
    items = _secrets_in(foreach, known) if isinstance(foreach, str) else sorted(secrets.find(foreach))
    if isinstance(foreach, str) and secrecy.derived(foreach, known, template=False):
        found.append("foreach")
    if items:  # which of them an item holds is not asked: all of them, at any of its keys
        known["item"] = " ".join(f"secret:{name}" for name in items)
    found += [name for name, value in spec.items() if secrecy.derived_in(value, known)]
    if content is not None and secrecy.derived(content, known, template=True):
        found.append("content")
    return found


def _secrets_in(expression: str, known: secrecy.Known) -> list[str]:
    return secrecy.secrets_read(expression, expressions.analyse(expression, template=False, roots=_ROOTS), known)


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
