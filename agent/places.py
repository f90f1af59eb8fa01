"""Places: where it shows that something of the host has changed. Words that resource types and the watch share.

- `/etc/passwd`: a path. One below /proc or /sys is known by its content, for the kernel writes no time into it.
- `/srv/app/`: names in a directory that nobody manages, there and wherever below it something is managed.
- `/srv/app//`: all that is below a directory: names, modes and owners.
- `/srv/app///`: the same, and contents.
- `/proc/self/mountinfo\\n/srv/data`: those lines of a file that have this word.

What is below /proc and /sys makes no event of a file (inotify(7)) but for cgroups. Some of it can be waited for with
poll(2); the rest is read every now and then.
"""

from __future__ import annotations

from typing import Final

WAITED_FOR: Final = frozenset({"/proc/self/mountinfo", "/proc/swaps", "/proc/sys/kernel/hostname"})
"""The kernel says POLLPRI when these have changed: proc(5), fs/proc_namespace.c, mm/swapfile.c, proc_sysctl.c."""
EVERYTHING: Final = "*"
"""Told where it is not known what has changed."""
CGROUPS: Final = "/sys/fs/cgroup"
KERNELS: Final = ("/proc/", "/sys/")


def within(path: str) -> str:
    """The names in a directory that nobody manages."""
    return f"{path.rstrip('/')}/"


def below(path: str) -> str:
    """All that is below a directory."""
    return f"{path.rstrip('/')}//"


def contents(path: str) -> str:
    """All that is below a directory, and what it holds."""
    return f"{path.rstrip('/')}///"


def lines(path: str, word: str) -> str:
    """The lines of a file that have this word."""
    return f"{path}\n{word}"


def file_of(place: str) -> str:
    """The path that a place is at, lies in, or is below."""
    return place.partition("\n")[0].rstrip("/") or "/"


def is_kernels(place: str) -> bool:
    """Whether it is a file of the kernel's, in which no event shows that it has changed."""
    return place.startswith(KERNELS) and not place.startswith(f"{CGROUPS}/")
