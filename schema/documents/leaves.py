"""Leaves: files with match blocks, which say what applies to which hosts."""

from __future__ import annotations

from pydantic import Field

from schema.documents.base import Document, Names, Vars
from schema.shapes import Name


class MatchBlock(Document):
    """What applies to the hosts whose name matches, if no stronger block does."""

    match: str = Field(min_length=1, max_length=1000)
    """A host name, a glob (`*`, `?`, `[..]`), or `/a regular expression/`."""
    environment: Name | None = None
    roles: Names = Field(default_factory=list)
    configcrates: Names = Field(default_factory=list)
    usercrates: Names = Field(default_factory=list)
    vars: Vars = Field(default_factory=dict)
    exclude_configcrates: Names = Field(default_factory=list)


class Leaf(Document):
    """Any `.vgo` file with no other kind."""

    envoys: list[MatchBlock]
