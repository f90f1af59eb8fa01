"""A shell, and a validator.

The shell knows `true`, `false`, `exit N`, `test -e PATH`, `touch PATH`, `rm PATH`, `sleep` (which times out), `fetch
PATH` (which needs the network) and `act WORDS`, which notes that it was run (`scripts`) and fails if the last word is `fails`.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import HostFault, MemoryHost, Ran, reach
from agent.hosts.memory import Program
from tests.strategies.programs import files, storage
from tests.strategies.programs.files import OK, refuse

SCRIPTS = "/model/scripts"


def reads(run: Sequence[str]) -> bool:
    """A shell may do anything."""
    return False


def scripts(host: MemoryHost) -> list[str]:
    """What `act` was called with, in order."""
    return files.lines(host, SCRIPTS)


def _checker(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    """A validator: refuses a file that holds the word `invalid`."""
    try:
        bad = b"invalid" in host.read(args[-1])
    except (OSError, HostFault) as error:
        return refuse(str(error))
    return refuse(f"{args[-1]}: syntax error") if bad else OK


def _shell(host: MemoryHost, args: Sequence[str], script: bytes) -> Ran:
    assert args[0] == "-c"
    if len(args) > 2:  # a script of ours, by its name, with its arguments
        return _OURS[args[2]](host, args[3:])
    text = script.decode().strip()
    word, _, rest = text.partition(" ")
    if word == "test":
        return OK if host.lstat(rest.removeprefix("-e ")) is not None else Ran(1, b"", b"")
    if word == "touch":
        files.put(host, rest, "")
    elif word == "fetch":
        if not reach.network():
            return refuse("Address family not supported by protocol")
        files.put(host, rest, "fetched\n")
    elif word == "rm":
        host.remove(rest)
    elif word == "exit":
        return Ran(int(rest), b"", b"said before it ended\n")
    elif word == "sleep":
        return Ran(-9, b"", b"", timed_out=True)
    elif word == "act":
        files.put(host, SCRIPTS, "".join(f"{line}\n" for line in [*scripts(host), text]))
        return refuse("it failed") if rest.endswith("fails") else OK
    elif word != "true":
        return Ran(1, b"", b"")
    return OK


def _verify(host: MemoryHost, args: Sequence[str]) -> Ran:
    """systemd-analyze, of a unit file that is not in place yet."""
    text = host.read(args[0]).decode("utf-8", "replace")
    if "later" in text:
        return refuse(f"{args[2]}: Command /later is not executable: No such file or directory")
    return refuse(f"{args[1]}:1: invalid") if "invalid" in text else OK


def _signal(host: MemoryHost, args: Sequence[str]) -> Ran:
    """A process named `deaf` hears of nothing but KILL."""
    for pid in args[1:]:
        if args[0] == "KILL" or not host.read(f"/proc/{pid}/cmdline").startswith(b"deaf"):
            host.remove(f"/proc/{pid}/cmdline")
    return OK


_OURS = {"signal": _signal, "verify": _verify, "swapfile": storage.swap_file}
PROGRAMS: dict[str, Program] = {"/bin/sh": _shell, "checker": _checker}
