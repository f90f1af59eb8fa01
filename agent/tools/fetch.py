"""Fetching one file over HTTP, in a child that has the network and nothing of ours in memory.

The child is Python, isolated, with the text of `agent.tools.fetching`; the job, which may hold a secret header, goes in
through standard input, so that no argument shows it. Proxies are those of the agent's own environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from agent.hosts import Host, HostFault

PYTHON: Final = sys.executable
_PROGRAM: Final = "agent.tools.fetching"
_READ_AND_RUN: Final = (
    "import json, sys; given = json.load(sys.stdin); names = {'__name__': 'fetching'};"
    " exec(compile(given['program'], 'fetching', 'exec'), names); names['main'](given['job'])"
)
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
_GRACE_S: Final = 15.0


def fetch(
    host: Host,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    ca_file: str | None,
    max_bytes: int,
    timeout_s: float,
) -> str:
    """Bring what is behind a URL into the file at `path`, going on where it ends. Returns what went wrong, or nothing.

    Raises:
        HostFault: no program can be run.
    """
    job: dict[str, Any] = {
        "url": url,
        "path": path,
        "headers": dict(headers),
        "ca_file": ca_file,
        "max_bytes": max_bytes,
        "seconds": timeout_s,
    }
    env = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    sent = json.dumps({"program": _source(), "job": job}).encode()
    ran = host.run([PYTHON, "-I", "-S", "-c", _READ_AND_RUN], input=sent, timeout_s=timeout_s + _GRACE_S, env=env)
    if ran.timed_out:
        return "it did not come in time (timeout_s); the next run goes on from here"
    try:
        return str(json.loads(ran.stdout)["error"])
    except (ValueError, LookupError, TypeError):
        return f"the program that fetches ended with {ran.complaint}"


def _source() -> str:
    """The text of the program, wherever the agent was installed from: a directory or an archive of its own."""
    found = find_spec(_PROGRAM)
    text = getattr(found.loader, "get_source", lambda _: None)(_PROGRAM) if found is not None else None
    if text is None:
        raise HostFault(f"this agent was built without the text of {_PROGRAM}")
    return str(text)
