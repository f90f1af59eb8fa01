"""Traits: what a host can say about itself, path by path.

The agent's collectors (`agent/traits/<first segment>.py`) fill these paths and no others; the compiler checks every
`traits.…` path of an expression against them. A path that is not always present needs `default` or `has_trait`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from schema.traits import accounts, machine, security, software, system
from schema.traits.sections import SECTIONS
from schema.traits.types import Section, TraitClass, TraitInfo, TraitType

__all__ = ["ANY", "SECTIONS", "TRAITS", "Section", "TraitClass", "TraitInfo", "TraitType", "lookup", "nearest"]

ANY: Final = "*"
"""In a declared path: any one key."""

TRAITS: Final[Mapping[str, TraitInfo]] = {
    **machine.DECLARED,
    **system.DECLARED,
    **software.DECLARED,
    **accounts.DECLARED,
    **security.DECLARED,
}
"""Dotted path → what stands there; `*` is any one key of an open map."""

_BY_PARTS: Final = {tuple(path.split(".")): info for path, info in TRAITS.items()}
_BRANCHES: Final = {parts[:depth] for parts in _BY_PARTS for depth in range(1, len(parts))}


def lookup(path: str | Sequence[str]) -> TraitInfo | None:
    """What is declared at a path below `traits`; None when nothing is.

    A string is split at its dots; give a sequence where a key holds dots itself: `("packages", "python3.11")`. A key of
    an open map (`packages.nginx`) is never always present, nor is what stands below it.
    """
    parts = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
    optional = False
    declared: tuple[str, ...] = ()
    for part in parts:
        exact, any_key = (*declared, part), (*declared, ANY)
        if exact in _BY_PARTS or exact in _BRANCHES:
            declared = exact
        elif any_key in _BY_PARTS or any_key in _BRANCHES:
            declared, optional = any_key, True
        else:
            return None
    if not declared:
        return None
    info = _BY_PARTS.get(declared) or TraitInfo(TraitType.MAP, "")
    return info._replace(always=False) if optional else info


def nearest(path: str | Sequence[str]) -> str | None:
    """The declared path that a mistyped one most likely means, for hints; None when nothing is near."""
    import difflib  # only for diagnostics: the agent never needs it

    text = path if isinstance(path, str) else ".".join(path)
    found = difflib.get_close_matches(text, [declared for declared in TRAITS if ANY not in declared], n=1, cutoff=0.6)
    return found[0] if found else None
