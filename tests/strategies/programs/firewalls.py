"""nft, ufw and firewall-cmd, each with rules as lines of a file. ufw shows rules in words of its own, as 0.36 does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from agent.hosts import HostFault, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

NFT = "/model/nft"
UFW = "/model/ufw"
NOW = "/model/firewalld"
LATER = "/model/firewalld-permanent"


def reads(run: Sequence[str]) -> bool:
    """Asking and checking."""
    words = list(run)
    return (
        words[:2] == ["nft", "list"]
        or words[:2] == ["nft", "-c"]
        or words == ["ufw", "show", "added"]
        or "--list-rich-rules" in words
    )


def _nft(host: MemoryHost, args: Sequence[str], stdin: bytes) -> Ran:
    table = "".join(f"{line}\n" for line in files.lines(host, NFT))
    if list(args) == ["list", "tables", "inet"]:
        return Ran(0, b"table inet filter\n" + (b"table inet vigo\n" if table else b""), b"")
    if list(args) == ["list", "table", "inet", "vigo"]:
        return Ran(0, table.encode(), b"")
    try:
        text = (stdin if args[-1] == "-" else host.read(args[-1])).decode()
    except (OSError, HostFault) as error:
        return refuse(str(error))
    if "invalid" in text:
        return refuse(f"{args[-1]}:9:3: Error: Could not process rule: No such file or directory")
    if "-c" not in args:
        files.put(host, NFT, text.split("delete table inet vigo\n")[1])
    return OK


def _ufw(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    held = files.lines(host, UFW)
    if list(args) == ["show", "added"]:
        return Ran(0, "".join(["Added user rules:\n", *(f"ufw {line}\n" for line in held)]).encode(), b"")
    words = list(args)
    if words[:2] == ["--force", "delete"]:
        gone = shlex.join(words[2:])
        left = [line for line in held if line.partition(" comment ")[0] != gone]
        if left == held:
            return refuse("ERROR: Could not delete non-existent rule")
    elif words[0].startswith("--"):
        return refuse("ERROR: Invalid syntax")
    else:
        line = shlex.join("direction-" + word if word in ("in", "out") else word for word in words[:-2])
        left = [*held, f"{line.replace('direction-in ', '').replace('direction-', '')} comment '{words[-1]}'"]
    files.put(host, UFW, "".join(f"{line}\n" for line in left))
    return OK


def _firewall_cmd(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    place = LATER if "--permanent" in args else NOW
    held = files.lines(host, place)
    option, _, rule = args[-1].partition("=")
    if option == "--list-rich-rules":
        return Ran(0, "".join(f"{line}\n" for line in held).encode(), b"")
    if option == "--add-rich-rule":
        held = [*held, rule] if rule not in held else held
    else:
        held = [line for line in held if line != rule]
    files.put(host, place, "".join(f"{line}\n" for line in held))
    return OK


PROGRAMS: dict[str, Program] = {"nft": _nft, "ufw": _ufw, "firewall-cmd": _firewall_cmd}
