"""SELinux: as the kernel has it now, and as it is to be at the next start."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_MODES: Final = {"0": "permissive", "1": "enforcing"}


def collect(host: Host) -> dict[str, Any]:
    """`selinux.*` of `schema.traits`."""
    mode = _MODES.get(sources.kernel_readable(host, "/sys/fs/selinux/enforce"))
    found: dict[str, Any] = {
        "supported": mode is not None or "selinuxfs" in sources.kernel_readable(host, "/proc/filesystems"),
        "mode": mode or "disabled",
    }
    config = sources.assignments(sources.text(host, "/etc/selinux/config") or "")
    for key, name in (("configured", "SELINUX"), ("policy", "SELINUXTYPE")):
        if value := config.get(name, "").strip().lower():
            found[key] = value
    return found
