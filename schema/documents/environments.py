"""`environments.vgo`: environments, for a directory and all below it."""

from __future__ import annotations

from schema.documents.base import Document, Names, Vars
from schema.shapes import Name


class Environment(Document):
    """What one environment adds, takes away and sets."""

    description: str = ""
    vars: Vars = {}
    configcrates: Names = []
    exclude_configcrates: Names = []


class Environments(Document):
    """The environments of one level."""

    environments: dict[Name, Environment]
