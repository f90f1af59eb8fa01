"""Parameters of the resource types: one file a type, data only; behaviour is in `agent/resources`, same stem."""

from __future__ import annotations

from typing import Final

from schema.resources.base import ResourceSpec as ResourceSpec
from schema.resources.cron import CronSpec
from schema.resources.directory import DirectorySpec
from schema.resources.exec import ExecSpec
from schema.resources.file import FileSpec
from schema.resources.file_line import FileLineSpec
from schema.resources.group import GroupSpec
from schema.resources.package import PackageSpec
from schema.resources.service import ServiceSpec
from schema.resources.symlink import SymlinkSpec
from schema.resources.user import UserSpec

RESOURCES: Final[dict[str, type[ResourceSpec]]] = {
    "cron": CronSpec,
    "directory": DirectorySpec,
    "exec": ExecSpec,
    "file": FileSpec,
    "file_line": FileLineSpec,
    "group": GroupSpec,
    "package": PackageSpec,
    "service": ServiceSpec,
    "symlink": SymlinkSpec,
    "user": UserSpec,
}
"""The registry: what may stand behind `type:`."""
