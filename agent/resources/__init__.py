"""What the agent can make so: one resource type a file, `ResourceType` values by the name that stands behind `type:`.

Each file owns how one type is checked, compared and applied; its parameters are in `schema.resources`. `file_line` is
`FILE_LINE` in `agent/resources/file_line.py`, loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from agent.resources.types import ResourceType
from schema.resources import NAMES


class _Registry(Mapping[str, ResourceType[Any, Any]]):
    """The types by name, those that were asked for in memory."""

    def __init__(self) -> None:
        self._loaded: Final[dict[str, ResourceType[Any, Any]]] = {}

    def __getitem__(self, name: str) -> ResourceType[Any, Any]:
        found = self._loaded.get(name)
        if found is None:
            if name not in _KNOWN:
                raise KeyError(name)
            found = self._loaded[name] = getattr(import_module(f"{__name__}.{name}"), name.upper())
        return found

    def __contains__(self, name: object) -> bool:
        return name in _KNOWN

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


_KNOWN: Final = frozenset(NAMES)
TYPES: Final[Mapping[str, ResourceType[Any, Any]]] = _Registry()
