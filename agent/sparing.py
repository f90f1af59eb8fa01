"""What an agent goes without: packages' metadata, and the parsers of e-mail and ZIP that the standard library reads it
with, 4.5 MiB in each process; and, in a process that ends in a moment, to look for garbage and to take itself apart.

Pydantic asks for the metadata at its start, to find plugins; an agent takes none, whatever is installed beside it.
Whoever asks for anything else gets it.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAME: Final = "importlib.metadata"
_SELDOM: Final = 100_000
"""Objects made, and not let go of, between two looks; 700 by default."""


class _Late(ModuleType):
    """`importlib.metadata`, of which no distribution has an entry point, loaded when it is asked for more."""

    def __getattr__(self, name: str) -> Any:
        if name == "entry_points":
            return _none
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(_NAME, None)
        return getattr(importlib.import_module(_NAME), name)


class Given:
    """Which fields of models were given, kept once for all of which the same were: 700 bytes of each resource.

    For models that are frozen, since two of them hold one set then.
    """

    def __init__(self) -> None:
        self._known: Final[dict[frozenset[str], set[str]]] = {}

    def share(self, model: BaseModel) -> None:
        """The same as before, but in one place."""
        given = model.model_fields_set
        object.__setattr__(model, "__pydantic_fields_set__", self._known.setdefault(frozenset(given), given))


def begin() -> None:
    """From now on nothing loads it for plugins; without effect where it is loaded already."""
    if _NAME not in sys.modules:
        late = _Late(_NAME)
        sys.modules[_NAME] = late
        vars(importlib)["metadata"] = late


def garbage() -> None:
    """Look for garbage seldom, in a process that ends in a moment: looking would be a tenth of it."""
    gc.set_threshold(_SELDOM)


def end(code: int) -> NoReturn:
    """End this process now. What it holds is taken apart by the kernel at once, and by Python in 40 ms: all that must
    outlive it is on disk when a command is done, since a kill may come instead.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            code = code or 1
    os._exit(code)


def _none(**_: object) -> tuple[()]:
    return ()
