"""What a query runs with, the permission that each field asks for, and how long its texts may be."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import strawberry
from strawberry.extensions import FieldExtension

from api.http.described import first_paragraph
from api.services import explanations, traces
from api.services.envoys import Online
from api.services.graphs import MAX_AS_OF, NothingInForce
from api.services.work import Work
from schema.access import Permission
from schema.errors import Fault, Invalid

if TYPE_CHECKING:
    from reconciler.graph import Graph

MAX_TEXTS: Final[Mapping[str, int]] = {
    "hostname": explanations.MAX_NAME,
    "other": explanations.MAX_NAME,
    "subject": explanations.MAX_SUBJECT,
    "configcrate": traces.MAX_NAME,
    "usercrate": traces.MAX_NAME,
    "var": traces.MAX_NAME,
    "match": traces.MAX_PATTERN,
    "under": traces.MAX_PATH,
    "as_of": MAX_AS_OF,
    "other_as_of": MAX_AS_OF,
    "name": MAX_AS_OF,
    "rev": MAX_AS_OF,
    "base": MAX_AS_OF,
    "version": MAX_AS_OF,
}
"""Characters of an argument of this name, as its REST twin has it."""
MAY_BE_EMPTY: Final = frozenset({"under"})


class BadText(Invalid):
    """An argument is empty, or longer than it may be."""

    code = "graphql.bad_text"


@dataclass(frozen=True, slots=True)
class Context:
    """One query's: a single read of the database, what was in force and connected when it began, and what was answered
    ahead of it."""

    work: Work
    graph: Graph | None
    online: Online
    others: Mapping[str, Graph | Fault] = field(default_factory=dict)
    """The graph of each revision that the query names, or why there is none: see `as_of`."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """By the field's name in the answer; an exception where there is none: see `ahead`."""
    unreadable: str = ""
    """Why the followed repository cannot be read; empty while it can."""

    def graph_at(self, as_of: str | None = None) -> Graph:
        """The graph in force, or as of what an argument of the query says.

        Raises:
            NothingInForce; with `as_of`, those of `graphs.FAULTS`.
        """
        return graph_among(self.graph, self.others, as_of)


Info = strawberry.Info[Context, None]


def graph_among(in_force: Graph | None, others: Mapping[str, Graph | Fault], as_of: str | None) -> Graph:
    """The graph in force, or as of what an argument of the query says.

    Raises:
        NothingInForce; with `as_of`, those of `graphs.FAULTS`.
    """
    found = others[as_of] if as_of is not None else in_force
    if isinstance(found, Fault):
        raise found
    if found is None:
        raise NothingInForce("no commit is in force yet")
    return found


def check_texts(arguments: Mapping[str, Any]) -> None:
    """Every text among a field's arguments, by their names in Python, is as long as it may be.

    Raises:
        BadText: one is not.
    """
    for name, value in arguments.items():
        most = MAX_TEXTS.get(name)
        if most is None or not isinstance(value, str):
            continue
        if len(value) > most or (not value and name not in MAY_BE_EMPTY):
            raise BadText(f"{name} has {'at most' if value else '1 to'} {most} characters")


class Guard(FieldExtension):
    """Lets a field be resolved only for those who have its permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission: Final = permission

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:
        """The field's value.

        Raises:
            NotAllowed: the caller lacks the permission. BadText
        """
        info.context.work.require(self.permission)
        check_texts(arguments)
        return next_(source, info, **arguments)


class Ahead(Guard):
    """The same for a root field that is answered before the query runs: it gives what is there."""

    def __init__(self, permission: Permission, answer: Callable[..., Awaitable[Any]], *, long: bool) -> None:
        super().__init__(permission)
        self.answer: Final = answer
        self.long: Final = long

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:  # noqa: ARG002
        """The field's value.

        Raises:
            NotAllowed: the caller lacks the permission. And what there is instead of an answer.
        """
        info.context.work.require(self.permission)
        found = info.context.answers[str(info.path.key)]
        if isinstance(found, Exception):
            raise found
        return found


def guarded(permission: Permission, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A field with a resolver that needs a permission. Its docstring is its description."""

    def declare(resolver: Callable[..., Any]) -> Any:
        return strawberry.field(
            resolver, extensions=[Guard(permission)], description=first_paragraph(resolver), **options
        )

    return declare


def ahead(
    permission: Permission, *, long: bool = False, **options: Any
) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """A root field that is awaited before the query runs, outside any transaction: for what takes more than a moment.

    Its async resolver takes an `ahead.Asking` for `self`.

    Args:
        long: it takes seconds; a query has few of these.
    """

    def declare(resolver: Callable[..., Awaitable[Any]]) -> Any:
        @functools.wraps(resolver)
        def declared(*_: Any, **__: Any) -> Any:  # to the schema it is not async: its extension has the value
            raise AssertionError("the extension answers")

        extension = Ahead(permission, resolver, long=long)
        return strawberry.field(declared, extensions=[extension], description=first_paragraph(resolver), **options)

    return declare


def computed(resolver: Callable[..., Any]) -> Any:
    """A field that its type's own data answers. Its docstring is its description."""
    return strawberry.field(resolver, description=first_paragraph(resolver))
