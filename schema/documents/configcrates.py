"""Configcrates: the unit of configuration, and the resources in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schema.documents.base import Claims, Document, Expression, Names, Vars
from schema.shapes import Name, OneOrMany


class Resource(BaseModel):
    """What every resource may carry; the parameters of its type stand beside it, in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    type: str
    name: Name | None = None
    """By default its identity: the path, package ... it is about."""
    when: Expression | None = None
    foreach: Expression | list[Any] | None = None
    depends_on: OneOrMany[str] = Field(default_factory=list)
    before: OneOrMany[str] = Field(default_factory=list)
    notify: OneOrMany[str] = Field(default_factory=list)
    subscribes: OneOrMany[str] = Field(default_factory=list)
    on_removal: Literal["keep", "report", "revert"] = "keep"
    audit: bool = False
    """Drift is reported and never repaired."""


class Configcrate(Document):
    """One crate. The parameters of its resources are checked against `schema.resources`, each by its type."""

    name: Name
    description: str = ""
    vars: Vars = Field(default_factory=dict)
    """Defaults, seen by this crate alone and weaker than any other var."""
    depends_on: Names = Field(default_factory=list)
    when: Expression | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Parameters for each resource whose type has them."""
    compliance: Claims = Field(default_factory=dict)
    resources: list[Resource] = Field(default_factory=list)
