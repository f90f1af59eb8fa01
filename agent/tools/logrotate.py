"""logrotate(8), asked whether it can read a file."""

from __future__ import annotations

from agent.hosts import Host, HostFault


def verify(host: Host, path: str) -> None:
    """Nothing, when logrotate can read the file, or is not installed.

    Raises:
        HostFault: with what logrotate says.
    """
    if host.which("logrotate") is None:
        return
    ran = host.run(["logrotate", "-d", path])
    if ran.code != 0 or b"error: " in ran.stderr:
        said = [line for line in ran.stderr.decode("utf-8", "replace").splitlines() if "error" in line]
        raise HostFault(f"logrotate refuses it: {'; '.join(said[:4]).replace(path, 'the file') or ran.complaint}")
