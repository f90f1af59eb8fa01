"""A part of a file that others own: read the whole, put the whole back at once with the part changed.

Mode, owner and extended attributes stay as they are; a symbolic link in its place is refused, never followed. The one
writer of all types that change a part: file_line, blockinfile, replace, ini, json_file, yaml_file, toml_file.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind, Stat
from agent.tools import validation
from schema.resources.base import PartSpec

NEW_MODE: Final = 0o644


class Whole(NamedTuple):
    """The file as it was found; without `stat` there is none."""

    stat: Stat | None
    text: str = ""
    """Undecodable bytes as surrogates, so that they come back as they were."""
    note: str = ""

    @property
    def ending(self) -> str:
        """How its first line ends; that of a file without one is `\\n`."""
        return "\r\n" if self.text.partition("\n")[0].endswith("\r") else "\n"

    @property
    def lines(self) -> list[str]:
        """Its lines, without their endings."""
        return [line.removesuffix("\r") for line in self.text.removesuffix("\n").split("\n")] if self.text else []

    def joined(self, lines: list[str]) -> str:
        """Lines as its text: a last line without an ending stays so, unless it is a new one."""
        text = self.ending.join(lines)
        before = self.lines
        unfinished = bool(self.text) and not self.text.endswith("\n")
        return text if not lines or (unfinished and lines[-1] == before[-1]) else text + self.ending


def read(host: Host, spec: PartSpec) -> Whole:
    """The file.

    Raises:
        HostFault: it is no regular file, or larger than may be read.
    """
    stat = host.lstat(spec.path)
    if stat is None:
        return Whole(None)
    if stat.kind is not Kind.FILE:
        raise HostFault(f"{spec.path} is a {stat.kind}, not a regular file")
    note = validation.note(host, spec.validate_)
    return Whole(stat, host.read(spec.path).decode("utf-8", "surrogateescape"), note)


def write(host: Host, spec: PartSpec, whole: Whole, text: str) -> None:
    """Put the file back with this text, or make it where that is asked for.

    Raises:
        HostFault: there is none, and it is not to be made; or the validation refuses it.
    """
    data, check = text.encode("utf-8", "surrogateescape"), validation.checker(host, spec.validate_)
    stat = whole.stat
    if stat is None:
        if not spec.create:
            raise HostFault(f"{spec.path} does not exist (create: true makes it)")
        host.write(spec.path, data, mode=NEW_MODE, check=check)
        return
    if spec.backup:
        validation.back_up(host, spec.path, stat)
    host.write(spec.path, data, mode=stat.mode, uid=stat.uid, gid=stat.gid, check=check, keep=True)
