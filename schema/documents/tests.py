"""`tests/**/*.vgo`: what the authors of a config repository hold to be true of its hosts.

Read by `vigo test`. No test decides what a host is to be: a tree means the same with and without them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schema.documents.base import Document, Names
from schema.shapes import Name, OneOrMany
from schema.time import from_rfc3339

SELECTORS: Final = ("match", "environment", "role", "configcrate")
"""Keys that choose match blocks; a block must fit all that are given."""


def _included(value: Any) -> Any:
    return {"include": value} if isinstance(value, str | list) else value


class Contained(Document):
    """What a list must hold. A bare list, or one bare name, is what it must include."""

    include: Names = []
    exclude: Names = []
    only: Names | None = None
    """Exactly these, in any order."""

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.include and not self.exclude and self.only is None:
            raise ValueError("say what it includes, excludes or holds only")
        return self


def _moment(value: str) -> str:
    try:
        from_rfc3339(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no RFC 3339 time, as 2026-03-13T02:30:00Z") from error
    return value


Moment = Annotated[str, AfterValidator(_moment)]
"""A time that is kept as it is written."""

Containment = Annotated[Contained, BeforeValidator(_included)]

Present = Literal["present", "absent"]


class Expected(Document):
    """What is expected of each host that a test is about."""

    matched: bool | None = None
    """`false`: no match block applies to the hosts by name; nothing else can be expected of them then."""
    environment: Name | Literal[""] | None = None
    """Empty: none."""
    roles: Containment | None = None
    """Of roles, those that others include count, too."""
    configcrates: Containment | None = None
    usercrates: Containment | None = None
    vars: dict[str, Any] = {}
    """Dotted path → a value, operators, or a map of what stands below."""
    resources: dict[str, Present | dict[str, Any]] = {}
    """`CRATE/NAME` or `TYPE:IDENTITY` → `present`, `absent`, or parameters with values or operators."""
    renders: Literal[True] | None = None
    """Every resource renders, with these traits, to what its type takes."""

    @model_validator(mode="after")
    def _nothing_else(self) -> Self:
        if self.matched is False and self.model_fields_set != {"matched"}:
            raise ValueError("of hosts that no block matches nothing else can be expected")
        return self


class Answers(Document):
    """What the host would say when an expression asks it."""

    file_exists: dict[str, bool] = {}
    dir_exists: dict[str, bool] = {}
    process_running: dict[str, bool] = {}
    command_succeeds: dict[str, bool] = {}
    now: Moment | None = None
    """The host's local time, as RFC 3339: `2026-03-13T02:30:00Z`."""


class HostTest(Document):
    """One test: some hosts, and what is expected of each."""

    name: str = Field(min_length=1, max_length=200)
    hosts: OneOrMany[str] | None = Field(default=None, min_length=1, max_length=10_000)
    """Names of hosts. Without them a test is about every match block that fits what follows."""
    match: str | None = Field(default=None, min_length=1, max_length=1000)
    """A pattern as in a match block: every block that may have a host whose name it matches."""
    environment: Name | None = None
    role: Name | None = None
    """Every block with this role, given or included by another."""
    configcrate: Name | None = None
    traits: dict[str, Any] = {}
    """Of these hosts, as far as they matter; null: a trait that they do not have."""
    answers: Answers = Answers()
    expect: Expected

    @model_validator(mode="after")
    def _about_hosts(self) -> Self:
        chosen = [key for key in SELECTORS if getattr(self, key) is not None]
        if self.hosts is None and not chosen:
            raise ValueError("say which hosts: hosts, match, environment, role or configcrate")
        if self.hosts is not None and chosen:
            raise ValueError(f"hosts names all of them: {chosen[0]} cannot stand beside it")
        if self.hosts is None and self.expect.matched is not None:
            raise ValueError("whether a block matches is asked of hosts by name")
        return self


class HostTests(Document):
    """The tests of one file."""

    tests: list[HostTest] = Field(min_length=1, max_length=10_000)
