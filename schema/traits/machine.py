"""The machine: what it is made of, what its kernel says, and what it stores on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
    "os.family": TraitInfo(
        _STRING, "debian, redhat, suse, arch, alpine; the distribution's own id where it has no kin"
    ),
    "os.distro": TraitInfo(_STRING, "The distribution: os-release's ID in lower case, `linux` where there is none"),
    "os.id": TraitInfo(_STRING, "The same as os.distro"),
    "os.version": TraitInfo(_STRING, "os-release's VERSION_ID; empty on a rolling distribution"),
    "os.name": TraitInfo(_STRING, "os-release's PRETTY_NAME"),
    "os.codename": TraitInfo(_STRING, "os-release's VERSION_CODENAME", always=False),
    "os.init": TraitInfo(_STRING, "systemd, openrc, or other"),
    "kernel.name": TraitInfo(_STRING, "uname -s"),
    "kernel.release": TraitInfo(_STRING, "uname -r"),
    "kernel.version": TraitInfo(_STRING, "uname -v"),
    "hardware.arch": TraitInfo(_STRING, "uname -m: x86_64, aarch64"),
    "hardware.memory_mb": TraitInfo(_INT, "Physical memory, MiB"),
    "hardware.cpu_count": TraitInfo(_INT, "Logical processors online"),
    "hardware.cpu_model": TraitInfo(_STRING, "As the processor names itself", always=False),
    "hardware.container": TraitInfo(_BOOL, "Whether this is a container"),
    "hardware.virtual": TraitInfo(_STRING, "The hypervisor: kvm, vmware, xen, hyperv ...", always=False),
    "hardware.vendor": TraitInfo(_STRING, "DMI system vendor", always=False),
    "hardware.product": TraitInfo(_STRING, "DMI product name", always=False),
    "memory.total_mb": TraitInfo(_INT, "MiB"),
    "memory.available_mb": TraitInfo(_INT, "MiB, as the kernel estimates it", volatile=True),
    "memory.swap_total_mb": TraitInfo(_INT, "MiB"),
    "memory.swap_free_mb": TraitInfo(_INT, "MiB", volatile=True),
    "mountpoints": TraitInfo(_MAP, "Mounted file systems by mount point: `traits.mountpoints['/var']`"),
    "mountpoints.*.device": TraitInfo(_STRING, "What is mounted"),
    "mountpoints.*.fstype": TraitInfo(_STRING, "ext4, xfs, tmpfs ..."),
    "mountpoints.*.options": TraitInfo(_LIST, "Mount options"),
    "mountpoints.*.size_mb": TraitInfo(_INT, "Size, MiB"),
    "mountpoints.*.available_mb": TraitInfo(_INT, "Free for ordinary users, MiB", volatile=True),
    "uptime.seconds": TraitInfo(_INT, "Since the kernel started", volatile=True),
    "uptime.booted_at": TraitInfo(_STRING, "When the kernel started: RFC 3339, UTC, whole seconds"),
    "loadavg.one": TraitInfo(_FLOAT, "Load average of the last minute", volatile=True),
    "loadavg.five": TraitInfo(_FLOAT, "Load average of the last five minutes", volatile=True),
    "loadavg.fifteen": TraitInfo(_FLOAT, "Load average of the last fifteen minutes", volatile=True),
}
