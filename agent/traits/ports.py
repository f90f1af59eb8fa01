"""Who listens: the kernel's tables of sockets, and whose they are by the open files of processes."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.traits import processes, sources

MAX_LISTENERS: Final = 5_000
MAX_FILES: Final = 100_000
"""Open files that are looked at to find whose a socket is."""
_LISTEN, _UNCONNECTED = "0A", "07"
_TABLES: Final = (("tcp", _LISTEN), ("tcp6", _LISTEN), ("udp", _UNCONNECTED), ("udp6", _UNCONNECTED))
_EPHEMERAL: Final = "/proc/sys/net/ipv4/ip_local_port_range"


class _Socket(NamedTuple):
    protocol: str
    address: str
    port: int
    uid: int
    inode: str


def collect(host: Host) -> dict[str, Any]:
    """`ports.*` of `schema.traits`. A directory that stands for a host listens nowhere.

    Raises:
        sources.Partly: whose some sockets are may not be seen.
    """
    sockets = [] if host.confined else _sockets(host)
    owners, hidden = _owners(host, {each.inode for each in sockets}) if sockets else ({}, False)
    found = {
        "listening": [
            {
                "protocol": each.protocol,
                "address": each.address,
                "port": each.port,
                "process": owners.get(each.inode, ""),
                "user": host.user_name(each.uid),
            }
            for each in sockets
        ],
        "tcp": sorted({each.port for each in sockets if each.protocol.startswith("tcp")}),
        "udp": sorted({each.port for each in sockets if each.protocol.startswith("udp")}),
    }
    if hidden and any(each.inode not in owners for each in sockets):
        raise sources.Partly(found, "not all processes may be seen by who is not root")
    return found


def _sockets(host: Host) -> list[_Socket]:
    low, high = _ephemeral(host)
    found = []
    for protocol, state in _TABLES:
        for line in (sources.kernel_text(host, f"/proc/net/{protocol}") or "").splitlines()[1:]:
            parts = line.split()
            if len(parts) < 10 or parts[3] != state:
                continue
            address, _, port = parts[1].partition(":")
            number = int(port, 16)
            if protocol.startswith("udp") and low <= number <= high:
                continue  # an answer is awaited there
            found.append(_Socket(protocol, _address(address), number, int(parts[7]), parts[9]))
    return sorted(set(found))[:MAX_LISTENERS]


def _ephemeral(host: Host) -> tuple[int, int]:
    parts = sources.kernel_readable(host, _EPHEMERAL).split()
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 else (32768, 60999)


def _address(words: str) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the machine's order of bytes."""
    raw = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _owners(host: Host, inodes: set[str]) -> tuple[dict[str, str], bool]:
    """Inode → name of a process that has it open; and whether there are processes that may not be looked into."""
    found: dict[str, str] = {}
    hidden, looked = False, 0
    for pid in processes.pids(host):
        if len(found) == len(inodes) or looked >= MAX_FILES:
            break
        try:
            for descriptor in host.listdir(f"/proc/{pid}/fd"):
                looked += 1
                inode = _inode(host, f"/proc/{pid}/fd/{descriptor}")
                if inode in inodes and inode not in found:
                    found[inode] = processes.name(host, pid)
        except PermissionError:
            hidden = True
        except (OSError, HostFault):  # it has ended meanwhile
            continue
    return found, hidden


def _inode(host: Host, path: str) -> str:
    try:
        target = host.readlink(path)
    except (OSError, HostFault):
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""
