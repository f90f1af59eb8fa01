"""python3, as far as pip and venv are asked of it: of the system, and of the environment /srv/app.

What is installed is one file of `name version` lines for each; what there is to install is another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

INDEX = "/model/pypi"
SYSTEM = "/model/site-packages"
MANAGED = "/model/EXTERNALLY-MANAGED"
VENV = "/srv/app"


def reads(run: Sequence[str]) -> bool:
    """Queries of pip, and installing in a dry run."""
    return "list" in run or "--dry-run" in run


def _python(place: str) -> Program:
    def run(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
        if list(args[:3]) == ["-m", "venv", "--"]:
            files.put(host, f"{args[3]}/bin/python", "")
            return OK
        assert list(args[:5]) == ["-B", "-m", "pip", "--disable-pip-version-check", "--no-input"]
        verb, *words = args[5:]
        known = dict(line.split() for line in files.lines(host, place))
        if verb == "list":
            return Ran(
                0, json.dumps([{"name": name, "version": version} for name, version in known.items()]).encode(), b""
            )
        asked = words[words.index("--") + 1 :] if "--" in words else files.lines(host, words[-1])
        if verb == "install" and "--dry-run" in words:
            return OK if all(_holds(known, word) for word in asked) else refuse("ERROR: No matching distribution found")
        if place == SYSTEM and host.lstat(MANAGED) is not None and "--break-system-packages" not in words:
            return refuse("error: externally-managed-environment")
        offered = dict(line.split() for line in files.lines(host, INDEX))
        for word in asked:
            name, _, version = word.partition("==")
            if verb == "uninstall":
                known.pop(name, None)
                continue
            if name not in offered:
                return refuse(f"ERROR: No matching distribution found for {word}")
            known[name] = version or known.get(name, offered[name])
        files.put(host, place, "".join(f"{name} {version}\n" for name, version in known.items()))
        return OK

    return run


def _holds(known: dict[str, str], word: str) -> bool:
    name, _, version = word.partition("==")
    return name in known and version in ("", known[name])


PROGRAMS: dict[str, Program] = {
    "python3": _python(SYSTEM),
    "python3.13": _python(SYSTEM),
    f"{VENV}/bin/python": _python(f"{VENV}/packages"),
}
