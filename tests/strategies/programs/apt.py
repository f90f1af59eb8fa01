"""dpkg and apt."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

LISTS = "/model/apt-lists"
MIRROR = "/model/apt-mirror"
LIST_FILES = "/var/lib/apt/lists"
STATUS = "/var/lib/dpkg/status"
"""`name status version`, and `hold` where it is held."""


def reads(run: Sequence[str]) -> bool:
    """Asking dpkg, or apt's cache."""
    return run[0] in ("dpkg-query", "apt-cache")


def _dpkg_query(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert args[0] == "--show"
    known = _status(host)
    if not known:
        return refuse("dpkg-query: no packages found matching *")
    lines = [
        f"{name}\tamd64\t{status}\t{version}\t{'hold' if rest else 'install'}\n"
        for name, (status, version, *rest) in known.items()
    ]
    return Ran(0, "".join(lines).encode(), b"")


def _dpkg(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[-2:]) == ["--configure", "-a"]
    known = _status(host)
    for line in known.values():
        line[0] = "installed" if line[0] == "unpacked" else line[0]
    _set_status(host, known)
    return OK


def _apt_cache(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[:2]) == ["policy", "--"]
    known, text = _status(host), ""
    for name in args[2:]:
        if name in known or _offered(host, name):
            newest = _offered(host, name)[-1:] or [known[name][1]]
            text += f"{name}:\n  Installed: x\n  Candidate: {newest[0]}\n  Version table:\n"
    return Ran(0, text.encode(), b"")


def _apt_mark(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    known = _status(host)
    for name in args[2:]:
        if name not in known:
            return refuse(f"E: No packages found for {name}", 100)
        known[name][2:] = ["hold"] if args[0] == "hold" else []
    _set_status(host, known)
    return OK


def _apt_get(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    if verb == "update" and (of := [word for word in args if word.startswith("--option=Dir::Etc::sourcelist=")]):
        return _update_source(host, of[0].rpartition("=")[2])
    if verb == "update":
        files.put(host, LISTS, "".join(f"{line}\n" for line in files.lines(host, MIRROR)))
        return OK
    known = _status(host)
    if any(line[0] == "unpacked" for line in known.values()):
        return refuse("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", 100)
    if verb == "install":
        return _install(host, args, names)
    for name in names:
        if verb == "remove" and name in known:
            known[name][0] = "config-files"
        else:
            known.pop(name, None)
    _set_status(host, known)
    return OK


def _update_source(host: MemoryHost, path: str) -> Ran:
    """Fetch the lists of one file; a URI with `unreachable` in it is that."""
    fields = dict(line.split(": ", 1) for line in files.lines(host, path) if ": " in line and line[0] != "#")
    for uri in fields["URIs"].split():
        if "unreachable" in uri:
            return refuse(f"E: Failed to fetch {uri}", 100)
        for suite in fields["Suites"].split():
            place = f"{uri.partition('://')[2].rstrip('/')}/dists/{suite}/InRelease"
            files.put(host, f"{LIST_FILES}/{place.replace('/', '_')}", "signed\n")
    return OK


def _install(host: MemoryHost, args: Sequence[str], words: Sequence[str]) -> Ran:
    known, chosen = _status(host), {}
    for word in words:
        if word.startswith("/"):
            fields = dict(line.split(": ") for line in files.lines(host, word))
            chosen[fields["Package"]] = fields["Version"]
            continue
        name, _, version = word.partition("=")
        offered = _offered(host, name)
        if not offered:
            return refuse(f"E: Unable to locate package {name}", 100)
        if version and version not in offered:
            return refuse(f"E: Version '{version}' for '{name}' was not found", 100)
        chosen[name] = version or offered[-1]
        if "hold" in known.get(name, []):
            return refuse("E: Held packages were changed and -y was used without --allow-change-held-packages.", 100)
        if version and "--allow-downgrades" not in args:
            return refuse("E: Packages were downgraded and -y was used without --allow-downgrades.", 100)
    for status in ("unpacked", "installed"):
        for name, version in chosen.items():
            known[name] = [status, version]
            _set_status(host, known)
    return OK


def _offered(host: MemoryHost, name: str) -> list[str]:
    return [line.split()[1] for line in files.lines(host, LISTS) if line.split()[0] == name]


def _status(host: MemoryHost) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in files.lines(host, STATUS)}


def _set_status(host: MemoryHost, known: dict[str, list[str]]) -> None:
    files.put(host, STATUS, "".join(f"{' '.join([name, *line])}\n" for name, line in known.items()))


PROGRAMS: dict[str, Program] = {
    "apt-cache": _apt_cache,
    "apt-get": _apt_get,
    "apt-mark": _apt_mark,
    "dpkg": _dpkg,
    "dpkg-query": _dpkg_query,
}
