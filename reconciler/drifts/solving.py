"""Solving: which value of one var makes a resource come to what was found.

A mark is put in the place of a text and the resource rendered with it: where the mark comes out as it went in, what
stands in that place of what was found is the text. Conditions, loops and filters that let a value through need no rule
of their own so; one that changes it (`upper`, arithmetic) loses the mark, and is not turned round. A number may also be
one that is new in what was found; what is true becomes false; an item of a list goes. Whatever is tried is rendered
once more, and is only a solution if that gives exactly what was found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from reconciler.drifts.inverses import Value
from reconciler.drifts.saying import Inputs, Speaker
from schema.expressions import Allowance, ExpressionError, has_tags
from schema.secrets import find

MAX_PLACES: Final = 400
"""Values of vars, and lists, that are tried for one attribute."""
MAX_ITEMS: Final = 100
"""Of a list in which something is tried for each."""
MAX_STEPS: Final = 3_000_000
"""Of all renderings for one resource: a few seconds on a slow core."""
_MARK: Final = "\ue000 zQ'\"&<\\ \ue001"
"""Of what a filter changes: both cases, quotes, what HTML and JSON write otherwise."""
_NUMBER: Final = 7_305_168_402_913
_NUMBERS: Final = re.compile(r"(?<![0-9])(?:0|-?[1-9][0-9]{0,17})(?![0-9])")
MAX_NUMBERS: Final = 20
UNORDERED: Final = frozenset({"members", "groups"})
"""Attributes that are lists of which the order says nothing."""

Path = tuple[str, ...]
"""Of a var, or of the list in it that is changed: keys alone."""
Spot = tuple[str | int, ...]
"""Of a value in vars or in a list: keys and numbers of items."""


class Edit(NamedTuple):
    """A value in place of another; of a list the whole of it."""

    before: Any
    value: Any


class Solution(NamedTuple):
    """One edit, and what the resource is rendered with after it."""

    root: str
    """`vars`, or `foreach` for a list that is written in the crate."""
    path: Path
    edit: Edit
    inputs: Inputs

    @property
    def resizes(self) -> bool:
        """Whether a list gets longer or shorter."""
        before, after = self.edit
        return isinstance(before, list) and isinstance(after, list) and len(before) != len(after)

    @property
    def written(self) -> int:
        """Characters that are new, of a list."""
        before, after = (Counter(map(repr, each)) if isinstance(each, list) else Counter() for each in self.edit)
        return sum(len(each) for each in (after - before).elements())


class Unsolved(Exception):
    """There is no solution, or more than one; the message says why."""


def matches(name: str, said: Any, value: Value) -> bool:
    """Whether an attribute that is rendered so is what was found."""
    if isinstance(value, bool) or isinstance(said, bool):
        return said is value
    if isinstance(value, list):
        listed = [said] if isinstance(said, str) else said
        if not isinstance(listed, list):
            return False
        texts = [str(each) for each in listed]
        return set(texts) == set(value) if name in UNORDERED else texts == value
    if said is None or isinstance(said, list | dict | tuple):
        return False
    return str(said) == value or (name == "mode" and str(said).lstrip("0") == value.lstrip("0"))


def solve(speaker: Speaker, inputs: Inputs, name: str, mark: str, value: Value, work: Allowance) -> Solution:
    """The one edit of a var, or of an item of a literal `foreach`, with which an attribute is what was found.

    Raises:
        Unsolved
    """
    search = _Search(speaker.within(work), inputs, name, mark, value, work)
    found: dict[tuple[str, Path, str], Solution] = {}
    for each in search.solutions():
        found.setdefault((each.root, each.path, repr(each.edit.value)), each)
    for resized in [each for each in found.values() if each.resizes]:
        # An element that came or went is a better word than another that holds two, or is written anew.
        for key, each in list(found.items()):
            if key[:2] == (resized.root, resized.path) and each.written > resized.written:
                del found[key]
    if not found:
        read = ", ".join(f"vars.{key}" for key in sorted(inputs.vars)) or "no var"
        source = f" ({speaker.source})" if name == "content" and speaker.source else ""
        raise Unsolved(
            f"{name}{source} is a template that reads {read}, and no single one of them, with one value or element"
            " changed, makes it what was found"
        )
    if len(found) > 1:
        meant = ", ".join(sorted({".".join((each.root, *each.path)) for each in found.values()}))
        raise Unsolved(f"{name} can be made what was found in more than one way, and none is guessed: {meant}")
    return next(iter(found.values()))


class _Search:
    def __init__(self, speaker: Speaker, inputs: Inputs, name: str, mark: str, value: Value, work: Allowance) -> None:
        self._work = work
        self._speaker = speaker
        self._inputs = inputs
        self._count = speaker.count(inputs)
        self._name = name
        self._mark = mark
        self._value = value
        self._numbers = self._new_numbers()

    def solutions(self) -> Iterator[Solution]:
        """All there are, each rendered and found right."""
        roots: dict[str, Any] = {"vars": self._inputs.vars}
        if self._inputs.foreach is not None:
            roots["foreach"] = self._inputs.foreach
        number = 0
        for root, whole in roots.items():
            for place, now in _places(whole, ()):
                number += 1
                if number > MAX_PLACES:
                    raise Unsolved(f"{self._name} reads more than {MAX_PLACES} values of vars")
                for then in self._tries(root, place, now):
                    made = self._with(root, place, then)
                    if self._is_so(made):
                        yield self._told(root, place, made)
                        if isinstance(now, list) and len(then) > len(now):
                            break  # where in the list it stands makes no difference: at its end

    def _tries(self, root: str, place: Spot, now: Any) -> Iterator[Any]:
        if isinstance(now, bool):
            yield not now
        elif isinstance(now, str | int):
            yield from self._filled(root, place, now, lambda mark: mark)
        elif isinstance(now, list) and len(now) <= MAX_ITEMS:
            for number in range(len(now)):
                yield [*now[:number], *now[number + 1 :]]
            if all(type(each) is str for each in now) or (now and all(type(each) is int for each in now)):
                for number in range(len(now), -1, -1):
                    like = now[0] if now else ""
                    yield from self._filled(root, place, like, partial(_inserted, now, number))

    def _filled(self, root: str, place: Spot, like: str | int, make: Callable[[Any], Any]) -> Iterator[Any]:
        """What `make` gives of the value that a mark stands for in what was found."""
        mark = _MARK if isinstance(like, str) else _NUMBER
        text = _between(self._said(self._with(root, place, make(mark))), str(mark), self._value)
        if isinstance(like, int):
            meant = [int(text)] if text is not None and _NUMBERS.fullmatch(text) else []
            yield from (make(number) for number in dict.fromkeys((*meant, *self._numbers)))
        # What has no line breaks gets none: they are the template's.
        elif text and not has_tags(text) and not find(text) and ("\n" not in text or "\n" in like):
            yield make(text)

    def _new_numbers(self) -> Sequence[int]:
        """The numbers in what was found that are not in what is rendered now.

        A mark does only where nothing compares it: a port that is below 1024 must stay so.
        """
        found, now = (
            Counter(_NUMBERS.findall("\n".join(text) if isinstance(text, list) else str(text)))
            for text in (self._value, self._said(self._inputs))
        )
        return [int(number) for number in (found - now)][:MAX_NUMBERS]

    def _with(self, root: str, place: Spot, value: Any) -> Inputs:
        whole = _put(self._inputs.vars if root == "vars" else self._inputs.foreach, place, value)
        return self._inputs._replace(**{root: whole})

    def _said(self, inputs: Inputs) -> Any:
        if self._work.left < 0:
            raise Unsolved(f"to find out which var makes {self._name} what was found takes too long")
        try:
            if self._speaker.count(inputs) != self._count:
                return None  # another item would be called as this one is
            return self._speaker.attribute(self._name, self._mark, inputs)
        except (ExpressionError, LookupError):
            return None

    def _is_so(self, inputs: Inputs) -> bool:
        return matches(self._name, self._said(inputs), self._value)

    def _told(self, root: str, place: Spot, made: Inputs) -> Solution:
        keys: list[str] = []
        for part in place:
            if isinstance(part, int):
                break
            keys.append(part)
        path = tuple(keys)
        before, after = (value_at(each.vars if root == "vars" else each.foreach, path) for each in (self._inputs, made))
        return Solution(root, path, Edit(before, after), made)


def value_at(whole: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys; None where there is none."""
    for part in path:
        if not isinstance(whole, Mapping) or part not in whole:
            return None
        whole = whole[part]
    return whole


def _inserted(items: Sequence[Any], number: int, value: Any) -> list[Any]:
    return [*items[:number], value, *items[number:]]


def _places(value: Any, at: Spot) -> Iterator[tuple[Spot, Any]]:
    """All scalars and lists in a value."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _places(each, (*at, key))
    elif isinstance(value, list):
        yield at, value
        for number, each in enumerate(value):
            yield from _places(each, (*at, number))
    elif not has_tags(str(value)):
        yield at, value


def _put(whole: Any, place: Spot, value: Any) -> Any:
    if not place:
        return value
    part, *rest = place
    if isinstance(whole, list):
        assert isinstance(part, int)
        return [*whole[:part], _put(whole[part], tuple(rest), value), *whole[part + 1 :]]
    return {**whole, part: _put(whole[part], tuple(rest), value)}


def _between(said: Any, mark: str, value: Value) -> str | None:
    """What stands where the mark does, so that the rest is what was found; None where there is no such text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, list):
        texts = [str(each) for each in said] if isinstance(said, list) else []
        marked = {each for each in texts if mark in each}
        left = Counter(value) - Counter(each for each in texts if mark not in each)
        if len(marked) != 1 or len(left) != 1:
            return None
        said, value = marked.pop(), next(iter(left))
    if isinstance(said, list | dict) or mark not in str(said):
        return None
    parts = str(said).split(mark)
    room, times = len(value) - sum(map(len, parts)), len(parts) - 1
    if room < 0 or room % times:
        return None
    start = len(parts[0])
    text = value[start : start + room // times]
    return text if text.join(parts) == value else None
