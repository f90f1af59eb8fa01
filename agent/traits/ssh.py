"""The SSH server: its host keys, and its settings in effect (sshd -T), else those that sshd_config(5) gives."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

CONFIG: Final = "/etc/ssh/sshd_config"
MAX_DEPTH: Final = 8
_DIRECTORY: Final = "/etc/ssh"
_TIMEOUT_S: Final = 5.0


def collect(host: Host) -> dict[str, Any]:
    """`ssh.*` of `schema.traits`."""
    found: dict[str, Any] = {"host_keys": _host_keys(host), "settings": {}}
    if host.which("sshd") is not None and host.privileged:
        ran = host.run(["sshd", "-T"], timeout_s=_TIMEOUT_S)
        if ran.code == 0:
            return {**found, "source": "sshd -T", "settings": _settings(ran.text)}
    settings = written(host)
    return {**found, "source": "sshd_config", "settings": settings} if settings else found


def written(host: Host) -> dict[str, str]:
    """What the configuration gives, outside of `Match`: the first value that a keyword gets counts."""
    found: dict[str, str] = {}
    _read(host, CONFIG, found, MAX_DEPTH)
    return found


def fingerprint(blob: bytes) -> str:
    """As ssh-keygen(1) shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _host_keys(host: Host) -> dict[str, Any]:
    found = {}
    for name in sources.names(host, _DIRECTORY):
        if not name.startswith("ssh_host_") or not name.endswith("_key.pub"):
            continue
        kind, _, rest = sources.readable(host, f"{_DIRECTORY}/{name}").strip().partition(" ")
        try:
            blob = base64.b64decode(rest.split(" ")[0], validate=True)
        except (binascii.Error, ValueError):
            continue
        if blob:
            found[kind] = {"fingerprint": fingerprint(blob), "file": f"{_DIRECTORY}/{name}"}
    return found


def _settings(said: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in said.splitlines():
        key, _, value = line.strip().partition(" ")
        if key:
            found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _read(host: Host, path: str, found: dict[str, str], depth: int) -> None:
    for line in sources.meaningful(sources.text(host, path) or ""):
        key, _, value = line.replace("=", " ", 1).replace("\t", " ").partition(" ")
        key, value = key.lower(), value.strip().strip('"')
        if key == "match":
            return
        if key == "include" and depth:
            for pattern in value.split():
                for included in _included(host, posixpath.join(_DIRECTORY, pattern)):
                    _read(host, included, found, depth - 1)
        elif key:
            found.setdefault(key, value)


def _included(host: Host, pattern: str) -> list[str]:
    directory, _, name = pattern.rpartition("/")
    if "*" not in name:
        return [pattern]
    before, _, after = name.partition("*")
    names = sources.names(host, directory)
    return [f"{directory}/{each}" for each in names if each.startswith(before) and each.endswith(after)]
