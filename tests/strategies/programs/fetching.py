"""The program that fetches: the web is files of the machine."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.fetch import PYTHON

WEB = "/model/web"


def reads(run: Sequence[str]) -> bool:
    """It only writes."""
    return False


def _fetch(host: MemoryHost, args: Sequence[str], given: bytes) -> Ran:
    assert args[:2] == ["-I", "-S"]
    job = json.loads(given)["job"]
    there = f"{WEB}/{job['url'].rpartition('/')[2]}"
    if host.lstat(there) is None:
        return Ran(0, b'{"error": "the server answered 404"}', b"")
    data = host.read(there)
    if len(data) > job["max_bytes"]:
        return Ran(0, b'{"error": "it is longer"}', b"")
    found = host.lstat(job["path"])
    offset = 0 if found is None else found.size
    host.write(job["path"], (host.read(job["path"]) if offset else b"") + data[offset:], mode=0o600)
    return Ran(0, b'{"error": ""}', b"")


PROGRAMS: dict[str, Program] = {PYTHON: _fetch}
