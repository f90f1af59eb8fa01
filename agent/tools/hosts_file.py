"""hosts(5): lines of an address and names, with comments that are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from schema.resources.base import PartSpec

FILE: Final = PartSpec(path="/etc/hosts", create=True)


class Entry(NamedTuple):
    """One line that says something."""

    address: IPv4Address | IPv6Address
    names: tuple[str, ...]
    comment: str

    @property
    def line(self) -> str:
        """As the file has it."""
        text = f"{self.address}\t{' '.join(self.names)}"
        return f"{text} {self.comment}" if self.comment else text


def entry(line: str) -> Entry | None:
    """A line taken apart; None for a comment, an empty line, or what is none."""
    body, mark, comment = line.partition("#")
    words = body.split()
    if len(words) < 2:
        return None
    try:
        return Entry(ip_address(words[0]), tuple(words[1:]), mark + comment)
    except ValueError:
        return None


def put(lines: Sequence[str], address: str, names: Sequence[str]) -> list[str]:
    """The lines with one for these names, the first of which it is about; the same when it is there."""
    at, result, there = ip_address(address), list[str](), False
    for line in lines:
        held = entry(line)
        if held is None or held.address.version != at.version or not set(names) & set(held.names):
            result.append(line)
        elif held.names[0] == names[0] and held.address == at and not there:
            there = True
            result.append(line if held.names == tuple(names) else held._replace(names=tuple(names)).line)
        else:
            result += _without(held, names)
    return result if there else [*result, Entry(at, tuple(names), "").line]


def drop(lines: Sequence[str], name: str, address: str | None = None) -> list[str]:
    """The lines without a name; a line that is about it goes with its other names."""
    result = []
    for line in lines:
        held = entry(line)
        if held is None or name not in held.names or (address is not None and held.address != ip_address(address)):
            result.append(line)
        elif held.names[0] != name:
            result += _without(held, (name,))
    return result


def naming(lines: Sequence[str], name: str) -> Iterator[Entry]:
    """The lines that a name is in."""
    for line in lines:
        held = entry(line)
        if held is not None and name in held.names:
            yield held


def shown(lines: Sequence[str], name: str) -> str | None:
    """Those lines for a person to read; None for none."""
    return "; ".join(" ".join([str(held.address), *held.names]) for held in naming(lines, name)) or None


def _without(held: Entry, names: Collection[str]) -> list[str]:
    left = tuple(name for name in held.names if name not in names)
    return [held._replace(names=left).line] if left else []
