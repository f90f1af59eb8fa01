"""Notifies when the value of a secret has changed. See `WatchSecretSpec`.

Kept is `scrypt` (RFC 7914) of the value with a salt of its own, at a cost that makes guessing a short secret dear and a
check some milliseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from schema.resources.watch_secret import WatchSecretSpec

DIRECTORY: Final = "/var/lib/vigo-agent/watched"
MODE: Final = 0o600
_SALT_BYTES: Final = 16
_COST: Final = {"n": 2**12, "r": 8, "p": 1}
_MAX_BYTES: Final = 1024


class WatchSecretState(NamedTuple):
    """What is remembered; None: nothing that could be of ours."""

    stat: Stat | None
    same: bool
    note: str = ""


def check(host: Host, spec: WatchSecretSpec) -> WatchSecretState:
    """See `ResourceType`."""
    stat = host.lstat(path(spec))
    if stat is None or stat.kind is not Kind.FILE or stat.size > _MAX_BYTES:
        return WatchSecretState(stat, same=False)
    salt, _, digest = host.read(path(spec)).decode("ascii", "replace").strip().partition(" ")
    same = len(salt) == 2 * _SALT_BYTES and hmac.compare_digest(_digest(salt, spec.value).encode(), digest.encode())
    return WatchSecretState(stat, same)


def diff(spec: WatchSecretSpec, state: WatchSecretState) -> Sequence[Change]:
    """See `ResourceType`."""
    if not state.same:
        return (Change("value", None, spec.value, secret=True),)
    if state.stat is not None and state.stat.mode != MODE:
        return (Change("mode", f"{state.stat.mode:04o}", f"{MODE:04o}"),)
    return ()


def apply(host: Host, spec: WatchSecretSpec, state: WatchSecretState) -> None:
    """One write, whatever differs: with a salt of its own each time."""
    if state.stat is not None and state.stat.kind is Kind.DIRECTORY:
        raise ResourceFailed(f"{path(spec)} is a directory: it is left alone")
    if host.lstat(DIRECTORY) is None:
        host.mkdir(DIRECTORY, mode=0o700)
    salt = os.urandom(_SALT_BYTES).hex()
    host.write(path(spec), f"{salt} {_digest(salt, spec.value)}\n".encode(), mode=MODE)


def action(_spec: WatchSecretSpec, state: WatchSecretState) -> str:
    """See `ResourceType`."""
    return "update" if state.stat is not None else "remember"


def path(spec: WatchSecretSpec) -> str:
    """Where the digest is kept."""
    return f"{DIRECTORY}/{spec.watch}"


def shows_in(_host: Host, spec: WatchSecretSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


WATCH_SECRET: Final = ResourceType(
    spec=WatchSecretSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    of_machine=True,
    shows_in=shows_in,
)


@lru_cache(maxsize=256)
def _of(salt: str, hidden: bytes) -> str:
    return hashlib.scrypt(hidden, salt=bytes.fromhex(salt), **_COST).hex()


def _digest(salt: str, value: str) -> str:
    """The digest in hex; an empty text for a salt that is none. What is remembered between runs is a digest too."""
    try:
        bytes.fromhex(salt)
    except ValueError:
        return ""
    return _of(salt, hashlib.sha256(salt.encode() + value.encode("utf-8", "surrogateescape")).digest())
