"""Which resources could cut the host off from its server, so that a change of them has to be confirmed.

A type says it of what it manages (`ResourceType.may_cut_off`); a file says it by its path, a service by its name,
whatever type manages them, as a whole or a part: a line of `/etc/hosts`, a drop-in of `sshd`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.resources.types import ResourceType

_PATHS: Final = re.compile(
    r"^/etc/(ssh/sshd_config|ssh/sshd_config\.d/|network/|netplan/|NetworkManager/|systemd/(network|resolved)"
    r"|sysconfig/(network|iptables|ip6tables|nftables)|nftables|iptables|ufw/|firewalld/|wpa_supplicant/|dhcp/"
    r"|resolv\.conf$|hosts$|nsswitch\.conf$|gai\.conf$|vigo-agent/|ssl/certs/|ca-certificates)"
)
_SERVICES: Final = frozenset(
    {"ssh", "sshd", "networking", "network", "NetworkManager", "systemd-networkd", "systemd-resolved", "wickedd"}
    | {"nftables", "iptables", "ip6tables", "ufw", "firewalld", "wpa_supplicant", "dhcpcd", "connman"}
)


def may_cut_off(kind: ResourceType[Any, Any], prepared: Any, attributes: Mapping[str, Any]) -> bool:
    """Whether the agent might not reach its server after a change of this resource."""
    for name in ("service", "unit"):
        service = attributes.get(name)
        if isinstance(service, str) and service.partition(".service")[0] in _SERVICES:
            return True
    path = attributes.get("path")
    paths = kind.paths(prepared)
    if isinstance(path, str) and path not in paths:
        paths = [path, *paths]
    return kind.may_cut_off(prepared) or any(map(_PATHS.match, paths))
