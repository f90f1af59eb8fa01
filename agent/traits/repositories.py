"""Where packages come from: sources.list(5) in both forms, yum.conf(5), zypper's, and apk-repositories(5)."""

from __future__ import annotations

import configparser
import posixpath
from collections.abc import Iterator
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

MAX_SOURCES: Final = 2_000
_APT: Final = "/etc/apt"
_INI: Final = (("yum", "/etc/yum.repos.d"), ("zypper", "/etc/zypp/repos.d"))
_TRUE: Final = frozenset({"1", "yes", "true", "on"})


def collect(host: Host) -> dict[str, Any]:
    """`repositories.*` of `schema.traits`."""
    found = [*_apt(host), *_ini(host), *_apk(host), *_pacman(host)][:MAX_SOURCES]
    enabled = [each for each in found if each["enabled"]]
    unsigned = sum(each["unsigned"] for each in enabled)
    shown = [{key: value for key, value in each.items() if key != "unsigned"} for each in found]
    return {"sources": shown, "count": len(enabled), "unsigned": unsigned}


def _source(
    kind: str,
    uri: str,
    file: str,
    *,
    suite: str = "",
    components: str = "",
    enabled: bool = True,
    signed_by: str = "",
    unsigned: bool = False,
) -> dict[str, Any]:
    return {
        "type": kind,
        "uri": sources.masked(uri),
        "suite": suite,
        "components": components,
        "enabled": enabled,
        "signed_by": signed_by,
        "file": file,
        "unsigned": unsigned,
    }


def _apt(host: Host) -> Iterator[dict[str, Any]]:
    directory = f"{_APT}/sources.list.d"
    for path in (f"{_APT}/sources.list", *(posixpath.join(directory, name) for name in sources.names(host, directory))):
        content = sources.readable(host, path)
        if path.endswith(".sources"):
            yield from _deb822(path, content)
        elif path.endswith(".list"):
            yield from _lines(path, content)


def _lines(path: str, content: str) -> Iterator[dict[str, Any]]:
    """`deb [options] uri suite components`"""
    for line in sources.meaningful(content):
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        if kind not in ("deb", "deb-src"):
            continue
        options: dict[str, str] = {}
        rest = rest.strip()
        if rest.startswith("["):
            written, _, rest = rest[1:].partition("]")
            options = {key: value for key, _, value in (option.partition("=") for option in written.split())}
        words = rest.split()
        if len(words) >= 2:
            yield _source(
                kind,
                words[0],
                path,
                suite=words[1],
                components=" ".join(words[2:]),
                signed_by=options.get("signed-by", ""),
                unsigned=options.get("trusted", "").lower() in _TRUE,
            )


def _deb822(path: str, content: str) -> Iterator[dict[str, Any]]:
    for stanza in content.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[key] = f"{fields.get(key, '')} {line.strip()}".strip()
            else:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        key_or_file = fields.get("signed-by", "")
        for kind in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                yield _source(
                    kind,
                    uri,
                    path,
                    suite=fields.get("suites", ""),
                    components=fields.get("components", ""),
                    enabled=fields.get("enabled", "yes").lower() in _TRUE,
                    signed_by="(in the file)" if "BEGIN PGP" in key_or_file else key_or_file,
                    unsigned=fields.get("trusted", "").lower() in _TRUE,
                )


def _ini(host: Host) -> Iterator[dict[str, Any]]:
    for kind, directory in _INI:
        for name in sources.names(host, directory):
            if not name.endswith(".repo"):
                continue
            path = f"{directory}/{name}"
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read_string(sources.readable(host, path))
            except configparser.Error:
                continue
            for section in parser.sections():
                values = {key: value or "" for key, value in parser.items(section)}
                uri = values.get("baseurl") or values.get("mirrorlist") or values.get("metalink", "")
                yield _source(
                    kind,
                    " ".join(uri.split()),
                    path,
                    suite=section,
                    enabled=values.get("enabled", "1").lower() in _TRUE,
                    signed_by=" ".join(values.get("gpgkey", "").split()),
                    unsigned=values.get("gpgcheck", "1").lower() not in _TRUE,
                )


def _apk(host: Host) -> Iterator[dict[str, Any]]:
    for line in sources.meaningful(sources.text(host, "/etc/apk/repositories") or ""):
        words = line.split()
        yield _source("apk", words[-1], "/etc/apk/repositories", suite=words[0] if len(words) > 1 else "")


def _pacman(host: Host) -> Iterator[dict[str, Any]]:
    section, unsigned = "", False
    for line in sources.meaningful(sources.text(host, "/etc/pacman.conf") or ""):
        key, _, value = (part.strip() for part in line.partition("="))
        if line.startswith("["):
            section, unsigned = line.strip("[]"), False
        elif key == "SigLevel":
            unsigned = "Never" in value
        elif key in ("Server", "Include") and section != "options":
            yield _source("pacman", value, "/etc/pacman.conf", suite=section, unsigned=unsigned)
