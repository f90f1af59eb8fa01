"""What the host runs on."""

from __future__ import annotations

import os
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_DMI: Final = "/sys/class/dmi/id"
_HYPERVISORS: Final = (
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("amazon ec2", "kvm"),
    ("google", "kvm"),
    ("digitalocean", "kvm"),
    ("vmware", "vmware"),
    ("innotek", "virtualbox"),
    ("virtualbox", "virtualbox"),
    ("xen", "xen"),
    ("microsoft corporation virtual machine", "hyperv"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
)


def collect(host: Host) -> dict[str, Any]:
    """`hardware.*` of `schema.traits`."""
    meminfo = sources.fields(sources.needed(sources.kernel_text(host, "/proc/meminfo"), "/proc/meminfo"))
    cpuinfo = sources.fields(sources.kernel_text(host, "/proc/cpuinfo") or "")
    vendor = _dmi(host, "sys_vendor")
    product = _dmi(host, "product_name")
    found = {
        "arch": os.uname().machine,
        "memory_mb": sources.mib(meminfo["MemTotal"]),
        "cpu_count": os.cpu_count() or 1,
        "container": _container(host),
    }
    optional = {
        "cpu_model": cpuinfo.get("model name") or cpuinfo.get("Model") or cpuinfo.get("cpu model", ""),
        "virtual": _virtual(host, f"{vendor} {product}".lower(), cpuinfo),
        "vendor": vendor,
        "product": product,
    }
    return {**found, **{key: value for key, value in optional.items() if value}}


def _dmi(host: Host, name: str) -> str:
    return (sources.kernel_text(host, f"{_DMI}/{name}") or "").strip()


def _container(host: Host) -> bool:
    if any(host.lstat(path) for path in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")):
        return True
    cgroup = "" if host.confined else sources.text(host, "/proc/1/cgroup") or ""
    return any(word in cgroup for word in ("/docker/", "/kubepods", "/lxc/", "/libpod"))


def _virtual(host: Host, machine: str, cpuinfo: dict[str, str]) -> str:
    if kind := (sources.kernel_text(host, "/sys/hypervisor/type") or "").strip():
        return kind
    for words, name in _HYPERVISORS:
        if words in machine:
            return name
    return "unknown" if "hypervisor" in cpuinfo.get("flags", "").split() else ""
