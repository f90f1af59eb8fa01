"""`common.vgo`: what a directory and all below it inherit."""

from __future__ import annotations

from schema.documents.base import Document, Names, Vars


class Inherited(Document):
    """One level of inheritance."""

    configcrates: Names = []
    roles: Names = []
    usercrates: Names = []
    vars: Vars = {}
    exclude_configcrates: Names = []
