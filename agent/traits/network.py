"""Names, addresses and interfaces. Names are the host's own; interfaces are those of the running machine."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import Any

from agent.hosts import Host
from agent.tools import netlink
from agent.traits import sources

_UP = 1
"""RTF_UP"""


def collect(host: Host) -> dict[str, Any]:
    """`network.*` of `schema.traits`."""
    fqdn = _fqdn(host)
    short, _, domain = fqdn.partition(".")
    interfaces: dict[str, dict[str, Any]] = {
        link.name: {
            "mac": link.mac,
            "addresses": sorted(f"{address}/{length}" for address, length in link.addresses),
            "up": link.up,
            "mtu": link.mtu,
        }
        for link in netlink.links()
    }
    addresses = sorted(
        {each.partition("/")[0] for interface in interfaces.values() for each in interface["addresses"]}, key=_order
    )
    interface, gateway = _default_route(host)
    found = {
        "hostname": short,
        "fqdn": fqdn,
        "ip_addresses": [each for each in addresses if _reachable(each)],
        "nameservers": _resolver(host, "nameserver"),
        "dns": {
            "search": _resolver(host, "search") or _resolver(host, "domain"),
            "options": _resolver(host, "options"),
        },
        "interfaces": interfaces,
        "routes": _routes(host),
    }
    optional = {"domain": domain, "default_interface": interface, "default_gateway": gateway}
    if interface in interfaces:
        own = [each.partition("/")[0] for each in interfaces[interface]["addresses"]]
        optional["ip_address"] = next((each for each in sorted(own, key=_order) if _reachable(each)), "")
    return {**found, **{key: value for key, value in optional.items() if value}}


def _fqdn(host: Host) -> str:
    """The full name that the host gives itself; no resolver is asked, since it may not answer."""
    name = ""
    if host.confined:
        name = (sources.text(host, "/etc/hostname") or "").strip()
    name = (name or socket.gethostname() or os.uname().nodename).rstrip(".").lower()
    if "." in name:
        return name
    for line in (sources.text(host, "/etc/hosts") or "").splitlines():
        names = line.partition("#")[0].lower().split()[1:]
        if name in names:
            return next((each for each in names if each.startswith(f"{name}.")), name)
    return name


def _default_route(host: Host) -> tuple[str, str]:
    """Interface and next hop of the IPv4 default route, else of the IPv6 one; empty where there is none."""
    best = (1 << 32, "", "")
    for line in (sources.kernel_text(host, "/proc/net/route") or "").splitlines()[1:]:
        name, destination, gateway, flags, _, _, metric, mask, *_ = line.split()
        if destination == mask == "00000000" and int(flags, 16) & 1:
            address = socket.inet_ntoa(struct.pack("=I", int(gateway, 16)))
            best = min(best, (int(metric), name, "" if address == "0.0.0.0" else address))  # noqa: S104 - not bound to
    if best[1]:
        return best[1], best[2]
    for line in (sources.kernel_text(host, "/proc/net/ipv6_route") or "").splitlines():
        destination, length, _, _, gateway, metric, _, _, flags, name = line.split()
        if int(destination, 16) == 0 and length == "00" and int(flags, 16) & 1 and name != "lo":
            address = str(ipaddress.IPv6Address(int(gateway, 16)))
            best = min(best, (int(metric, 16), name, "" if address == "::" else address))
    return best[1], best[2]


def _routes(host: Host) -> list[dict[str, Any]]:
    """What the kernel's two tables list, but for routes to our own addresses, loopback's and multicast."""
    found = []
    for line in (sources.kernel_text(host, "/proc/net/route") or "").splitlines()[1:]:
        name, destination, gateway, flags, _, _, metric, mask, *_ = line.split()
        if int(flags, 16) & _UP:
            network = ipaddress.ip_network(f"{_ipv4(destination)}/{_ipv4(mask)}", strict=False)
            found.append(_route(str(network), _ipv4(gateway), name, int(metric)))
    for line in (sources.kernel_text(host, "/proc/net/ipv6_route") or "").splitlines():
        destination, length, _, _, gateway, metric, _, _, flags, name = line.split()
        address = ipaddress.IPv6Address(int(destination, 16))
        # The kernel lists its own too: unreachable ones on loopback, and one for each address.
        if int(flags, 16) & _UP and name != "lo" and not address.is_multicast and length != "80":
            gateway = str(ipaddress.IPv6Address(int(gateway, 16)))
            found.append(_route(f"{address}/{int(length, 16)}", gateway, name, int(metric, 16)))
    return sorted(found, key=lambda route: (":" in route["destination"], *map(str, route.values())))


def _route(destination: str, gateway: str, interface: str, metric: int) -> dict[str, Any]:
    gateway = "" if gateway in ("0.0.0.0", "::") else gateway  # noqa: S104 - not bound to
    return {"destination": destination, "gateway": gateway, "interface": interface, "metric": metric}


def _ipv4(word: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(word, 16)))


def _resolver(host: Host, keyword: str) -> list[str]:
    """What resolv.conf(5) gives behind a word; a nameserver a line, of the others the last line counts."""
    lines = [line.split() for line in sources.meaningful(sources.text(host, "/etc/resolv.conf") or "", "#;")]
    found = [line[1:] for line in lines if len(line) > 1 and line[0] == keyword]
    return [words[0] for words in found] if keyword == "nameserver" else (found[-1] if found else [])


def _order(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def _reachable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local)
