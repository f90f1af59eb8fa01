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
    "services.*.state": TraitInfo(_STRING, "running, stopped or failed"),
    "services.*.enabled": TraitInfo(_BOOL, "Whether it starts with the host"),
    "agent_self.version": TraitInfo(_STRING, "Version of the agent"),
    "agent_self.python": TraitInfo(_STRING, "Version of Python that runs it"),
    "agent_self.confined": TraitInfo(_BOOL, "Whether it was started with --root"),
}
