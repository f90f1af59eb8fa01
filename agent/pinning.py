"""Pinning: the host's own word that nothing is applied here but approved plans. No server can take it back.

It is a file of the state directory, written by whoever is root on the host, and outlives an enrolment anew.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from agent import durable
from agent.state import State

_FILE: Final = "pin.json"


class Pin(BaseModel):
    """What a host insists on."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    require_approval: bool = True


def read(state: State) -> bool:
    """Whether this host takes approved plans alone. A pin that cannot be read counts as one."""
    path = state.file(_FILE)
    if not path.exists():
        return False
    pin = state.read_model(_FILE, Pin)
    return pin is None or pin.require_approval


def write(state: State, *, pinned: bool) -> None:
    """Pin this host, or let it go. For who holds the lock.

    Raises:
        OSError: no space.
    """
    if pinned:
        state.write_model(_FILE, Pin())
    else:
        durable.remove(state.file(_FILE))
