"""GRUB: what each kernel is started with, and how that is changed.

Debian's way: files of words in /etc/default, from which update-grub writes /boot/grub/grub.cfg. Fedora's: grubby, for
all entries at once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind

CONFIG: Final = "/boot/grub/grub.cfg"
DEFAULTS: Final = "/etc/default/grub"
DROP_INS: Final = "/etc/default/grub.d"
TIMEOUT_S: Final = 600.0
_MEMO: Final = "grub"
_LINUX: Final = re.compile(r"^\s*linux(?:16|efi)?\s+(.*)$")
_ARGS: Final = re.compile(r'^args="?(.*?)"?$')
_WORDS: Final = re.compile(r"^(\s*(?:export\s+)?GRUB_CMDLINE_LINUX(?:_DEFAULT)?=)(\"[^\"]*\"|'[^']*')\s*$")


def lacking(host: Host) -> str | None:
    """Why parameters cannot be changed here; None when they can."""
    if host.which("grubby") or host.which("update-grub"):
        return None
    return "needs GRUB with update-grub or grubby, which this host does not have"


def by_grubby(host: Host) -> bool:
    """Whether grubby keeps the entries."""
    return host.which("grubby") is not None


def commands(host: Host) -> Sequence[tuple[str, ...]]:
    """The words of each kernel that can be started, read once for all.

    Raises:
        HostFault: nobody tells.
    """
    known: list[tuple[str, ...]] | None = host.memo.get(_MEMO)
    if known is None:
        known = host.memo[_MEMO] = list(_by_grubby(host) if by_grubby(host) else _by_config(host))
    return known


def change(host: Host, *, add: str | None, remove: str | None) -> None:
    """Change one parameter of every kernel by grubby. Raises `HostFault`."""
    words = [f"--args={add}"] if add is not None else [f"--remove-args={remove}"]
    _run(host, ["grubby", "--update-kernel=ALL", *words])


def write_config(host: Host) -> None:
    """Let update-grub write what is started. Raises `HostFault`."""
    _run(host, ["update-grub"])


def without(text: str, parameter: str) -> str:
    """/etc/default/grub with no word of a parameter; a line that the shell would have to work out stays."""
    lines = []
    for line in text.split("\n"):
        found = _WORDS.match(line)
        if found is not None:
            quote, words = found[2][0], found[2][1:-1].split(" ")
            kept = [word for word in words if word.partition("=")[0] != parameter]
            line = line if kept == words else f"{found[1]}{quote}{' '.join(word for word in kept if word)}{quote}"
        lines.append(line)
    return "\n".join(lines)


def _by_config(host: Host) -> Iterator[tuple[str, ...]]:
    stat = host.lstat(CONFIG)
    if stat is None or stat.kind is not Kind.FILE:
        return
    for line in host.read(CONFIG).decode("utf-8", "replace").splitlines():
        if (found := _LINUX.match(line)) is not None:
            yield tuple(found[1].split()[1:])  # behind the kernel itself


def _by_grubby(host: Host) -> Iterator[tuple[str, ...]]:
    ran = host.run(["grubby", "--info=ALL"])
    if ran.code != 0:
        raise HostFault(f"grubby: {ran.complaint}")
    for line in ran.text.splitlines():
        if (found := _ARGS.match(line)) is not None:
            yield tuple(found[1].split())


def _run(host: Host, argv: list[str]) -> None:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{shlex.join(argv)}: {ran.complaint}")
