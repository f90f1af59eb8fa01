"""The traits: a collector each, and how often it is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import Section, TraitClass

_VOLATILE, _PERIODIC, _STABLE = TraitClass.VOLATILE, TraitClass.PERIODIC, TraitClass.STABLE

SECTIONS: Final[Mapping[str, Section]] = {
    "agent_self": Section(_VOLATILE, "The agent itself", fresh_s=3600.0),
    "hardware": Section(_STABLE, "What the host runs on"),
    "kernel": Section(_STABLE, "The running kernel", fresh_s=3600.0),
    "loadavg": Section(_VOLATILE, "How busy it is"),
    "memory": Section(_VOLATILE, "Memory, as the kernel counts it"),
    "mountpoints": Section(_VOLATILE, "Mounted file systems that hold something"),
    "network": Section(_VOLATILE, "Names, addresses, interfaces, routes and resolvers"),
    "os": Section(_STABLE, "The operating system, as os-release(5) names it", fresh_s=60.0),
    "packages": Section(_PERIODIC, "Installed packages"),
    "services": Section(_PERIODIC, "Services of the init system", fresh_s=30.0),
    "uptime": Section(_VOLATILE, "How long the kernel has run"),
    "users": Section(_PERIODIC, "Accounts of the host's own files", fresh_s=0.0),
}
"""First segment of a path → the trait."""
