"""`environments.vgo`: environments, for a directory and all below it."""

from __future__ import annotations

from pydantic import Field

from schema.documents.base import Document, Names, Vars
from schema.shapes import Name


class Environment(Document):
    """What one environment adds, takes away and sets."""

    description: str = ""
    vars: Vars = Field(default_factory=dict)
    configcrates: Names = Field(default_factory=list)
    exclude_configcrates: Names = Field(default_factory=list)


class Environments(Document):
    """The environments of one level."""

    environments: dict[Name, Environment]
