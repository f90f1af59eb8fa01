"""git: a server with names, and commits that are files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from agent.tools.git import CONFIG
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

SERVER = "/model/git"
_READS = {"ls-remote", "rev-parse", "cat-file", "status"}


def reads(run: Sequence[str]) -> bool:
    """Asking."""
    return _words(run[1:])[0] in _READS


def _words(args: Sequence[str]) -> list[str]:
    words = [word for at, word in enumerate(args) if word != "-c" and (at == 0 or args[at - 1] != "-c")]
    return [word for word in words if not word.startswith(("--git-dir=", "--work-tree="))]


def _git(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    verb, *words = _words(args)
    server: dict[str, Any] = json.loads("".join(files.lines(host, SERVER)) or '{"refs": {}, "commits": {}}')
    place = next((word.removeprefix("--work-tree=") for word in args if word.startswith("--work-tree=")), "")
    if verb == "ls-remote":
        return Ran(
            0, "".join(f"{server['refs'][ref]}\t{ref}\n" for ref in words if ref in server["refs"]).encode(), b""
        )
    own = f"{place}/.git"
    if verb == "init":
        files.put(host, f"{own}/HEAD", "")
        if host.lstat(f"{own}/config") is None:
            files.put(host, f"{own}/config", "[core]\n")
        return OK
    if host.lstat(f"{own}/HEAD") is None or host.read(f"{own}/config") != CONFIG:
        return refuse("fatal: not a git repository", 128)
    head = "".join(files.lines(host, f"{own}/HEAD"))
    had = files.lines(host, f"{own}/objects")
    if verb == "rev-parse":
        return Ran(0, f"{head}\n".encode(), b"") if head else Ran(1, b"", b"")
    if verb == "cat-file":
        return OK if words[-1].partition("^")[0] in had else Ran(1, b"", b"")
    changed = [name for name, text in server["commits"].get(head, {}).items() if _text(host, f"{place}/{name}") != text]
    if verb == "status":
        return Ran(0, b"".join(f" M {name}\0".encode() for name in changed), b"")
    if verb == "fetch":
        came = [
            server["refs"][ref[1:].partition(":")[0]] for ref in words if ref[1:].partition(":")[0] in server["refs"]
        ]
        came += list(server["refs"].values()) if "+refs/heads/*:refs/vigo/heads/*" in words else []
        files.put(host, f"{own}/objects", "".join(f"{commit}\n" for commit in dict.fromkeys([*had, *came])))
        return OK
    assert verb == "checkout"
    commit = words[-2]
    if commit not in had:
        return refuse(f"fatal: reference is not a tree: {commit}", 128)
    if "--force" not in words and commit != head and changed:
        return refuse("error: Your local changes would be overwritten", 1)
    if "--force" in words or commit != head:
        for name in server["commits"].get(head, {}).keys() - server["commits"][commit].keys():
            host.remove(f"{place}/{name}")
        for name, text in server["commits"][commit].items():
            files.put(host, f"{place}/{name}", text)
    files.put(host, f"{own}/HEAD", f"{commit}\n")
    return OK


def _text(host: MemoryHost, path: str) -> str | None:
    return None if host.lstat(path) is None else host.read(path).decode()


PROGRAMS: dict[str, Program] = {"git": _git}
