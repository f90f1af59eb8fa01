"""Who may do what as whom: sudoers(5), with what it includes and its aliases resolved."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from agent.hosts import Host
from agent.traits import sources

MAX_FILES: Final = 256
MAX_RULES: Final = 2_000
MAX_NAMES: Final = 200
"""Of what one alias stands for."""
_FILE: Final = "/etc/sudoers"
_INCLUDE: Final = re.compile(r"[@#](include|includedir)\s+\"?([^\"]+?)\"?")
_ALIAS: Final = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)")
_COMMAS: Final = re.compile(r"\s*(?<!\\),\s*")
_COMMAND: Final = re.compile(r"(?:\(([^)]*)\)\s*)?((?:[A-Z_]+\s*:\s*)*)(.*)")
_EVERYTHING: Final = "ALL"


class _Read(NamedTuple):
    defaults: list[str]
    aliases: dict[str, list[str]]
    rules: list[tuple[str, str]]
    """File and line."""


def collect(host: Host) -> dict[str, Any]:
    """`sudo.*` of `schema.traits`.

    Raises:
        OSError: it may not be read: it is root's.
    """
    read = _Read([], {}, [])
    for path, line in _lines(host, _FILE, [0]):
        alias = _ALIAS.fullmatch(line)
        if line.startswith("Defaults"):
            read.defaults.append(sources.masked(line))
        elif alias is not None:
            for part in re.split(r"\s+:\s+", alias[2]):
                name, _, value = part.partition("=")
                read.aliases[name.strip()] = _COMMAS.split(value.strip())
        elif "=" in line:
            read.rules.append((path, line))
    rules = [rule for path, line in read.rules[:MAX_RULES] for rule in _rules(path, line, read.aliases)]
    whole = {who for each in rules for who in each["who"] if _EVERYTHING in each["commands"] and _root(each["runas"])}
    return {
        "rules": rules,
        "everything": sorted(whole),
        "nopasswd": sorted({who for each in rules for who in each["who"] if each["nopasswd"]}),
        "defaults": read.defaults,
    }


def _lines(host: Host, path: str, files: list[int]) -> Iterator[tuple[str, str]]:
    """The lines of a file and of those that it includes, in order, joined where they are continued."""
    files[0] += 1
    if files[0] > MAX_FILES:
        return
    content = (sources.text(host, path) or "").replace("\\\n", " ")
    for raw in content.splitlines():
        line = raw.strip()
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            target = posixpath.join(posixpath.dirname(path), include[2])
            if include[1] == "include":
                yield from _lines(host, target, files)
                continue
            for name in sources.names(host, target):
                if "." not in name and not name.endswith("~"):
                    yield from _lines(host, posixpath.join(target, name), files)
        elif line and not (line.startswith("#") and not re.match(r"#\d", line)):
            yield path, re.sub(r"\s+#(?!\d).*$", "", line)


def _rules(path: str, line: str, aliases: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The commands of one line, together where they may be run as the same and in the same way."""
    left, _, right = line.partition("=")
    who, _, hosts = _COMMAS.sub(",", " ".join(left.split())).rpartition(" ")
    if not who:
        return
    runas, nopasswd = "root", False
    grouped: dict[tuple[str, bool], list[str]] = {}
    for part in re.split(r"(?<!\\),(?![^(]*\))", right):
        found = _COMMAND.fullmatch(part.strip())
        if found is None:
            continue
        runas = found[1] if found[1] is not None else runas
        for tag in re.findall(r"\b(?:NO)?PASSWD\b", found[2]):
            nopasswd = tag == "NOPASSWD"
        for command in _resolved(found[3].strip(), aliases):
            grouped.setdefault((runas.strip(), nopasswd), []).append(sources.masked(command))
    names = [name for each in who.split(",") for name in _resolved(each, aliases)]
    for (as_whom, unasked), commands in grouped.items():
        yield {
            "who": names,
            "hosts": [name for each in hosts.split(",") for name in _resolved(each, aliases)],
            "runas": as_whom,
            "commands": commands[:MAX_NAMES],
            "nopasswd": unasked,
            "file": path,
        }


def _resolved(name: str, aliases: dict[str, list[str]]) -> list[str]:
    """What a name stands for; an alias may name others, and a circle of them ends."""
    found: list[str] = []
    todo, seen = [name], set()
    while todo and len(found) < MAX_NAMES:
        each = todo.pop(0)
        if each in aliases:
            todo = [*(aliases[each] if each not in seen else []), *todo]
            seen.add(each)
        elif each:
            found.append(each)
    return found


def _root(runas: str) -> bool:
    return any(name.strip() in (_EVERYTHING, "root") for name in re.split("[:,]", runas)[:1])
