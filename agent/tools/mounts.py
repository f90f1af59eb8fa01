"""What is mounted, all of it in one read, and mount(8) and umount(8) for one place. Never by force, never lazily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agent import places
from agent.hosts import Host, HostFault
from agent.tools.fstab import unescaped

TABLE: Final = "/proc/self/mountinfo"
TIMEOUT_S: Final = 300.0
"""A server that does not answer keeps mount waiting."""
_MEMO: Final = "mounts"
_BY: Final = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}


class Mount(NamedTuple):
    """One place, as proc_pid_mountinfo(5) tells it."""

    source: str
    fstype: str
    options: frozenset[str]
    """Of the place and of the file system."""
    root: str
    """What of the file system is mounted there; `/` for all of it."""


def live(host: Host) -> Mapping[str, Mount]:
    """What is mounted, by path; of several at one place the uppermost.

    Raises:
        HostFault: the kernel does not tell.
    """
    known: dict[str, Mount] | None = host.memo.get(_MEMO)
    if known is None:
        try:
            text = host.read(TABLE).decode("utf-8", "surrogateescape")
        except OSError as error:
            raise HostFault(f"{TABLE}: {error.strerror}") from error
        known = host.memo[_MEMO] = {}
        for line in text.splitlines():
            before, _, after = line.partition(" - ")
            place, system = before.split(" "), after.split(" ")
            if len(place) >= 6 and len(system) >= 3:
                options = frozenset(place[5].split(",")) | (frozenset(system[2].split(",")) - {"ro", "rw"})
                known[unescaped(place[4])] = Mount(unescaped(system[1]), system[0], options, unescaped(place[3]))
    return known


def shown_in(path: str) -> str:
    """Where it shows that something else is mounted there, or differently: `agent.places`."""
    # As show_mountinfo() in fs/proc_namespace.c writes it.
    return places.lines(TABLE, path.translate({ord(each): f"\\{ord(each):03o}" for each in " \t\n\\#"}))


def resolved(host: Host, device: str) -> str:
    """The device node that `UUID=…` and its like stand for, or a link below /dev; the same text where none is found."""
    kind, _, value = device.partition("=")
    path = f"/dev/disk/{_BY[kind]}/{_udev(value.strip(chr(34)))}" if kind in _BY else device
    for _ in range(8):
        if not path.startswith("/dev/"):
            break
        try:
            target = host.readlink(path)
        except (OSError, HostFault):
            break
        path = _joined(path.rpartition("/")[0], target)
    return device if kind in _BY and path.startswith("/dev/disk/") else path


def mount(host: Host, device: str, path: str, fstype: str, options: Sequence[str]) -> None:
    """Mount it.

    Raises:
        HostFault: with what mount says.
    """
    _run(host, ["mount", "-t", fstype, "-o", ",".join(options), "--", device, path])


def remount(host: Host, path: str, options: Sequence[str]) -> None:
    """Give what is mounted there other options. Raises `HostFault`."""
    _run(host, ["mount", "-o", ",".join(["remount", *options]), "--", path])


def unmount(host: Host, path: str) -> None:
    """Unmount what is there. Raises `HostFault` when it is in use."""
    _run(host, ["umount", "--", path])


def _run(host: Host, argv: list[str]) -> None:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{argv[0]}: {ran.complaint}")


def _joined(directory: str, target: str) -> str:
    parts: list[str] = []
    for part in (target if target.startswith("/") else f"{directory}/{target}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _udev(value: str) -> str:
    """A label as udev writes it into the name of a link."""
    return "".join(
        each if each.isalnum() or each in "#+-.:=@_" else "".join(f"\\x{byte:02x}" for byte in each.encode())
        for each in value
    )
