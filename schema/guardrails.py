"""Guardrails: what no config may do to a host, because it would end the agent or the host itself.

Compiled in, and judged twice: by the compiler on what is written, by the agent on what came of it when it was rendered.
Neither can be configured away.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

AGENT_PATHS: Final = (
    "/etc/vigo",
    "/etc/vigo-agent",
    "/opt/vigo-agent",
    "/run/vigo-agent",
    "/usr/lib/vigo-agent",
    "/var/lib/vigo",
    "/var/lib/vigo-agent",
)
"""Of the agent and of the server: they may be one host."""
_AGENT_PREFIXES: Final = tuple(f"{path}/" for path in AGENT_PATHS)
AGENT_NAMES: Final = frozenset({"vigo", "vigo-agent", "vigo-executor"})
"""Of packages, services, processes and users."""

_UNIT_FILES: Final = re.compile(r"/(systemd/system|init\.d|conf\.d)/vigo(-agent|-executor)?(\.service(\.d)?)?(/|$)")
_PATH_KEYS: Final = frozenset({"path", "dest", "destination", "directory"})
_NAME_KEYS: Final = frozenset({"service", "unit", "timer", "package", "packages", "process", "user", "group"})
_JUDGED: Final = frozenset({*_PATH_KEYS, *_NAME_KEYS, "command"})
_ENDS_NAMES: Final = frozenset({"absent", "purged", "stopped", "restarted", "masked", "killed"})
_MAX_COMMAND_CHARS: Final = 64 * 1024
_SYSTEM: Final = frozenset(
    {"/", "/srv"}
    | {f"/{name}" for name in ("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "opt", "proc", "root")}
    | {f"/{name}" for name in ("run", "sbin", "sys", "usr", "usr/bin", "usr/lib", "usr/local", "usr/sbin")}
    | {f"/{name}" for name in ("var", "var/lib", "var/log")}
)
_DISK: Final = re.compile(r"^/dev/(sd|hd|vd|xvd|nvme|mmcblk|md|dm-|mapper/|disk/)")
_FORK_BOMB: Final = re.compile(r"(\S+)\s*\(\)\s*\{\s*\1\s*\|\s*\1\s*&")
_SUSPECT: Final = ("rm", "chmod", "chown", "chgrp", "dd", "shred", "vigo", "/dev/", "{", "'", '"', "\\")
"""Without any of these in it a command is nothing that is known here: its words stand in it as they are."""
_INIT: Final = frozenset({"systemctl", "service", "rc-service"})
_STOPS: Final = frozenset({"stop", "disable", "mask", "kill"})
_INSTALLERS: Final = frozenset({"apt", "apt-get", "dnf", "yum", "apk", "zypper", "pacman", "dpkg", "rpm"})
_REMOVES: Final = frozenset({"remove", "purge", "autoremove", "erase", "del", "-R", "-r", "-e", "--remove", "--purge"})
_BEFORE: Final = frozenset({"sudo", "exec", "command", "nohup", "nice", "time", "then", "do", "else", "!", "{", "("})


def objection(attributes: Mapping[str, Any], *, own: Sequence[str] = ()) -> str:
    """Why a resource with these attributes may not be; empty when it may.

    Args:
        own: more paths that are the agent's, as it runs here.
    """
    for key, value in attributes.items():
        if key not in _JUDGED:
            continue
        if key in _PATH_KEYS:
            why = _about_path(value, attributes, own) if isinstance(value, str) and value.startswith("/") else ""
        elif key == "command":
            why = f"the command {why}" if isinstance(value, str) and (why := dangerous(value)) else ""
        else:
            why = "" if isinstance(value, str) and "vigo" not in value else _about_names(key, value, attributes)
        if why:
            return why
    return ""


def _about_path(path: str, attributes: Mapping[str, Any], own: Sequence[str]) -> str:
    sweeps = attributes.get("purge") or (attributes.get("force") and attributes.get("state") == "absent")
    if not (sweeps or own or "vigo" in path):
        return ""
    path = normal(path)
    if is_agents(path, own):
        return f"{path} is the agent's own: a mistake there would cut the host off"
    if sweeps and holds_agents(path, own):
        return f"{path} holds what is the agent's own: to remove it would cut the host off"
    return ""


def _about_names(key: str, value: Any, attributes: Mapping[str, Any]) -> str:
    for name in _texts(value):
        if "vigo" not in name or _plain(name) not in AGENT_NAMES:
            continue
        if key in ("package", "packages") or _is_named(key, attributes):
            return f"{name} is the agent's own: a mistake there would cut the host off"
    return ""


def normal(path: str) -> str:
    """An absolute path without `..`, `.` or doubled slashes."""
    if path.startswith("/") and not path.endswith("/") and "//" not in path and "/." not in path:
        return path
    return "/" + posixpath.normpath(path).lstrip("/")


def is_agents(path: str, own: Sequence[str] = ()) -> bool:
    """Whether a normal path is the agent's or the server's."""
    if not own and "vigo" not in path:
        return False
    here = f"{path}/"
    for each in own:  # no generator: it is asked of each path of a catalog
        if path.startswith(each) and here.startswith(f"{each}/"):
            return True
    return "vigo" in path and (here.startswith(_AGENT_PREFIXES) or bool(_UNIT_FILES.search(path)))


def holds_agents(path: str, own: Sequence[str] = ()) -> bool:
    """Whether what is the agent's lies somewhere below a normal path."""
    return any(each.startswith(path if path == "/" else f"{path}/") for each in (*AGENT_PATHS, *own))


def dangerous(command: str) -> str:
    """What a shell command would do that ends a host or its agent; empty when nothing that is known here.

    It catches mistakes, not malice: a shell has a thousand ways to hide what it does.
    """
    if not any([text in command for text in _SUSPECT]):  # noqa: C419 - a generator takes thrice the time
        return ""
    if _FORK_BOMB.search(command[:_MAX_COMMAND_CHARS]):
        return "is a fork bomb"
    for words in _simple_commands(command[:_MAX_COMMAND_CHARS]):
        program, arguments = posixpath.basename(words[0]), words[1:]
        if why := _judged(program, arguments):
            return why
        for before, target in pairwise(words):
            if before in (">", ">>", ">|") and _DISK.match(target):
                return f"writes over the disk {target}"
    return ""


def dangerous_words(words: Sequence[str]) -> str:
    """The same of a program and its arguments, and of what an argument says where a shell would read it."""
    if why := dangerous(shlex.join(words)):
        return why
    return next((why for word in words[1:] if " " in word and (why := dangerous(word))), "")


def _judged(program: str, arguments: Sequence[str]) -> str:
    flags = [word for word in arguments if word.startswith("-")]
    targets = [normal(word.removesuffix("*") or "/") for word in arguments if word.startswith("/")]
    recursive = any(word in ("--recursive", "-R") or (word[1:2] != "-" and "r" in word.lower()[1:]) for word in flags)
    if program in ("rm", "chmod", "chown", "chgrp") and recursive:
        swept = [target for target in targets if target in (_SYSTEM if program == "rm" else {"/", "/etc", "/usr"})]
        if swept:
            return f"{'removes' if program == 'rm' else 'changes'} all of {swept[0]}"
        if program == "rm" and any(is_agents(target) or holds_agents(target) for target in targets):
            return "removes what is the agent's own"
    if program in ("dd", "shred"):
        disks = [word.removeprefix("of=") for word in arguments if _DISK.match(word.removeprefix("of="))]
        if disks:
            return f"writes over the disk {disks[0]}"
    if not any(_plain(word) in AGENT_NAMES for word in arguments):
        return ""
    if program in _INIT and not _STOPS.isdisjoint(arguments):
        return "stops the agent"
    if program in ("pkill", "killall"):
        return "stops the agent"
    return "removes the agent" if program in _INSTALLERS and not _REMOVES.isdisjoint(arguments) else ""


def _simple_commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, as words; what cannot be split is left out."""
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        try:
            for word in lexer:
                if word and set(word) <= set(";|&()"):
                    if words:
                        yield words
                    words = []
                elif words or ("=" not in word.partition("/")[0] and word not in _BEFORE):
                    words.append(word)
        except ValueError:  # a quotation that goes on in the next line
            pass
        if words:
            yield words


def _is_named(key: str, attributes: Mapping[str, Any]) -> bool:
    """Whether a service or unit is touched at all, or a process, user or group ended."""
    return key in ("service", "unit", "timer") or attributes.get("state") in _ENDS_NAMES


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _plain(name: str) -> str:
    """A name without what says of which kind or version it is."""
    return re.split(r"[:=]", posixpath.basename(name), maxsplit=1)[0].removesuffix(".service").removesuffix(".timer")
