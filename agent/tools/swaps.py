"""What swap is in use, all of it in one read, and the programs of mkswap(8), swapon(8) and blkid(8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.hosts import Host, HostFault
from agent.tools.fstab import unescaped

TABLE: Final = "/proc/swaps"
TIMEOUT_S: Final = 1800.0
"""To write a large file, and to bring back from it what is in use, takes its time."""
_MEMO: Final = "swaps"
# A file with the name that counts is whole and ready; copy-on-write systems must not share its blocks.
_MAKE: Final = """
umask 077
new="$1.vigo-new"
rm -f -- "$new"
trap 'rm -f -- "$new"' EXIT
: >"$new" || exit 1
chattr +C -- "$new" 2>/dev/null
fallocate -l "$2" -- "$new" 2>/dev/null || head -c "$2" /dev/zero >"$new" || exit 1
chmod 0600 -- "$new" && mkswap -- "$new" >/dev/null && mv -fT -- "$new" "$1"
"""


def live(host: Host) -> Mapping[str, int]:
    """Priority by path, of what is in use; nothing where the kernel has no swap."""
    known: dict[str, int] | None = host.memo.get(_MEMO)
    if known is None:
        try:
            lines = host.read(TABLE).decode("utf-8", "surrogateescape").splitlines()[1:]
        except FileNotFoundError:
            lines = []
        fields = [line.split() for line in lines if len(line.split()) >= 5]
        known = host.memo[_MEMO] = {unescaped(field[0]): int(field[4]) for field in fields}
    return known


def content(host: Host, path: str) -> str:
    """What a file or device holds, in blkid's word; empty for nothing that is known.

    Raises:
        HostFault: it cannot be read, or holds several things at once.
    """
    ran = host.run(["blkid", "-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "value", "--", path])
    if ran.code not in (0, 2):
        raise HostFault(f"blkid: {ran.complaint}")
    return " ".join(ran.text.split())


def make_file(host: Host, path: str, size_bytes: int) -> None:
    """Put a swap file in place, of root's alone, whole or not at all. Raises `HostFault`."""
    _run(host, ["/bin/sh", "-c", _MAKE, "swapfile", path, str(size_bytes)])


def make_ready(host: Host, device: str) -> None:
    """Make a device swap: what it holds is lost. Raises `HostFault`."""
    _run(host, ["mkswap", "--", device])


def use(host: Host, path: str, priority: int | None) -> None:
    """Use it from now on. Raises `HostFault`."""
    _run(host, ["swapon", *([] if priority is None else ["-p", str(priority)]), "--", path])


def leave(host: Host, path: str) -> None:
    """Use it no longer. Raises `HostFault` when memory does not suffice for what is in it."""
    _run(host, ["swapoff", "--", path])


def _run(host: Host, argv: list[str]) -> None:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        what = "the swap file" if argv[0] == "/bin/sh" else argv[0]
        raise HostFault(f"{what}: {ran.complaint}")
