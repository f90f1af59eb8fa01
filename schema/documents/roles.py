"""`roles.vgo`: names for sets of configcrates."""

from __future__ import annotations

from schema.documents.base import Document, Names, Vars
from schema.shapes import Name


class RoleEntry(Document):
    """One role."""

    description: str = ""
    includes: Names = []
    """Other roles, whose crates come before and whose vars are weaker."""
    configcrates: Names = []
    vars: Vars = {}


class Roles(Document):
    """The roles of a repository."""

    roles: dict[Name, RoleEntry]
