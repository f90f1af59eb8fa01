"""`roles.vgo`: names for sets of configcrates."""

from __future__ import annotations

from pydantic import Field

from schema.documents.base import Document, Names, Vars
from schema.shapes import Name


class RoleEntry(Document):
    """One role."""

    description: str = ""
    includes: Names = Field(default_factory=list)
    """Other roles, whose crates come before and whose vars are weaker."""
    configcrates: Names = Field(default_factory=list)
    vars: Vars = Field(default_factory=dict)


class Roles(Document):
    """The roles of a repository."""

    roles: dict[Name, RoleEntry]
