"""What an expression or template would ask for, found without evaluating it.

`analyse` gives every path below `vars`, `traits`, `host` and the other roots, with its place, and every complaint about
words that do not exist. It knows local names (`for`, `set`), follows them to the paths they stand for, and knows which
paths are *guarded*: where the text itself provides for their absence. Whether a path exists is the caller's to judge.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schema.expressions import nodes
from schema.expressions.errors import ExpressionError
from schema.expressions.functions import CLOCK_FUNCTIONS, TRAIT_FUNCTIONS
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template
from schema.expressions.tokens import has_tags
from schema.expressions.vocabulary import TESTING, complaints
from schema.expressions.walking import children

RESOURCE_ROOTS: Final = frozenset({"vars", "traits", "item", "host"})
"""Names that an expression of a resource or crate may begin with."""
TASK_ROOTS: Final = frozenset({"params", "traits", "host"})
WORKFLOW_ROOTS: Final = frozenset({"inputs", "steps"})

EACH: Final = "[]"
"""In a path: every item of a list, or every value of a map."""

Path = tuple[str | int, ...]
"""`("vars", "vhosts", EACH, "name")`: root first."""

_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "cycle"}
)
_SAME_ITEMS: Final = frozenset({"sort", "unique", "reverse", "list", *TESTING})
_PAIRS: Final = frozenset({"items", "dictsort"})


class PathUse(NamedTuple):
    """One place that asks for a path. Lines and columns count from 1, within the text."""

    path: Path
    line: int
    column: int
    guarded: bool
    """Its absence is provided for: `default`, `is defined`, or a condition (`has_trait`, `is defined`) around it."""

    @property
    def dotted(self) -> str:
        """The path as people write it."""
        return ".".join(map(str, self.path)).replace(f".{EACH}", EACH)


class Problem(NamedTuple):
    """A word that is not of the language, or a text that is not."""

    line: int
    column: int
    message: str
    hint: str


class Word(NamedTuple):
    """A filter, test, function or method, and where it stands."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that can be known about a text without evaluating it."""

    paths: tuple[PathUse, ...] = ()
    filters: tuple[Word, ...] = ()
    tests: tuple[Word, ...] = ()
    functions: tuple[Word, ...] = ()
    asked: tuple[PathUse, ...] = ()
    """Paths that `has_trait('…')` asks about; never an error when absent, perhaps one when nothing declares them."""
    unknown: tuple[Word, ...] = ()
    """Names that are neither roots nor local."""
    problems: tuple[Problem, ...] = ()
    proves: frozenset[Path] = frozenset()
    """Paths that are there whenever this expression is true: what a `when` guards."""

    @property
    def needs_host(self) -> bool:
        """Whether only the host can evaluate it, given its vars: it uses traits or a function that asks the host."""
        return any(use.path[0] == "traits" for use in self.paths) or any(
            word.name not in ("range", "version_ge") for word in self.functions
        )

    @property
    def needs_clock(self) -> bool:
        """Whether what it gives changes with time alone."""
        return any(word.name in CLOCK_FUNCTIONS for word in self.functions)

    @property
    def needs_traits(self) -> bool:
        """Whether it reads traits, by path or through a function."""
        return any(use.path[0] == "traits" for use in self.paths) or any(
            word.name in TRAIT_FUNCTIONS for word in self.functions
        )


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
    if template and not has_tags(text):
        return Analysis()
    walk = _Walk([0, *(found.end() for found in re.finditer("\n", text))], roots, given)
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


@dataclass(frozen=True, slots=True)
class _Local:
    """A local name: the path it stands for, where it stands for one, and a number that tells it from its namesakes."""

    number: int
    path: Path | None
    certain: bool = True
    """Set on every way to here."""
    loop: bool = False


@dataclass(slots=True)
class _Walk:
    lines: list[int]
    """Offsets at which lines begin."""
    roots: frozenset[str]
    given: frozenset[Path]
    paths: list[PathUse] = field(default_factory=list)
    filters: list[Word] = field(default_factory=list)
    tests: list[Word] = field(default_factory=list)
    functions: list[Word] = field(default_factory=list)
    asked: list[PathUse] = field(default_factory=list)
    unknown: list[Word] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: dict[str, _Local] = field(default_factory=dict)
    facts: frozenset[Path] = frozenset()
    """Written paths that are known to be there; those of locals begin with the local's number."""
    count: int = 0

    # statements

    def body(self, body: nodes.Body) -> None:
        for statement in body:
            if isinstance(statement, nodes.Output):
                self.expression(statement.node)
            elif isinstance(statement, nodes.Assign):
                self.expression(statement.value)
                single = self.path(statement.value) if not statement.unpack else None
                for target in statement.targets:
                    self.bind(target, single)
            elif isinstance(statement, nodes.If):
                self.if_(statement)
            elif isinstance(statement, nodes.For):
                self.for_(statement)

    def if_(self, node: nodes.If) -> None:
        before, facts = dict(self.names), self.facts
        ends: list[dict[str, _Local]] = []
        for test, body in node.branches:
            self.expression(test)
            reached = self.facts
            self.facts = reached | self.facts_of(test, holds=True)
            self.body(body)
            ends.append(self.names)
            self.names = dict(before)
            self.facts = reached | self.facts_of(test, holds=False)
        self.body(node.otherwise)
        ends.append(self.names)
        self.names, self.facts = self._joined(ends), facts

    def _joined(self, ends: list[dict[str, _Local]]) -> dict[str, _Local]:
        """The names behind branches: what differs between them stands for no path any more."""
        joined: dict[str, _Local] = {}
        for name in {name for end in ends for name in end}:
            found = [end.get(name) for end in ends]
            first = found[0]
            if first is not None and all(local == first for local in found):
                joined[name] = first
            else:
                self.count += 1
                certain = all(local is not None and local.certain for local in found)
                joined[name] = _Local(self.count, None, certain)
        return joined

    def for_(self, node: nodes.For) -> None:
        self.expression(node.iterable)
        outer, facts = dict(self.names), self.facts
        items, pairs = self._items(node.iterable)
        for place, target in enumerate(node.targets):
            whole = items is not None and (not pairs if not node.unpack else pairs and place == 1)
            self.bind(target, items if whole else None)
        if node.condition is not None:
            self.expression(node.condition)
            self.facts |= self.facts_of(node.condition, holds=True)
        self.bind("loop", None, loop=True)
        self.body(node.body)
        self.names, self.facts = dict(outer), facts
        self.body(node.otherwise)
        self.names = outer

    def _items(self, node: nodes.Expression) -> tuple[Path | None, bool]:
        """The path of the items that a loop over the node gives, and whether they come as the second of pairs."""
        if isinstance(node, nodes.Filter) and node.name in _SAME_ITEMS:
            return self._items(node.node)
        if isinstance(node, nodes.Filter | nodes.Method) and node.name in _PAIRS:
            path = self.path(node.node)
            return ((*path, EACH) if path is not None else None), True
        path = self.path(node.node if isinstance(node, nodes.Method) and node.name == "values" else node)
        return ((*path, EACH) if path is not None else None), False

    def bind(self, name: str, path: Path | None, *, loop: bool = False) -> None:
        self.count += 1
        self.names[name] = _Local(self.count, path, loop=loop)

    # expressions

    def expression(self, node: nodes.Expression, *, guarded: bool = False) -> None:
        """Record all that the node asks for. `guarded`: its own absence is provided for."""
        if isinstance(node, nodes.Name | nodes.Attribute | nodes.Item):
            self._path_use(node, guarded)
        elif isinstance(node, nodes.Logic):
            before = self.facts
            for part in node.parts:
                self.expression(part)
                self.facts |= self.facts_of(part, holds=node.operator == "and")
            self.facts = before
        elif isinstance(node, nodes.Conditional):
            self._conditional(node, guarded)
        else:
            self._word(node)
            provides = (isinstance(node, nodes.Filter) and node.name in ("default", "d")) or (
                isinstance(node, nodes.Test) and node.name in ("defined", "undefined")
            )
            below = children(node)
            for place, child in enumerate(below):
                self.expression(child, guarded=provides and place == 0)

    def _conditional(self, node: nodes.Conditional, guarded: bool) -> None:  # noqa: FBT001 - passed on
        self.expression(node.test)
        before = self.facts
        self.facts = before | self.facts_of(node.test, holds=True)
        self.expression(node.yes, guarded=guarded)
        self.facts = before | self.facts_of(node.test, holds=False)
        if node.no is not None:
            self.expression(node.no, guarded=guarded)
        self.facts = before

    def _word(self, node: nodes.Expression) -> None:
        for at, message, hint in complaints(node):
            self.problems.append(Problem(*self.place(at), message, hint))
        if isinstance(node, nodes.Filter):
            self.filters.append(self._placed(node.name, node.at))
            self._named_words(node)
        elif isinstance(node, nodes.Test):
            self.tests.append(self._placed(node.name, node.at))
        elif isinstance(node, nodes.Call):
            self.functions.append(self._placed(node.name, node.at))
            if (asked := _asked_trait(node)) is not None:
                self.asked.append(PathUse(asked, *self.place(node.at), guarded=True))

    def _named_words(self, node: nodes.Filter) -> None:
        """`map('upper')` uses upper, `select('odd')` uses odd."""
        place = TESTING.get(node.name, 0)
        if (node.name == "map" or node.name in TESTING) and len(node.arguments.positional) > place:
            named = node.arguments.positional[place]
            if isinstance(named, nodes.Literal) and isinstance(named.value, str):
                words = self.filters if node.name == "map" else self.tests
                words.append(self._placed(named.value, named.at))

    def _path_use(self, node: nodes.Name | nodes.Attribute | nodes.Item, guarded: bool) -> None:  # noqa: FBT001 - passed on
        base, written = self._written(node)
        if not isinstance(base, nodes.Name):
            self.expression(base)
            return
        name = base.name
        if (local := self.names.get(name)) is not None:
            if not (local.certain or guarded):
                self.problems.append(
                    Problem(*self.place(base.at), f"{name} is set in some branches only", "set it before")
                )
            if local.loop and written and written[0] not in _LOOP:
                self.problems.append(Problem(*self.place(node.at), f"loop has no {written[0]}", ""))
            if local.path is not None:
                self._add_use((*local.path, *written), node.at, guarded or self._known((local.number, *written)))
        elif name in self.roots:
            self._add_use((name, *written), node.at, guarded or self._known((name, *written)))
        else:
            self.unknown.append(self._placed(name, base.at))

    def _written(self, node: nodes.Expression) -> tuple[nodes.Expression, Path]:
        """What a path begins with, and its keys as far as they are written out. Keys that are computed are recorded."""
        keys: list[nodes.Attribute | nodes.Item] = []
        while isinstance(node, nodes.Attribute | nodes.Item):
            keys.append(node)
            node = node.node
        written: list[str | int] = []
        fixed = True
        for step in reversed(keys):
            if isinstance(step, nodes.Attribute):
                key: Any = step.name
            elif isinstance(step.key, nodes.Literal):
                key = step.key.value
            else:
                self.expression(step.key)
                fixed = False
                continue
            if fixed and isinstance(key, str | int):
                written.append(key)
        return node, tuple(written)

    def path(self, node: nodes.Expression) -> Path | None:
        """The path that a node stands for, where all of it is written out."""
        keys: list[str | int] = []
        while isinstance(node, nodes.Attribute | nodes.Item):
            if isinstance(node, nodes.Attribute):
                keys.append(node.name)
            elif isinstance(node.key, nodes.Literal) and isinstance(node.key.value, str | int):
                keys.append(node.key.value)
            else:
                return None
            node = node.node
        if not isinstance(node, nodes.Name):
            return None
        keys.reverse()
        if (local := self.names.get(node.name)) is not None:
            return (*local.path, *keys) if local.path is not None else None
        return (node.name, *keys) if node.name in self.roots else None

    def facts_of(self, node: nodes.Expression, *, holds: bool) -> set[Path]:
        """Written paths that must be there when the node is true (or, with `holds` false, when it is false)."""
        if isinstance(node, nodes.Unary) and node.operator == "not":
            return self.facts_of(node.node, holds=not holds)
        if isinstance(node, nodes.Logic):
            each = [self.facts_of(part, holds=holds) for part in node.parts]
            return set.union(*each) if (node.operator == "and") is holds else set.intersection(*each)
        if isinstance(node, nodes.Call):
            asked = _asked_trait(node)
            return {asked} if holds and asked is not None else set()
        if isinstance(node, nodes.Test) and node.name == ("defined" if holds else "undefined"):
            return self._fact(node.node)
        if isinstance(node, nodes.Filter) and node.name in ("default", "d") and holds and _falls_back_to_false(node):
            return self._fact(node.node)
        if isinstance(node, nodes.Compare) and holds and len(node.rest) == 1 and node.rest[0][0] == "in":
            # 'nginx' in traits.packages
            if isinstance(node.first, nodes.Literal) and isinstance(node.first.value, str):
                return self._fact(nodes.Item(node.at, node.rest[0][1], node.first))
        elif isinstance(node, nodes.Name | nodes.Attribute | nodes.Item) and holds:
            return self._fact(node)
        return set()

    def _fact(self, node: nodes.Expression) -> set[Path]:
        keys: list[str | int] = []
        while isinstance(node, nodes.Attribute | nodes.Item):
            key = node.name if isinstance(node, nodes.Attribute) else getattr(node.key, "value", None)
            if not isinstance(key, str | int):
                return set()
            keys.append(key)
            node = node.node
        if not isinstance(node, nodes.Name):
            return set()
        local = self.names.get(node.name)
        return {(local.number if local is not None else node.name, *reversed(keys))}

    def _known(self, written: Path) -> bool:
        """Whether the path, or one that it begins with, is known to be there."""
        known = self.facts | self.given
        return any(written[:length] in known for length in range(2, len(written) + 1))

    def _add_use(self, path: Path, at: int, guarded: bool) -> None:  # noqa: FBT001 - a field of the use
        self.paths.append(PathUse(path, *self.place(at), guarded))

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self.lines, at)
        return line, at - self.lines[line - 1] + 1

    def _placed(self, name: str, at: int) -> Word:
        return Word(name, *self.place(at))


def _asked_trait(node: nodes.Call) -> Path | None:
    positional = node.arguments.positional
    if node.name == "has_trait" and len(positional) == 1 and isinstance(positional[0], nodes.Literal):
        value = positional[0].value
        return ("traits", *value.split(".")) if isinstance(value, str) else None
    return None


def _falls_back_to_false(node: nodes.Filter) -> bool:
    """Whether `default` gives something false, so that a true value can only be the one that is there."""
    given = [*node.arguments.positional, *(item for name, item in node.arguments.named if name == "default_value")]
    return not given or (isinstance(given[0], nodes.Literal) and not given[0].value)
