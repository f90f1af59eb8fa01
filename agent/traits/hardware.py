"""What the host runs on."""

from __future__ import annotations

import os
from typing import Any

from agent.hosts import Host
from agent.traits import container, sources, virtualization


def collect(host: Host) -> dict[str, Any]:
    """`hardware.*` of `schema.traits`."""
    meminfo = sources.fields(sources.needed(sources.kernel_text(host, "/proc/meminfo"), "/proc/meminfo"))
    cpuinfo = sources.fields(sources.kernel_text(host, "/proc/cpuinfo") or "")
    found = {
        "arch": os.uname().machine,
        "memory_mb": sources.mib(meminfo["MemTotal"]),
        "cpu_count": os.cpu_count() or 1,
        "container": container.engine(host) is not None,
    }
    optional = {
        "cpu_model": cpuinfo.get("model name") or cpuinfo.get("Model") or cpuinfo.get("cpu model", ""),
        "virtual": virtualization.hypervisor(host),
        "vendor": virtualization.dmi(host, "sys_vendor"),
        "product": virtualization.dmi(host, "product_name"),
    }
    return {**found, **{key: value for key, value in optional.items() if value}}
