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
    "kernel.tainted": TraitInfo(_INT, "The kernel's taint flags, 0 for none: /proc/sys/kernel/tainted", always=False),
    "cpu.count": TraitInfo(_INT, "Logical processors online"),
    "cpu.cores": TraitInfo(_INT, "Cores of all sockets; as many as logical processors where the kernel does not tell"),
    "cpu.sockets": TraitInfo(_INT, "Sockets; 1 where the kernel does not tell"),
    "cpu.model": TraitInfo(_STRING, "As the processor names itself", always=False),
    "cpu.vendor": TraitInfo(_STRING, "GenuineIntel, AuthenticAMD, ARM ...", always=False),
    "cpu.flags": TraitInfo(_LIST, "What it can do, as the kernel names it, sorted"),
    "cpu.microcode": TraitInfo(_STRING, "Revision of its microcode", always=False),
    "cpu.vulnerabilities": TraitInfo(_MAP, "What the kernel says of known weaknesses of processors, by name"),
    "cpu.vulnerabilities.*": TraitInfo(_STRING, "`Not affected`, `Mitigation: ...` or `Vulnerable...`"),
    "swap.total_mb": TraitInfo(_INT, "MiB of all devices and files"),
    "swap.free_mb": TraitInfo(_INT, "MiB", volatile=True),
    "swap.swappiness": TraitInfo(_INT, "vm.swappiness", always=False),
    "swap.devices": TraitInfo(_MAP, "Devices and files that are swapped to, by path"),
    "swap.devices.*.type": TraitInfo(_STRING, "partition or file"),
    "swap.devices.*.size_mb": TraitInfo(_INT, "MiB"),
    "swap.devices.*.priority": TraitInfo(_INT, "As swapon(8) was told"),
    "swap.devices.*.used_mb": TraitInfo(_INT, "MiB", volatile=True),
    "disks": TraitInfo(_MAP, "Block devices by name: `traits.disks.sda`; neither loop, RAM nor optical ones"),
    "disks.*.size_mb": TraitInfo(_INT, "MiB"),
    "disks.*.model": TraitInfo(_STRING, "As the disk names itself", always=False),
    "disks.*.rotational": TraitInfo(_BOOL, "Whether it spins"),
    "disks.*.removable": TraitInfo(_BOOL, "Whether it can be taken out"),
    "disks.*.read_only": TraitInfo(_BOOL, "Whether it cannot be written"),
    "disks.*.partitions": TraitInfo(_LIST, "Names of its partitions"),
    "filesystem.supported": TraitInfo(_LIST, "File systems that the running kernel knows, sorted"),
    "filesystem.used": TraitInfo(_LIST, "File systems that are mounted, sorted"),
    "filesystem.fstab": TraitInfo(_MAP, "What fstab(5) says is to be mounted, by mount point; swap by its device"),
    "filesystem.fstab.*.device": TraitInfo(_STRING, "What is to be mounted; no password that its options may hold"),
    "filesystem.fstab.*.fstype": TraitInfo(_STRING, "ext4, xfs, swap ..."),
    "filesystem.fstab.*.options": TraitInfo(_LIST, "Options; of one that holds a password its name alone"),
    "filesystem.fstab.*.mounted": TraitInfo(_BOOL, "Whether it is mounted now"),
    "filesystem.usage": TraitInfo(_MAP, "How full mounted file systems are, by mount point"),
    "filesystem.usage.*.used_percent": TraitInfo(
        _INT, "Of what ordinary users can have, rounded up as df(1) does", volatile=True
    ),
    "filesystem.usage.*.inodes_used_percent": TraitInfo(
        _INT, "Of its inodes; 0 where it does not count them", volatile=True
    ),
    "loadavg.per_cpu": TraitInfo(_FLOAT, "Load of the last minute, for each logical processor", volatile=True),
    "loadavg.running": TraitInfo(_INT, "Threads that run or could", volatile=True),
    "loadavg.tasks": TraitInfo(_INT, "Threads in all", volatile=True),
    "virtualization.guest": TraitInfo(_BOOL, "Whether it runs under a hypervisor"),
    "virtualization.type": TraitInfo(
        _STRING, "kvm, vmware, xen, hyperv ...; none on bare metal; unknown where it does not tell"
    ),
    "virtualization.host": TraitInfo(_BOOL, "Whether it can run guests itself: /dev/kvm is there"),
    "container.inside": TraitInfo(_BOOL, "Whether this is a container"),
    "container.engine": TraitInfo(
        _STRING, "What it is a container of: docker, podman, kubernetes, lxc, systemd-nspawn ...", always=False
    ),
    "container.runtimes": TraitInfo(_LIST, "What runs containers here, by name: docker, podman, containerd, cri-o"),
    "cloud.provider": TraitInfo(
        _STRING,
        "aws, azure, gcp, digitalocean, hetzner ...: by DMI and cloud-init's files; nothing is asked over the network",
        always=False,
    ),
    "cloud.instance_id": TraitInfo(_STRING, "As cloud-init wrote it", always=False),
    "cloud.region": TraitInfo(_STRING, "As cloud-init wrote it", always=False),
    "cloud.zone": TraitInfo(_STRING, "As cloud-init wrote it", always=False),
    "cloud.cloud_init": TraitInfo(_BOOL, "Whether cloud-init has run here"),
    "boot.mode": TraitInfo(_STRING, "uefi or bios"),
    "boot.cmdline": TraitInfo(
        _STRING, "The kernel's command line, values of passwords and keys masked; empty where it is not told"
    ),
    "boot.boots": TraitInfo(_LIST, "When the host was started, newest first, at most 10, as wtmp(5) has it: RFC 3339"),
    "boot.reboot_required": TraitInfo(_BOOL, "Whether packages have asked for a restart: /run/reboot-required"),
    "boot.reboot_packages": TraitInfo(_LIST, "Which packages asked for it"),
    "time.now": TraitInfo(_STRING, "RFC 3339, UTC, whole seconds", volatile=True),
    "time.timezone": TraitInfo(_STRING, "Europe/Berlin ...; UTC where none is set"),
    "time.utc_offset_s": TraitInfo(_INT, "Seconds east of UTC, now"),
    "time.rtc_local": TraitInfo(_BOOL, "Whether the hardware clock keeps local time"),
}
