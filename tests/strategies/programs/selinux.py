"""setsebool, semanage and restorecon: the policy's files, and the paths that have the labels it says."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

BOOLEANS = "/sys/fs/selinux/booleans"
STORE = "/var/lib/selinux/targeted/active/booleans.local"
CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts.local"
LABELS = "/model/labels"
"""The contexts as they were when files were labelled."""


def reads(run: Sequence[str]) -> bool:
    """Only asking what would be labelled anew."""
    return list(run[:2]) == ["restorecon", "-n"]


def _setsebool(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    option, name, value = args
    assert option == "-P"
    number = {"on": "1", "off": "0"}[value]
    kept = [line for line in files.lines(host, STORE) if line.partition("=")[0] != name]
    files.put(host, STORE, "".join(f"{line}\n" for line in [*kept, f"{name}={number}"]))
    files.put(host, f"{BOOLEANS}/{name}", f"{number} {number}")
    return OK


def _semanage(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    what, verb, *more = args
    assert what == "fcontext"
    held = {line.split()[0]: line.split()[1] for line in files.lines(host, CONTEXTS) if line[0] == "/"}
    if verb == "--delete":
        del held[more[0]]
    elif (more[1] in held) != (verb == "--modify"):
        return refuse(f"ValueError: File context for {more[1]} is or is not defined")
    else:
        held[more[1]] = f"system_u:object_r:{more[0].removeprefix('--type=')}:s0"
    files.put(host, CONTEXTS, "".join(f"{path} {label}\n" for path, label in sorted(held.items())))
    return OK


def _restorecon(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    contexts = "\n".join(line for line in files.lines(host, CONTEXTS) if line[0] == "/")
    if list(args[:2]) == ["-n", "-v"]:
        same = contexts == "\n".join(files.lines(host, LABELS))
        return Ran(0, b"" if same else f"Would relabel {args[-1]} from a to b\n".encode(), b"")
    files.put(host, LABELS, contexts)
    return OK


PROGRAMS: dict[str, Program] = {"setsebool": _setsebool, "semanage": _semanage, "restorecon": _restorecon}
