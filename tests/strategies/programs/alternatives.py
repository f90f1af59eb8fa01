"""update-alternatives, of groups without slaves."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

GROUPS = "/var/lib/dpkg/alternatives"


def reads(run: Sequence[str]) -> bool:
    """It is not asked."""
    return False


def _update_alternatives(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    verb, *words = args
    if verb == "--install":
        words = [words[1], words[2], words[0], words[3]]
    name, *rest = words
    lines = files.lines(host, f"{GROUPS}/{name}")
    mode, link = lines[:2] or ["auto", rest[1] if verb == "--install" else ""]
    known = dict(zip(lines[3:-1:2], map(int, lines[4::2]), strict=False))
    if verb == "--install":
        known[rest[0]], link = int(rest[2]), rest[1]
    elif not lines:
        return refuse(f"update-alternatives: error: no alternatives for {name}", 2)
    elif verb == "--set":
        if rest[0] not in known:
            return refuse(
                f"update-alternatives: error: alternative {rest[0]} for {name} not registered; not setting", 2
            )
        mode = "manual"
    elif verb == "--auto":
        mode = "auto"
    else:
        known.pop(rest[0], None)
    path = f"/etc/alternatives/{name}"
    if not known:
        host.remove(path)
        host.remove(f"{GROUPS}/{name}")
        return OK
    stat = host.lstat(path)
    current = host.readlink(path) if stat is not None else ""
    if mode == "auto" or current not in known:
        current, mode = (
            max(known, key=lambda each: known[each]),
            mode if current in known or verb == "--set" else "auto",
        )
    current = rest[0] if verb == "--set" else current
    if stat is None or host.readlink(path) != current:
        host.nodes.setdefault("/etc", files.DIRECTORY)
        host.nodes.setdefault("/etc/alternatives", files.DIRECTORY)
        host.symlink(path, current)
    files.put(
        host,
        f"{GROUPS}/{name}",
        "\n".join([mode, link, "", *(f"{each}\n{known[each]}" for each in sorted(known)), "", ""]),
    )
    return OK


PROGRAMS: dict[str, Program] = {"update-alternatives": _update_alternatives}
