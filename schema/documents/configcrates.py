"""Configcrates: the unit of configuration, and the resources in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

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
    depends_on: OneOrMany[str] = []
    before: OneOrMany[str] = []
    notify: OneOrMany[str] = []
    subscribes: OneOrMany[str] = []
    on_removal: Literal["keep", "report", "revert"] = "keep"


class Configcrate(Document):
    """One crate. The parameters of its resources are checked against `schema.resources`, each by its type."""

    name: Name
    description: str = ""
    vars: Vars = {}
    """Defaults, seen by this crate alone and weaker than any other var."""
    depends_on: Names = []
    when: Expression | None = None
    defaults: dict[str, Any] = {}
    """Parameters for each resource whose type has them."""
    compliance: Claims = {}
    resources: list[Resource] = []
