"""Software: what is installed, from where, and what there would be newer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "packages": TraitInfo(_MAP, "Installed packages by name; empty where no package manager is known"),
    "packages.*": TraitInfo(_STRING, "The installed version", always=False),
    "package_sources": TraitInfo(
        _MAP, "Installed packages whose source package has another name or version: what is not here has its own"
    ),
    "package_sources.*.name": TraitInfo(_STRING, "The source package"),
    "package_sources.*.version": TraitInfo(_STRING, "Its version"),
    "package_updates.manager": TraitInfo(
        _STRING, "apt, dnf, apk, zypper or pacman: whose lists were asked", always=False
    ),
    "package_updates.count": TraitInfo(
        _INT, "Packages of which the host's own lists know a newer version; nothing is fetched to find out"
    ),
    "package_updates.security": TraitInfo(
        _INT, "How many of them come from a security archive; only where the manager tells", always=False
    ),
    "package_updates.updates": TraitInfo(_MAP, "Those packages by name"),
    "package_updates.updates.*.installed": TraitInfo(_STRING, "The version that is installed", always=False),
    "package_updates.updates.*.available": TraitInfo(_STRING, "The version that there is"),
    "package_updates.updates.*.security": TraitInfo(_BOOL, "Whether it comes from a security archive", always=False),
    "package_updates.lists_at": TraitInfo(
        _STRING, "When the lists were fetched: RFC 3339. What is old here is older than it looks", always=False
    ),
    "repositories.sources": TraitInfo(
        _LIST,
        "Where packages come from: {type, uri, suite, components, enabled, signed_by, file}; passwords in "
        "addresses masked",
    ),
    "repositories.count": TraitInfo(_INT, "Those that are enabled"),
    "repositories.unsigned": TraitInfo(_INT, "Enabled ones whose packages are taken without a signature"),
}
