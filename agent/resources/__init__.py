"""What the agent can make so: one resource type a file, `ResourceType` values by the name that stands behind `type:`.

Each file owns how one type is checked, compared and applied; its parameters are in `schema.resources`. `file_line` is
`FILE_LINE` in `agent/resources/file_line.py`, loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from agent.resources.types import ResourceType
from schema.registry import Registry
from schema.resources import NAMES


def _load(name: str) -> ResourceType[Any, Any]:
    kind: ResourceType[Any, Any] = getattr(import_module(f"{__name__}.{name}"), name.upper())
    return kind


TYPES: Final[Mapping[str, ResourceType[Any, Any]]] = Registry(NAMES, _load)
