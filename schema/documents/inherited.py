"""`common.vgo`: what a directory and all below it inherit."""

from __future__ import annotations

from pydantic import Field

from schema.documents.base import Document, Names, Vars


class Inherited(Document):
    """One level of inheritance."""

    configcrates: Names = Field(default_factory=list)
    roles: Names = Field(default_factory=list)
    usercrates: Names = Field(default_factory=list)
    vars: Vars = Field(default_factory=dict)
    exclude_configcrates: Names = Field(default_factory=list)
