"""REST: one file per area, each a list of recorded endpoints whose bodies are calls of services.

An area knows no other area. `areas()` finds them all: adding a file is enough.
"""

from __future__ import annotations

import importlib
import pkgutil

from api.http.areas import Area


def areas() -> list[Area]:
    """Every area of this package, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").area for name in names]
