"""Software: what is installed, from where, and what there would be newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "packages": TraitInfo(_MAP, "Installed packages by name; empty where no package manager is known"),
    "packages.*": TraitInfo(_STRING, "The installed version", always=False),
}
