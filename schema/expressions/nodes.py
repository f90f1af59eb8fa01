"""The tree of a template. `at` is an offset in its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    at: int
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`node.name`"""

    at: int
    node: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """`node[key]`"""

    at: int
    node: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Slice:
    """`node[start:stop:step]`"""

    at: int
    node: Expression
    start: Expression | None
    stop: Expression | None
    step: Expression | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[a, b]` and `(a, b)`: both are lists here."""

    at: int
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """`{key: value}`"""

    at: int
    pairs: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Arguments:
    positional: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """`name(...)`: one of the language's functions."""

    at: int
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Method:
    """`node.name(...)`: one of the few methods of maps and strings."""

    at: int
    node: Expression
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Filter:
    """`node|name(...)`"""

    at: int
    node: Expression
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Test:
    """`node is name`"""

    at: int
    node: Expression
    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Unary:
    """`not`, `-` or `+`"""

    at: int
    operator: str
    node: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """`+ - * / // % **`"""

    at: int
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Concat:
    """`a ~ b ~ c`"""

    at: int
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`first < second <= third`; also `in` and `not in`."""

    at: int
    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` or `or`, of two or more."""

    at: int
    operator: str
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """`yes if test else no`"""

    at: int
    test: Expression
    yes: Expression
    no: Expression | None


Expression = (
    Literal
    | Name
    | Attribute
    | Item
    | Slice
    | Sequence
    | Map
    | Call
    | Method
    | Filter
    | Test
    | Unary
    | Binary
    | Concat
    | Compare
    | Logic
    | Conditional
)


@dataclass(frozen=True, slots=True)
class Data:
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    at: int
    node: Expression


@dataclass(frozen=True, slots=True)
class If:
    at: int
    branches: tuple[tuple[Expression, Body], ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class For:
    at: int
    targets: tuple[str, ...]
    unpack: bool
    """Whether each item is taken apart, also into one target: `for (a,) in …`."""
    iterable: Expression
    condition: Expression | None
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Assign:
    """`{% set name = value %}`"""

    at: int
    targets: tuple[str, ...]
    unpack: bool
    value: Expression


Statement = Data | Output | If | For | Assign
Body = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Template:
    text: str
    body: Body

    @property
    def single(self) -> Expression | None:
        """The expression, when the whole text is exactly one `{{ expression }}`."""
        if len(self.body) == 1 and isinstance(only := self.body[0], Output):
            return only.node if self.text.startswith("{{") and self.text.endswith("}}") else None
        return None
