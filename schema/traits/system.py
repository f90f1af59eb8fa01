"""The system as it runs: network, processes, services, time, and the agent itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schema.traits.types import TraitInfo, TraitType

_STRING, _INT, _FLOAT = TraitType.STRING, TraitType.INT, TraitType.FLOAT
_BOOL, _LIST, _MAP = TraitType.BOOL, TraitType.LIST, TraitType.MAP

DECLARED: Final[Mapping[str, TraitInfo]] = {
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
    "services": TraitInfo(_MAP, "Services by name without `.service`; empty where no init system is known"),
    "services.*.state": TraitInfo(_STRING, "running, stopped or failed; unknown where sysvinit does not tell"),
    "services.*.enabled": TraitInfo(_BOOL, "Whether it starts with the host"),
    "agent_self.version": TraitInfo(_STRING, "Version of the agent"),
    "agent_self.python": TraitInfo(_STRING, "Version of Python that runs it"),
    "agent_self.confined": TraitInfo(_BOOL, "Whether it was started with --root"),
    "network.routes": TraitInfo(
        _LIST,
        "IPv4 and IPv6 routes of the main table, but for those of the kernel's own to single addresses: "
        "{destination, gateway, interface, metric}",
    ),
    "network.dns.search": TraitInfo(_LIST, "Domains that resolv.conf searches"),
    "network.dns.options": TraitInfo(_LIST, "resolv.conf's options"),
    "ports.listening": TraitInfo(
        _LIST, "Who listens: {protocol, address, port, process, user}; process is empty where it may not be seen"
    ),
    "ports.tcp": TraitInfo(_LIST, "TCP ports that are listened on, sorted"),
    "ports.udp": TraitInfo(_LIST, "UDP ports that are bound, sorted; without those of the ephemeral range"),
    "processes.count": TraitInfo(_INT, "Processes, threads of the kernel left out", volatile=True),
    "processes.zombies": TraitInfo(_INT, "Processes that have ended and nobody noticed", volatile=True),
    "processes.names": TraitInfo(
        _LIST,
        "Names of all that run, sorted, each once. Names only: arguments may hold secrets and are never read",
        volatile=True,
    ),
    "processes.top_cpu": TraitInfo(
        _LIST,
        "The ten that used most processor time: {name, pid, user, cpu_percent, rss_mb}; cpu_percent over "
        "their whole life",
        volatile=True,
    ),
    "processes.top_memory": TraitInfo(_LIST, "The ten that hold most memory, in the same form", volatile=True),
    "timers": TraitInfo(_MAP, "systemd timers by name without `.timer`; empty where systemd does not run"),
    "timers.*.unit": TraitInfo(_STRING, "What it starts"),
    "timers.*.enabled": TraitInfo(_BOOL, "Whether it starts with the host"),
    "timers.*.active": TraitInfo(_BOOL, "Whether it waits for its time"),
    "timers.*.last": TraitInfo(_STRING, "When it last went off: RFC 3339", always=False, volatile=True),
    "timers.*.next": TraitInfo(
        _STRING, "When it goes off next: RFC 3339; not of one that counts from an event", always=False, volatile=True
    ),
    "ntp.synchronized": TraitInfo(_BOOL, "Whether the kernel takes its clock for synchronized"),
    "ntp.service": TraitInfo(
        _STRING, "chrony, systemd-timesyncd, ntpd, ntpsec, openntpd: the one whose configuration is here", always=False
    ),
    "ntp.servers": TraitInfo(_LIST, "Servers and pools that it is told to ask, sorted"),
    "kernel_modules.loaded": TraitInfo(_LIST, "Modules of the running kernel, sorted"),
    "kernel_modules.disabled": TraitInfo(
        _LIST, "Modules that modprobe.d(5) forbids: `blacklist`, or `install` of true or false"
    ),
    "sysctl": TraitInfo(
        _MAP,
        "Parameters of the running kernel that matter to security and load: `traits.sysctl['net.ipv4.ip_forward']`",
    ),
    "sysctl.*": TraitInfo(_STRING, "The value, fields parted by one blank"),
    "cron.jobs": TraitInfo(
        _LIST,
        "What cron runs: {file, user, schedule, program}; of the command its program alone, since arguments "
        "may hold secrets",
    ),
    "cron.scripts": TraitInfo(_MAP, "Scripts that are run by the hour, day, week and month"),
    "cron.scripts.*": TraitInfo(_LIST, "Their names: hourly, daily, weekly, monthly"),
    "agent_self.uid": TraitInfo(_INT, "The user id that collects"),
    "agent_self.pid": TraitInfo(_INT, "Its process", volatile=True),
    "agent_self.rss_mb": TraitInfo(_FLOAT, "Memory that it holds, MiB", volatile=True),
    "agent_self.cpu_s": TraitInfo(_FLOAT, "Processor time since it started, seconds", volatile=True),
    "agent_self.threads": TraitInfo(_INT, "Threads", volatile=True),
    "agent_self.state": TraitInfo(
        _STRING, "What is in force: `nothing`, `current` or `stale`; not of a look at a directory", always=False
    ),
    "agent_self.last_run": TraitInfo(_STRING, "How the last run ended: converged or failed", always=False),
    "agent_self.spooled_reports": TraitInfo(_INT, "Reports that wait for the server", always=False, volatile=True),
    "host_self.enrolled": TraitInfo(_BOOL, "Whether a server knows this host"),
    "host_self.hostname": TraitInfo(_STRING, "What the server calls it", always=False),
    "host_self.envoy_id": TraitInfo(_STRING, "Its id at the server", always=False),
    "host_self.project": TraitInfo(_STRING, "Its project", always=False),
    "host_self.server": TraitInfo(_STRING, "The server's address", always=False),
    "host_self.require_approval": TraitInfo(_BOOL, "Whether it takes approved plans alone", always=False),
}
