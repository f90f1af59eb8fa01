"""pam.d(5): lines of a service, taken apart, and whether a module is there."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from agent.hosts import Host, Kind

_LINE: Final = re.compile(r"^\s*(-?)(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*?)\s*$")
_INCLUDE: Final = re.compile(r"^\s*@include\s+(\S+)")
_ARGUMENT: Final = re.compile(r"\[(?:[^\]\\]|\\.)*\]|\S+")
_LIBRARIES: Final = ("/usr/lib", "/lib", "/usr/lib64", "/lib64")
_MAX_ENTRIES: Final = 5000


class Line(NamedTuple):
    """One line that names a module."""

    quiet: str
    """`-`: a module that is missing is no error."""
    facility: str
    control: str
    module: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """As the file has it."""
        words = [self.quiet + self.facility, self.control, self.module, *self.arguments]
        return "\t".join(words[:3]) + "".join(f" {word}" for word in words[3:])


def line(text: str) -> Line | None:
    """A line taken apart; None for a comment, an `@include`, or what is none. A comment behind it is dropped."""
    match = _LINE.match(text.partition("#")[0])
    if match is None:
        return None
    quiet, facility, control, module, arguments = match.groups()
    return Line(quiet, facility, control, module, tuple(_ARGUMENT.findall(arguments)))


def included(text: str) -> str:
    """The service that a line includes for all facilities; empty when it includes none."""
    match = _INCLUDE.match(text)
    return match[1] if match else ""


def is_called(text: str, facility: str, name: str) -> bool:
    """Whether a line of a facility is about this module, or includes this service."""
    held = line(text)
    if held is None:
        return included(text) == name
    return held.facility == facility and (held.module == name or held.module.rpartition("/")[2] == name)


def authenticates(lines: list[str]) -> bool:
    """Whether anything asks who it is; what is included may."""
    return any(included(each) or ((held := line(each)) is not None and held.facility == "auth") for each in lines)


def installed(host: Host, module: str) -> bool:
    """Whether a module is where PAM looks for it: in `security` of a library directory."""
    if module.startswith("/"):
        return _is_there(host, module)
    places = [base for base in _LIBRARIES if host.lstat(base) is not None]
    for base in _LIBRARIES[:2]:
        stat = host.lstat(base)
        if stat is not None and stat.kind is Kind.DIRECTORY:
            places += [f"{base}/{name}" for name in host.listdir(base)[:_MAX_ENTRIES] if "-linux-" in name]
    return any(_is_there(host, f"{place}/security/{module}") for place in places)


def _is_there(host: Host, path: str) -> bool:
    return host.lstat(path) is not None
