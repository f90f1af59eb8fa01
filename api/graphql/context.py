"""What a query runs with, and the permission that each field asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import strawberry
from strawberry.extensions import FieldExtension

from api.graphql.limits import QueryRefused
from api.services.envoys import Online
from api.services.graphs import NothingInForce
from api.services.work import Work
from schema.access import Permission
from schema.errors import Fault

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

MAX_LONG: Final = 2
"""Answers that take seconds, of one query: it holds a reader of the database meanwhile."""


@dataclass(frozen=True, slots=True)
class Context:
    """One query's: a single read of the database, and what was in force and connected when it began."""

    work: Work
    graph: Graph | None
    online: Online
    others: Mapping[str, Graph | Fault] = field(default_factory=dict)
    """The graph of each revision that the query names, or why there is none: see `as_of`."""
    services: Services | None = None
    """For answers that take long; the endpoint's context has them."""
    long: list[str] = field(default_factory=list)
    """Answers that take long and that the query has had so far."""

    def graph_at(self, as_of: str | None = None) -> Graph:
        """The graph in force, or as of what an argument of the query says.

        Raises:
            NothingInForce; with `as_of`, those of `graphs.FAULTS`.
        """
        found = self.others[as_of] if as_of is not None else self.graph
        if isinstance(found, Fault):
            raise found
        if found is None:
            raise NothingInForce("no commit is in force yet")
        return found

    def begin_long(self, what: str) -> Services:
        """What one that takes long is answered with; `what` is its field.

        Raises:
            QueryRefused: the query has had as many as it may.
        """
        self.long.append(what)
        if len(self.long) > MAX_LONG:
            raise QueryRefused(
                f"the query asks for more than {MAX_LONG} answers that take long: {', '.join(self.long)}"
            )
        assert self.services is not None
        return self.services


Info = strawberry.Info[Context, None]


class Guard(FieldExtension):
    """Lets a field be resolved only for those who have its permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission: Final = permission

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:
        """The field's value.

        Raises:
            NotAllowed: the caller lacks the permission.
        """
        info.context.work.require(self.permission)
        return next_(source, info, **arguments)


def guarded(permission: Permission, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A field with a resolver that needs a permission. Its docstring is its description."""

    def declare(resolver: Callable[..., Any]) -> Any:
        return strawberry.field(resolver, extensions=[Guard(permission)], description=_first(resolver), **options)

    return declare


def computed(resolver: Callable[..., Any]) -> Any:
    """A field that its type's own data answers. Its docstring is its description."""
    return strawberry.field(resolver, description=_first(resolver))


def _first(resolver: Callable[..., Any]) -> str:
    return " ".join((resolver.__doc__ or "").split("\n\n")[0].split())
