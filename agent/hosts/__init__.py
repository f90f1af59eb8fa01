"""Hosts: every touch of the machine goes through `Host`, so that a type can be judged on a machine of memory.

`RealHost` is the machine, or a directory that stands for one; `MemoryHost` is a machine of dictionaries for tests.
What a resource type decides does not belong here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.hosts.host import Account as Account
from agent.hosts.host import Host as Host
from agent.hosts.host import HostFault as HostFault
from agent.hosts.host import Kind as Kind
from agent.hosts.host import Ran as Ran
from agent.hosts.host import Stat as Stat
from agent.hosts.real import RealHost as RealHost

if TYPE_CHECKING:
    from agent.hosts.memory import MemoryHost as MemoryHost


def __getattr__(name: str) -> Any:
    """What no agent needs is loaded for whoever asks."""
    if name != "MemoryHost":
        raise AttributeError(name)
    from agent.hosts.memory import MemoryHost

    return MemoryHost
