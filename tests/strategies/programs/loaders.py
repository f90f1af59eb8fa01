"""update-grub, which writes grub.cfg of what /etc/default has, for two kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK

CONFIG = "/boot/grub/grub.cfg"


def reads(run: Sequence[str]) -> bool:
    """None: grubby is not to be had on machines of memory, or all of them would have it."""
    return False


def _update_grub(host: MemoryHost, _args: Sequence[str], _input: bytes) -> Ran:
    words = ""
    drop_ins = "/etc/default/grub.d"
    names = host.listdir(drop_ins) if host.lstat(drop_ins) is not None else []
    for place in ["/etc/default/grub", *(f"{drop_ins}/{name}" for name in names)]:
        stat = host.lstat(place)
        for line in files.lines(host, place) if stat is not None and stat.kind is Kind.FILE else []:
            if (found := re.match(r'GRUB_CMDLINE_LINUX(?:_DEFAULT)?="(.*)"$', line)) is not None:
                words += f" {found[1].replace('$GRUB_CMDLINE_LINUX', '')}"
    kernels = "".join(f"\tlinux\t/boot/vmlinuz-{each} root=UUID=1 ro{words}\n" for each in (1, 2))
    files.put(host, CONFIG, f"menuentry x {{\n{kernels}}}\n")
    return OK


PROGRAMS: dict[str, Program] = {"update-grub": _update_grub}
