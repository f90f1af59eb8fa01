"""apparmor_parser: the kernel's list of profiles is a file; the links decide how a profile is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.apparmor_parser import LOADED, complains, is_link, names
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse


def reads(run: Sequence[str]) -> bool:
    """It only loads and removes."""
    return False


def _apparmor_parser(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    option, mark, path = args
    assert mark == "--"
    directory, _, name = path.rpartition("/")
    text = host.read(path).decode()
    if "invalid" in text:
        return refuse(f"AppArmor parser error for {path} at line 1: syntax error, unexpected TOK_ID")
    ours = names(text)
    held = [line for line in files.lines(host, LOADED) if line.rpartition(" (")[0] not in ours]
    if option == "--replace":
        if is_link(host, f"{directory}/disable/{name}"):
            return Ran(0, f"Skipping profile in {directory}/disable: {name}".encode(), b"")
        mode = "complain" if complains(text) or is_link(host, f"{directory}/force-complain/{name}") else "enforce"
        held += [f"{each} ({mode})" for each in ours]
    files.put(host, LOADED, "".join(f"{line}\n" for line in held))
    return OK


PROGRAMS: dict[str, Program] = {"apparmor_parser": _apparmor_parser}
