"""Usercrates: crates that are applied once per Unix user of a host."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from schema.documents.configcrates import Configcrate
from schema.shapes import OneOrMany

UserPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*?\[\]!-]+$", max_length=128)]
"""A user's name, or a glob over names (`*`, `?`, `[..]`)."""


class Usercrate(Configcrate):
    """One usercrate: the shape of a configcrate, and for which users it is."""

    users: OneOrMany[UserPattern] = Field(default_factory=list)
    """Only users whose names match one of these; empty: every user with a login shell and a home."""
    include_root: bool = False
    """Also for root, who is otherwise left out."""
