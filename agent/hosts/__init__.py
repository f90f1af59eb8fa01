"""Hosts: every touch of the machine goes through `Host`, so that a type can be judged on a machine of memory.

`RealHost` is the machine, or a directory that stands for one; `MemoryHost` is a machine of dictionaries for tests.
What a resource type decides does not belong here.
"""

from __future__ import annotations

from agent.hosts.host import Account as Account
from agent.hosts.host import Host as Host
from agent.hosts.host import HostFault as HostFault
from agent.hosts.host import Kind as Kind
from agent.hosts.host import Ran as Ran
from agent.hosts.host import Stat as Stat
from agent.hosts.memory import MemoryHost as MemoryHost
from agent.hosts.real import RealHost as RealHost
