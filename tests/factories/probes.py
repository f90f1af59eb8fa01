"""Jobs for a confined child, each of which tries what it may not."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def act(job: dict[str, Any]) -> Any:
    """Do what the job says."""
    (word, value) = next(iter(job.items()))
    if word == "spin":
        while True:
            pass
    if word == "sleep":
        time.sleep(value)
    if word == "exit":
        os._exit(3)
    if word == "raise":
        return 1 // 0
    if word == "allocate":
        return len(bytearray(value))
    if word == "answer":
        return "x" * value
    if word == "look":
        return {
            "environment": dict(os.environ),
            "uid": os.geteuid(),
            "process": os.getpid(),
            "descriptors": sum(1 for number in range(64) if _is_open(number)),
            "open": _tried(Path("/etc/passwd").open),
            "socket": _tried(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
            "fork": _tried(os.fork),
        }
    return value


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _tried(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "allowed"
