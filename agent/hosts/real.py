"""The machine itself, or a directory that stands for one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.hosts.beneath import Beneath
from agent.hosts.host import Account, Host
from agent.hosts.machine import Machine


class RealHost(Machine):
    """See `Machine`: its paths are opened beneath the root, wherever nobody leads us elsewhere.

    Args:
        root: what stands for `/`.
        openat2: False walks every path component by component, as on a kernel before 5.6.
    """

    def __init__(self, root: Path | str = "/", *, openat2: bool = True) -> None:
        resolved = Path(root).resolve(strict=True)
        self._open: Final = Beneath(str(resolved), openat2=openat2)
        super().__init__(resolved, self._open, {})

    def as_user(self, account: Account) -> Host:
        """See `Host`."""
        from agent.hosts.homes import UserHost  # few hosts have usercrates

        return UserHost(self, self._open, account)
