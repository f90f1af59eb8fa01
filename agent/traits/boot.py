"""How the host was started, and when: the kernel's command line, and wtmp(5)."""

from __future__ import annotations

import struct
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources
from schema.time import SECOND, to_rfc3339

MAX_BOOTS: Final = 10
_WTMP: Final = "/var/log/wtmp"
_RECORD: Final = 384
_BOOT_TIME: Final = 2
_LATEST: Final = 1 << 32


def collect(host: Host) -> dict[str, Any]:
    """`boot.*` of `schema.traits`."""
    packages = sources.readable(host, "/run/reboot-required.pkgs")
    return {
        "mode": "uefi" if sources.kernel_names(host, "/sys/firmware/efi") else "bios",
        "cmdline": sources.masked(sources.kernel_readable(host, "/proc/cmdline")),
        "boots": _boots(host),
        "reboot_required": host.lstat("/run/reboot-required") is not None,
        "reboot_packages": sorted(set(packages.split())),
    }


def _boots(host: Host) -> list[str]:
    """Records of struct utmp, as glibc lays it out on Linux: the type first, the time at 340."""
    try:
        if host.lstat(_WTMP) is None:
            return []
        data = host.read(_WTMP, limit=sources.MAX_FILE_BYTES)
    except OSError:
        return []  # root and group utmp may read it
    found = set()
    for at in range(len(data) - len(data) % _RECORD - _RECORD, -1, -_RECORD):
        (kind,) = struct.unpack_from("=h", data, at)
        if kind == _BOOT_TIME:
            found.add(struct.unpack_from("=I", data, at + 340)[0])
            if len(found) >= MAX_BOOTS:
                break
    return [to_rfc3339(moment * SECOND) for moment in sorted(found, reverse=True) if moment < _LATEST]
