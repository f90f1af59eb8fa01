"""`invariants.vgo`: what must be true of the fleet as a whole, at every moment of a rollout.

Each is about what hosts are to be, not about what they were last seen to be.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from schema.documents.base import Document, Expression
from schema.documents.tasks import Share
from schema.shapes import Name, OneOrMany

MAX_INVARIANTS: Final = 200
ROOTS: Final = frozenset({"vars", "traits", "host"})
"""What a `when` begins paths with."""
OF_HOST: Final = frozenset({"hostname", "environment", "roles", "configcrates", "tags"})
"""What stands below `host` there."""

Grouping = Annotated[
    str, StringConstraints(pattern=r"^(environment|tag|(traits|vars)(\.[A-Za-z0-9_][A-Za-z0-9_-]*)+)$", max_length=500)
]
"""`environment`, `tag`, `vars.datacentre` or `traits.os.family`."""


class Selector(Document):
    """Hosts that count: those that all of these fit."""

    match: str | None = Field(default=None, min_length=1, max_length=1000)
    """A pattern as in a match block."""
    environment: OneOrMany[Name] | None = Field(default=None, min_length=1, max_length=100)
    role: Name | None = None
    """Hosts with this role, given or included by another."""
    configcrate: Name | None = None
    tag: OneOrMany[Name] | None = Field(default=None, min_length=1, max_length=100)
    """Hosts with at least one of these tags."""
    when: Expression | None = None
    """Over `vars`, `traits` (as last seen) and `host`: hostname, environment, roles, configcrates, tags."""


class Invariant(Document):
    """One assertion over hosts."""

    name: Name
    message: str = Field(default="", max_length=1000)
    """What is wrong when it does not hold."""
    for_each: Grouping | None = None
    """Holds for each group of hosts that have the same value there, by itself; for the whole fleet when not given."""
    where: Selector = Selector()
    at_least: Share | None = None
    at_most: Share | Annotated[int, Field(ge=0)] | None = None
    exactly: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None and self.exactly is None:
            raise ValueError("say how many: at_least, at_most or exactly")
        if self.exactly is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("exactly stands alone")
        low, high = self.at_least, self.at_most
        if isinstance(low, int) and isinstance(high, int) and low > high:
            raise ValueError(f"no number is at least {low} and at most {high}")
        return self


class Invariants(Document):
    """The invariants of a repository."""

    invariants: list[Invariant] = Field(min_length=1, max_length=MAX_INVARIANTS)
