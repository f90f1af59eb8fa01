"""Processors, as /proc/cpuinfo and /sys/devices/system/cpu tell of them."""

from __future__ import annotations

import os
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_VULNERABILITIES: Final = "/sys/devices/system/cpu/vulnerabilities"
_ARM: Final = "0x41"


def collect(host: Host) -> dict[str, Any]:
    """`cpu.*` of `schema.traits`."""
    content = sources.needed(sources.kernel_text(host, "/proc/cpuinfo"), "/proc/cpuinfo")
    first = sources.fields(content)
    count = os.cpu_count() or 1
    places = {(each.get("physical id", ""), each["core id"]) for each in _processors(content) if "core id" in each}
    found: dict[str, Any] = {
        "count": count,
        "cores": len(places) or count,
        "sockets": len({socket for socket, _ in places}) or 1,
        "flags": sorted(set((first.get("flags") or first.get("Features") or first.get("isa") or "").split())),
        "vulnerabilities": {
            name: sources.kernel_readable(host, f"{_VULNERABILITIES}/{name}")
            for name in sources.kernel_names(host, _VULNERABILITIES)
        },
    }
    vendor = first.get("vendor_id") or ("ARM" if first.get("CPU implementer") == _ARM else "")
    optional = {
        "model": first.get("model name") or first.get("Model") or first.get("cpu model", ""),
        "vendor": vendor,
        "microcode": first.get("microcode", ""),
    }
    return {**found, **{key: value for key, value in optional.items() if value}}


def _processors(content: str) -> list[dict[str, str]]:
    return [sources.fields(block) for block in content.split("\n\n") if "processor" in block]
