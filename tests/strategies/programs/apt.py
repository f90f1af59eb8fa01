"""dpkg and apt."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.files import OK, refuse

LISTS = "/model/apt-lists"
MIRROR = "/model/apt-mirror"
STATUS = "/var/lib/dpkg/status"


def reads(run: Sequence[str]) -> bool:
    """Asking dpkg."""
    return run[0] == "dpkg-query"


def _dpkg_query(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert args[0] == "--show"
    known = _status(host)
    if not known:
        return refuse("dpkg-query: no packages found matching *")
    lines = [f"{name}\tamd64\t{status}\t{version}\n" for name, (status, version) in known.items()]
    return Ran(0, "".join(lines).encode(), b"")


def _dpkg(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[-2:]) == ["--configure", "-a"]
    known = _status(host)
    _set_status(
        host,
        {name: ("installed" if status == "unpacked" else status, version) for name, (status, version) in known.items()},
    )
    return OK


def _apt_get(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    if verb == "update":
        files.put(host, LISTS, "".join(f"{line}\n" for line in files.lines(host, MIRROR)))
        return OK
    known = _status(host)
    if any(status == "unpacked" for status, _ in known.values()):
        return refuse("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", 100)
    (name, _, version) = names[0].partition("=")
    if verb == "install":
        offered = [line.split()[1] for line in files.lines(host, LISTS) if line.split()[0] == name]
        if not offered:
            return refuse(f"E: Unable to locate package {name}", 100)
        if version and version not in offered:
            return refuse(f"E: Version '{version}' for '{name}' was not found", 100)
        if version and "--allow-downgrades" not in args:
            return refuse("E: Packages were downgraded and -y was used without --allow-downgrades.", 100)
        chosen = version or offered[-1]
        _set_status(host, {**known, name: ("unpacked", chosen)})
        _set_status(host, {**known, name: ("installed", chosen)})
        return OK
    if verb == "remove" and name in known:
        _set_status(host, {**known, name: ("config-files", known[name][1])})
    else:
        _set_status(host, {other: state for other, state in known.items() if other != name})
    return OK


def _status(host: MemoryHost) -> dict[str, tuple[str, str]]:
    found = {}
    for line in files.lines(host, STATUS):
        name, status, version = line.split()
        found[name] = (status, version)
    return found


def _set_status(host: MemoryHost, known: dict[str, tuple[str, str]]) -> None:
    files.put(host, STATUS, "".join(f"{name} {status} {version}\n" for name, (status, version) in known.items()))


PROGRAMS: dict[str, Program] = {"apt-get": _apt_get, "dpkg": _dpkg, "dpkg-query": _dpkg_query}
