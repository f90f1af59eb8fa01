"""The words in which traits are declared."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class TraitType(StrEnum):
    """What stands at a path, in the words of the language."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    LIST = "list"
    MAP = "map"


class TraitInfo(NamedTuple):
    """One declared path."""

    type: TraitType
    summary: str
    always: bool = True
    """Present on every host, whatever it is. Below `*`: present wherever its parent is."""
    volatile: bool = False
    """Changes while nobody changes the host: left out of the digest that decides whether traits are sent again."""


class TraitClass(StrEnum):
    """How often a trait is read anew. All are after a run that changed something."""

    VOLATILE = "volatile"  # in each collection
    PERIODIC = "periodic"  # every ten minutes
    STABLE = "stable"  # every hour


class Section(NamedTuple):
    """One trait: the first segment of its paths, and one collector."""

    cls: TraitClass
    summary: str
    fresh_s: float | None = None
    """How old it may be when a run asks for it; None for what is usual in its class."""
