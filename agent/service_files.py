"""Texts that have a service manager keep an agent: systemd's unit, and its user for the link.

Whoever installs an agent writes them; nothing of a running agent reads them. What they take away is what neither half
nor any program of a resource needs: the executor must be able to change the host, so the halves give up their rights
themselves (`agent.halves`), each its own.
"""

from __future__ import annotations

from typing import Final

UNIT_NAME: Final = "vigo-agent.service"
STATE_NAME: Final = "vigo-agent"
"""Below /var/lib: where the agent looks if nothing else is said."""

_UNIT: Final = """\
[Unit]
Description=Vigo agent: keeps this host in the state its server signs
After=network.target local-fs.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={program} run
WorkingDirectory=/
StateDirectory={state}
StateDirectoryMode=0700
UMask=0077
Restart=always
RestartSec=5
# 2: not enrolled, or the state cannot be trusted. Another start would say the same.
RestartPreventExitStatus=2
TimeoutStopSec=20
# Programs that the agent has started, a package manager in the middle of its work, are not ended with it.
KillMode=process
OOMPolicy=continue
MemoryAccounting=yes
MemoryHigh=384M
MemoryMax=768M
TasksMax=1024
CPUWeight=50
IOWeight=50
LimitCORE=0
LimitNOFILE=16384
LimitMEMLOCK=0
KeyringMode=private
# The halves give up more, each what it does not need; programs of resources start as from a shell of root.
NoNewPrivileges=no
PrivateTmp=no
ProtectSystem=no

[Install]
WantedBy=multi-user.target
"""

SYSUSERS: Final = 'u vigo-agent - "Vigo agent, its network half" / /usr/sbin/nologin\n'
"""For sysusers.d(5): without this user the link runs as a number of systemd's dynamic range."""


def systemd_unit(program: str, *, state: str = STATE_NAME) -> str:
    """The unit that runs this program (an absolute path without blanks) as the host's agent.

    Raises:
        ValueError: the path is none that a unit can name as it is.
    """
    if not program.startswith("/") or not program.isprintable() or any(each in program for each in " \t\"'\\$%;"):
        raise ValueError(f"{program!r} is no absolute path that a unit can name as it is")
    return _UNIT.format(program=program, state=state)
