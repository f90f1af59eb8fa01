"""What the agent can make so: one resource type a file, `ResourceType` values by the name that stands behind `type:`.

Each file owns how one type is checked, compared and applied; its parameters are in `schema.resources`.
"""

from __future__ import annotations

from typing import Any, Final

from agent.resources.cron import CRON
from agent.resources.directory import DIRECTORY
from agent.resources.exec import EXEC
from agent.resources.file import FILE
from agent.resources.file_line import FILE_LINE
from agent.resources.group import GROUP
from agent.resources.package import PACKAGE
from agent.resources.service import SERVICE
from agent.resources.symlink import SYMLINK
from agent.resources.types import ResourceType
from agent.resources.user import USER

TYPES: Final[dict[str, ResourceType[Any, Any]]] = {
    "cron": CRON,
    "directory": DIRECTORY,
    "exec": EXEC,
    "file": FILE,
    "file_line": FILE_LINE,
    "group": GROUP,
    "package": PACKAGE,
    "service": SERVICE,
    "symlink": SYMLINK,
    "user": USER,
}
