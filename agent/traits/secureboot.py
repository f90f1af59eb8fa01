"""Whether the firmware starts only what is signed: efivarfs, and the kernel's lockdown."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host, HostFault
from agent.traits import sources

_VARIABLES: Final = "/sys/firmware/efi/efivars"
_GLOBAL: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""EFI_GLOBAL_VARIABLE, UEFI 2.10, 3.3."""


def collect(host: Host) -> dict[str, Any]:
    """`secureboot.*` of `schema.traits`."""
    enabled, setup = _variable(host, "SecureBoot"), _variable(host, "SetupMode")
    found: dict[str, Any] = {"uefi": bool(sources.kernel_names(host, "/sys/firmware/efi")), "enabled": enabled is True}
    if setup is not None:
        found["setup_mode"] = setup
    lockdown = sources.kernel_readable(host, "/sys/kernel/security/lockdown")
    if "[" in lockdown:
        found["lockdown"] = lockdown.partition("[")[2].partition("]")[0]
    return found


def _variable(host: Host, name: str) -> bool | None:
    """A variable of one byte, behind four of attributes; None where the firmware has none."""
    path = f"{_VARIABLES}/{name}-{_GLOBAL}"
    try:
        if host.lstat(path) is None:
            return None
        data = host.read(path, limit=64)
    except (OSError, HostFault):
        return None
    return data[4] == 1 if len(data) == 5 else None
