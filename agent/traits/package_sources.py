"""Source packages: advisories of distributions name these, not what is installed."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import packages


def collect(host: Host) -> dict[str, Any]:
    """`package_sources.*` of `schema.traits`."""
    return {
        name: {"name": each.source or name.partition(":")[0], "version": each.source_version or each.version}
        for name, each in packages.installed(host).items()
        if each.source or each.source_version
    }
