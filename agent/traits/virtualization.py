"""The hypervisor that the host runs under, by DMI, sysfs and the processor; and whether it can be one."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

DMI: Final = "/sys/class/dmi/id"
_HYPERVISORS: Final = (
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("amazon ec2", "kvm"),
    ("google", "kvm"),
    ("digitalocean", "kvm"),
    ("hetzner", "kvm"),
    ("openstack", "kvm"),
    ("vmware", "vmware"),
    ("innotek", "virtualbox"),
    ("virtualbox", "virtualbox"),
    ("xen", "xen"),
    ("microsoft corporation virtual machine", "hyperv"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
)


def collect(host: Host) -> dict[str, Any]:
    """`virtualization.*` of `schema.traits`."""
    kind = hypervisor(host)
    return {
        "guest": bool(kind),
        "type": kind or "none",
        "host": not host.confined and host.lstat("/dev/kvm") is not None,
    }


def hypervisor(host: Host) -> str:
    """kvm, vmware, xen ...; `unknown` where there is one that does not tell its name; empty where there is none."""
    if kind := sources.kernel_readable(host, "/sys/hypervisor/type"):
        return kind
    machine = f"{dmi(host, 'sys_vendor')} {dmi(host, 'product_name')}".lower()
    for words, name in _HYPERVISORS:
        if words in machine:
            return name
    cpuinfo = sources.fields(sources.kernel_readable(host, "/proc/cpuinfo"))
    return "unknown" if "hypervisor" in cpuinfo.get("flags", "").split() else ""


def dmi(host: Host, name: str) -> str:
    """What the firmware says of the machine; empty where it says nothing."""
    return sources.kernel_readable(host, f"{DMI}/{name}")
