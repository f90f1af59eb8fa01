"""/bin/sh, for text that a person wrote to be read by a shell: `exec`, its guards, `command_succeeds`.

The text goes in through standard input, never as an argument: arguments can be read by every user of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.hosts import Host, Ran

_READ_AND_RUN: Final = 'script=$(cat; echo .) || exit 126; exec </dev/null; eval "${script%.}"'


def run(
    host: Host,
    text: str,
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    user: str | None = None,
    umask: str | None = None,
) -> Ran:
    """Run a command line; the commands in it find their standard input empty.

    Raises:
        HostFault: there is no shell, no such user, or the host runs no programs.
    """
    argv = ["/bin/sh", "-c", _READ_AND_RUN if umask is None else f"umask {int(umask, 8):04o}; {_READ_AND_RUN}"]
    return host.run(
        argv, input=text.encode("utf-8", "surrogateescape") + b"\n", timeout_s=timeout_s, env=env, cwd=cwd, user=user
    )
