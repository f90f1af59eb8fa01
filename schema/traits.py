"""Traits: what a host can say about itself, path by path.

The agent's collectors (`agent/traits/<first segment>.py`) fill these paths and no others; the compiler checks every
`traits.…` path of an expression against them. A path that is not always present needs `default` or `has_trait`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

ANY: Final = "*"
"""In a declared path: any one key."""


class TraitType(StrEnum):
    """What stands at a path, in the words of the language."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    LIST = "list"
    MAP = "map"


class TraitInfo(NamedTuple):
    """One declared path."""

    type: TraitType
    summary: str
    always: bool = True
    """Present on every host, whatever it is. Below `*`: present wherever its parent is."""
    volatile: bool = False
    """Changes while nobody changes the host: left out of the digest that decides whether traits are sent again."""


_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

TRAITS: Final[Mapping[str, TraitInfo]] = {
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
    "network.hostname": TraitInfo(_STRING, "The host's name up to the first dot"),
    "network.fqdn": TraitInfo(_STRING, "The host's full name as it knows it; the short one where it has no domain"),
    "network.domain": TraitInfo(_STRING, "What follows the first dot of the full name", always=False),
    "network.ip_address": TraitInfo(_STRING, "The address of the default route's interface", always=False),
    "network.ip_addresses": TraitInfo(_LIST, "Every address that is neither loopback nor link-local, sorted"),
    "network.default_interface": TraitInfo(_STRING, "The interface of the default route", always=False),
    "network.default_gateway": TraitInfo(_STRING, "The next hop of the default route", always=False),
    "network.nameservers": TraitInfo(_LIST, "The addresses in resolv.conf"),
    "network.interfaces": TraitInfo(_MAP, "Interfaces by name"),
    "network.interfaces.*.mac": TraitInfo(_STRING, "Hardware address; empty where it has none"),
    "network.interfaces.*.addresses": TraitInfo(_LIST, "Addresses with prefix length: 192.0.2.7/24"),
    "network.interfaces.*.up": TraitInfo(_BOOL, "Whether it is administratively up"),
    "network.interfaces.*.mtu": TraitInfo(_INT, "Bytes"),
    "packages": TraitInfo(_MAP, "Installed packages by name; empty where no package manager is known"),
    "packages.*": TraitInfo(_STRING, "The installed version", always=False),
    "services": TraitInfo(_MAP, "Services by name without `.service`; empty where no init system is known"),
    "services.*.state": TraitInfo(_STRING, "running, stopped or failed"),
    "services.*.enabled": TraitInfo(_BOOL, "Whether it starts with the host"),
    "users": TraitInfo(_MAP, "Accounts of the host's own files, by name"),
    "users.*.uid": TraitInfo(_INT, "User id"),
    "users.*.gid": TraitInfo(_INT, "Id of the primary group"),
    "users.*.home": TraitInfo(_STRING, "Home directory"),
    "users.*.shell": TraitInfo(_STRING, "Login shell"),
    "users.*.groups": TraitInfo(_LIST, "Supplementary groups by name, sorted"),
    "mounts": TraitInfo(_MAP, "Mounted file systems by mount point: `traits.mounts['/var']`"),
    "mounts.*.device": TraitInfo(_STRING, "What is mounted"),
    "mounts.*.fstype": TraitInfo(_STRING, "ext4, xfs, tmpfs ..."),
    "mounts.*.options": TraitInfo(_LIST, "Mount options"),
    "mounts.*.size_mb": TraitInfo(_INT, "Size, MiB"),
    "mounts.*.available_mb": TraitInfo(_INT, "Free for ordinary users, MiB", volatile=True),
    "memory.total_mb": TraitInfo(_INT, "MiB"),
    "memory.available_mb": TraitInfo(_INT, "MiB, as the kernel estimates it", volatile=True),
    "memory.swap_total_mb": TraitInfo(_INT, "MiB"),
    "memory.swap_free_mb": TraitInfo(_INT, "MiB", volatile=True),
    "load.one": TraitInfo(_FLOAT, "Load average of the last minute", volatile=True),
    "load.five": TraitInfo(_FLOAT, "Load average of the last five minutes", volatile=True),
    "load.fifteen": TraitInfo(_FLOAT, "Load average of the last fifteen minutes", volatile=True),
    "uptime.seconds": TraitInfo(_INT, "Since the kernel started", volatile=True),
    "uptime.booted_at": TraitInfo(_STRING, "When the kernel started: RFC 3339, UTC, whole seconds"),
    "agent.version": TraitInfo(_STRING, "Version of the agent"),
    "agent.python": TraitInfo(_STRING, "Version of Python that runs it"),
    "agent.confined": TraitInfo(_BOOL, "Whether it was started with --root"),
}
"""Dotted path → what stands there; `*` is any one key of an open map."""

_BY_PARTS: Final = {tuple(path.split(".")): info for path, info in TRAITS.items()}
_BRANCHES: Final = {parts[:depth] for parts in _BY_PARTS for depth in range(1, len(parts))}


def lookup(path: str | Sequence[str]) -> TraitInfo | None:
    """What is declared at a path below `traits`; None when nothing is.

    A string is split at its dots; give a sequence where a key holds dots itself: `("packages", "python3.11")`. A key of
    an open map (`packages.nginx`) is never always present, nor is what stands below it.
    """
    parts = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
    optional = False
    declared: tuple[str, ...] = ()
    for part in parts:
        exact, any_key = (*declared, part), (*declared, ANY)
        if exact in _BY_PARTS or exact in _BRANCHES:
            declared = exact
        elif any_key in _BY_PARTS or any_key in _BRANCHES:
            declared, optional = any_key, True
        else:
            return None
    if not declared:
        return None
    info = _BY_PARTS.get(declared) or TraitInfo(_MAP, "")
    return info._replace(always=False) if optional else info


def nearest(path: str | Sequence[str]) -> str | None:
    """The declared path that a mistyped one most likely means, for hints; None when nothing is near."""
    import difflib  # only for diagnostics: the agent never needs it

    text = path if isinstance(path, str) else ".".join(path)
    found = difflib.get_close_matches(text, [declared for declared in TRAITS if ANY not in declared], n=1, cutoff=0.6)
    return found[0] if found else None
