"""rpm, dnf, zypper, apk and pacman: each keeps what is installed where its own kind does, as far as we look there.

What there is to install is shared with the model of apt: `NAME VERSION` lines of lists, which a refresh copies from the
mirror.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.hosts import MemoryHost, Ran
from agent.hosts.memory import Program
from tests.strategies.programs import files
from tests.strategies.programs.apt import LISTS, MIRROR
from tests.strategies.programs.files import OK, refuse

INSTALLED = "/model/packages"
"""Of rpm and pacman: `NAME VERSION`."""
KEYS = "/model/rpm-keys"
APK = "/lib/apk/db/installed"
WORLD = "/etc/apk/world"
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
LOCKS = "/etc/zypp/locks"


def reads(run: Sequence[str]) -> bool:
    """Queries."""
    words = {word for word in run[1:] if word != "--"}
    if run[0] == "rpm":
        return "--query" in words
    if run[0] == "pacman":
        return "--query" in words
    return not words.isdisjoint({"repoquery", "list-updates", "version"})


def _rpm(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    if args[0] == "--import":
        files.put(host, KEYS, "\n".join(files.lines(host, args[1])))
        return OK
    known, lines = _pairs(host, INSTALLED), []
    names = args[args.index("--") + 1 :]
    for name in names:
        plain = name.removesuffix(".noarch")
        if plain in known:
            lines.append(f"{plain}\tnoarch\t0\t{known[plain]}")
        else:
            lines.append(f"package {name} is not installed")
    return Ran(sum(name not in known for name in names), "\n".join(lines).encode(), b"")


def _dnf(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[:3]) == ["--assumeyes", "--quiet", "--setopt=exit_on_lock=True"] or args[0] == "--refresh"
    if args[0] == "--refresh":
        _refresh(host)
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    known, locked = _pairs(host, INSTALLED), files.lines(host, VERSIONLOCK)
    if verb == "repoquery":
        newer = {name: _offered(host, name)[-1:] for name in names if name in known and name not in "".join(locked)}
        return Ran(
            0, "".join(f"{n}\tnoarch\t0:{v[0]}\n" for n, v in newer.items() if v and v[0] != known[n]).encode(), b""
        )
    if verb == "versionlock":
        kept = [line for line in locked if not any(line.startswith(f"{name}-0:") for name in names[1:])]
        added = [f"{name}-0:{known[name]}.*" for name in names[1:] if name in known] if names[0] == "add" else []
        files.put(host, VERSIONLOCK, "".join(f"{line}\n" for line in [*kept, *added]))
        return OK
    if verb == "makecache":
        name = next(word for word in args if word.startswith("--enablerepo=")).partition("=")[2]
        return _fetch(host, f"/etc/yum.repos.d/{name}.repo", f"/var/cache/dnf/{name}-0123456789abcdef")
    if verb == "remove":
        return _remove(host, names)
    parted = {}
    for word in names:
        name = next((n for n in (*_names(host), *known) if word == n or word.startswith(f"{n}-")), word)
        parted[name] = word[len(name) + 1 :]
    return _install(host, parted, missing="Error: Unable to find a match: ")


def _zypper(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    assert list(args[:2]) == ["--non-interactive", "--quiet"]
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    known = _pairs(host, INSTALLED)
    locked = [line.partition(": ")[2] for line in files.lines(host, LOCKS)]
    if verb == "list-updates":
        newer = {name: _offered(host, name)[-1:] for name in known if name not in locked}
        text = [
            f'<update kind="package" name="{n}" edition="{v[0]}"/>' for n, v in newer.items() if v and v[0] != known[n]
        ]
        return Ran(0, "\n".join(text).encode(), b"")
    if verb in ("addlock", "removelock"):
        names = [*locked, *names] if verb == "addlock" else [name for name in locked if name not in names]
        files.put(host, LOCKS, "".join(f"solvable_name: {name}\n" for name in names))
        return OK
    if verb == "refresh" and names:
        return _fetch(host, f"/etc/zypp/repos.d/{names[0]}.repo", f"/var/cache/zypp/raw/{names[0]}")
    if verb == "refresh":
        return _refresh(host)
    if verb == "remove":
        return _remove(host, names)
    parted = {name.partition("=")[0]: name.partition("=")[2] for name in names}
    if not locked_out(parted, locked):
        return _install(host, parted, missing="No provider of ", code=104)
    return refuse("Problem: conflicting requests", 4)


def locked_out(names: Mapping[str, str], locked: Sequence[str]) -> bool:
    return any(name in locked for name in names)


def _apk(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    words = [word for word in args if not word.startswith("--")]
    verb, names = words[0], words[1:]
    known, world = _database(host), dict(line.partition("=")[::2] for line in files.lines(host, WORLD))
    if verb == "update":
        return _refresh(host)
    if verb == "version":
        newer = {name: _offered(host, name)[-1:] for name in known}
        lines = [f"{n}-{known[n]} < {v[0]}\n" for n, v in newer.items() if v and v[0] != known[n]]
        return Ran(0, "".join(lines).encode(), b"")
    if verb == "del":
        _set_world(host, {name: pin for name, pin in world.items() if name not in names})
        _set_database(host, {name: version for name, version in known.items() if name not in names})
        return OK
    parted = {name.partition("=")[0]: name.partition("=")[2] for name in names if not name.startswith("/")}
    for name in names:
        if name.startswith("/"):
            fields = dict(line.split(": ") for line in files.lines(host, name))
            known[fields["Package"]] = fields["Version"]
    for name, version in parted.items():
        offered = [*_offered(host, name), *([known[name]] if name in known else [])]
        if not offered or (version and version not in offered):
            return refuse(f"ERROR: unable to select packages:\n  {name} (no such package):")
        keep = known.get(name) if not version and "--upgrade" not in args else None
        known[name] = version or keep or (_offered(host, name) or offered)[-1]
    _set_world(host, {**world, **parted})
    _set_database(host, known)
    return OK


def _pacman(host: MemoryHost, args: Sequence[str], _input: bytes) -> Ran:
    names = [word for word in args if not word.startswith("--")]
    known = _pairs(host, INSTALLED)
    if args[0] == "--query":
        if "--upgrades" not in args:
            return Ran(0 if known else 1, "".join(f"{n} {v}\n" for n, v in known.items()).encode(), b"")
        newer = {name: _offered(host, name)[-1:] for name in known}
        text = "".join(f"{n} {known[n]} -> {v[0]}\n" for n, v in newer.items() if v and v[0] != known[n])
        return Ran(0 if text else 1, text.encode(), b"")
    if "--refresh" in args:
        return _refresh(host)
    if args[0] == "--remove":
        return _remove(host, names)
    parted = {name.partition("=")[0]: name.partition("=")[2] for name in names}
    return _install(host, parted, missing="error: target not found: ")


def _install(host: MemoryHost, wanted: Mapping[str, str], *, missing: str, code: int = 1) -> Ran:
    known, chosen = _pairs(host, INSTALLED), {}
    for name, version in wanted.items():
        if name.startswith("/"):
            fields = dict(line.split(": ") for line in files.lines(host, name))
            chosen[fields["Package"]] = fields["Version"]
            continue
        offered = _offered(host, name)
        if not offered or (version and version not in offered):
            return refuse(f"{missing}{name}", code)
        chosen[name] = version or offered[-1]
    for name, version in chosen.items():
        known[name] = version
        _set_pairs(host, INSTALLED, known)
    return OK


def _remove(host: MemoryHost, names: Sequence[str]) -> Ran:
    known = _pairs(host, INSTALLED)
    _set_pairs(host, INSTALLED, {name: version for name, version in known.items() if name not in names})
    return OK


def _fetch(host: MemoryHost, path: str, cache: str) -> Ran:
    """Fetch the lists of one repository; a URI with `unreachable` in it is that."""
    if "unreachable" in "".join(files.lines(host, path)):
        return refuse("Error: Failed to download metadata for repo")
    files.put(host, f"{cache}/repodata/repomd.xml", "<repomd/>")
    return OK


def _refresh(host: MemoryHost) -> Ran:
    files.put(host, LISTS, "".join(f"{line}\n" for line in files.lines(host, MIRROR)))
    return OK


def _names(host: MemoryHost) -> list[str]:
    return [line.split()[0] for line in files.lines(host, LISTS)]


def _offered(host: MemoryHost, name: str) -> list[str]:
    return [line.split()[1] for line in files.lines(host, LISTS) if line.split()[0] == name]


def _pairs(host: MemoryHost, path: str) -> dict[str, str]:
    return dict(line.split() for line in files.lines(host, path))


def _set_pairs(host: MemoryHost, path: str, pairs: Mapping[str, str]) -> None:
    files.put(host, path, "".join(f"{name} {version}\n" for name, version in pairs.items()))


def _database(host: MemoryHost) -> dict[str, str]:
    stanzas = "\n".join(files.lines(host, APK)).split("\n\n")
    return {part[0][2:]: part[1][2:] for stanza in stanzas if len(part := stanza.split("\n")) > 1}


def _set_database(host: MemoryHost, known: Mapping[str, str]) -> None:
    files.put(host, APK, "".join(f"P:{name}\nV:{version}\n\n" for name, version in known.items()))


def _set_world(host: MemoryHost, world: Mapping[str, str]) -> None:
    files.put(host, WORLD, "".join(f"{name}={pin}\n" if pin else f"{name}\n" for name, pin in world.items()))


PROGRAMS: dict[str, Program] = {"apk": _apk, "dnf": _dnf, "pacman": _pacman, "rpm": _rpm, "zypper": _zypper}
