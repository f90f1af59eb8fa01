"""auditctl and augenrules: the kernel's rules as lines of a file; it refuses one that holds the word `invalid`."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import Kind, MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

KERNEL = "/model/audit"
LOCKED = "/model/audit-locked"
_MERGED = "/etc/audit/audit.rules"


def reads(run: Sequence[str]) -> bool:
    """Asking."""
    return list(run) in (["auditctl", "-l"], ["auditctl", "-s"])


def _auditctl(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    if list(args) == ["-s"]:
        return Ran(0, f"enabled {2 if host.lstat(LOCKED) else 1}\nfailure 1\n".encode(), b"")
    return Ran(0, "".join(f"{line}\n" for line in files.lines(host, KERNEL) or ["No rules"]).encode(), b"")


def _augenrules(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    lines = [
        line
        for path, node in sorted(host.nodes.items())
        if path.startswith("/etc/audit/rules.d/") and path.endswith(".rules") and node.kind is Kind.FILE
        for line in node.data.decode().splitlines()
        if line and not line.startswith("#")
    ]
    if files.lines(host, _MERGED) != lines:
        files.put(host, _MERGED, "".join(f"{line}\n" for line in lines))
    if "--load" in args:
        if host.lstat(LOCKED):
            return refuse("Error - audit is locked")
        good = [line.replace("-k ", "-F key=") if line.startswith("-a") else line for line in lines]
        bad = next((at for at, line in enumerate(lines) if "invalid" in line), len(lines))
        files.put(host, KERNEL, "".join(f"{line}\n" for line in good[:bad]))
        if bad < len(lines):
            return refuse(f"There was an error in line {bad + 1} of {_MERGED}")
    return OK


PROGRAMS: dict[str, Program] = {"auditctl": _auditctl, "augenrules": _augenrules}
