"""Assuming: `os.version=13`, the trait of a what-if, as somebody writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from reconciler.previews.reading import Path
from schema import traits
from schema.previews import MAX_OVERRIDES
from schema.traits import TraitType

MAX_TEXT: Final = 4_096
_WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}


class BadTrait(ValueError):
    """Not a trait, or not a value for it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint: Final = hint


def assumed(texts: Iterable[str]) -> dict[Path, Any]:
    """Trait paths (`("traits", "os", "version")`) and the values that they are to have, each of its declared type.

    Raises:
        BadTrait: not `path=value`, no such trait, not a value of its type, or too many.
    """
    found: dict[Path, Any] = {}
    for text in texts:
        written, separator, value = text.partition("=")
        path = written.strip().removeprefix("traits.")
        if not separator or not path or len(text) > MAX_TEXT:
            raise BadTrait("a trait is assumed as path=value", "os.version=13")
        # A package's name may have dots; no other key of an open map that has a trait of its own below it may.
        parts = ("packages", path[9:]) if path.startswith("packages.") else tuple(path.split("."))
        declared = traits.lookup(parts)
        if declared is None:
            near = traits.nearest(parts)
            raise BadTrait(f"there is no trait {path}", f"did you mean {near}?" if near is not None else "")
        found["traits", *parts] = _value(path, declared.type, value)
        if len(found) > MAX_OVERRIDES:
            raise BadTrait(f"at most {MAX_OVERRIDES} traits may be assumed")
    return found


def _value(path: str, type_: TraitType, text: str) -> Any:
    try:
        if type_ is TraitType.INT:
            return int(text)
        if type_ is TraitType.FLOAT:
            return float(text)
        if type_ is TraitType.BOOL:
            return _WORDS[text.strip().lower()]
    except (ValueError, KeyError):
        raise BadTrait(f"{path} is a trait of type {type_}, not {text!r}") from None
    if type_ is TraitType.LIST:
        return [item.strip() for item in text.split(",") if item.strip()]
    if type_ is TraitType.MAP:
        raise BadTrait(f"{path} is a map", "assume a trait below it")
    return text
