"""Accounts: who is known on the host, and what they may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "users": TraitInfo(_MAP, "Accounts of the host's own files, by name"),
    "users.*.uid": TraitInfo(_INT, "User id"),
    "users.*.gid": TraitInfo(_INT, "Id of the primary group"),
    "users.*.home": TraitInfo(_STRING, "Home directory"),
    "users.*.shell": TraitInfo(_STRING, "Login shell"),
    "users.*.groups": TraitInfo(_LIST, "Supplementary groups by name, sorted"),
}
