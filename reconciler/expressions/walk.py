"""The walk over a tree that collects what it asks for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from reconciler.expressions.uses import EACH, Path, PathUse, Problem, Word
from schema.expressions import nodes
from schema.expressions.vocabulary import ATTRIBUTES, TESTING, complaints
from schema.expressions.walking import children

_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "cycle"}
)
_SAME_ITEMS: Final = frozenset({"sort", "unique", "reverse", "list", *TESTING})
_PATHS: Final = (nodes.Name, nodes.Attribute, nodes.Item)
_STEPS: Final = (nodes.Attribute, nodes.Item)
_KEYS: Final = (str, int)
"""What is asked for each node; a union would be made anew each time."""
_PAIRS: Final = frozenset({"items", "dictsort"})


@dataclass(frozen=True, slots=True)
class _Local:
    """A local name: the path it stands for, where it stands for one, and a number that tells it from its namesakes."""

    number: int
    path: Path | None
    provided: int = 0
    """How much of that path may be absent where the name was set: its text is read only where it is not."""
    certain: bool = True
    """Set on every way to here."""
    loop: bool = False


class _Stands(NamedTuple):
    """The path that an expression stands for."""

    path: Path
    provided: int
    """How many of its parts may be absent here."""


@dataclass(slots=True)
class Walk:
    """One walk over one tree; what it finds is in its lists."""

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
                joined[name] = _Local(self.count, None, certain=certain)
        return joined

    def for_(self, node: nodes.For) -> None:
        self.expression(node.iterable)
        outer, facts = dict(self.names), self.facts
        items, pairs = self._items(node.iterable)
        for place, target in enumerate(node.targets):
            whole = items is not None and (not pairs if not node.unpack else pairs and place == 1)
            self.bind(target, items if whole else None)
        self.facts |= self._chosen(node.iterable, node.targets[0]) if not node.unpack else frozenset()
        if node.condition is not None:
            self.expression(node.condition)
            self.facts |= self.facts_of(node.condition, holds=True)
        self.bind("loop", None, loop=True)
        self.body(node.body)
        self.names, self.facts = dict(outer), facts
        self.body(node.otherwise)
        self.names = outer

    def _items(self, node: nodes.Expression) -> tuple[_Stands | None, bool]:
        """What the items of a loop over the node stand for, and whether they come as the second of pairs."""
        if isinstance(node, nodes.Filter) and node.name in _SAME_ITEMS:
            return self._items(node.node)
        if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
            found, pairs = self._items(node.node)
            return (found._replace(provided=len(found.path) - 1) if found is not None else None), pairs
        pairs = isinstance(node, nodes.Filter | nodes.Method) and node.name in _PAIRS
        if pairs or (isinstance(node, nodes.Method) and node.name == "values") or isinstance(node, nodes.Slice):
            assert isinstance(node, nodes.Filter | nodes.Method | nodes.Slice)
            node = node.node
        found = self.path(node)
        return (found._replace(path=(*found.path, EACH)) if found is not None else None), pairs

    def _chosen(self, node: nodes.Expression, target: str) -> frozenset[Path]:
        """What `selectattr('key', 'defined')` on the way to a loop says about each item."""
        facts: set[Path] = set()
        while isinstance(node, nodes.Filter) and node.name in _SAME_ITEMS:
            given = [item.value for item in node.arguments.positional if isinstance(item, nodes.Literal)]
            if node.name == "selectattr" and given[1:] == ["defined"]:
                facts.add((self.names[target].number, *str(given[0]).split(".")))
            node = node.node
        return frozenset(facts)

    def bind(self, name: str, stands: _Stands | None, *, loop: bool = False) -> None:
        self.count += 1
        path, provided = stands if stands is not None else (None, 0)
        self.names[name] = _Local(self.count, path, provided, loop=loop)

    # expressions

    def expression(self, node: nodes.Expression, *, guarded: bool = False) -> None:
        """Record all that the node asks for. `guarded`: its own absence is provided for."""
        if isinstance(node, _PATHS):
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
        self._complain(node)
        if isinstance(node, nodes.Filter):
            self.filters.append(self._placed(node.name, node.at))
            self._named_words(node)
            self._attributes(node)
        elif isinstance(node, nodes.Test):
            self.tests.append(self._placed(node.name, node.at))
        elif isinstance(node, nodes.Call):
            self.functions.append(self._placed(node.name, node.at))
            if (asked := _asked_trait(node)) is not None:
                self.asked.append(PathUse(asked, *self.place(node.at), len(asked)))

    def _complain(self, node: nodes.Expression) -> None:
        for at, message, hint in complaints(node):
            self.problems.append(Problem(*self.place(at), message, hint))

    def _attributes(self, node: nodes.Filter) -> None:
        """`map(attribute='name')` asks every item for its name."""
        place = ATTRIBUTES.get(node.name)
        if place is None:
            return
        positional, named = node.arguments.positional, dict(node.arguments.named)
        given = positional[place] if len(positional) > place else named.get("attribute")
        if node.name == "map" and positional:
            return
        items, pairs = self._items(node.node)
        if items is None or pairs or not isinstance(given, nodes.Literal) or not isinstance(given.value, str):
            return
        tested = [item.value for item in positional[place + 1 :] if isinstance(item, nodes.Literal)][:1]
        provides = "default" in named or (node.name in TESTING and tested in (["defined"], ["undefined"]))
        for attribute in given.value.split(",") if node.name == "sort" else [given.value]:
            keys = tuple(int(key) if key.isdigit() else key for key in attribute.strip().split("."))
            path = (*items.path, *keys)
            self._add_use(path, given.at, len(path) if provides else items.provided)

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
                path = (*local.path, *written)
                self._add_use(path, node.at, len(path) if guarded else self._provided(local, written))
        elif name in self.roots:
            path = (name, *written)
            self._add_use(path, node.at, len(path) if guarded else self._known(path))
        else:
            self.unknown.append(self._placed(name, base.at))

    def _written(self, node: nodes.Expression) -> tuple[nodes.Expression, Path]:
        """What a path begins with, and its keys as far as they are written out. Keys that are computed are recorded."""
        keys: list[nodes.Attribute | nodes.Item] = []
        while isinstance(node, _STEPS):
            keys.append(node)
            node = node.node
        written: list[str | int] = []
        fixed = True
        for step in reversed(keys):
            if isinstance(step, nodes.Attribute):
                key: Any = step.name
                if "__" in key:  # nothing else is wrong with a key
                    self._complain(step)
            elif isinstance(step.key, nodes.Literal):
                key = step.key.value
            else:
                self.expression(step.key)
                fixed = False
                continue
            if fixed and isinstance(key, _KEYS):
                written.append(key)
        return node, tuple(written)

    def path(self, node: nodes.Expression) -> _Stands | None:
        """The path that a node stands for, where all of it is written out, and how much of it may be absent."""
        keys: list[str | int] = []
        while isinstance(node, _STEPS):
            if isinstance(node, nodes.Attribute):
                keys.append(node.name)
            elif isinstance(node.key, nodes.Literal) and isinstance(node.key.value, _KEYS):
                keys.append(node.key.value)
            else:
                return None
            node = node.node
        if not isinstance(node, nodes.Name):
            return None
        written = tuple(reversed(keys))
        if (local := self.names.get(node.name)) is not None:
            return _Stands((*local.path, *written), self._provided(local, written)) if local.path is not None else None
        path = (node.name, *written)
        return _Stands(path, self._known(path)) if node.name in self.roots else None

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
        elif isinstance(node, _PATHS) and holds:
            return self._fact(node)
        return set()

    def _fact(self, node: nodes.Expression) -> set[Path]:
        keys: list[str | int] = []
        while isinstance(node, _STEPS):
            key = node.name if isinstance(node, nodes.Attribute) else getattr(node.key, "value", None)
            if not isinstance(key, _KEYS):
                return set()
            keys.append(key)
            node = node.node
        if not isinstance(node, nodes.Name):
            return set()
        local = self.names.get(node.name)
        return {(local.number if local is not None else node.name, *reversed(keys))}

    def _provided(self, local: _Local, written: Path) -> int:
        """How many parts of a local's path, and of the keys behind it, may be absent."""
        assert local.path is not None
        known = self._known((local.number, *written))
        return len(local.path) - 1 + known if known else local.provided

    def _known(self, written: Path) -> int:
        """How many parts of a written path are known to be there; of a root alone, none."""
        if not self.facts and not self.given:
            return 0
        known = self.facts | self.given
        return next((length for length in range(len(written), 1, -1) if written[:length] in known), 0)

    def _add_use(self, path: Path, at: int, provided: int) -> None:
        self.paths.append(PathUse(path, *self.place(at), provided))

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
