"""All that is desired of one host, taken apart and checked, ready to be converged to.

What arrives is bytes: the assignment and the catalog, whose signatures `agent.acceptance` has verified, and objects by
digest. Here each piece is proven to be the one that the piece above it names. Nothing is rendered yet: `agent.plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from agent.sparing import Given
from schema import canonical
from schema.ids import sha256
from schema.protocol.desired import Assignment, Catalog, CrateObject, CrateRef, UsercrateObject

if TYPE_CHECKING:
    from agent.plan import Plan

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=CrateObject)

Load = Callable[[str], bytes]
"""From SHA-256 to bytes. Raises `LookupError` when they are not at hand."""


class DesiredUnreadable(Exception):
    """The pieces do not make one desired state: one is not that which was named, or in no form that we know."""


@dataclass(eq=False)
class Desired:
    """One host's desired state. Keep it between runs: it remembers what the last one worked out."""

    assignment: Assignment
    assignment_sha256: str
    catalog: Catalog
    crates: tuple[CrateObject, ...]
    """In the catalog's order."""
    hostname: str
    load: Load
    """Content of `catalog.content`, by digest."""
    secrets: Mapping[str, str] = field(repr=False)
    """Name → value, opened; those of `catalog.secrets` that are at hand."""
    usercrates: tuple[UsercrateObject, ...] = ()
    """In the catalog's order."""
    plan: Plan | None = field(default=None, repr=False)
    """What `agent.converge` worked out for it, once."""


def read(
    *, assignment: bytes, catalog: bytes, load: Load, hostname: str, secrets: Mapping[str, str] | None = None
) -> Desired:
    """The desired state that these bytes spell.

    Raises:
        DesiredUnreadable: a piece is not the one that was named, or not in a form that this agent knows.
        LookupError: a crate object is not at hand.
    """
    bound = _parse(Assignment, assignment, "the assignment")
    if sha256(catalog) != bound.catalog_sha256:
        raise DesiredUnreadable("the catalog is not the one that the assignment names")
    shared = _parse(Catalog, catalog, "the catalog")
    return Desired(
        assignment=bound,
        assignment_sha256=sha256(assignment),
        catalog=shared,
        crates=tuple(_object(CrateObject, ref, load, "crate") for ref in shared.crates),
        hostname=hostname,
        load=load,
        secrets=dict(secrets or {}),
        usercrates=tuple(_object(UsercrateObject, ref, load, "usercrate") for ref in shared.usercrates),
    )


def _object(model: type[C], ref: CrateRef, load: Load, what: str) -> C:
    data = load(ref.sha256)
    if sha256(data) != ref.sha256:
        raise DesiredUnreadable(f"the object of {what} {ref.name} is not the one that the catalog names")
    crate = _parse(model, data, f"{what} {ref.name}")
    given = Given()
    for resource in crate.resources:
        given.share(resource)
    if crate.name != ref.name:
        raise DesiredUnreadable(f"the object of {what} {ref.name} is that of {crate.name}")
    return crate


def _parse(model: type[M], data: bytes, what: str) -> M:
    try:
        return model.model_validate(canonical.loads(data))
    except canonical.NotCanonical as error:
        raise DesiredUnreadable(f"{what} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DesiredUnreadable(f"{what} is not in a form that this agent knows: {place}: {first['msg']}") from error
