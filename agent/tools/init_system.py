"""The init system that runs a host: systemd, OpenRC or sysvinit, behind one set of words.

The words are systemd's: they are the finest, and the others are told in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from agent.hosts import Host
from agent.tools import openrc, systemctl, sysv
from agent.tools.systemctl import Unit


class InitSystem(Protocol):
    """One program family; every method raises `HostFault` when it does not answer or refuses."""

    SUFFIX: str
    """What a service's whole name ends with."""

    def booted(self, host: Host) -> bool:
        """Whether it runs the host."""
        ...

    def load(self, host: Host, names: Iterable[str]) -> None:
        """Read these services into the memo, those that it lacks, at once."""
        ...

    def unit(self, host: Host, name: str) -> Unit:
        """One service, from the memo if it is there."""
        ...

    def shown_in(self, host: Host, name: str, /) -> Sequence[str]:
        """Where a change of one service shows: `agent.places`."""
        ...

    def act(self, host: Host, verb: str, *names: str) -> None:
        """start, stop, restart, reload-or-restart, enable, disable, mask, unmask; daemon-reload without names."""
        ...


_ALL: Final[tuple[InitSystem, ...]] = (systemctl, openrc, sysv)


def of(host: Host) -> InitSystem | None:
    """The one that runs the host; None when none does: a container, an image that is being built."""
    return next((each for each in _ALL if each.booted(host)), None)
