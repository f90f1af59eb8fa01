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
from typing import Any, Final, NoReturn

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
