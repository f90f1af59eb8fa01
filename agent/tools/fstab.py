"""/etc/fstab (fstab(5)): one line set or taken out, all others and their comments as they are.

Blanks in a field stand as `\\040`, as getmntent(3) reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind, Stat

PATH: Final = "/etc/fstab"
_MODE: Final = 0o644
_MAX_BYTES: Final = 1024 * 1024
_ESCAPES: Final = {"\\": "\\134", " ": "\\040", "\t": "\\011", "\n": "\\012", "#": "\\043"}


class Entry(NamedTuple):
    """One line."""

    device: str
    path: str
    fstype: str
    options: tuple[str, ...]
    dump: int = 0
    passno: int = 0

    @property
    def kept(self) -> frozenset[str]:
        """Its options as a set; `defaults`, and `sw` of swap, say nothing."""
        return frozenset(self.options) - {"defaults", "sw"}

    def line(self) -> str:
        """As it is written."""
        fields = [self.device, self.path, self.fstype, ",".join(self.options)]
        return "\t".join([*(escaped(field) for field in fields), str(self.dump), str(self.passno)])


class Fstab(NamedTuple):
    """The file as it was found; `stat` None: there is none."""

    stat: Stat | None
    lines: tuple[str, ...]

    def find(self, matches: Callable[[Entry], bool]) -> list[tuple[int, Entry]]:
        """Lines by their number, those that match."""
        found = ((at, _parsed(line)) for at, line in enumerate(self.lines))
        return [(at, entry) for at, entry in found if entry is not None and matches(entry)]


def read(host: Host) -> Fstab:
    """The table, read once until the host changes.

    Raises:
        HostFault: it is no regular file.
    """
    known: Fstab | None = host.memo.get(PATH)
    if known is None:
        known = host.memo[PATH] = _read(host)
    return known


def _read(host: Host) -> Fstab:
    stat = host.lstat(PATH)
    if stat is None:
        return Fstab(None, ())
    if stat.kind is not Kind.FILE:
        raise HostFault(f"{PATH} is a {stat.kind}, not a regular file")
    text = host.read(PATH, limit=_MAX_BYTES).decode("utf-8", "surrogateescape")
    return Fstab(stat, tuple(text.removesuffix("\n").split("\n")) if text else ())


def put(host: Host, table: Fstab, matches: Callable[[Entry], bool], entry: Entry | None) -> None:
    """One entry in place of those that match, or at the end; None takes them out. One write."""
    found = [at for at, _ in table.find(matches)]
    lines: list[str] = []
    for at, line in enumerate(table.lines):
        if at not in found:
            lines.append(line)
        elif entry is not None and at == found[0]:
            lines.append(entry.line())
    if entry is not None and not found:
        lines.append(entry.line())
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    stat = table.stat
    if stat is None:
        host.write(PATH, data, mode=_MODE)
    else:
        host.write(PATH, data, mode=stat.mode, uid=stat.uid, gid=stat.gid)


def escaped(text: str) -> str:
    """A field as it is written."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def unescaped(text: str) -> str:
    """A field as it is meant; the same form as in /proc/self/mountinfo."""
    if "\\" not in text:
        return text
    parts: Sequence[str] = text.split("\\")
    whole = parts[0]
    for part in parts[1:]:
        digits = part[:3]
        if len(digits) == 3 and digits.isascii() and all(digit in "01234567" for digit in digits):
            whole += chr(int(digits, 8) & 0xFF) + part[3:]
        else:
            whole += "\\" + part
    return whole


def _parsed(line: str) -> Entry | None:
    fields = [field for field in line.replace("\t", " ").split(" ") if field]
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    device, path, fstype = (unescaped(field) for field in fields[:3])
    options = tuple(fields[3].split(",")) if len(fields) > 3 else ("defaults",)
    numbers = [int(field) if field.isascii() and field.isdigit() else 0 for field in fields[4:6]]
    return Entry(device, path, fstype, options, *numbers)
