"""Directories that no resource may sweep: what a mistake there would take with it is the host."""

from __future__ import annotations

from typing import Final

_NOTHING_BELOW: Final = ("/boot", "/dev", "/proc", "/sys", "/usr/lib/modules", "/lib/modules")
"""Nor what is below these."""
_THEMSELVES: Final = frozenset(
    [f"/etc/{name}" for name in ("apt", "default", "init.d", "pam.d", "ssh", "ssl", "systemd", "systemd/system")]
    + [f"/usr/{name}" for name in ("bin", "games", "include", "lib", "lib32", "lib64", "libexec", "local", "sbin")]
    + [f"/usr/local/{name}" for name in ("bin", "lib", "sbin", "share")]
    + [f"/usr/{name}" for name in ("share", "src", "lib/systemd", "lib/systemd/system", "lib/x86_64-linux-gnu")]
    + [f"/var/{name}" for name in ("backups", "cache", "lib", "local", "lock", "log", "mail", "opt", "run", "spool")]
    + [f"/var/{name}" for name in ("tmp", "lib/apt", "lib/dpkg", "lib/pacman", "lib/rpm", "lib/systemd")]
    + [f"/lib/{name}" for name in ("systemd", "systemd/system", "x86_64-linux-gnu")]
)
PLACES: Final = (
    "/", "/bin", "/etc", "/home", "/lib", "/lib64", "/opt", "/root", "/run", "/sbin", "/srv", "/usr", "/var",
    "/tmp",  # noqa: S108 - nothing is put there
    *sorted(_THEMSELVES),
)  # fmt: skip
"""All of them by a name that they have, to be told when another name leads there."""


def is_precious(path: str) -> bool:
    """Whether an absolute path, as it is written, is such a directory; each at the root is one."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    clean = "/" + "/".join(parts)
    return (
        len(parts) < 2 or clean in _THEMSELVES or f"{clean}/".startswith(tuple(f"{each}/" for each in _NOTHING_BELOW))
    )
