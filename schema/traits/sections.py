"""The traits: a collector each, and how often it is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import Section, TraitClass

_VOLATILE, _PERIODIC, _STABLE = TraitClass.VOLATILE, TraitClass.PERIODIC, TraitClass.STABLE

SECTIONS: Final[Mapping[str, Section]] = {
    "agent_self": Section(_VOLATILE, "The agent itself", fresh_s=3600.0),
    "apparmor": Section(_PERIODIC, "AppArmor and its profiles"),
    "authorized_keys": Section(_PERIODIC, "Keys that let somebody log in"),
    "boot": Section(_STABLE, "How and when the host was started"),
    "certificates": Section(_STABLE, "Certificates and when they end"),
    "cloud": Section(_STABLE, "The cloud that it is rented from"),
    "container": Section(_STABLE, "Whether it is a container, and what runs containers on it"),
    "cpu": Section(_STABLE, "Processors"),
    "cron": Section(_PERIODIC, "What cron runs"),
    "disks": Section(_STABLE, "Block devices"),
    "filesystem": Section(_VOLATILE, "File systems: known, wanted, and how full"),
    "firewall": Section(_PERIODIC, "What lets packets in"),
    "groups": Section(_PERIODIC, "Groups of the host's own files", fresh_s=0.0),
    "hardware": Section(_STABLE, "What the host runs on"),
    "host_self": Section(_STABLE, "What the server calls this host"),
    "kernel": Section(_STABLE, "The running kernel", fresh_s=3600.0),
    "kernel_modules": Section(_PERIODIC, "Modules of the kernel"),
    "loadavg": Section(_VOLATILE, "How busy it is"),
    "memory": Section(_VOLATILE, "Memory, as the kernel counts it"),
    "mountpoints": Section(_VOLATILE, "Mounted file systems that hold something"),
    "network": Section(_VOLATILE, "Names, addresses, interfaces, routes and resolvers"),
    "ntp": Section(_PERIODIC, "Whether and by whom the clock is set"),
    "os": Section(_STABLE, "The operating system, as os-release(5) names it", fresh_s=60.0),
    "package_sources": Section(_PERIODIC, "Source packages of what is installed"),
    "package_updates": Section(_STABLE, "What there would be newer, as far as the host's own lists know"),
    "packages": Section(_PERIODIC, "Installed packages"),
    "ports": Section(_VOLATILE, "Who listens"),
    "processes": Section(_VOLATILE, "What runs"),
    "repositories": Section(_PERIODIC, "Where packages come from"),
    "secureboot": Section(_STABLE, "Whether the firmware starts only what is signed"),
    "security_scan": Section(_PERIODIC, "What security scanners found"),
    "selinux": Section(_PERIODIC, "SELinux"),
    "services": Section(_PERIODIC, "Services of the init system", fresh_s=30.0),
    "ssh": Section(_PERIODIC, "The SSH server's keys and settings"),
    "sudo": Section(_PERIODIC, "Who may do what as whom"),
    "swap": Section(_VOLATILE, "Swap space"),
    "sysctl": Section(_PERIODIC, "Parameters of the running kernel"),
    "time": Section(_VOLATILE, "Clock and time zone"),
    "timers": Section(_PERIODIC, "systemd timers"),
    "tpm": Section(_STABLE, "The trusted platform module"),
    "uptime": Section(_VOLATILE, "How long the kernel has run"),
    "users": Section(_PERIODIC, "Accounts of the host's own files", fresh_s=0.0),
    "virtualization": Section(_STABLE, "The hypervisor, or that it is one"),
}
"""First segment of a path → the trait."""
