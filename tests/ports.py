"""Ports for servers that come back to theirs: not of those that the kernel gives to whoever asks for any.

A server of a test is ended and started again, and meanwhile other tests ask for ports by the hundred: now and then one of
them had got this one. What is below the kernel's range nobody gets by chance; processes of one run, which xdist numbers,
have a part of it each.
"""

from __future__ import annotations

import os
import random
import socket
from collections import deque
from pathlib import Path
from typing import Final

_LEAST: Final = 10_240
_PARTS: Final = 16
_TRIES: Final = 200
_CHANCE: Final = random.SystemRandom()
"""Not of what pytest-randomly seeds, which is the same for each test and each run of a seed."""
_given: Final[deque[int]] = deque(maxlen=100)


def lasting() -> int:
    """A TCP port that nobody listens on now, at any address of this machine, and that was not given just before."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
    size = (first - _LEAST) // _PARTS
    assert size > 0, f"the kernel gives away ports from {first} on"
    for _ in range(_TRIES):
        port = _LEAST + worker * size + _CHANCE.randrange(size)
        if port in _given:
            continue
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("", port))
            except OSError:
                continue
        _given.append(port)
        return port
    raise AssertionError("no port is free")
