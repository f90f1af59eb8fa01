"""mount and umount over /proc/self/mountinfo; swapon and swapoff over /proc/swaps, blkid, and the making of a swap file.

What a device holds stands below /model/disk; what blkid finds is the first line. A device whose name ends in `busy` cannot
be unmounted, one that ends in `broken` not mounted.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

MOUNTINFO = "/proc/self/mountinfo"
SWAPS = "/proc/swaps"
_FLAGS = {"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "sync"}


def reads(run: Sequence[str]) -> bool:
    """blkid alone."""
    return run[0] == "blkid"


def line(device: str, path: str, fstype: str, options: Sequence[str] = ()) -> str:
    """One line of mountinfo."""
    flags = sorted(_FLAGS & set(options) - {"ro"})
    told = ",".join(["ro" if "ro" in options else "rw", *flags])
    return f"36 25 8:1 / {path} {told} shared:1 - {fstype} {device} rw"


def _mount(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    lines = files.lines(host, MOUNTINFO)
    options = args[args.index("-o") + 1].split(",")
    path = args[-1].replace(" ", "\\040")
    at = next((at for at, each in enumerate(lines) if each.split(" ")[4] == path), None)
    if "remount" in options:
        assert at is not None
        fstype, device = lines[at].split(" - ")[1].split(" ")[:2]
        lines[at] = line(device, path, fstype, options)
    else:
        device = args[-2]
        if device.endswith("broken"):
            return refuse(f"{path}: wrong fs type, bad option, bad superblock on {device}", 32)
        lines.append(line(device, path, args[args.index("-t") + 1], options))
    files.put(host, MOUNTINFO, "".join(f"{each}\n" for each in lines))
    return OK


def _umount(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    lines = files.lines(host, MOUNTINFO)
    path = args[-1].replace(" ", "\\040")
    mine = next(each for each in lines if each.split(" ")[4] == path)
    if mine.split(" - ")[1].split(" ")[1].endswith("busy"):
        return refuse(f"umount: {args[-1]}: target is busy.", 32)
    files.put(host, MOUNTINFO, "".join(f"{each}\n" for each in lines if each != mine))
    return OK


def _swapon(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    path, priority = args[-1], args[args.index("-p") + 1] if "-p" in args else "-2"
    if _type(host, path) != "swap":
        return refuse(f"swapon: {path}: read swap header failed", 255)
    lines = files.lines(host, SWAPS) or ["Filename Type Size Used Priority"]
    files.put(host, SWAPS, "".join(f"{each}\n" for each in [*lines, f"{path} file 100 0 {priority}"]))
    return OK


def _swapoff(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    lines = [each for each in files.lines(host, SWAPS) if each.split()[0] != args[-1]]
    files.put(host, SWAPS, "".join(f"{each}\n" for each in lines))
    return OK


def _blkid(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    found = _type(host, args[-1])
    return Ran(0, f"{found}\n".encode(), b"") if found else Ran(2, b"", b"")


def _mkswap(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    files.put(host, _place(host, args[-1]), "swap\n")
    return OK


def _type(host: MemoryHost, path: str) -> str:
    found = files.lines(host, _place(host, path))
    return found[0].rstrip("\0") if found else ""


def _place(host: MemoryHost, path: str) -> str:
    """Where what a device holds is kept."""
    stat = host.lstat(path)
    return path if stat is None or stat.kind is Kind.FILE else f"/model/disk{path}"


def swap_file(host: MemoryHost, args: Sequence[str]) -> Ran:
    """Our script: a file of so many bytes, made ready."""
    host.write(args[0], b"swap\n".ljust(int(args[1]), b"\0"), mode=0o600)
    return OK


PROGRAMS: dict[str, Program] = {
    "mount": _mount,
    "umount": _umount,
    "swapon": _swapon,
    "swapoff": _swapoff,
    "blkid": _blkid,
    "mkswap": _mkswap,
}
