"""What the agent can make so: one resource type a file, `ResourceType` values by the name that stands behind `type:`.

Each file owns how one type is checked, compared and applied; its parameters are in `schema.resources`.
"""

from __future__ import annotations

from typing import Any, Final

from agent.resources.directory import DIRECTORY
from agent.resources.file import FILE
from agent.resources.file_line import FILE_LINE
from agent.resources.symlink import SYMLINK
from agent.resources.types import ResourceType

TYPES: Final[dict[str, ResourceType[Any, Any]]] = {
    "directory": DIRECTORY,
    "file": FILE,
    "file_line": FILE_LINE,
    "symlink": SYMLINK,
}
